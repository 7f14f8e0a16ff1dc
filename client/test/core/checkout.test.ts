/** The payment's promises, on a host whose clock, server and sheet the tests drive. */

import { beforeEach, expect, test } from "vitest";

import { answer, INVOKE, method, payment } from "../support/answer";
import { ok, type Said } from "../support/host";
import { problem } from "../support/problems";
import { anew, bodies, comeBack, keys, open, PAID, s, says, tap, told, view } from "../support/stage";

beforeEach(() => anew());

test("one tap pays: the amount on the button, the best offer in it, the sheet opened, the server asked", async () => {
  await open({ consent: true });
  expect(view()).toMatchObject({ screen: "pay", button: "微信支付 ¥86.00", isOff: false, list: "¥96.00", saved: "已省 ¥10.00" });
  s.host.sheet = () => {
    s.host.get = () => ok(PAID);
    return "ok";
  };
  await tap();
  expect(bodies()).toEqual([{ method: "wechatpay/miniprogram", amount_minor: 8600 }]);
  expect(s.host.sheets).toEqual([INVOKE]);
  expect(view()).toMatchObject({ screen: "done", heading: "付款成功" });
  expect(s.host.asked.map((ask) => ask.method)).toEqual(["GET", "POST", "GET"]);
  await s.host.pass(3);
  expect(told()).toEqual(["open", "ready", "pay_tap", "sheet", "ok", "paid", "result_view"]);
  expect(s.host.beacons[0]?.body.events[2]).toMatchObject({ name: "pay_tap", taps: 1, fields: 0 });
});

test("the default is preselected, never a disabled one, and else the first that works", async () => {
  await open();
  expect(s.state.method).toBe("wechatpay/miniprogram");
  const off = [method("a/x", "A", { is_default: true, is_enabled: false }), method("b/x", "B"), method("c/x", "C")];
  s.host.get = () => ok(answer({ methods: off }));
  await comeBack();
  expect(s.state.method).toBe("b/x");
  s.running.send({ is: "method", method: "a/x" });
  expect(s.state.method).toBe("b/x");
  s.host.get = () => ok(answer({ methods: [] }));
  await comeBack();
  expect(view()).toMatchObject({ isOff: true, button: "现在没有可用的付款方式" });
  await tap();
  expect(keys()).toEqual([]);
});

test("what the shopper chose stays chosen when a fresh answer has another default", async () => {
  await open();
  s.running.send({ is: "method", method: "unionpay/app" });
  await comeBack();
  expect(s.state.method).toBe("unionpay/app");
  expect(view().button).toBe("云闪付 ¥86.00");
});

test("the cached view is shown at once and cannot be paid until the server confirms it", async () => {
  await open();
  s.running.close();
  s.host.get = () => null;
  await open();
  expect(view()).toMatchObject({ screen: "pay", amount: "¥86.00", note: { title: "网络断开，金额可能已变" } });
  await tap();
  expect(keys()).toEqual([]);
  s.host.get = () => ok(answer({ pay: { amount_minor: 9100, saving_minor: 500 } }));
  await tap();
  expect(view()).toMatchObject({ amount: "¥91.00", note: { title: "金额已变，请再看一眼" }, isOff: true });
  await s.host.pass(0.7);
  expect(view().isOff).toBe(false);
});

test("a double tap posts once", async () => {
  await open();
  s.running.tap();
  s.running.tap();
  await s.host.settle();
  expect(keys()).toHaveLength(1);
});

test("a definite no keeps the basket and offers another method", async () => {
  s.host.post = () => problem("method_unavailable");
  await open({ consent: true });
  await tap();
  expect(view()).toMatchObject({ screen: "pay", amount: "¥86.00", button: "改用云闪付 ¥86.00", note: { tone: "bad" } });
  expect(s.state.method).toBe("unionpay/app");
  s.host.post = () => ({ status: 201, body: payment() });
  await tap();
  expect(bodies()[1]).toMatchObject({ method: "unionpay/app" });
  expect(new Set(keys()).size).toBe(2);
  await s.host.pass(3);
  expect(s.host.beacons[0]?.body.events).toContainEqual(expect.objectContaining({ name: "failed", code: "method_unavailable" }));
});

