// @vitest-environment jsdom
/** Whole payments through the built WeChat component, in the platform's own simulator. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { answer, BASE, payment, TOKEN } from "../support/answer";
import { makeWxStub, Script } from "../support/platforms";
import { problem } from "../support/problems";

const simulate = createRequire(import.meta.filename)("miniprogram-simulate") as {
  load(path: string, name: string, options: object): string;
  render(id: string, properties: object): Rendered;
};
interface Part {
  dispatchEvent(name: string, options?: object): void;
  querySelector(selector: string): Part | undefined;
  querySelectorAll(selector: string): Part[];
}
interface Rendered {
  attach(parent: Element): void;
  detach(): void;
  dom: Element;
  instance: { setData(data: object, done?: () => void): void; data: Record<string, unknown> };
  querySelector(selector: string): Part | undefined;
  querySelectorAll(selector: string): Part[];
  addEventListener(name: string, run: (event: { detail: unknown }) => void): void;
  triggerPageLifeTime(name: string): void;
}

const DIST = join(import.meta.dirname, "../../dist/wx/");
const PAID = answer({ phase: "success", payment: payment({ state: "CAPTURED", invoke: null }) });
let script: Script;
let shown: Rendered;
let sets: Record<string, unknown>[];
let phases: unknown[];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-28T14:02:00+08:00") });
  script = new Script();
  script.get = () => ({ status: 200, body: answer() });
  script.post = () => ({ status: 201, body: payment() });
  script.session = () => ({ status: 503 });
  sets = [];
  phases = [];
});
afterEach(() => {
  shown.detach();
  vi.useRealTimers();
});

async function open(properties: object = {}): Promise<void> {
  Object.assign(globalThis, { wx: makeWxStub(script) });
  const require = createRequire(import.meta.filename);
  for (const path of Object.keys(require.cache)) if (path.startsWith(DIST)) delete require.cache[path];
  const id = simulate.load(`${DIST}checkout/index`, "pay-checkout", { compiler: "simulate", rootPath: DIST });
  shown = simulate.render(id, { base: BASE, token: TOKEN, ...properties });
  const { setData } = shown.instance;
  shown.instance.setData = function (data, done) {
    sets.push(data as Record<string, unknown>);
    setData.call(this, data, done);
  };
  shown.addEventListener("phase", (event) => phases.push(event.detail));
  const place = document.createElement("div");
  document.body.append(place);
  shown.attach(place);
  await pass(0);
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);
const text = () => shown.dom.textContent ?? "";
async function tap(selector = ".btn"): Promise<void> {
  shown.querySelector(selector)?.dispatchEvent("tap");
  await pass(0);
}

test("one tap pays, in five calls, five updates and less than four kilobytes", async () => {
  await open();
  expect(text()).toContain("微信支付 ¥86.00");
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(text()).toContain("付款成功");
  expect(script.sheets[0]).toMatchObject(payment().invoke?.params ?? {});
  await pass(3);
  expect(script.calls()).toEqual(["POST sessions", "GET order", "POST payments", "GET order", "POST telemetry"]);
  expect(phases).toEqual([{ phase: "ready" }, { phase: "success" }]);
  const bytes = sets.reduce((sum, data) => sum + Buffer.byteLength(JSON.stringify(data)), 0);
  expect(sets.length).toBeLessThanOrEqual(8);
  expect(bytes).toBeLessThanOrEqual(4096);
});

test("the skeleton is in the first data, before any update", async () => {
  script.get = () => null;
  Object.assign(globalThis, { wx: makeWxStub(script) });
  await open();
  expect(shown.dom.innerHTML).not.toContain("undefined");
  shown.detach();
  script.stored.clear();
  script.get = () => ({ status: 200, body: answer() });
  await open();
  expect(sets[0]).toMatchObject({ f: 1 });
});

test("cancelled: the page and the selection stay", async () => {
  script.sheet = "requestPayment:fail cancel";
  await open();
  script.get = () => ({ status: 200, body: answer({ phase: "cancelled", payment: payment() }) });
  await tap();
  expect(text()).toContain("你取消了付款，订单还在");
  expect(text()).toContain("微信支付 ¥86.00");
});

test("a sheet that throws is asked about, and never a failure", async () => {
  script.sheet = undefined;
  await open();
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(text()).toContain("付款成功");
});

test("unknown blocks a second payment and becomes paid by itself", async () => {
  script.post = () => null;
  await open();
  script.get = () => ({ status: 200, body: answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }) });
  await tap();
  expect(text()).toContain("正在确认，请勿重复支付");
  await tap(); // the one button left leads back to the shop
  await pass(1);
  script.get = () => ({ status: 200, body: PAID });
  await pass(2);
  expect(text()).toContain("付款成功");
  expect(script.calls().filter((call) => call === "POST payments")).toHaveLength(1);
});

test("coming back to the page asks at once", async () => {
  script.sheet = null;
  await open();
  await tap();
  script.get = () => ({ status: 200, body: PAID });
  shown.triggerPageLifeTime("show");
  await pass(0);
  expect(text()).toContain("付款成功");
});

test("a double tap posts once", async () => {
  await open();
  const button = shown.querySelector(".btn");
  button?.dispatchEvent("tap");
  button?.dispatchEvent("tap");
  await pass(0);
  expect(script.calls().filter((call) => call === "POST payments")).toHaveLength(1);
});

test("what is cached is shown and cannot be paid until it is fresh", async () => {
  await open();
  shown.detach();
  script.get = () => null;
  await open();
  expect(text()).toContain("¥86.00");
  expect(text()).toContain("网络断开，金额可能已变");
  const before = script.calls().filter((call) => call === "POST payments").length;
  script.get = () => ({ status: 200, body: answer() });
  await tap();
  expect(script.calls().filter((call) => call === "POST payments")).toHaveLength(before);
  expect(text()).toContain("微信支付 ¥86.00");
});

test("a changed amount is shown before it is paid", async () => {
  script.post = () => problem("amount_changed");
  await open();
  script.get = () => ({ status: 200, body: answer({ pay: { amount_minor: 9600, saving_minor: 0 }, offers: [] }) });
  await tap();
  expect(text()).toContain("金额已变，请再看一眼");
  expect(text()).toContain("微信支付 ¥96.00");
  expect(script.sheets).toEqual([]);
});

test("refused: another method is chosen, and pays", async () => {
  script.post = () => problem("method_unavailable");
  await open();
  await tap();
  expect(text()).toContain("改用云闪付 ¥86.00");
  script.post = () => ({ status: 201, body: payment({ method: "unionpay/app" }) });
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(text()).toContain("付款成功");
});

test("the shopper changes the method; a disabled one does not take the tap", async () => {
  await open();
  const rows = shown.querySelectorAll(".row");
  rows[rows.length - 2]?.dispatchEvent("tap");
  await pass(0);
  expect(text()).toContain("云闪付 ¥86.00");
  rows[rows.length - 1]?.dispatchEvent("tap");
  await pass(0);
  expect(text()).toContain("云闪付 ¥86.00");
});

test("an unpaid order goes on", async () => {
  script.get = () => ({ status: 200, body: answer({ payment: payment() }) });
  await open();
  script.get = () => ({ status: 200, body: PAID });
  await tap();
  expect(script.sheets).toHaveLength(1);
  expect(text()).toContain("付款成功");
});

test("an address comes from the platform's book, or by hand, and goes with the payment", async () => {
  const order = { ...answer().order, needs: ["address" as const] };
  script.get = () => ({ status: 200, body: answer({ order }) });
  await open();
  expect(text()).toContain("先填收货地址");
  script.address = {
    userName: "陈梅", telNumber: "138 0013 8000", provinceName: "云南省", cityName: "昆明市",
    countyName: "五华区", detailInfo: "翠湖南路 1 号", postalCode: "",
  };
  shown.querySelector(".contact")?.querySelector(".row")?.dispatchEvent("tap");
  await pass(0);
  expect(text()).toContain("陈梅 昆明市 五华区 翠湖南路 1 号");
  await tap(".bar .btn");
  const sent = JSON.parse(script.lines.find((line) => line.url.endsWith("/payments"))?.data ?? "{}") as { contact: unknown };
  expect(sent.contact).toEqual({
    address: { name: "陈梅", phone: "13800138000", province: "云南省", city: "昆明市", district: "五华区", street: "翠湖南路 1 号" },
  });
});

test("by hand: what is wrong is marked, what is typed is counted, and it is kept only when the shopper asks", async () => {
  const order = { ...answer().order, needs: ["phone" as const] };
  script.session = () => ({ status: 201, body: { token: "shs_1", expires_at: "2026-11-28T16:02:00+08:00" } });
  const shopper = { id: "shp_1", profile: { addresses: [], phone: null, invoices: [] }, last_method: null };
  script.get = () => ({ status: 200, body: answer({ order, shopper }) });
  script.me = (line) => (line.method === "GET" ? { status: 200, body: shopper.profile } : { status: 200 });
  await open();
  const contact = shown.querySelector(".contact");
  const press = async (selector: string, index = 0) => {
    contact?.querySelectorAll(selector)[index]?.dispatchEvent("tap");
    await pass(0);
  };
  await press(".row");
  await press(".btn");
  expect(contact?.querySelector(".in.bad")).toBeDefined();
  contact?.querySelector(".in")?.dispatchEvent("input", { detail: { value: "138 0013 8000" } });
  await press(".row", 1);
  await press(".btn");
  expect(text()).toContain("138****8000");
  const kept = script.lines.find((line) => line.method === "PUT");
  expect(JSON.parse(kept?.data ?? "{}")).toEqual({ addresses: [], phone: "13800138000", invoices: [] });
  expect(kept?.headers["authorization"]).toBe("Bearer shs_1");
});

test("the page hears that the shopper is done", async () => {
  const done: unknown[] = [];
  script.get = () => ({ status: 200, body: PAID });
  await open();
  shown.addEventListener("done", (event) => done.push(event.detail));
  await tap();
  expect(done).toEqual([{ phase: "success" }]);
});

test("nothing runs on after the page is gone", async () => {
  script.get = () => ({ status: 200, body: answer({ phase: "unknown" }) });
  await open();
  shown.detach();
  const before = script.calls().filter((call) => call === "GET order").length;
  await pass(600);
  expect(script.calls().filter((call) => call === "GET order")).toHaveLength(before);
});
