/** Alipay. A result code is a hint: 8000 and 6004 may be paid, and 9000 is not proof. */

import { TIMEOUT_MS, type Device, type Host, type Raw } from "../core/host";
import { closest } from "../core/texts";
import type { Invoke, SheetResult } from "../core/types";
import { headersOf, later, networkOf, systemOf } from "./shared";

type Found = Record<string, unknown>;
interface Call extends Found {
  success?: (found: never) => void;
  fail?: (said: never) => void;
  complete?: () => void;
}

/** As much of `my` as we use. */
export interface My {
  request(call: Call): void;
  getStorageSync(call: { key: string }): { data: unknown };
  setStorage(call: Call): void;
  removeStorage(call: Call): void;
  getAuthCode(call: Call): void;
  tradePay(call: Call): void;
  getAddress(call: Call): void;
  getPhoneNumber(call: Call): void;
  getNetworkType(call: Call): void;
  getSystemInfoSync(): Found;
  setClipboard(call: Call): void;
  navigateTo(call: Call): void;
}

const RESULTS: Record<string, SheetResult> = { "9000": "ok", "6001": "cancel", "4000": "fail", "4": "fail" };
// 8000 in process, 6004 not known, 6002 network: the money may have moved.

/** The host on a `my` object. */
export function makeMy(my: My): Host {
  const system = my.getSystemInfoSync() as Record<string, string | undefined>;
  return {
    name: "alipay",
    channel: "alipay",
    opens: ["alipay_trade_pay"],
    lang: closest(system["language"]),
    request: ({ method, url, headers, body }) => request(my, { method, url, headers, data: body ?? "" }),
    read: (key) => my.getStorageSync({ key }).data as string,
    write(key, data) {
      if (data === null) my.removeStorage({ key });
      else my.setStorage({ key, data });
    },
    code: () =>
      new Promise((resolve) => {
        const success = (done: { authCode: string }) => resolve(done.authCode);
        my.getAuthCode({ scopes: "auth_base", success, fail: () => resolve(null) });
      }),
    pay: (invoke) => new Promise((resolve) => pay(my, invoke, resolve)),
    device: () => describe(my, system),
    beacon(url, data) {
      void request(my, { method: "POST", url, headers: { "content-type": "text/plain" }, data });
    },
    now: Date.now,
    random: Math.random,
    later,
  };
}

function request(my: My, wish: Found): Promise<Raw> {
  return new Promise((resolve) => {
    const done = ({ status = 0, data, headers = {} }: { status?: number; data?: unknown; headers?: Record<string, string> }) => {
      resolve({ status, text: typeof data === "string" ? data : "", ...headersOf(headers) });
    };
    // A status that is no 2xx comes to `fail` with its body on most versions: it is an answer all the same.
    my.request({ ...wish, timeout: TIMEOUT_MS, dataType: "text", success: done, fail: done });
  });
}

function pay(my: My, invoke: Invoke, resolve: (said: SheetResult) => void): void {
  if (invoke.sandbox_url) {
    // A sandbox's sheet is a page: its address goes to the clipboard, and what is done there shows here.
    my.setClipboard({ text: invoke.sandbox_url, complete: () => resolve("unknown") });
    return;
  }
  my.tradePay({
    ...invoke.params,
    success: (done: { resultCode: string }) => resolve(RESULTS[done.resultCode] ?? "unknown"),
    fail: () => resolve("fail"),
  });
}

async function describe(my: My, system: Record<string, string | undefined>): Promise<Device> {
  const network = await new Promise<string>((resolve) => {
    const success = (done: { networkType: string }) => resolve(done.networkType);
    my.getNetworkType({ success, fail: () => resolve("") });
  });
  return {
    host_version: system["version"] ?? "",
    system: systemOf(system["platform"] ?? ""),
    system_version: system["system"] ?? "",
    device: (system["model"] ?? "").slice(0, 40),
    network: networkOf(network),
  };
}
