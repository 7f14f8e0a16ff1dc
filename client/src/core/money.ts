/** Amounts as text, from integer minor units and by whole digits only: no amount is ever a fraction of a number. */

const EXPONENTS: Record<string, number> = { JPY: 0, KRW: 0, KWD: 3 };
const SIGNS: Record<string, string> = { CNY: "¥", JPY: "¥", USD: "$", EUR: "€", GBP: "£", KRW: "₩" };

/** An amount in three pieces, as the ticket shows it: sign, whole units with separators, and the rest with its point. */
export interface Parts {
  sign: string;
  whole: string;
  rest: string;
}

/** The pieces of an amount of minor units. Throws on a number that is no whole one. */
export function amountParts(minor: number, currency: string): Parts {
  if (!Number.isSafeInteger(minor)) throw new RangeError("an amount is a whole number of minor units");
  const places = EXPONENTS[currency] ?? 2;
  const digits = String(Math.abs(minor)).padStart(places + 1, "0");
  const cut = digits.length - places;
  return {
    sign: (minor < 0 ? "−" : "") + (SIGNS[currency] ?? currency + " "),
    whole: digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, ","),
    rest: places ? "." + digits.slice(cut) : "",
  };
}

/** An amount as one text: `¥1,234.00`. */
export function amountText(minor: number, currency: string): string {
  const parts = amountParts(minor, currency);
  return parts.sign + parts.whole + parts.rest;
}
