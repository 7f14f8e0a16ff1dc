/** What each of the server's refusals does to a tap. The codes are the server's own: a new one needs its meaning here. */

import { beforeEach, expect, test } from "vitest";

import { answer, payment } from "../support/answer";
import { ok } from "../support/host";
import { CODES, LISTED, NAMES, problem, wrong } from "../support/problems";
import { anew, bodies, keys, open, PAID, s, tap, told, view } from "../support/stage";

type Meaning = "look" | "anew" | "reload" | "changed" | "contact" | "refused" | "gone" | "ours";

const MEANINGS: Record<string, Meaning> = {
  malformed_body: "ours",
  idempotency_key_missing: "ours",
  unauthenticated: "gone",
  forbidden: "ours",
  not_found: "gone",
  sign_in_unavailable: "gone",
  method_not_allowed: "ours",
  request_in_flight: "look",
  state_conflict: "reload",
  payment_unknown: "look",
  order_not_open: "reload",
  amount_changed: "changed",
  offer_gone: "changed",
  body_too_large: "ours",
  unsupported_media_type: "ours",
  invalid_field: "contact",
  idempotency_key_reused: "anew",
  channel_refused: "refused",
  amount_exceeds_refundable: "ours",
  refund_not_allowed: "ours",
  method_unavailable: "refused",
  login_code_refused: "refused", // no answer to a tap
  contact_missing: "contact",
  rate_limited: "look",
  internal: "look",
  channel_fault: "look",
  platform_unavailable: "look",
  overloaded: "look",
};

const address = { name: "陈梅", phone: "13800138000", province: "云南省", city: "昆明市", district: "五华区", street: "翠湖南路 1 号" };
const order = { ...answer().order, needs: ["address" as const] };

beforeEach(() => anew());

test("every code of the server has a meaning here", () => {
  expect(NAMES).toEqual(LISTED);
  expect(Object.keys(MEANINGS).sort()).toEqual([...CODES].sort());
});

/** Taps, and the server says that. */
async function refuse(code: string, pointer = ""): Promise<void> {
  s.host.get = () => ok(answer({ order, contact: { address } }));
  s.host.post = () => problem(code, pointer ? [wrong(pointer)] : []);
  await open({ consent: true });
  await tap();
  s.host.post = () => ({ status: 201, body: payment() });
}

const blamed = () => s.state.refused;
const of = (meaning: Meaning) => CODES.filter((code) => MEANINGS[code] === meaning);

test.each(of("look"))("%s: not known; it is looked at, nothing is blamed, and the same tap has the same key", async (code) => {
  await refuse(code);
  expect(view()).toMatchObject({ screen: "wait", note: null });
  await tap();
  expect(keys()).toHaveLength(1);
  await s.host.pass(3);
  expect([blamed(), told().includes("failed"), told().includes("unknown")]).toEqual([[], false, true]);
  await tap();
  expect(keys()[1]).toBe(keys()[0]);
});

test.each(of("look"))("%s: and paid is paid", async (code) => {
  await refuse(code);
  s.host.get = () => ok(PAID);
  await s.host.pass(1);
  expect(view().screen).toBe("done");
});

test.each(of("anew"))("%s: a new key, and not before it is known that no payment is open", async (code) => {
  await refuse(code);
  s.host.get = () => ok(answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }));
  await s.host.pass(5);
  await tap();
  expect(keys()).toHaveLength(1);
  s.host.get = () => ok(answer({ order, contact: { address } }));
  await s.host.pass(8);
  await tap();
  expect(keys()).toHaveLength(2);
  expect(keys()[1]).toMatch(/^[0-9a-z]{26}$/);
  expect(keys()[1]).not.toBe(keys()[0]);
});

test.each(of("anew"))("%s: and without a trace of a payment, after looking twice", async (code) => {
  await refuse(code);
  expect(view().screen).toBe("wait");
  await s.host.pass(3);
  await tap();
  expect(new Set(keys()).size).toBe(2);
});

test.each(of("reload"))("%s: the order is read again, and nothing is blamed", async (code) => {
  await refuse(code);
  expect(s.host.calls("GET", "/checkout/")).toHaveLength(2);
  expect(view()).toMatchObject({ screen: "pay", note: null, button: "微信支付 ¥86.00" });
  expect(blamed()).toEqual([]);
});

test.each(of("changed"))("%s: looked at again, and seen before it is paid", async (code) => {
  await refuse(code);
  expect(view()).toMatchObject({ note: { title: "金额已变，请再看一眼" }, isOff: true });
  await tap();
  expect(keys()).toHaveLength(1);
  await s.host.pass(0.7);
  await tap();
  expect(keys()).toHaveLength(2);
  expect(blamed()).toEqual([]);
});

test.each(of("contact"))("%s: the contact's field is named, and no method is blamed", async (code) => {
  await refuse(code, "/contact/address/phone");
  expect(view()).toMatchObject({ button: "先填收货地址", isOff: true, note: { title: "手机号", why: "请看一下这一项" } });
  await tap();
  expect([keys().length, blamed(), told().includes("failed")]).toEqual([1, [], false]);
  const phone = "13900139000";
  s.running.send({ is: "filled", kind: "address", value: { ...address, phone }, fields: 1 });
  expect(view()).toMatchObject({ button: "微信支付 ¥86.00", note: null, isOff: false });
  await tap();
  expect(bodies()[1]).toMatchObject({ contact: { address: { phone } } });
});

test.each(of("contact"))("%s: a whole kind is named by itself", async (code) => {
  await refuse(code, "/contact/address");
  expect(view()).toMatchObject({ button: "先填收货地址", note: { title: "收货地址" } });
});

test("a payer that the method needs and nobody knows is the method's no; another wrong field is ours", async () => {
  await refuse("invalid_field", "/payer");
  expect(view().button).toBe("改用云闪付 ¥86.00");
  anew();
  await refuse("invalid_field", "/amount_minor");
  expect(view().button).toBe("重新连接并核对");
  expect(blamed()).toEqual([]);
});

test.each(of("refused"))("%s: the basket stays, and another method is offered", async (code) => {
  await refuse(code);
  expect(view()).toMatchObject({ button: "改用云闪付 ¥86.00", note: { tone: "bad" }, isOff: false });
});

test.each(of("gone"))("%s: there is no such order", async (code) => {
  await refuse(code);
  expect(view()).toMatchObject({ screen: "error", heading: "这个付款地址无效", button: "" });
});

test.each(of("ours"))("%s: nothing was begun, no method is blamed, and the order is read again before a tap pays", async (code) => {
  await refuse(code);
  expect(view()).toMatchObject({ screen: "pay", note: { title: "现在打不开收银台" }, button: "重新连接并核对" });
  await tap();
  expect(view()).toMatchObject({ note: null, button: "微信支付 ¥86.00", isOff: false });
  expect([keys().length, blamed()]).toEqual([1, []]);
});

test.each([400, 403, 409, 413, 422, 451])("a %i whose body nobody can read is not known", async (status) => {
  for (const body of [undefined, "<html>", { code: "amount_changed" }, { type: "about:blank" }]) {
    anew();
    s.host.post = () => ({ status, body });
    await open();
    await tap();
    expect(view()).toMatchObject({ screen: "wait", note: null });
    s.running.close();
  }
});