test("a refused payment says the channel's reason and offers another method", async () => {
  const refused = payment({ state: "REFUSED", invoke: null, refused_reason: "risk" });
  s.host.post = () => ({ status: 201, body: refused });
  await open();
  s.host.get = () => ok(answer({ phase: "failed", payment: refused }));
  await tap();
  expect(view()).toMatchObject({ note: { title: "没付成，没有扣款", why: "微信支付为保护你的钱，没有接受这笔付款。" } });
  expect(view().button).toBe("改用云闪付 ¥86.00");
  expect(view().methods[0]).toMatchObject({ why: "刚才没付成", on: false });
});

test("time-outs and 5xx are unknown, never failed; they block a second payment and resolve by themselves", async () => {
  for (const said of [null, { status: 502 }, problem("overloaded"), { status: 408 }] as Said[]) {
    anew();
    s.host.post = () => said;
    await open();
    s.host.get = () => ok(answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }));
    await tap();
    expect(view()).toMatchObject({ screen: "wait", heading: "正在确认，请勿重复支付", button: "返回店铺" });
    await tap();
    s.running.send({ is: "method", method: "unionpay/app" });
    expect(keys()).toHaveLength(1);
    s.host.get = () => ok(PAID);
    await s.host.pass(2);
    expect(view().screen).toBe("done");
    s.running.close();
  }
});

test("an open result is asked for after 0, 1, 2, 4, 8, 8 … seconds, at most forty times, and again when the page comes back", async () => {
  await open();
  s.host.get = () => ok(answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }));
  s.host.post = () => ({ status: 201, body: payment({ state: "UNKNOWN", invoke: null }) });
  await tap();
  const looks = () => s.host.calls("GET", "/checkout/").length - 1;
  const counts = [looks()];
  for (const seconds of [1, 2, 4, 8, 8]) {
    await s.host.pass(seconds);
    counts.push(looks());
  }
  expect(counts).toEqual([1, 2, 3, 4, 5, 6]);
  await s.host.pass(3600);
  expect(looks()).toBe(41);
  s.running.send({ is: "shown" });
  s.running.send({ is: "shown" }); // single-flight
  await s.host.settle();
  expect(looks()).toBe(42);
  s.host.get = () => ok(PAID);
  await s.host.pass(1);
  expect(view().screen).toBe("done");
});

test("a tap whose answer was lost and left no trace may be tapped again, with the same key", async () => {
  await open();
  s.host.post = says(null, { status: 201, body: payment() });
  await tap();
  expect(view().screen).toBe("wait");
  await s.host.pass(2);
  expect(view()).toMatchObject({ screen: "pay", isOff: false, note: { title: "这次没付完，订单还在" } });
  await tap();
  expect(keys()[1]).toBe(keys()[0]);
  expect(s.host.sheets).toHaveLength(1);
});

test("another method after a lost answer is another payment, with another key", async () => {
  await open();
  s.host.post = () => null;
  await tap();
  await s.host.pass(2);
  s.running.send({ is: "method", method: "unionpay/app" });
  await tap();
  expect(new Set(keys()).size).toBe(2);
});

test("a lost answer whose payment is there goes on with its sheet, without another tap", async () => {
  await open();
  s.host.post = () => null;
  s.host.get = () => ok(answer({ payment: payment() }));
  await tap();
  expect(s.host.sheets).toEqual([INVOKE]);
  expect(keys()).toHaveLength(1);
});

