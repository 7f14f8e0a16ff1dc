// @vitest-environment jsdom
/** A browser's adapter, and what UnionPay's app adds to it. */

import { beforeEach, expect, test, vi } from "vitest";

import type { Invoke } from "../../src/core/types";
import { withUpsdk, type Upsdk } from "../../src/hosts/upsdk";
import { makeWeb } from "../../src/hosts/web";

type Browser = Parameters<typeof makeWeb>[0];
const invoke = (kind: string, params: Record<string, string>, sandbox_url: string | null = null): Invoke => ({
  kind, params, expires_at: "", sandbox_url,
});

let visited: string[];
let posted: { action: string; fields: Record<string, string> }[];

function browser(agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) Version/17", more: object = {}): Browser {
  const { document, localStorage, crypto, setTimeout, clearTimeout } = window;
  const location = { href: "https://pay.example.com/c/token?x=1#y", assign: (url: string) => visited.push(url) };
  const navigator = { userAgent: agent, language: "en-GB", onLine: true };
  return { document, localStorage, crypto, setTimeout, clearTimeout, location, navigator, fetch: globalThis.fetch, ...more } as unknown as Browser;
}

beforeEach(() => {
  visited = [];
  posted = [];
  localStorage.clear();
  document.documentElement.lang = "";
  HTMLFormElement.prototype.submit = function () {
    const fields = Object.fromEntries(Array.from(this.elements).map((one) => [(one as HTMLInputElement).name, (one as HTMLInputElement).value]));
    posted.push({ action: this.action, fields });
  };
});

const settled = (promise: Promise<unknown>) => Promise.race([promise, new Promise((resolve) => setTimeout(() => resolve("away"), 5))]);

test("a redirect and a form leave the page, and never for a script's address", async () => {
  const host = makeWeb(browser());
  expect(await settled(host.pay(invoke("redirect", { url: "https://wallet.example.com/pay" })))).toBe("away");
  expect(visited).toEqual(["https://wallet.example.com/pay"]);
  expect(await settled(host.pay(invoke("form", { action: "https://bank.example.com/do", txnAmt: "8600" })))).toBe("away");
  expect(posted).toEqual([{ action: "https://bank.example.com/do", fields: { txnAmt: "8600" } }]);
  for (const bad of [invoke("redirect", { url: "javascript:alert(1)" }), invoke("form", { action: "data:text/html,x" })]) {
    expect(await settled(host.pay(bad))).toBe("fail");
  }
  expect(visited).toHaveLength(1);
  expect(posted).toHaveLength(1);
});

test("a sandbox's sheet is told where to lead back to", async () => {
  const host = makeWeb(browser());
  await settled(host.pay(invoke("wechat_jsapi", {}, "http://127.0.0.1:8701/sandbox/sheet?channel=a")));
  expect(visited[0]).toBe("http://127.0.0.1:8701/sandbox/sheet?channel=a&return=https%3A%2F%2Fpay.example.com%2Fc%2Ftoken");
});

test("a code is shown by the page, which waits for the result", async () => {
  expect(await makeWeb(browser()).pay(invoke("qr", { code_url: "weixin://x" }))).toBe("unknown");
});

test.each([["get_brand_wcpay_request:ok", "ok"], ["get_brand_wcpay_request:cancel", "cancel"], ["get_brand_wcpay_request:fail", "fail"]])(
  "WeChat's own browser: %s",
  async (err_msg, said) => {
    const WeixinJSBridge = { invoke: (_: string, __: object, done: (found: object) => void) => done({ err_msg }) };
    const host = makeWeb(browser("MicroMessenger/8.0", { WeixinJSBridge }));
    expect(host.opens[0]).toBe("wechat_jsapi");
    expect(await host.pay(invoke("wechat_jsapi", { appId: "wx" }))).toBe(said);
  },
);

test.each([["9000", "ok"], ["8000", "unknown"], ["6004", "unknown"], ["6001", "cancel"], ["4000", "fail"]])(
  "Alipay's own browser: %s",
  async (resultCode, said) => {
    const AlipayJSBridge = { call: (_: string, __: object, done: (found: object) => void) => done({ resultCode }) };
    const host = makeWeb(browser("AlipayClient/10.5", { AlipayJSBridge }));
    expect(await host.pay(invoke("alipay_trade_pay", { tradeNO: "1" }))).toBe(said);
  },
);

test("an app that is not there opened nothing", async () => {
  expect(await makeWeb(browser()).pay(invoke("wechat_jsapi", {}))).toBe("fail");
});

test("no connection and too late are status 0; a reply is its text and tag", async () => {
  const ask = { method: "GET" as const, url: "https://x/", headers: {}, body: null };
  expect(await makeWeb(browser("", { fetch: () => Promise.reject(new TypeError("offline")) })).request(ask)).toMatchObject({ status: 0 });
  vi.useFakeTimers();
  const hang = (_: string, init: RequestInit) =>
    new Promise((_resolve, reject) => init.signal?.addEventListener("abort", () => reject(new Error("late"))));
  const waiting = makeWeb(browser("", { fetch: hang, setTimeout, clearTimeout })).request(ask);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await waiting).toMatchObject({ status: 0 });
  vi.useRealTimers();
  const reply = { status: 200, text: async () => "{}", headers: new Headers({ etag: '"a"', "retry-after": "3" }) };
  expect(await makeWeb(browser("", { fetch: async () => reply })).request(ask)).toEqual({ status: 200, text: "{}", etag: '"a"', retry_after: "3" });
});

test("a storage that is forbidden or full is no storage", () => {
  const localStorage = { getItem: () => { throw new Error("denied"); }, setItem: () => { throw new Error("full"); } };
  const host = makeWeb(browser("", { localStorage }));
  host.write("a", "b");
  expect(host.read("a")).toBeNull();
});

test("what the device is in our words", async () => {
  expect(await makeWeb(browser()).device()).toEqual({
    host_version: "17", system: "ios", system_version: "17.2", device: "", network: "unknown",
  });
  expect((await makeWeb(browser("Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4 Chrome/114")).device()).system).toBe("harmony");
});

test("upsdk brings the sheet by its number and the sign-in code; a wish to go back is a cancel", async () => {
  const paid: string[] = [];
  let fail: string | null = null;
  const upsdk: Upsdk = {
    pluginReady: (run) => run(),
    pay: (call) => {
      paid.push(call.tn);
      if (fail === null) call.success();
      else call.fail({ msg: fail });
    },
    appletAuth: (call) => call.success({ code: "up-code" }),
  };
  const host = withUpsdk(makeWeb(browser()), upsdk);
  expect(await host.code()).toBe("up-code");
  expect(host.channel).toBe("unionpay");
  expect(await host.pay(invoke("unionpay_tn", { tn: "123" }))).toBe("ok");
  fail = "用户取消支付";
  expect(await host.pay(invoke("unionpay_tn", { tn: "123" }))).toBe("cancel");
  fail = "TN 号不合法";
  expect(await host.pay(invoke("unionpay_tn", { tn: "123" }))).toBe("fail");
  expect(paid).toHaveLength(3);
  expect(await settled(host.pay(invoke("redirect", { url: "https://wallet.example.com/" })))).toBe("away");
});
