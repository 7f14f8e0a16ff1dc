/** The contact of an order by hand, one form of a kind at a time. */

import { FIELDS, readForm } from "../core/form";
import type { ContactKind } from "../core/types";
import { h } from "./dom";

const AUTOCOMPLETE: Record<string, string> = {
  name: "name",
  phone: "tel",
  province: "address-level1",
  city: "address-level2",
  district: "address-level3",
  street: "street-address",
  title: "organization",
  email: "email",
};

/** A form of this kind; `done` gets what was typed with its number of fields, or null when the shopper goes back. */
export function contactForm(
  kind: ContactKind,
  labels: Record<string, string>,
  done: (value: ReturnType<typeof readForm> | null, fields: number) => void,
): HTMLElement {
  const inputs = FIELDS[kind].map((field) => {
    const name = field.replace("?", "");
    const type = { phone: "tel", email: "email" }[name] ?? "text";
    return h("input", { class: "in", id: "f-" + name, name, type, autocomplete: AUTOCOMPLETE[name] ?? "off" }) as HTMLInputElement;
  });
  const submit = (event: Event) => {
    event.preventDefault();
    const texts = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    const read = readForm(kind, texts);
    const wrong = Array.isArray(read) ? read : [];
    inputs.forEach((input) => input.setAttribute("aria-invalid", String(wrong.includes(input.name))));
    if (wrong.length) return inputs.find((input) => wrong.includes(input.name))?.focus();
    done(read, inputs.filter((input) => input.value).length);
  };
  return h(
    "form",
    { class: "card pad stack-s", novalidate: true, submit },
    ...inputs.map((input) => h("div", { class: "f" }, h("label", { for: input.id }, labels[input.name] ?? input.name), input)),
    h("button", { class: "btn btn-p btn-w" }, labels["use"]),
    h("button", { class: "btn btn-q btn-w", type: "button", click: () => done(null, 0) }, labels["cancel"]),
  );
}
