/** What every adapter needs: languages, systems and networks in our words. */

import type { Device } from "../core/host";

/** Our language nearest to the system's. */
export function closest(language: string | undefined): string {
  return /^en/i.test(language ?? "") ? "en" : "zh-CN";
}

const RENAMED: Record<string, Device["system"]> = { ohos: "harmony", iphone: "ios", ipad: "ios", mac: "macos" };

/** The system in a platform's own words. */
export function systemOf(text: string): Device["system"] {
  const found = /harmony|ohos|android|ios|iphone|ipad|windows|mac|linux/i.exec(text)?.[0].toLowerCase() ?? "other";
  return RENAMED[found] ?? (found as Device["system"]);
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
