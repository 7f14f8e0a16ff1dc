/** The built WeChat components in real Chromium: nodes, tap sizes, updates, contrast and names, themes and large text. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { TmplGroup } from "glass-easel-template-compiler";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { answer, BASE, payment, texts, TOKEN } from "../support/answer";
import type { Built, Given } from "./page";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const ROOT = join(import.meta.dirname, "../..");
const DIST = join(ROOT, "dist/wx");
const NAMES = ["checkout", "contact", "result", "refund", "help", "feedback"];
const read = (path: string) => readFileSync(join(DIST, path), "utf8");
const NEEDS = { ...answer().order, needs: ["address" as const, "phone" as const] };
const PAID = answer({ phase: "success", payment: payment({ state: "CAPTURED", invoke: null }) });

let browser: Browser;
let script: string;
let given: Pick<Given, "shared" | "components">;

beforeAll(async () => {
  if (!CHROMIUM) return;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const made = await build({ entryPoints: [join(import.meta.dirname, "page.ts")], bundle: true, write: false, format: "iife", target: "es2022" });
  script = made.outputFiles[0]?.text ?? "";
  given = { shared: read("shared.js"), components: Object.fromEntries(NAMES.map((one) => [one, built(one)])) };
});
afterAll(async () => browser?.close());

function built(name: string): Built {
  const group = new TmplGroup();
  const template = read(`${name}/index.wxml`).replace(/bind(tap|input|getphonenumber)=/g, "bind:$1=").replace(/aria-role=/g, "role=");
  expect(group.addTmpl("", template)).toEqual([]);
  const made = { script: read(`${name}/index.js`), template: group.getTmplGenObjectGroups(), json: JSON.parse(read(`${name}/index.json`)) as never };
  group.free();
  return made;
}

interface Wish {
  name?: string;
  body?: unknown;
  dark?: boolean;
  width?: number;
  scale?: number;
  properties?: Record<string, unknown>;
}

async function draw(wish: Wish = {}): Promise<Page> {
  const { name = "checkout", body = answer(), dark = false, width = 375, scale = 1, properties = {} } = wish;
  const page = await browser.newPage({ viewport: { width, height: 812 }, colorScheme: dark ? "dark" : "light" });
  const own = NAMES.map((one) => read(`${one}/index.wxss`).replace(/@import[^;]+;/, "")).join("");
  // The platform's own elements, as its base style draws them.
  const base = "body{margin:0}view{display:block}text{display:inline}input,button{display:block;font:inherit;border:0;width:100%;box-sizing:border-box}";
  const style = `<style>${base}${read("base.wxss")}${own}</style>`;
  await page.setContent(`<!doctype html><html lang="zh-CN"><head><title>pay</title>${style}</head><body><main><h1>收银台</h1><div id="place"></div></main></body></html>`);
  await page.addScriptTag({ content: script });
  const told: Given = { ...given, name, properties: { base: BASE, token: TOKEN, ...properties }, answer: body, payment: payment(), scale };
  await page.evaluate((one) => window.draw(one), told);
  await page.waitForFunction(() => !document.querySelector(".sk"));
  return page;
}

async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: readFileSync(join(ROOT, "node_modules/axe-core/axe.min.js"), "utf8") });
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    const found = await axe.run();
    return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id} ${node.html.slice(0, 120)}`));
  });
}

const small = (page: Page) =>
  page.evaluate(() =>
    Array.from(document.querySelectorAll("[role=button],[role=radio],[role=checkbox],button,input"))
      .map((one) => ({ box: one.getBoundingClientRect(), text: one.textContent }))
      .filter(({ box }) => box.width < 44 || box.height < 44)
      .map(({ box, text }) => `${text} ${box.width}×${box.height}`),
  );
const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe.skipIf(!CHROMIUM)("in Chromium", () => {
  test("a whole payment with a change of method costs at most eight updates and four kilobytes", async () => {
    const page = await draw();
    await page.evaluate((paid) => {
      window.drawn.call("method", { id: "unionpay/app" });
      window.drawn.script.get = () => ({ status: 200, body: paid });
      window.drawn.call("pay");
    }, PAID as unknown);
    await page.waitForSelector("text=付款成功");
    const sets = await page.evaluate(() => window.drawn.sets);
    expect(sets.length).toBeGreaterThan(2);
    expect(sets.length).toBeLessThanOrEqual(8);
    expect(sets.reduce((sum, one) => sum + Buffer.byteLength(one), 0)).toBeLessThanOrEqual(4096);
    await page.close();
  });

  test("nodes stay far below what the platforms warn of", async () => {
    const page = await draw({ body: answer({ order: NEEDS }) });
    expect(await page.evaluate(() => document.querySelectorAll("main *").length)).toBeLessThan(150);
    await page.close();
  });

  test.each([320, 375])("every target is 44 px and nothing scrolls sideways at %i px, also with a form and large text", async (width) => {
    for (const scale of [1, 1.75]) {
      const page = await draw({ body: answer({ order: NEEDS }), width, scale });
      await page.evaluate(() => window.drawn.call("choose", { kind: "address" }, ".contact"));
      await page.waitForSelector("input");
      expect(await small(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      await page.close();
    }
  });

  test.each([
    ["ready, light, Chinese", {}],
    ["ready, dark, English", { dark: true, body: answer({ lang: "en", texts: texts("en") }) }],
    ["pinned dark", { properties: { theme: "dark" } }],
    ["contact", { body: answer({ order: NEEDS }) }],
    ["cancelled", { body: answer({ phase: "cancelled", payment: payment() }) }],
    ["failed, dark", { dark: true, body: answer({ phase: "failed", payment: payment({ state: "REFUSED", invoke: null, refused_reason: "risk" }) }) }],
    ["unknown", { body: answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }) }],
    ["unknown, dark", { dark: true, body: answer({ phase: "unknown", payment: payment({ state: "UNKNOWN", invoke: null }) }) }],
    ["paid", { body: PAID }],
    ["expired", { body: answer({ phase: "expired" }) }],
    ["result", { name: "result", body: PAID }],
    ["refund", { name: "refund", body: PAID }],
    ["help", { name: "help" }],
    ["feedback, dark", { name: "feedback", dark: true }],
  ] as [string, Wish][])("axe finds nothing: %s", async (_, wish) => {
    const page = await draw(wish);
    expect(await violations(page)).toEqual([]);
    expect(await small(page)).toEqual([]);
    await page.close();
  });

  test("a merchant's colour reaches the button, and a pinned theme wins over the system's", async () => {
    const page = await draw({ dark: true, properties: { theme: "light" } });
    await page.addStyleTag({ content: ":root{--sf-brand:#005f3c}" });
    const style = (selector: string) => page.evaluate((one) => getComputedStyle(document.querySelector(one) as Element).backgroundColor, selector);
    expect(await style(".btn")).toBe("rgb(0, 95, 60)");
    expect(await style(".sf")).toBe("rgb(245, 242, 244)");
    await page.close();
  });
});
