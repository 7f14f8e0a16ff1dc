/** Where the goods go and whom to call: the platform's own book first, by hand always. */

import { phoneProof, pickAddress } from "#book";
import { FIELDS, readForm } from "../../core/form";
import type { Contact, ContactKind, Profile } from "../../core/types";
import type { Self } from "../../hosts/component";
import { call, define, emit, host, makeShopper, newKey, optionsOf, prop } from "../shared";

interface Inside extends Self {
  sfTexts: Record<string, string>;
}

define({
  properties: { base: "", token: "", merchant: "", needs: [], t: {} },
  data: { kind: "", fields: [], wrong: {}, isKept: false },
  methods: {
    async choose(self: Inside, tap) {
      const kind = tap.currentTarget.dataset["kind"] as ContactKind;
      const found = kind === "address" ? await pickAddress() : null;
      if (found) return give(self, kind, found, 0);
      self.sfTexts = {};
      const labels = prop(self, "t") as Record<string, string>;
      const fields = FIELDS[kind].map((field) => {
        const name = field.replace("?", "");
        return { name, label: labels[name], type: name === "phone" ? "number" : "text" };
      });
      self.setData({ kind, fields, wrong: {}, isKept: false });
    },
    typed(self: Inside, tap) {
      self.sfTexts[tap.currentTarget.dataset["name"] ?? ""] = tap.detail.value ?? "";
    },
    keeps: (self) => self.setData({ isKept: !self.data["isKept"] }),
    undo: (self) => self.setData({ kind: "" }),
    use(self: Inside) {
      const kind = self.data["kind"] as ContactKind;
      const read = readForm(kind, self.sfTexts);
      if (Array.isArray(read)) return self.setData({ wrong: Object.fromEntries(read.map((name) => [name, true])) });
      if (self.data["isKept"]) void remember(self, kind, read);
      give(self, kind, read, Object.keys(self.sfTexts).length);
    },
    async phoned(self: Inside, tap) {
      const proof = await phoneProof(tap);
      const bearer = makeShopper(host, optionsOf(self)).token();
      if (!proof || !bearer) return;
      const told = await own(self, "POST", "/phone", { channel: host.channel, proof });
      const phone = (told.body as { phone?: string } | null)?.phone;
      if (told.status < 300 && phone) give(self, "phone", phone, 0);
    },
  },
});

function give(self: Inside, kind: ContactKind, value: Contact[ContactKind], fields: number): void {
  self.setData({ kind: "" });
  emit(self, "given", { kind, value, fields });
}

/** Keeps it for next time, because the shopper ticked so. */
async function remember(self: Inside, kind: ContactKind, value: Contact[ContactKind]): Promise<void> {
  const told = await own(self, "GET", "");
  if (told.status !== 200) return; // a guest: there is nowhere to keep it
  const { addresses, phone, invoices } = told.body as Profile;
  const first = [{ ...(value as object), is_default: false }];
  const body = {
    addresses: kind === "address" ? [...first, ...addresses].slice(0, 10) : addresses,
    phone: kind === "phone" ? value : phone,
    invoices: kind === "invoice" ? [...first, ...invoices].slice(0, 10) : invoices,
  };
  await own(self, "PUT", "", body);
}

function own(self: Inside, method: "GET" | "POST" | "PUT", rest: string, body?: object) {
  const options = optionsOf(self);
  const token = makeShopper(host, options).token();
  const headers = { authorization: token && "Bearer " + token, "idempotency-key": method === "POST" ? newKey(host) : null };
  return call(host, method, options.base + "/v1/shoppers/me" + rest, headers, body);
}
