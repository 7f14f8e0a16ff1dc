/** What is around a payment: who pays, what is kept and told, and what each phase looks like. */

import { beforeEach, expect, test } from "vitest";

import { MAX_AGE_MS } from "../../src/core/cache";
import type { Answer } from "../../src/core/types";
import { answer, payment, TOKEN } from "../support/answer";
import { ok, type Said } from "../support/host";
import { problem } from "../support/problems";
import { anew, bodies, comeBack, keys, open, s, says, tap, told, view } from "../support/stage";

beforeEach(() => anew());

test("the cache keeps nobody: no shopper, no contact, no signed data, no signature of the token, ten minutes", async () => {
  const profile = { addresses: [], phone: "13800138000", invoices: [] };
  const shopper = { id: "shp_1", profile, last_method: null };
  s.host.get = () => ok(answer({ shopper, contact: { phone: "13800138000" }, payment: payment() }));
  await open();
  const kept = [...s.host.stored.values()].join();
  expect(kept).toContain("山前咖啡");
  expect(kept).not.toMatch(/13800138000|shp_1|prepay_id/);
  expect(kept).not.toContain(TOKEN);
  s.running.close();
  s.host.clock += MAX_AGE_MS;
  s.host.get = () => null;
  await open();
  expect(view()).toMatchObject({ screen: "error", button: "重新连接并核对" });
});

test("304 confirms what is there; the tag is the server's latest", async () => {
  s.host.get = () => ({ ...ok(answer()), etag: '"a"' }) as Said;
  await open();
  s.host.get = () => ({ status: 304 });
  await comeBack();
  expect(s.host.asked[1]?.headers["if-none-match"]).toBe('"a"');
  expect(view()).toMatchObject({ isOff: false, note: null });
});

test("a tag goes with its answer: none is sent for an answer that was taken away, or could not be read", async () => {
  s.host.get = says({ ...ok(answer()), etag: '"a"' } as Said, problem("not_found"));
  await open();
  await comeBack();
  expect(view().screen).toBe("error");
  s.host.get = () => (s.host.asked[s.host.asked.length - 1]?.headers["if-none-match"] ? { status: 304 } : ok(answer()));
  await comeBack();
  expect(s.host.asked[2]?.headers["if-none-match"]).toBeUndefined();
  expect(view()).toMatchObject({ screen: "pay", isOff: false });

  s.host.get = says({ ...ok(answer()), etag: '"b"' } as Said, { status: 200, etag: '"c"' }, { status: 304 });
  await comeBack();
  await comeBack();
  await comeBack();
  expect(s.host.asked[5]?.headers["if-none-match"]).toBe('"b"');
});

test("signing in is silent, comes first, and is kept until it ends", async () => {
  s.host.channel = "wechatpay";
  s.host.session = () => ({ status: 201, body: { token: "shs_1", expires_at: "2026-11-28T16:02:00+08:00", shopper: "shp_1" } });
  s.host.get = () => ok(answer({ shopper: { id: "shp_1", profile: null, last_method: null } }));
  await open({ merchant: "mer_1" });
  expect(JSON.parse(s.host.asked[0]?.body ?? "")).toEqual({ merchant: "mer_1", channel: "wechatpay", code: "code-1" });
  expect(s.host.asked[1]?.headers["shunfu-shopper"]).toBe("shs_1");
  await tap();
  expect(s.host.calls("POST", "/payments")[0]?.headers["shunfu-shopper"]).toBe("shs_1");
  s.running.close();
  await open({ merchant: "mer_1" });
  expect(s.host.calls("POST", "/sessions")).toHaveLength(1);
  s.running.close();
  s.host.clock += 7200000;
  await open({ merchant: "mer_1" });
  expect(s.host.calls("POST", "/sessions")).toHaveLength(2);
});

