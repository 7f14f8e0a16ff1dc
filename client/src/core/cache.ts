/** The latest view of one order, to be shown before the server answers. Nothing about the shopper is kept. */

import type { Host } from "./host";
import type { Answer } from "./types";

const KEY = "sf.c";
const VERSION = 1;
export const MAX_AGE_MS = 600000;
/** The token's signature is its last 22 characters: a name without it opens nothing. */
const TAG_LENGTH = 22;

type Kept = [version: number, name: string, at: number, answer: Answer];

/** Keeps an answer, without shopper, contact and signed data; one order at a time. */
export function keep(host: Host, token: string, answer: Answer): void {
  const plain: Answer = { ...answer, shopper: null, contact: null, payment: null };
  host.write(KEY, JSON.stringify([VERSION, nameOf(token), host.now(), plain] satisfies Kept));
}

/** The view of this order that is at most ten minutes old, or null. */
export function recall(host: Host, token: string): Answer | null {
  try {
    const [version, name, at, answer] = JSON.parse(host.read(KEY) || "[]") as Kept;
    const age = host.now() - at;
    return version === VERSION && name === nameOf(token) && age >= 0 && age < MAX_AGE_MS ? answer : null;
  } catch {
    return null; // cut off by a full storage
  }
}

function nameOf(token: string): string {
  return token.slice(0, -TAG_LENGTH);
}
