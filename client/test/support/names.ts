/** Text keys that the code puts together from parts. */

const NOTES = ["changed", "cancelled", "not_completed", "offline", "trouble"];

export const PLATFORM_NAMES = [
  ...NOTES.flatMap((name) => [`checkout.${name}`, `checkout.${name}_why`]),
  ...["unknown", "processing", "late", "expired", "closed"].flatMap((name) => [`checkout.${name}`, `checkout.${name}_why`]),
  ...["methods", "trust", "was", "success", "done", "back", "gone", "pay", "pay_instead", "offer_best", "offers", "no_offer"].map((name) => `checkout.${name}`),
  ...["address", "phone", "invoice", "first_address", "first_phone", "first_invoice", "add", "given", "wrong", "tax_number", "save", "use", "cancel"].map((name) => `contact.${name}`),
  ...["name", "province", "city", "district", "street", "title", "tax_number", "email"].map((name) => `contact.${name}`),
  ...["slow", "unclear", "method", "price", "other", "good", "bad", "what", "sent", "ask"].map((name) => `feedback.${name}`),
  "reason.refused_just_now",
  "refused.other",
];
