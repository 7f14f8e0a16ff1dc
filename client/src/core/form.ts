/** The contact forms by hand: as few fields as each kind allows. */

import type { Contact, ContactKind } from "./types";

/** The fields of each kind's form, in order; one that ends in "?" may stay empty. */
export const FIELDS: Record<ContactKind, string[]> = {
  address: ["name", "phone", "province", "city", "district?", "street"],
  phone: ["phone"],
  invoice: ["title", "tax_number?", "email?"],
};

const SHAPES: Record<string, RegExp> = { phone: /^\+?[0-9]{5,20}$/, email: /^\S+@\S+\.\S+$/ };

/** What a form's texts make, or the names of the fields that are wrong. */
export function readForm(kind: ContactKind, texts: Record<string, string>): Contact[ContactKind] | string[] {
  const given: Record<string, string> = {};
  const wrong: string[] = [];
  for (const field of FIELDS[kind]) {
    const name = field.replace("?", "");
    const typed = (texts[name] ?? "").trim();
    const text = name === "phone" ? typed.replace(/[ -]/g, "") : typed;
    if (text || name === "district") given[name] = text; // some cities have none
    if (text ? SHAPES[name]?.test(text) === false : name === field) wrong.push(name);
  }
  if (wrong.length) return wrong;
  if (kind === "phone") return given["phone"] ?? null;
  if (kind === "invoice") given["kind"] = given["tax_number"] ? "company" : "personal";
  return given as unknown as Contact[ContactKind];
}