test("who cannot be signed in pays as a guest; the merchant is read from the token", async () => {
  s.host.channel = "wechatpay";
  s.host.session = () => problem("platform_unavailable");
  await open();
  expect(JSON.parse(s.host.asked[0]?.body ?? "")).toMatchObject({ merchant: "mer_" + TOKEN.slice(0, 26) });
  expect(view().isOff).toBe(false);
  await tap();
  expect(s.host.sheets).toHaveLength(1);
});

test.each([undefined, "<html>", {}, [], 7])("a session that cannot be read (%s) makes a guest, not a skeleton for ever", async (body) => {
  s.host.channel = "wechatpay";
  s.host.session = () => ({ status: 201, body });
  await open();
  expect(view()).toMatchObject({ screen: "pay", isOff: false });
  await tap();
  expect(s.host.calls("POST", "/payments")[0]?.headers).not.toHaveProperty("shunfu-shopper");
});

test("a sign-in that hangs holds the answer up for two seconds at most", async () => {
  s.host.channel = "wechatpay";
  s.host.code = () => new Promise(() => {});
  await open();
  expect(view().screen).toBe("loading");
  await s.host.pass(2);
  expect(view().screen).toBe("pay");
});

test("a session that the server has ended is renewed once", async () => {
  s.host.channel = "wechatpay";
  let session = 0;
  s.host.session = () => ({ status: 201, body: { token: `shs_${++session}`, expires_at: "2026-11-28T16:02:00+08:00" } });
  await open();
  await s.host.settle();
  expect(session).toBe(2);
  expect(s.host.calls("GET", "/checkout/")).toHaveLength(2);
  expect(view().screen).toBe("pay");
});

test("the contact comes from the profile, the order or the shopper, and a missing one is named on the button", async () => {
  const order = { ...answer().order, needs: ["address", "phone"] as const };
  const address = { name: "陈梅", phone: "13800138000", province: "云南省", city: "昆明市", district: "五华区", street: "翠湖南路 1 号" };
  s.host.get = () => ok(answer({ order: order as never }));
  await open();
  expect(view()).toMatchObject({ button: "先填收货地址", isOff: true });
  await tap();
  expect(keys()).toEqual([]);
  s.running.send({ is: "filled", kind: "address", value: address, fields: 6 });
  expect(view().button).toBe("先填手机号");
  const profile = { addresses: [], phone: "13900139000", invoices: [] };
  s.host.get = () => ok(answer({ order: order as never, shopper: { id: "shp_1", profile, last_method: null } }));
  await comeBack();
  expect(view().needs[1]?.line).toBe("139****9000");
  await tap();
  expect(bodies()[0]).toMatchObject({ contact: { address, phone: "13900139000" } });
});

test("a kind that the order has is not asked for, not shown and not sent again, unless the shopper changes it", async () => {
  const order = { ...answer().order, needs: ["address", "phone"] as const };
  const profile = { addresses: [], phone: "13900139000", invoices: [] };
  const shopper = { id: "shp_1", profile, last_method: null };
  s.host.get = () => ok(answer({ order: order as never, shopper, contact_given: ["phone", "address"] }));
  await open();
  expect(view()).toMatchObject({ button: "微信支付 ¥86.00", isOff: false });
  expect(view().needs.map((need) => need.line)).toEqual(["已填写", "已填写"]);
  await tap();
  expect(bodies()[0]).toMatchObject({ contact: {} });
  expect(bodies()[0]?.["contact"]).toEqual({});
  s.running.close();
  anew();
  s.host.get = () => ok(answer({ order: order as never, contact: { phone: "13700137000" }, contact_given: ["phone", "address"] }));
  await open();
  expect(view().needs.map((need) => need.line)).toEqual(["已填写", "137****7000"]);
  s.running.send({ is: "filled", kind: "phone", value: "13800138000", fields: 1 });
  await tap();
  expect(bodies()[0]?.["contact"]).toEqual({ phone: "13800138000" });
});

test("an answer from before the order told what it has been given asks as ever", async () => {
  const { contact_given: _, ...old } = answer({ order: { ...answer().order, needs: ["phone"] } });
  s.host.get = () => ok(old);
  await open();
  expect(view()).toMatchObject({ button: "先填手机号", isOff: true });
});

