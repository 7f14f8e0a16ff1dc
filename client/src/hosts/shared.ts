/** What every adapter needs: systems and networks in our words. */

import type { Device, Raw } from "../core/host";

/** The first that is named counts: Harmony says Android too, both say Linux, and iOS says Mac. */
const SYSTEMS = ["harmony", "android", "ios", "windows", "macos", "linux"] as const;

/** The system in a platform's own words. */
export function systemOf(text: string): Device["system"] {
  const words = text.toLowerCase().replace("ohos", "harmony").replace(/iphone|ipad/, "ios").replace("mac", "macos");
  return SYSTEMS.find((name) => words.includes(name)) ?? "other";
}

/** The network in a platform's own words. */
export function networkOf(text: string): Device["network"] {
  const word = text.toLowerCase();
  if (/^(wifi|[2-5]g)$/.test(word)) return word as Device["network"];
  return /^no/.test(word) ? "offline" : "unknown";
}

/** Runs once after so many milliseconds; gives what stops it. */
export function later(run: () => void, milliseconds: number): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

/** The headers that we read, however the platform spells their names. */
export function headersOf(headers: Record<string, string>): Pick<Raw, "etag" | "retry_after"> {
  const found: Record<string, string> = {};
  for (const name in headers) found[name.toLowerCase()] = headers[name] as string;
  return { etag: found["etag"] ?? null, retry_after: found["retry-after"] };
}