test("an old failure that is still shown is no answer to a new tap whose own answer was lost", async () => {
  const old = payment({ id: "pay_0", state: "REFUSED", invoke: null, refused_reason: "risk" });
  s.host.get = () => ok(answer({ phase: "failed", payment: old }));
  await open();
  s.host.post = () => null;
  await tap();
  expect(view().screen).toBe("wait");
  s.host.get = () => ok(answer({ phase: "unknown", payment: payment({ id: "pay_2", state: "UNKNOWN", invoke: null }) }));
  await s.host.pass(1);
  expect(view().heading).toBe("正在确认，请勿重复支付");
});

test("409 payment_unknown and request_in_flight are unknown; a paid order is paid", async () => {
  for (const code of ["payment_unknown", "request_in_flight", "order_not_open"]) {
    anew();
    s.host.post = () => problem(code);
    await open();
    s.host.get = () => ok(PAID);
    await tap();
    expect(view().screen).toBe("done");
    s.running.close();
  }
});

test("a changed amount is looked at again before it is paid", async () => {
  for (const code of ["amount_changed", "offer_gone"]) {
    anew();
    s.host.post = () => problem(code);
    await open();
    s.host.get = () => ok(answer({ pay: { amount_minor: 9600, saving_minor: 0 }, offers: [] }));
    await tap();
    expect(s.host.sheets).toEqual([]);
    expect(view()).toMatchObject({ screen: "pay", button: "微信支付 ¥96.00", note: { title: "金额已变，请再看一眼" }, isOff: true });
    s.host.post = () => ({ status: 201, body: payment() });
    await s.host.pass(0.7);
    await tap();
    expect(bodies()[1]).toMatchObject({ amount_minor: 9600 });
    expect(new Set(keys()).size).toBe(2);
    s.running.close();
  }
});

test("too many is not known: it is looked at as long as the server asks, then the same payment can be tapped again", async () => {
  s.host.post = () => problem("rate_limited");
  await open();
  s.host.get = says({ ...problem("rate_limited"), retry: "7" }, ok(answer()));
  await tap();
  expect(view()).toMatchObject({ screen: "wait", note: null });
  await s.host.pass(6);
  expect(s.host.calls("GET", "/checkout/")).toHaveLength(2);
  await s.host.pass(10);
  expect(view()).toMatchObject({ note: { title: "这次没付完，订单还在" }, button: "微信支付 ¥86.00", isOff: false });
  await tap();
  expect(keys()[1]).toBe(keys()[0]);
});

test("cancelling keeps page and selection, after the server was asked", async () => {
  s.host.sheet = () => "cancel";
  await open();
  s.host.get = () => ok(answer({ phase: "cancelled", payment: payment() }));
  await tap();
  expect(s.host.calls("GET", "result=cancel")).toHaveLength(1);
  expect(view()).toMatchObject({ screen: "pay", button: "微信支付 ¥86.00", note: { title: "你取消了付款，订单还在" }, isOff: false });
});

test("cancelled on the sheet and paid at the channel is paid", async () => {
  s.host.sheet = () => "cancel";
  await open();
  s.host.get = () => ok(PAID);
  await tap();
  expect(view().screen).toBe("done");
});

test("a sheet that throws or breaks is never a failure: it is asked about, then offered again", async () => {
  for (const sheet of [() => Promise.reject(new Error("jsapi")), () => "fail" as const]) {
    anew();
    s.host.sheet = sheet;
    await open({ consent: true });
    s.host.get = () => ok(answer({ phase: "cancelled", payment: payment() }));
    await tap();
    expect(view().screen).toBe("wait");
    await s.host.pass(8);
    expect(view()).toMatchObject({ screen: "pay", note: { title: "这次没付完，订单还在" }, isOff: false });
    expect(s.host.calls("GET", "result=fail")).toHaveLength(4);
    expect(told()).not.toContain("failed");
    s.running.close();
  }
});

