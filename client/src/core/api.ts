/** Calls to the server, and the shopper's silent sign-in. */

import type { Ask, Host } from "./host";
import { closest } from "./texts";
import type { Reply, SheetResult } from "./types";

/** A first sign-in may hold the first answer up for so long; after that the shopper is a guest until it comes. */
export const SIGN_IN_MS = 2000;
const SESSION_KEY = "sf.s";
/** A session that ends within a minute is not begun with. */
const SPARE_MS = 60000;

export interface Options {
  /** Origin of the server, without a slash at its end. */
  base: string;
  /** The order's checkout token. */
  token: string;
  /** `mer_…`; the token names it too. */
  merchant?: string;
  lang?: string;
  /** Whether the shopper agreed to measurements; nothing about the visit is told without. */
  consent?: boolean;
}

/** One call; headers without a value are left out. Never rejects: a body that is no JSON is null. */
export async function call(
  host: Host,
  method: Ask["method"],
  url: string,
  headers: Record<string, string | null>,
  body?: unknown,
): Promise<Reply> {
  const sent: Record<string, string> = { "content-type": "application/json" };
  for (const name in headers) if (headers[name]) sent[name] = headers[name];
  const raw = await host.request({ method, url, headers: sent, body: body ? JSON.stringify(body) : null });
  return { status: raw.status, body: parsed(raw.text), etag: raw.etag, wait_seconds: Number(raw.retry_after) || 0 };
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text || "null");
  } catch {
    return null; // a proxy's page, or a storage that was cut off
  }
}

/** A key of 26 letters and digits for one tap. */
export function newKey(host: Host): string {
  let key = host.now().toString(36);
  while (key.length < 26) key += Math.floor(host.random() * 36).toString(36);
  return key;
}

/** The order's address on the server. */
export function checkoutUrl(options: Options, rest: string): string {
  return options.base + "/v1/checkout/" + options.token + rest;
}

/** The one answer, as the server sees it now; `said` is what the sheet told. */
export function readView(host: Host, options: Options, shopper: Shopper, etag?: string | null, said?: SheetResult | null) {
  // A sheet that does not know may have been paid: the server's words for "ok" wait for the channel, and so must ours.
  const result = said ? "&result=" + (said === "unknown" ? "ok" : said) : "";
  const lang = closest(options.lang || host.lang);
  const query = "?opens=" + host.opens + "&lang=" + lang + result;
  const headers = { "if-none-match": etag ?? null, "shunfu-shopper": shopper.token() };
  return call(host, "GET", checkoutUrl(options, query), headers);
}

/** The shopper's session: a token of the server with its end, kept in storage, and nothing else about the shopper. */
export interface Shopper {
  token(): string | null;
  /** Signs in when there is no session; whatever goes wrong, the shopper is a guest. */
  signIn(): Promise<unknown>;
  /** The server does not know the session any more. */
  drop(): void;
}

/** A merchant's shopper on this device. */
export function makeShopper(host: Host, options: Options): Shopper {
  const merchant = options.merchant || "mer_" + options.token.slice(0, 26);
  const key = SESSION_KEY + merchant;
  let kept = parsed(host.read(key)) as { token: string; until: number } | null;
  let isTried = false;
  const token = () => (kept && kept.until > host.now() + SPARE_MS ? kept.token : null);
  const enter = async () => {
    const code = await host.code();
    if (!code) return;
    const body = { merchant, channel: host.channel, code };
    const reply = await call(host, "POST", options.base + "/v1/shoppers/sessions", { "idempotency-key": newKey(host) }, body);
    const made = reply.body as { token: string; expires_at: string } | null;
    if (reply.status !== 201 || !made?.token) return;
    kept = { token: made.token, until: Date.parse(made.expires_at) };
    host.write(key, JSON.stringify(kept));
  };
  return {
    token,
    async signIn() {
      if (!host.channel || isTried || token()) return;
      isTried = true; // once a visit: who cannot be signed in is not kept waiting again
      await Promise.race([enter(), new Promise<void>((resolve) => host.later(resolve, SIGN_IN_MS))]);
    },
    drop() {
      kept = null;
      isTried = false;
      host.write(key, null);
    },
  };
}