test("the offer of a payment that is open cannot be left aside, and its amount is what is paid", async () => {
  await open();
  s.running.send({ is: "offer", offer: null });
  expect(view().amount).toBe("¥96.00");
  const kept = { id: "off_1", name: "新客立减 10 元", saving_minor: 1000, is_applied: true, reason: "kept" };
  s.host.get = () => ok(answer({ offers: [kept], payment: payment() }));
  await comeBack();
  expect(view()).toMatchObject({ offer: null, amount: "¥86.00", saved: "已省 ¥10.00", isOff: true });
  await s.host.pass(0.7);
  await tap();
  expect(bodies()[0]).toEqual({ method: "wechatpay/miniprogram", amount_minor: 8600 });
});

test("an offer can be left aside, and the amount follows", async () => {
  await open();
  s.running.send({ is: "offer", offer: null });
  expect(view()).toMatchObject({ button: "微信支付 ¥96.00", saved: "", offer: { on: false, why: "不使用优惠" } });
  await tap();
  expect(bodies()[0]).toMatchObject({ amount_minor: 9600, offer: null });
});

test("telemetry without consent: the visit once, and nothing of the device, its versions or what was done", async () => {
  let described = 0;
  anew({ device: () => Promise.reject(new Error(`asked ${(described += 1)}`)) });
  await open();
  await s.host.pass(3);
  await tap();
  await s.host.pass(30);
  s.running.close();
  expect(s.host.beacons).toHaveLength(1);
  expect(s.host.beacons[0]?.body).toEqual({
    checkout: TOKEN,
    visit: expect.stringMatching(/^[0-9A-Za-z_-]{22}$/) as string,
    seq: 0,
    consent: false,
    sample: 1,
    app: { version: "", host: "wechat", system: "other", network: "unknown" },
    events: [{ name: "open", at_ms: 0 }],
  });
  expect(described).toBe(0);
});

test("telemetry: the device with consent, nothing when not drawn", async () => {
  await open({ consent: true });
  await s.host.pass(3);
  expect(s.host.beacons[0]?.body).toMatchObject({ consent: true, app: { version: "1", system: "ios", network: "wifi" } });
  s.running.close();
  s.host.beacons = [];
  s.host.get = () => ok(answer({ telemetry: { rate: 0 } }));
  await open({ consent: true });
  await s.host.pass(3);
  s.running.close();
  expect(s.host.beacons).toEqual([]);
});

test("a platform that will not describe itself, or will not send, does not disturb the payment", async () => {
  for (const broken of [{ device: () => Promise.reject(new Error("denied")) }, { beacon: () => { throw new Error("no line"); } }]) {
    anew(broken);
    await open({ consent: true });
    await s.host.pass(3);
    await tap();
    await s.host.pass(3);
    expect(s.host.sheets).toHaveLength(1);
    expect(told()).toEqual([]);
    s.running.close();
  }
});

test("a page that comes back from the channel's page says what it was told and asks the server", async () => {
  s.host.get = () => ok(answer({ phase: "processing", payment: payment() }));
  await open({ result: "ok" });
  expect(s.host.calls("GET", "result=ok")).toHaveLength(1);
  expect(view().screen).toBe("wait");
});

test("every answer type of a phase has a view, in both languages, without a key for a text", async () => {
  const phases: Answer["phase"][] = ["ready", "qr", "processing", "unknown", "success", "failed", "cancelled", "expired", "closed"];
  const { texts } = await import("../support/answer");
  for (const lang of ["zh", "en"] as const) {
    for (const phase of phases) {
      s.host.get = () => ok(answer({ phase, lang: lang === "en" ? "en" : "zh-CN", texts: texts(lang), payment: payment({ invoke: null }) }));
      await open();
      expect(JSON.stringify({ ...view(), methods: [] })).not.toMatch(/"[a-z]+\.[a-z_]+"/);
      s.running.close();
    }
  }
});
