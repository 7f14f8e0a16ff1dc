/** The WeChat shop's pages in real Chromium, drawn by WeChat's own component engine: tap sizes, contrast and names, large text. */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";
import { TmplGroup } from "glass-easel-template-compiler";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { Given } from "../glass/page";
import { FROM } from "../../tools/shop.mjs";
import { answer } from "../support/answer";
import { EXAMPLES, ORDER, Phone, Servers, told } from "./phone";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const AXE = readFileSync(createRequire(import.meta.filename).resolve("axe-core/axe.min.js"), "utf8");
/** The platform's own elements, as its base style draws them. */
const BASE = "body{margin:0}view{display:block}button{display:block;font:inherit;border:0;width:100%;box-sizing:border-box}";
const STYLE = ["theme.wxss", "app.wxss", "parts/privacy/index.wxss"].map((path) => readFileSync(join(FROM, path), "utf8").replace(/@import[^;]+;/, "")).join("");

let browser: Browser;
let script: string;
beforeAll(async () => {
  if (!CHROMIUM) return;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const made = await build({ entryPoints: [join(import.meta.dirname, "../glass/page.ts")], bundle: true, write: false, format: "iife", target: "es2022" });
  script = made.outputFiles[0]?.text ?? "";
});
afterAll(async () => browser?.close());

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The data of every page with something on it and of every empty one, as the pages themselves set it. */
async function states(scale: number): Promise<{ path: string; data: Record<string, unknown> }[]> {
  const servers = new Servers();
  servers.order = { status: 201, body: ORDER };
  servers.get = () => told("wechat", "ready");
  const phone = new Phone("wechat", servers);
  phone.look.fontSizeScaleFactor = scale;
  const found: { path: string; data: Record<string, unknown> }[] = [];
  const take = () => found.push({ path: phone.page.path, data: structuredClone(phone.page.data) });
  const open = async (path: string) => {
    phone.go("open", `/pages/${path}`);
    await wait(5);
    take();
  };
  servers.goods = null;
  phone.start();
  await wait(5);
  take();
  for (const path of ["cart/index", "orders/index", "order/index", "checkout/index"]) await open(path);
  servers.goods = new Servers().goods;
  phone.start();
  await wait(5);
  phone.tap("add", { id: "beans" });
  phone.tap("add", { id: "drip" });
  take();
  await open("cart/index");
  phone.tap("pay");
  await wait(5);
  for (const path of ["orders/index", "order/index?order=ord_1", "help/index", "privacy/index"]) await open(path);
  phone.stop();
  const popup = { t: {} as Record<string, string>, f: scale, isShown: true };
  const texts = (createRequire(import.meta.filename)(join(FROM, "lib/texts.js")) as Record<string, Record<string, string>>)["zh-CN"];
  for (const [key, text] of Object.entries(texts ?? {})) if (key.startsWith("ask.")) popup.t[key.slice(4)] = text;
  found.push({ path: "parts/privacy/index", data: popup });
  rmSync(phone.folder, { recursive: true });
  return found;
}

async function draw(page: Page, path: string, data: Record<string, unknown>): Promise<void> {
  await page.setContent(`<!doctype html><html lang="zh-CN"><head><title>shop</title><style>${BASE}${STYLE}</style></head><body><main class="page"><h1 style="position:absolute;opacity:0">店铺</h1><div id="place"></div></main></body></html>`);
  await page.addScriptTag({ content: script });
  const group = new TmplGroup();
  // The payment components have their own tests; here is what is around them.
  const source = readFileSync(join(FROM, `${path}.wxml`), "utf8").replace(/<shop-\w+\/>/g, "").replace(/<pay-\w+( wx:\w+(?:="[^"]*")?)?[^>]*\/>/g, "<view$1/>");
  const template = source.replace(/bind(tap|agreeprivacyauthorization)=/g, "bind:$1=").replace(/aria-role=/g, "role=");
  expect(group.addTmpl("", template), path).toEqual([]);
  const built = { script: `Component(${JSON.stringify({ data })})`, template: group.getTmplGenObjectGroups(), json: { component: true } };
  group.free();
  const given: Given = { name: "shop", shared: "", components: { shop: built }, properties: {}, answer: null, payment: null, scale: 1 };
  await page.evaluate((one) => window.draw(one), given);
}

test.skipIf(!CHROMIUM).each([[1, false], [1, true], [1.6, false]])("every page and every empty one can be read and tapped: text ×%s, dark %s", async (scale, isDark) => {
  const all = await states(scale);
  expect(all).toHaveLength(12);
  const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: isDark ? "dark" : "light" });
  for (const { path, data } of all) {
    await draw(page, path, data);
    await page.addScriptTag({ content: AXE });
    const problems = await page.evaluate(async () => {
      const axe = (window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe;
      return (await axe.run()).violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`);
    });
    expect(problems, path).toEqual([]);
    const taps = await page.evaluate(() =>
      Array.from(document.querySelectorAll("[role=button],[role=checkbox],button"), (one) => {
        const { width, height, right } = one.getBoundingClientRect();
        return { text: one.textContent, width, height, isInside: right <= innerWidth };
      }),
    );
    expect(taps.length, path).toBeGreaterThan(0);
    for (const tap of taps) expect(tap.width >= 44 && tap.height >= 44 && tap.isInside, `${path} ${JSON.stringify(tap)}`).toBe(true);
  }
  await page.close();
});

const STATIC = join(import.meta.dirname, "../../../src/shunfu/checkout/static/client");

/** The page of `examples/minimal/h5` on the shop's origin, with Shunfu's script and answer on another. */
async function openMinimal(page: Page, status: number): Promise<string[]> {
  const asked: string[] = [];
  const open = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
  await page.route("https://**/*", async (route) => {
    const { pathname } = new URL(route.request().url());
    asked.push(`${route.request().method()} ${pathname.replace(ORDER.token, "{token}")}`);
    if (pathname === "/pay") return route.fulfill({ contentType: "text/html", path: join(EXAMPLES, "minimal/h5/index.html") });
    if (pathname === "/shop/orders") return route.fulfill({ status, json: ORDER });
    if (pathname.startsWith("/static/client/")) return route.fulfill({ contentType: "text/javascript", headers: open, path: join(STATIC, pathname.slice(15)) });
    if (pathname.startsWith("/v1/checkout/")) return route.fulfill({ json: answer(), headers: open });
    return route.fulfill({ status: 404, body: "" });
  });
  await page.goto(`https://shop.example.com/pay?key=${"a".repeat(32)}&id=cup`);
  return asked;
}

test.skipIf(!CHROMIUM)("the thirty lines of h5 make an order and draw its checkout, or say that there is none", async () => {
  const page = await browser.newPage();
  const asked = await openMinimal(page, 201);
  await page.waitForFunction(() => /86\.00/.test(document.querySelector("pay-checkout")?.shadowRoot?.textContent ?? ""));
  expect(asked).toContain("POST /shop/orders");
  expect(asked).toContain("GET /v1/checkout/{token}");
  expect(await page.isVisible("#trouble")).toBe(false);
  await page.close();
  const other = await browser.newPage();
  await openMinimal(other, 502);
  await other.waitForSelector("#trouble", { state: "visible" });
  expect(await other.locator("pay-checkout").count()).toBe(0);
  await other.close();
});