test("a sheet that does not know waits for the server in the words of unknown", async () => {
  s.host.sheet = () => "unknown";
  await open();
  s.host.get = () => ok(answer({ phase: "processing", payment: payment() }));
  await tap();
  expect(s.host.calls("GET", "result=ok")).toHaveLength(1);
  expect(view()).toMatchObject({ screen: "wait", heading: "正在付款，请稍等" });
  await s.host.pass(20);
  expect(view().heading).toBe("正在确认，请勿重复支付");
});

test("a page that comes back from a sheet that never spoke asks the server", async () => {
  s.host.sheet = () => new Promise(() => {});
  await open();
  await tap();
  expect(view()).toMatchObject({ isBusy: true });
  s.host.get = () => ok(PAID);
  await comeBack();
  expect(view().screen).toBe("done");
});

test("an unpaid order is resumed with its own payment", async () => {
  const resumed = [method("wechatpay/miniprogram", "微信支付", { is_default: true, reason: "resume", reason_text: "接着刚才的付款" })];
  s.host.get = () => ok(answer({ methods: resumed, payment: payment() }));
  await open();
  expect(view().methods[0]).toMatchObject({ why: "接着刚才的付款", on: true });
  await tap();
  expect(s.host.sheets).toHaveLength(1);
});

test("expired, closed and late money each say what is known of the charge", async () => {
  s.host.get = () => ok(answer({ phase: "expired" }));
  await open();
  expect(view()).toMatchObject({ screen: "over", heading: "付款时间已过", why: "没有扣款。", button: "返回店铺" });
  s.host.get = () => ok(answer({ phase: "closed", payment: payment({ state: "CAPTURED", invoke: null }) }));
  await comeBack();
  expect(view().heading).toBe("订单已关闭，但收到了这笔付款");
  expect(view().why).not.toContain("没有扣款");
});

test("an address that is not ours, or over, says so and takes what was cached away", async () => {
  await open();
  s.host.get = () => problem("unauthenticated");
  await comeBack();
  expect(view()).toMatchObject({ screen: "error", heading: "这个付款地址无效", button: "" });
});

test("a tap in flight does not pay an amount that has just changed: the button waits for 700 ms after the last change", async () => {
  await open();
  s.host.get = () => ok(answer({ pay: { amount_minor: 9100, saving_minor: 500 } }));
  await comeBack();
  await tap();
  await s.host.pass(0.5);
  s.host.get = () => ok(answer({ pay: { amount_minor: 9600, saving_minor: 0 }, offers: [] }));
  await comeBack();
  await s.host.pass(0.6);
  await tap();
  expect(keys()).toEqual([]);
  expect(view()).toMatchObject({ button: "微信支付 ¥96.00", isOff: true });
  await s.host.pass(0.1);
  expect(view().isOff).toBe(false);
  await tap();
  expect(bodies()).toMatchObject([{ amount_minor: 9600 }]);
});

test("an answer that says the same holds nothing up", async () => {
  await open();
  await comeBack();
  expect(view()).toMatchObject({ isOff: false, note: null });
  await tap();
  expect(keys()).toHaveLength(1);
});

test("an order behind a code is no dead end where no code can be shown; where it can, the code is", async () => {
  const native = payment({ method: "wechatpay/native", invoke: { ...INVOKE, kind: "qr" } });
  const cached = () => ok(answer({ phase: "qr", payment: native }));
  s.host.get = cached;
  await open();
  expect(view()).toMatchObject({ screen: "pay", button: "微信支付 ¥86.00", isOff: false });
  s.running.send({ is: "method", method: "unionpay/app" });
  await tap();
  expect(bodies()).toMatchObject([{ method: "unionpay/app" }]);
  expect(s.host.sheets).toEqual([INVOKE]);
  s.running.close();
  anew({ opens: ["redirect", "qr"] });
  s.host.get = cached;
  await open();
  expect(view()).toMatchObject({ screen: "qr", button: "" });
});
