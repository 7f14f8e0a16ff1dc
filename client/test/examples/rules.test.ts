/** What can be seen without running: the twin, the platforms' rules, sizes, colours, texts, and the thirty lines. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";
import { join } from "node:path";
import { TmplGroup } from "glass-easel-template-compiler";
import { expect, test, vi } from "vitest";

import { audit } from "../../tools/audit.mjs";
import { FROM, OWN, TO, twin } from "../../tools/shop.mjs";
import { weights } from "../../tools/size.mjs";
import { EXAMPLES, MARKUP, type Platform } from "./phone";

const DIST = join(import.meta.dirname, "../../dist");
const KILO = 1024;
/** WeChat takes 2 MB, Alipay 1 MB; a shop with the components stays far below. */
const MOST = 120 * KILO;
const LINES_MOST = 30;
const PLATFORMS: Platform[] = ["wechat", "alipay"];
const SHOPS = PLATFORMS.map((platform) => ({ platform, folder: join(EXAMPLES, `${platform}-shop`) }));

const files = (folder: string, at = ""): string[] =>
  readdirSync(join(folder, at)).flatMap((name) => {
    const path = join(at, name);
    return statSync(join(folder, path)).isDirectory() ? files(folder, path) : [path];
  });
const read = (...parts: string[]) => readFileSync(join(...parts), "utf8");
const json = (...parts: string[]) => JSON.parse(read(...parts)) as Record<string, unknown>;

test("the Alipay shop is what the script makes of the WeChat one", () => {
  const made = twin();
  expect(files(TO).sort()).toEqual([...made.keys(), ...OWN].sort());
  for (const [path, text] of made) expect(read(TO, path), path).toBe(text);
});

test("the script refuses what has no pair on Alipay", () => {
  const copy = mkdtempSync(join(tmpdir(), "shunfu-twin-"));
  const spoil = (path: string, text: string) => {
    cpSync(FROM, copy, { recursive: true });
    writeFileSync(join(copy, path), text);
    return () => twin(copy);
  };
  expect(spoil("lib/cart.js", "wx.showToast({})")).toThrow(/lib\/cart\.js/);
  expect(spoil("pages/help/index.wxml", "<scroll-view/>")).toThrow(/scroll-view/);
  expect(spoil("pages/help/index.wxml", '<view bindlongpress="a"/>')).toThrow(/bindlongpress/);
  expect(spoil("logo.png", "")).toThrow(/logo\.png/);
  rmSync(copy, { recursive: true });
});

test.each(SHOPS)("no rule of the platforms is broken: $platform", ({ platform, folder }) => {
  expect(audit(EXAMPLES, `${platform}-shop`)).toEqual([]);
  expect(files(folder).length).toBeGreaterThan(30);
});

test.each(SHOPS)("with its components it is far below a package: $platform", ({ platform, folder }) => {
  const own = files(folder).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
  expect(own + weights(DIST, platform === "wechat" ? "wx" : "alipay").all.raw).toBeLessThanOrEqual(MOST);
});

test.each(SHOPS)("every page is there, and every component is where it says: $platform", ({ platform, folder }) => {
  const { pages } = json(folder, "app.json") as { pages: string[] };
  const markup = MARKUP[platform];
  const there = files(folder).filter((path) => path.startsWith("pages/") && path.endsWith(".js"));
  expect(pages.map((page) => `${page}.js`).sort()).toEqual(there.sort());
  for (const page of pages) {
    for (const ending of ["js", "json", markup]) expect(existsSync(join(folder, `${page}.${ending}`)), page).toBe(true);
    for (const at of Object.values((json(folder, `${page}.json`) as { usingComponents: Record<string, string> }).usingComponents)) {
      const file = at.startsWith("/") ? join(folder, at) : join(DIST, at.replace("@shunfu/pay/", platform === "wechat" ? "wx/" : "../"));
      expect(existsSync(`${file}.js`), at).toBe(true);
    }
  }
});

