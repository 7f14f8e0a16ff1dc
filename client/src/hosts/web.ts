/** A browser: one's own, or the one inside a wallet's app, which opens that wallet's sheet by a bridge. */

import { TIMEOUT_MS, type Device, type Host, type Raw } from "../core/host";
import { closest } from "../core/texts";
import type { Invoke, SheetResult } from "../core/types";
import { networkOf, systemOf } from "./shared";

interface Bridge {
  WeixinJSBridge?: { invoke(name: string, params: object, done: (said: { err_msg: string }) => void): void };
  AlipayJSBridge?: { call(name: string, params: object, done: (said: { resultCode: string }) => void): void };
}
type Browser = Window & typeof globalThis & Bridge;

const ALIPAY: Record<string, SheetResult> = { "9000": "ok", "6001": "cancel", "4000": "fail" };

/** The host on a window. `leave` goes to an address or posts a form; the page is gone after it. */
export function makeWeb(window: Browser): Host {
  const agent = window.navigator.userAgent;
  const opens = ["redirect", "form", "qr"];
  if (/MicroMessenger/.test(agent)) opens.unshift("wechat_jsapi");
  if (/AlipayClient/.test(agent)) opens.unshift("alipay_trade_pay");
  return {
    name: "web",
    channel: null,
    opens,
    lang: closest(window.document.documentElement.lang || window.navigator.language),
    request: ({ url, method, headers, body }) => request(window, url, { method, headers, body }),
    read: (key) => stored(() => window.localStorage.getItem(key)),
    write: (key, text) => {
      stored(() => (text === null ? window.localStorage.removeItem(key) : window.localStorage.setItem(key, text)));
    },
    code: () => Promise.resolve(null),
    pay: (invoke) => payOnWeb(window, invoke),
    device: () => Promise.resolve(describe(window)),
    beacon: (url, text) => {
      // Text without a type of its own needs no preflight, and a beacon outlives the page.
      if (!window.navigator.sendBeacon?.(url, text)) void request(window, url, { method: "POST", body: text, keepalive: true });
    },
    now: Date.now,
    random: () => (window.crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
    later: (run, milliseconds) => {
      const timer = window.setTimeout(run, milliseconds);
      return () => window.clearTimeout(timer);
    },
  };
}

/** A storage that is full, off or forbidden: the client works without one. */
function stored(use: () => string | null | void): string | null {
  try {
    return use() || null;
  } catch {
    return null;
  }
}

async function request(window: Browser, url: string, init: RequestInit): Promise<Raw> {
  const stop = new AbortController();
  const timer = window.setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    const reply = await window.fetch(url, { ...init, cache: "no-store", credentials: "omit", signal: stop.signal });
    return { status: reply.status, text: await reply.text(), etag: reply.headers.get("etag"), retry_after: reply.headers.get("retry-after") };
  } catch {
    return { status: 0, text: "", etag: null }; // no connection, or too late
  } finally {
    window.clearTimeout(timer);
  }
}

/** Opens what a browser can; `never` is the page that is left, whose result comes with the next one. */
function payOnWeb(window: Browser, invoke: Invoke): Promise<SheetResult> {
  const never = new Promise<SheetResult>(() => {});
  const { params } = invoke;
  if (invoke.kind === "qr") return Promise.resolve("unknown"); // the page shows the code and looks
  if (invoke.sandbox_url) return leave(window, sheetUrl(window, invoke.sandbox_url), never);
  if (invoke.kind === "redirect") return leave(window, params["url"] ?? "", never);
  if (invoke.kind === "form") return post(window, params, never);
  const { WeixinJSBridge: weixin, AlipayJSBridge: alipay } = window;
  return new Promise((resolve) => {
    if (invoke.kind === "wechat_jsapi" && weixin) {
      const said = (text: string): SheetResult => (/:ok$/.test(text) ? "ok" : /:cancel$/.test(text) ? "cancel" : "fail");
      weixin.invoke("getBrandWCPayRequest", params, (done) => resolve(said(done.err_msg)));
    } else if (invoke.kind === "alipay_trade_pay" && alipay) {
      alipay.call("tradePay", params, (done) => resolve(ALIPAY[done.resultCode] ?? "unknown"));
    } else resolve("fail"); // the app that we were told of is not here: nothing was opened
  });
}

/** A sandbox's own sheet takes our address in its query; a channel's page was told it in the signed order. */
function sheetUrl(window: Browser, address: string): string {
  const url = new URL(address);
  if (url.pathname === "/sandbox/sheet") url.searchParams.set("return", window.location.href.split(/[?#]/)[0] ?? "");
  return url.href;
}

function leave(window: Browser, url: string, never: Promise<SheetResult>): Promise<SheetResult> {
  if (!/^https?:\/\//.test(url)) return Promise.resolve("fail"); // never `javascript:`
  window.location.assign(url);
  return never;
}

function post(window: Browser, params: Record<string, string>, never: Promise<SheetResult>): Promise<SheetResult> {
  const { action = "", ...fields } = params;
  if (!/^https?:\/\//.test(action)) return Promise.resolve("fail");
  const form = window.document.createElement("form");
  Object.assign(form, { method: "post", action, hidden: true });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(window.document.createElement("input"), { name, value }));
  }
  window.document.body.append(form);
  form.submit();
  return never;
}

function describe(window: Browser): Device {
  const { navigator } = window;
  const network = (navigator as { connection?: { effectiveType?: string } }).connection?.effectiveType ?? "";
  return {
    host_version: /(?:Chrome|Version|Firefox)\/(\d+)/.exec(navigator.userAgent)?.[1] ?? "",
    system: systemOf(navigator.userAgent),
    system_version: /(?:Android|OS|NT|Mac OS X) ([\d._]+)/.exec(navigator.userAgent)?.[1]?.replace(/_/g, ".") ?? "",
    device: "",
    network: navigator.onLine === false ? "offline" : networkOf(network),
  };
}
