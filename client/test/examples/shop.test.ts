/** From the catalogue to the list of orders in both shops, with the built components, over a stand-in server. */

import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { payment } from "../support/answer";
import { ORDER, Phone, Servers, told, WAYS, type Mounted, type Platform } from "./phone";

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);
let servers: Servers;
let phone: Phone;
let mounted: Mounted | null;

describe.each<Platform>(["wechat", "alipay"])("%s", (platform) => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse("2026-11-28T14:02:00+08:00") });
    servers = new Servers();
    servers.order = { status: 201, body: ORDER };
    servers.get = () => told(platform, "ready");
    servers.session = () => ({ status: 503 });
    const invoke = { kind: WAYS[platform].kind, params: { tradeNO: "1" }, expires_at: "2026-11-28T14:32:00+08:00", sandbox_url: null };
    servers.post = () => ({ status: 201, body: payment({ method: WAYS[platform].method, invoke }) });
    phone = new Phone(platform, servers);
    mounted = null;
  });
  afterEach(() => {
    mounted?.leave();
    phone.stop();
    vi.useRealTimers();
    rmSync(phone.folder, { recursive: true });
  });

  async function toCheckout(): Promise<void> {
    phone.start();
    await pass(0);
    phone.tap("add", { id: "beans" });
    phone.tap("add", { id: "drip" });
    phone.tap("go", { to: "cart" });
    await pass(1);
    phone.tap("pay");
    await pass(0);
    mounted = phone.mount("pay-checkout");
    await pass(0);
  }

  test("picks two things, pays with one tap, and finds the order in the list", async () => {
    phone.start();
    await pass(0);
    expect(phone.title).toBe("山前咖啡");
    expect(phone.page.data["goods"]).toMatchObject([{ name: "云南日晒咖啡豆", price: "¥68.00" }, { price: "¥28.00" }]);
    phone.tap("add", { id: "beans" });
    phone.tap("add", { id: "drip" });
    expect(phone.page.data["bag"]).toBe("看购物袋 · 2 件 · ¥96.00");
    phone.tap("go", { to: "cart" });
    expect(phone.page.data).toMatchObject({ total: "¥96.00", button: "去付款 ¥96.00" });
    await pass(1);
    expect(servers.asked()).toEqual(["GET /shop/goods", "POST /shop/orders", "POST /v1/shoppers/sessions", "GET /v1/checkout/{token}"]);
    expect(servers.orders[0]?.lines).toEqual([{ id: "beans", quantity: 1 }, { id: "drip", quantity: 1 }]);
    expect(servers.orders[0]?.key).toMatch(/^[0-9a-f]{32}$/);

    phone.tap("pay");
    await pass(0);
    expect(servers.orders).toHaveLength(1);
    expect(phone.page.path).toBe("pages/checkout/index");
    servers.get = () => null;
    mounted = phone.mount("pay-checkout");
    expect(mounted?.self.data).toMatchObject({ screen: "pay", amount: "¥86.00" });
    servers.get = () => told(platform, "ready");
    await pass(10);
    servers.sheet = WAYS[platform].ok;
    expect(mounted?.self.data["isOff"]).toBe(false);
    servers.get = () => told(platform, "success");
    mounted?.tap("pay");
    await pass(0);
    expect(servers.sheets).toHaveLength(1);
    expect(mounted?.self.data).toMatchObject({ screen: "done", heading: "付款成功" });
    mounted?.tap("pay");
    mounted?.leave();
    expect(phone.page.path).toBe("pages/order/index");
    expect(phone.page.data).toMatchObject({ number: "0417", isPaid: true, isOpen: false });
    mounted = phone.mount("pay-result");
    await pass(0);
    expect(mounted?.self.data["heading"]).toBe("付款成功");

    phone.tap("all");
    await pass(0);
    expect(phone.page.data["orders"]).toEqual([{ id: "ord_1", subject: "云南日晒咖啡豆 +1", number: "0417", amount: "¥96.00", state: "已付款" }]);
    phone.back();
    expect(phone.page.path).toBe("pages/cart/index");
    expect(phone.page.data["lines"]).toEqual([]);
  });

  test("an order that was left unpaid is in the list after the app was closed, and goes on from there", async () => {
    await toCheckout();
    servers.sheet = WAYS[platform].cancel;
    servers.get = () => told(platform, "cancelled");
    mounted?.tap("pay");
    await pass(0);
    mounted?.leave();
    phone.start();
    expect(phone.page.data["bag"]).toBe("看购物袋 · 2 件 · ¥96.00");
    phone.tap("go", { to: "orders" });
    await pass(0);
    expect(phone.page.data["orders"]).toMatchObject([{ state: "还没付款 · 点这里接着付" }]);
    phone.tap("open", { id: "ord_1" });
    expect(phone.page.path).toBe("pages/checkout/index");
    mounted = phone.mount("pay-checkout");
    expect(mounted?.self.data["screen"]).toBe("pay");
  });

  test("an order that was paid elsewhere is settled in the list, and empties its cart", async () => {
    await toCheckout();
    mounted?.leave();
    mounted = null;
    servers.get = () => told(platform, "success");
    phone.go("open", "/pages/orders/index");
    expect(phone.page.data["orders"]).toMatchObject([{ state: "还没付款 · 点这里接着付" }]);
    await pass(0);
    expect(phone.page.data["orders"]).toMatchObject([{ state: "已付款" }]);
    expect(servers.stored.has("cart")).toBe(false);
    phone.tap("open", { id: "ord_1" });
    expect(phone.page.path).toBe("pages/order/index");
    expect(phone.mount("pay-refund")).toBeNull();
    phone.tap("turn");
    expect(phone.mount("pay-refund")).not.toBeNull();
  });

  test("a phase that says nothing about the order leaves it as it was", async () => {
    await toCheckout();
    for (const phase of ["offline", "trouble", "gone"]) phone.page["phase"]?.call(phone.page, { detail: { phase } });
    expect(servers.stored.get("orders")).toMatchObject([{ phase: "ready" }]);
  });

  test("two taps make one order; a changed cart makes another; the same cart none", async () => {
    phone.start();
    await pass(0);
    phone.tap("add", { id: "beans" });
    phone.tap("go", { to: "cart" });
    phone.tap("pay");
    phone.tap("pay");
    await pass(2);
    expect(servers.orders).toHaveLength(1);
    phone.back();
    await pass(2);
    expect(servers.orders).toHaveLength(1);
    phone.tap("more", { id: "beans" });
    phone.tap("more", { id: "beans" });
    await pass(2);
    expect(servers.orders.map(({ lines }) => lines[0]?.quantity)).toEqual([1, 3]);
    expect(servers.orders[0]?.key).not.toBe(servers.orders[1]?.key);
    phone.page["onHide"]?.call(phone.page, {});
    phone.tap("less", { id: "beans" });
    phone.back();
    await pass(2);
    expect(servers.orders).toHaveLength(2);
  });

  test("no order: the cart says so and stays, and the next tap asks with the same key", async () => {
    servers.order = { status: 502, body: {} };
    phone.start();
    await pass(0);
    phone.tap("add", { id: "beans" });
    phone.tap("go", { to: "cart" });
    phone.tap("pay");
    await pass(0);
    expect(phone.page.path).toBe("pages/cart/index");
    expect(phone.page.data).toMatchObject({ isTrouble: true, isBusy: false, button: "去付款 ¥68.00" });
    servers.order = { status: 201, body: ORDER };
    phone.tap("pay");
    await pass(0);
    expect(phone.page.path).toBe("pages/checkout/index");
    expect(servers.orders[0]?.key).toBe(servers.orders[1]?.key);
  });

  test("without the server the goods of the last visit are there; on the first visit it says what to do", async () => {
    servers.goods = null;
    phone.start();
    await pass(0);
    expect(phone.page.data).toMatchObject({ isTrouble: true, isLoading: false });
    servers.goods = new Servers().goods;
    phone.tap("load");
    await pass(0);
    expect(phone.page.data).toMatchObject({ isTrouble: false, goods: [{ id: "beans" }, { id: "drip" }] });
    servers.goods = null;
    phone.start();
    await pass(0);
    expect(phone.page.data).toMatchObject({ isTrouble: false, goods: [{ id: "beans" }, { id: "drip" }] });
  });

  test("empty pages lead on, and a link to no order does too", async () => {
    phone.start();
    await pass(0);
    phone.go("open", "/pages/checkout/index?order=ord_9");
    expect(phone.mount("pay-checkout")).toBeNull();
    phone.tap("all");
    expect(phone.page).toMatchObject({ path: "pages/orders/index", data: { orders: [] } });
    phone.tap("home");
    phone.go("open", "/pages/order/index?order=ord_9");
    expect(phone.page.data["token"]).toBe("");
    phone.tap("help");
    phone.tap("call");
    expect(phone.calls).toEqual(["400-000-0000"]);
  });

  test("English and large text reach the pages and the component", async () => {
    phone.look = { language: "en", version: "8", fontSizeScaleFactor: 1.5 };
    await toCheckout();
    expect(phone.title).toBe("Pay");
    expect(phone.page.data).toMatchObject({ f: 1.5, lang: "en" });
    expect(servers.lines.find((line) => line.url.includes("/v1/checkout/"))?.url).toContain("lang=en");
  });

  test("consent to measurements is asked on the privacy page, given to the component, and taken back", async () => {
    phone.start();
    phone.go("open", "/pages/privacy/index");
    phone.tap("measure");
    expect(phone.page.data["consent"]).toBe(true);
    await toCheckout();
    expect(phone.page.data["consent"]).toBe(true);
    phone.go("open", "/pages/privacy/index");
    phone.tap("measure");
    phone.tap("clear");
    expect([...servers.stored.keys()]).not.toContain("orders");
    expect(servers.stored.get("consent")).toBe(false);
  });
});

