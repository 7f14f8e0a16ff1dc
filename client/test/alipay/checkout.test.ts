/** Whole payments through the built Alipay component on a stand-in `my`, for each result code of the sheet. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { answer, BASE, method, payment, TOKEN } from "../support/answer";
import { makeMyStub, Script } from "../support/platforms";
import { problem } from "../support/problems";

interface Definition {
  props: Record<string, unknown>;
  data: Record<string, unknown>;
  methods: Record<string, (this: Made, event: object) => void>;
  didMount(this: Made): void;
  didUnmount(this: Made): void;
  pageEvents: { onShow(this: Made): void; onHide(this: Made): void };
}
interface Made {
  props: Record<string, unknown>;
  data: Record<string, unknown>;
  setData(data: Record<string, unknown>, done?: () => void): void;
}

const DIST = join(import.meta.dirname, "../../dist/alipay/");
const TRADE = { kind: "alipay_trade_pay", params: { tradeNO: "2026112822001" }, expires_at: "2026-11-28T14:32:00+08:00", sandbox_url: null };
const PENDING = payment({ method: "alipay/miniprogram", invoke: TRADE });
const METHODS = [method("alipay/miniprogram", "支付宝", { is_default: true }), method("unionpay/app", "云闪付")];
const ready = (more = {}) => answer({ methods: METHODS, ...more });
const PAID = ready({ phase: "success", payment: payment({ ...PENDING, state: "CAPTURED", invoke: null }) });
const TAP = { currentTarget: { dataset: {} }, detail: {} };
let script: Script;
let made: Made;
let definition: Definition;
let sets: Record<string, unknown>[];
let phases: unknown[];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-28T14:02:00+08:00") });
  script = new Script();
  script.get = () => ({ status: 200, body: ready() });
  script.post = () => ({ status: 201, body: PENDING });
  script.session = () => ({ status: 201, body: { token: "shs_1", expires_at: "2026-11-28T16:02:00+08:00" } });
  sets = [];
  phases = [];
});
afterEach(() => {
  definition.didUnmount.call(made);
  vi.useRealTimers();
});

async function open(component = "checkout", props: Record<string, unknown> = {}): Promise<void> {
  Object.assign(globalThis, { my: makeMyStub(script), Component: (given: Definition) => (definition = given) });
  const require = createRequire(import.meta.filename);
  for (const path of Object.keys(require.cache)) if (path.startsWith(DIST)) delete require.cache[path];
  require(`${DIST}${component}/index.js`);
  made = {
    props: { ...definition.props, base: BASE, token: TOKEN, onPhase: (event: { detail: unknown }) => phases.push(event.detail), ...props },
    data: { ...definition.data },
    setData(data, done) {
      sets.push(data);
      Object.assign(this.data, data);
      done?.();
    },
  };
  definition.didMount.call(made);
  await pass(0);
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);
async function tap(): Promise<void> {
  definition.methods["pay"]?.call(made, TAP);
  await pass(0);
}
const after = (more: object) => () => ({ status: 200, body: ready(more) });

test("9000: signs in, pays in one tap, and believes the server", async () => {
  script.sheet = "9000";
  const shopper = { id: "shp_1", profile: null, last_method: null };
  script.get = () => ({ status: 200, body: ready({ shopper }) });
  await open();
  expect(made.data).toMatchObject({ screen: "pay", button: "支付宝 ¥86.00" });
  script.get = () => ({ status: 200, body: { ...PAID, shopper } });
  await tap();
  expect(script.sheets[0]).toMatchObject({ tradeNO: "2026112822001" });
  expect(made.data).toMatchObject({ screen: "done", heading: "付款成功" });
  expect(script.calls()).toEqual(["POST sessions", "GET order", "POST payments", "GET order"]);
  expect(phases).toEqual([{ phase: "ready" }, { phase: "success" }]);
  expect(sets.length).toBeLessThanOrEqual(8);
  expect(sets.reduce((sum, data) => sum + Buffer.byteLength(JSON.stringify(data)), 0)).toBeLessThanOrEqual(4096);
});

test.each(["8000", "6004", "6002", "99"])("%s: not known, never failed; no second payment, and paid when the server says so", async (code) => {
  script.sheet = code;
  await open();
  script.get = after({ phase: "processing", payment: PENDING });
  await tap();
  expect(script.lines.some((line) => line.url.includes("result=ok"))).toBe(true);
  expect(made.data).toMatchObject({ screen: "wait" });
  await tap();
  await pass(20);
  expect(made.data).toMatchObject({ screen: "wait", heading: "正在确认，请勿重复支付", button: "返回店铺" });
  expect(script.sheets).toHaveLength(1);
  script.get = () => ({ status: 200, body: PAID });
  await pass(8);
  expect(made.data).toMatchObject({ screen: "done" });
});

test("6001: cancelled keeps page and selection", async () => {
  script.sheet = "6001";
  await open();
  script.get = after({ phase: "cancelled", payment: PENDING });
  await tap();
  expect(made.data).toMatchObject({ screen: "pay", button: "支付宝 ¥86.00", isOff: false, note: { title: "你取消了付款，订单还在" } });
});

test("6001 and paid all the same is paid", async () => {
  script.sheet = "6001";
  await open();
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(made.data).toMatchObject({ screen: "done" });
});

test("4000: the sheet failed; the server is asked, and the same payment is offered again", async () => {
  script.sheet = "4000";
  await open();
  script.get = after({ phase: "cancelled", payment: PENDING });
  await tap();
  expect(made.data).toMatchObject({ screen: "wait" });
  await pass(8);
  expect(made.data).toMatchObject({ screen: "pay", note: { title: "这次没付完，订单还在" }, isOff: false });
});

test("a sheet that is not there throws, and is not a failure", async () => {
  script.sheet = undefined;
  await open();
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(made.data).toMatchObject({ screen: "done" });
});

test("a 422 that the platform gives to fail is read: another method is offered", async () => {
  script.post = () => problem("method_unavailable");
  await open();
  await tap();
  expect(made.data).toMatchObject({ button: "改用云闪付 ¥86.00", note: { tone: "bad" } });
});

test("a page that shows again asks the server", async () => {
  script.sheet = null;
  await open();
  await tap();
  script.get = () => ({ status: 200, body: PAID });
  definition.pageEvents.onShow.call(made);
  await pass(0);
  expect(made.data).toMatchObject({ screen: "done" });
});

test("result, refund, help and feedback read the same answer", async () => {
  script.get = () => ({ status: 200, body: PAID });
  await open("result", { consent: true });
  expect(made.data).toMatchObject({ heading: "付款成功", amount: "¥86.00", mark: "ok" });
  await pass(3);
  const told = script.lines.filter((line) => line.url.endsWith("/telemetry")).map((line) => line.data);
  expect(told.join()).toContain("result_view");
  definition.didUnmount.call(made);

  const part = payment({ ...PENDING, state: "CAPTURED", invoke: null, captured_minor: 8600, refunded_minor: 1000 });
  script.get = () => ({ status: 200, body: ready({ phase: "success", payment: part, links: { ...PAID.links, refund: "https://shop.example.com/r" } }) });
  const links: unknown[] = [];
  await open("refund", { onLink: (event: { detail: unknown }) => links.push(event.detail) });
  expect(made.data).toMatchObject({ heading: "已退 ¥10.00，其余不变", button: "申请退款" });
  definition.methods["go"]?.call(made, TAP);
  expect(links).toEqual([{ url: "https://shop.example.com/r" }]);
  definition.didUnmount.call(made);

  await open("help");
  expect((made.data["list"] as unknown[]).length).toBeGreaterThanOrEqual(4);
  definition.methods["fold"]?.call(made, { currentTarget: { dataset: { id: "refund" } }, detail: {} });
  expect(made.data["open"]).toBe("refund");
  definition.didUnmount.call(made);

  const codes: unknown[] = [];
  await open("feedback", { onFeedback: (event: { detail: unknown }) => codes.push(event.detail) });
  definition.methods["bad"]?.call(made, TAP);
  definition.methods["tell"]?.call(made, { currentTarget: { dataset: { id: "slow" } }, detail: {} });
  expect(codes).toEqual([{ code: "slow" }]);
});
