/** What the order needs to know about the shopper: chosen here, already with the order, or from the profile. */

import type { State } from "./state";
import type { Answer, Contact, ContactKind, Profile } from "./types";

/** What the payment would tell the shop for one kind, or null: the shopper's choice, the order's own, the profile's. What
 * the order has from somebody else is nobody's to see, and the profile's is not it. */
export function contactOf(answer: Answer, chosen: Contact, kind: ContactKind): Contact[ContactKind] | null {
  return chosen[kind] || answer.contact?.[kind] || (isGiven(answer, kind) ? null : fromProfile(answer.shopper?.profile, kind));
}

/** Whether the order has this kind already. */
export function isGiven(answer: Answer, kind: ContactKind): boolean {
  return !!answer.contact_given?.includes(kind);
}

function fromProfile(profile: Profile | null | undefined, kind: ContactKind): Contact[ContactKind] | null {
  if (!profile || kind === "phone") return profile?.phone ?? null;
  const kept: { is_default?: boolean }[] = kind === "address" ? profile.addresses : profile.invoices;
  return (kept.find((one) => one.is_default) ?? kept[0] ?? null) as Contact[ContactKind] | null;
}

/** Every kind that the order needs and does not have, and what the shopper has changed of it. */
export function givenContact(answer: Answer, chosen: Contact): Contact {
  const given: Record<string, unknown> = {};
  for (const kind of answer.order.needs) {
    const value = isGiven(answer, kind) ? chosen[kind] : contactOf(answer, chosen, kind);
    if (value) given[kind] = value;
  }
  return given as Contact;
}

/** The first kind that the order needs and nobody has given, or whose value the server did not take; or undefined. */
export function missingContact(answer: Answer, { contact, mistake }: Pick<State, "contact" | "mistake">): ContactKind | undefined {
  return answer.order.needs.find((kind) => mistake?.kind === kind || !(isGiven(answer, kind) || contactOf(answer, contact, kind)));
}

/** One line to recognise it by; a phone number is shown by its ends. */
export function contactLine(value: Contact[ContactKind] | null): string {
  if (!value || typeof value === "string") return (value ?? "").replace(/(\d{3})\d+(\d{4})$/, "$1****$2");
  if ("title" in value) return value.title;
  return [value.name, value.city, value.district, value.street].join(" ");
}