test("every template is one that WeChat's own engine compiles", () => {
  for (const path of files(FROM).filter((one) => one.endsWith(".wxml"))) {
    const group = new TmplGroup();
    expect(group.addTmpl("", read(FROM, path)), path).toEqual([]);
    group.free();
  }
});

test("WeChat is told what it asks of a shop: late loading, dark theme, the privacy agreement, the list of orders", () => {
  const app = json(FROM, "app.json");
  expect(app).toMatchObject({ lazyCodeLoading: "requiredComponents", darkmode: true, __usePrivacyCheck__: true, requiredPrivateInfos: ["chooseAddress"] });
  expect(app["pages"]).toContain("pages/orders/index");
});

test.each(SHOPS)("what a template names, its page has: $platform", ({ platform, folder }) => {
  const texts = createRequire(import.meta.filename)(join(folder, "lib/texts.js")) as Record<string, Record<string, string>>;
  for (const path of files(folder).filter((one) => one.endsWith(`.${MARKUP[platform]}`))) {
    const template = read(folder, path);
    const script = read(folder, path.replace(/\w+$/, "js"));
    const part = path.startsWith("parts/privacy") ? "ask" : (path.split("/")[1] ?? "");
    for (const [, handler] of template.matchAll(/(?:bind[\w:]+|on[A-Z]\w+)="(\w+)"/g)) {
      expect(script, `${path} ${handler}`).toMatch(new RegExp(`^ +${handler}(\\(|: \\()`, "m"));
    }
    for (const [, text] of template.matchAll(/\bt\.(\w+)/g)) expect(texts["zh-CN"], path).toHaveProperty([`${part}.${text}`]);
    const data = /data: \{([^\n]*)\}/.exec(script)?.[1] ?? "";
    for (const [, name] of template.matchAll(/\{\{!?(\w+)/g)) {
      if (name !== "item") expect(data, `${path} ${name}`).toMatch(new RegExp(`\\b${name}:`));
    }
  }
});

test("both languages say the same things, with the same places", () => {
  const { "zh-CN": zh, en } = createRequire(import.meta.filename)(join(FROM, "lib/texts.js")) as Record<string, Record<string, string>>;
  const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  expect(Object.keys(en ?? {})).toEqual(Object.keys(zh ?? {}));
  for (const [key, text] of Object.entries(zh ?? {})) expect(places(en?.[key] ?? ""), key).toEqual(places(text));
  const shown = files(FROM).filter((path) => /\.wxml$|pages.*\.js$/.test(path)).map((path) => read(FROM, path)).join();
  const built = /_why$|^(help|privacy)\.|^orders\.(open|checking|paid|over)$|\.title$/;
  for (const key of Object.keys(zh ?? {})) if (!built.test(key)) expect(shown, key).toMatch(new RegExp(`\\bt\\.${key.split(".")[1]}\\b`));
});

test("no secret is in what a phone gets", () => {
  for (const folder of [...SHOPS.map((shop) => shop.folder), join(EXAMPLES, "minimal")]) {
    for (const path of files(folder)) expect(read(folder, path), path).not.toMatch(/sk_(live|test)_|whsec_|secret|\bauthorization["']?:/i);
  }
});

test("colours are in one file, in light and dark, and can be read", () => {
  const theme = read(FROM, "theme.wxss");
  const colours = (text: string) => Object.fromEntries([...text.matchAll(/--([\w-]+): (#\w{6})/g)].map(([, name, value]) => [name, value ?? ""]));
  const [light = "", dark = ""] = theme.split("@media");
  for (const path of files(FROM).filter((one) => /wxss$|wxml$/.test(one) && one !== "theme.wxss")) {
    expect(read(FROM, path).replace(/&#?\w+;/g, ""), path).not.toMatch(/#[0-9a-fA-F]{3,8}\b/);
  }
  for (const shown of [colours(light), { ...colours(light), ...colours(dark) }]) {
    const pairs = [["ink", "sf-bg"], ["ink", "sf-card"], ["soft", "sf-bg"], ["soft", "sf-card"], ["sf-text", "sf-tint"], ["sf-on", "sf-brand"], ["warn", "sf-bg"]];
    for (const [one, other] of pairs) expect(contrast(shown[one!]!, shown[other!]!), `${one} on ${other}`).toBeGreaterThanOrEqual(4.5);
  }
});

function contrast(one: string, other: string): number {
  const light = (colour: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [most, least] = [light(one), light(other)].sort((a, b) => b - a);
  return (most! + 0.05) / (least! + 0.05);
}

test("what can be tapped is 44 px or more, and text follows the reader's size", () => {
  const style = read(FROM, "app.wxss");
  const rule = (name: string) => new RegExp(`\\.${name} \\{([^}]*)\\}`).exec(style)?.[1] ?? "";
  for (const [name, at] of [["row", "min-height"], ["btn", "min-height"], ["step", "width"], ["step", "line-height"]] as const) {
    expect(Number(new RegExp(`(?:^|\\s)${at}: (\\d+)px`).exec(rule(name))?.[1]), `${name} ${at}`).toBeGreaterThanOrEqual(44);
  }
  for (const [, size] of style.matchAll(/font-size: ([^;]+);/g)) expect(size).toMatch(/^calc\(\d+px \* var\(--f\)\)$/);
  for (const path of files(FROM).filter((one) => one.endsWith(".wxml"))) {
    const template = read(FROM, path);
    expect(template, path).toMatch(/^<view [^>]*style="--f:\{\{f\}\}"/);
    for (const [tag] of template.matchAll(/<\w+[^>]*bindtap=[^>]*>/g)) expect(tag, path).toMatch(/class="(row|btn|step)\b/);
  }
});

test.each(["wechat", "alipay", "h5"])("thirty lines are enough: %s", (name) => {
  const folder = join(EXAMPLES, "minimal", name);
  const lines = files(folder).flatMap((path) => read(folder, path).split("\n").filter((line) => line.trim()));
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.length).toBeLessThanOrEqual(LINES_MOST);
});

test.each(PLATFORMS)("the thirty lines make an order, and say so when there is none: %s", (platform) => {
  const folder = join(EXAMPLES, "minimal", platform, "pages/pay");
  const { "pay-checkout": at } = (json(folder, "index.json") as { usingComponents: Record<string, string> }).usingComponents;
  expect(existsSync(`${join(DIST, at!.replace("@shunfu/pay/", platform === "wechat" ? "wx/" : "../"))}.js`)).toBe(true);
  const told = vi.fn();
  const back = vi.fn();
  let said: object | null = { statusCode: 201, status: 201, data: { token: "the-token" } };
  let sent: Record<string, unknown> = {};
  const request = (call: Record<string, unknown>) => {
    sent = call;
    if (said) (call["success"] as (found: object) => void)(said);
    else (call["fail"] as () => void)();
  };
  const show = (call: Record<string, () => void>) => {
    told(call["content"]);
    (call["success"] ?? call["complete"])?.();
  };
  let page: Record<string, unknown> = {};
  const stub = { request, showModal: show, alert: show, navigateBack: back };
  Object.assign(globalThis, { wx: stub, my: stub, Page: (given: object) => (page = given as never) });
  createRequire(import.meta.filename)(join(folder, "index.js"));
  const open = () => {
    const one = { ...page, data: { token: "" }, setData: (data: object) => Object.assign(one.data, data) };
    (page["onLoad"] as (query: object) => void).call(one, { key: "a".repeat(32), id: "cup" });
    return one.data.token;
  };
  expect(open()).toBe("the-token");
  const body = typeof sent["data"] === "string" ? (JSON.parse(sent["data"]) as object) : sent["data"];
  expect(body).toEqual({ key: "a".repeat(32), lang: "zh-CN", lines: [{ id: "cup", quantity: 1 }] });
  for (const next of [null, { statusCode: 502, status: 502, data: {} }]) {
    said = next;
    expect(open()).toBe("");
  }
  expect(told).toHaveBeenCalledTimes(2);
  expect(back).toHaveBeenCalledTimes(2);
});