describe("WeChat's privacy popup", () => {
  beforeEach(() => {
    servers = new Servers();
    phone = new Phone("wechat", servers);
    phone.start();
    phone.go("open", "/pages/checkout/index");
  });
  afterEach(() => {
    phone.stop();
    rmSync(phone.folder, { recursive: true });
  });

  test("asks before the platform gives anything, and tells every caller what was said", () => {
    const popup = phone.mount("shop-privacy");
    const said: unknown[] = [];
    phone.privacy((answer) => said.push(answer));
    phone.privacy((answer) => said.push(answer));
    expect(popup?.self.data["isShown"]).toBe(true);
    popup?.tap("read");
    expect(phone.calls).toEqual(["contract"]);
    expect(said).toEqual([]);
    popup?.tap("agree");
    expect(said).toEqual([{ event: "agree", buttonId: "agree" }, { event: "agree", buttonId: "agree" }]);
    expect(popup?.self.data["isShown"]).toBe(false);
    phone.privacy((answer) => said.push(answer));
    popup?.tap("refuse");
    expect(said[2]).toEqual({ event: "disagree" });
  });

  test("a page that is left, or that cannot ask, has not agreed", () => {
    const popup = phone.mount("shop-privacy");
    const said: unknown[] = [];
    phone.privacy((answer) => said.push(answer));
    popup?.leave();
    phone.privacy((answer) => said.push(answer));
    expect(said).toEqual([{ event: "disagree" }, { event: "disagree" }]);
  });
});
