/** Stand-ins for `wx` and `my` over one scripted server; they count and remember what a component asks of them. */

import type { Said } from "./host";

export interface Line {
  method: string;
  url: string;
  headers: Record<string, string>;
  data: string;
}

/** What the server and the sheet say, and what was asked. */
export class Script {
  lines: Line[] = [];
  sheets: Record<string, unknown>[] = [];
  stored = new Map<string, string>();
  get: () => Said = () => null;
  post: () => Said = () => null;
  session: () => Said = () => null;
  me: (line: Line) => Said = () => null;
  /** The sheet's last word: an `errMsg` or a result code; null: none ever comes; undefined: it throws. */
  sheet: string | null | undefined = "requestPayment:ok";
  address: Record<string, string> | null = null;
  visits: string[] = [];

  answer(line: Line): Said {
    this.lines.push(line);
    if (line.url.endsWith("/sessions")) return this.session();
    if (line.url.includes("/shoppers/me")) return this.me(line);
    if (line.url.endsWith("/telemetry")) return { status: 202 };
    return line.method === "GET" ? this.get() : this.post();
  }
  /** The calls as `GET order`, `POST pay`, in order. */
  calls(): string[] {
    const name = (url: string) => /payments|sessions|telemetry|me/.exec(url.split("?")[0]?.split("/v1/")[1]?.slice(9) ?? "")?.[0] ?? "order";
    return this.lines.map((line) => `${line.method} ${line.url.endsWith("/telemetry") ? "telemetry" : name(line.url)}`);
  }
}

type Call = Record<string, unknown> & {
  success?: (found: unknown) => void;
  fail?: (said: unknown) => void;
  complete?: () => void;
};
const soon = (run: () => void) => void Promise.resolve().then(run);

/** WeChat's `wx`. */
export function makeWxStub(script: Script) {
  return {
    request: (call: Call) =>
      soon(() => {
        const line = { method: call["method"], url: call["url"], headers: call["header"], data: call["data"] } as Line;
        const said = script.answer(line);
        if (!said) return call.fail?.({ errMsg: "request:fail timeout" });
        const data = said.body === undefined ? "" : JSON.stringify(said.body);
        return call.success?.({ statusCode: said.status, data, header: said.etag ? { ETag: said.etag } : {} });
      }),
    getStorageSync: (key: string) => script.stored.get(key) ?? "",
    setStorage: ({ key, data }: { key: string; data: string }) => script.stored.set(key, data),
    removeStorage: ({ key }: { key: string }) => script.stored.delete(key),
    login: (call: Call) => soon(() => call.success?.({ code: "wx-code" })),
    requestPayment: (call: Call) => {
      script.sheets.push(call);
      if (script.sheet === undefined) throw new Error("requestPayment is not there");
      const said = script.sheet;
      if (said) soon(() => (said.endsWith(":ok") ? call.success?.({ errMsg: said }) : call.fail?.({ errMsg: said })));
    },
    chooseAddress: (call: Call) => soon(() => (script.address ? call.success?.(script.address) : call.fail?.({ errMsg: "cancel" }))),
    getAppBaseInfo: () => ({ language: "zh_CN", version: "8.0.60", fontSizeScaleFactor: 1 }),
    getDeviceInfo: () => ({ system: "iOS 17.2", platform: "ios", model: "iPhone 15" }),
    getNetworkType: (call: Call) => soon(() => call.success?.({ networkType: "wifi" })),
    setClipboardData: (call: Call) => soon(() => call.complete?.()),
    navigateTo: ({ url }: { url: string }) => script.visits.push(url),
  };
}

/** Alipay's `my`. */
export function makeMyStub(script: Script) {
  return {
    request: (call: Call) =>
      soon(() => {
        const line = { method: call["method"], url: call["url"], headers: call["headers"], data: call["data"] } as Line;
        const said = script.answer(line);
        if (!said) return call.fail?.({ error: 13, errorMessage: "timeout" });
        const data = said.body === undefined ? "" : JSON.stringify(said.body);
        const found = { status: said.status, data, headers: said.etag ? { etag: said.etag } : {} };
        return said.status < 300 ? call.success?.(found) : call.fail?.({ ...found, error: 19 });
      }),
    getStorageSync: ({ key }: { key: string }) => ({ data: script.stored.get(key) ?? null }),
    setStorage: ({ key, data }: { key: string; data: string }) => script.stored.set(key, data),
    removeStorage: ({ key }: { key: string }) => script.stored.delete(key),
    getAuthCode: (call: Call) => soon(() => call.success?.({ authCode: "my-code" })),
    tradePay: (call: Call) => {
      script.sheets.push(call);
      if (script.sheet === undefined) throw new Error("tradePay is not there");
      const resultCode = script.sheet;
      if (resultCode) soon(() => call.success?.({ resultCode }));
    },
    getAddress: (call: Call) =>
      soon(() => (script.address ? call.success?.({ resultStatus: "9000", result: script.address }) : call.fail?.({ error: 11 }))),
    getPhoneNumber: (call: Call) => soon(() => call.success?.({ response: "sealed" })),
    getNetworkType: (call: Call) => soon(() => call.success?.({ networkType: "WIFI" })),
    getSystemInfoSync: () => ({ language: "zh-Hans", platform: "Android", system: "14", version: "10.5.0", model: "P60", fontSizeSetting: 16 }),
    setClipboard: (call: Call) => soon(() => call.complete?.()),
    navigateTo: ({ url }: { url: string }) => script.visits.push(url),
  };
}
