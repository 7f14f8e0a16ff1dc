/** What is shipped: the same bytes from the same sources, from packages that were looked at, within rules and budgets that bite. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

import { audit, RULES, shape } from "../../tools/audit.mjs";
import { DIALECTS, markup } from "../../tools/dialect.mjs";
import { BUDGETS, weights } from "../../tools/size.mjs";
import { EMPTY } from "../../src/core/view";
import { BUILT_IN } from "../../src/core/texts";
import { PLATFORM_NAMES } from "../support/names";
import { texts } from "../support/answer";

const ROOT = join(import.meta.dirname, "../..");
const DIST = join(ROOT, "dist");
const scratch = mkdtempSync(join(tmpdir(), "shunfu-client-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const files = (folder: string, at = ""): string[] =>
  readdirSync(join(folder, at)).flatMap((name) => {
    const path = join(at, name);
    return statSync(join(folder, path)).isDirectory() ? files(folder, path) : [path];
  });

test("building again gives the same bytes", () => {
  const again = join(scratch, "dist");
  execFileSync(process.execPath, [join(ROOT, "tools/build.mjs"), again, "--no-types"], { stdio: "pipe" });
  const shipped = files(DIST).filter((path) => !path.startsWith("types"));
  expect(files(again)).toEqual(shipped);
  for (const path of shipped) expect(readFileSync(join(again, path)), path).toEqual(readFileSync(join(DIST, path)));
});

test("versions are exact, and every package is public with a checksum", () => {
  const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), "utf8")) as Record<string, unknown>;
  for (const version of Object.values(read("package.json")["devDependencies"] as Record<string, string>)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  }
  expect(read("package.json")["dependencies"]).toBeUndefined();
  for (const [name, one] of Object.entries(read("package-lock.json")["packages"] as Record<string, Record<string, string>>)) {
    if (!name) continue;
    expect(one["resolved"], name).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    expect(one["integrity"], name).toMatch(/^sha512-/);
  }
});

test("the package names what a mini-program's builder needs, and nothing to run", () => {
  const found = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  expect(found["miniprogram"]).toBe("dist/wx");
  for (const script of ["install", "postinstall", "prepare"]) expect(found["scripts"]).not.toHaveProperty(script);
});

test("every budget holds", () => {
  for (const platform of ["wx", "alipay"]) {
    for (const [part, measured] of Object.entries(weights(DIST, platform))) {
      const most = BUDGETS[part as keyof typeof BUDGETS] as { raw: number; gzip?: number };
      expect(measured.raw, `${platform} ${part}`).toBeLessThanOrEqual(most.raw);
      if (most.gzip) expect(measured.gzip, `${platform} ${part} gzip`).toBeLessThanOrEqual(most.gzip);
    }
  }
});

test("no rule is broken", () => {
  expect([...audit(DIST, "wx"), ...audit(DIST, "alipay")]).toEqual([]);
});

/** For each rule, the file and the words that break it. */
const BREAKS: Record<string, [string, (text: string) => string]> = {
  "inertia scrolling where something scrolls": ["base.wxss", (text) => `${text}.x{overflow:scroll}`],
  "no :active, use hover-class": ["base.wxss", (text) => `${text}.btn:active{opacity:1}`],
  "what can be tapped shows it by hover-class": ["checkout/index.wxml", (text) => text.replace(' hover-class="hv"', "")],
  "what can be tapped has a role": ["checkout/index.wxml", (text) => text.replace(' aria-role="button"', "")],
  "fewer than 1000 nodes, less than 30 deep, at most 60 children": ["help/index.wxml", (text) => text + "<view/>".repeat(61)],
  "fixed things keep the safe area": ["base.wxss", (text) => `${text}.y{position:fixed;bottom:0}`],
  "tap targets of 44 px: no smaller min-height on a row or a button": ["base.wxss", (text) => text.replace("min-height:44px", "min-height:40px")],
  "no tag, id or attribute selectors in a component": ["base.wxss", (text) => `${text}button{border:0}`],
  "no images, and no base64 above 10 kB": ["base.wxss", (text) => `${text}.z{background:url(data:image/png;base64,${"A".repeat(20000)})}`],
  "at most 2 kB of unused style a file": ["base.wxss", (text) => text + ".nobody{color:red}".repeat(200)],
  "no deprecated call": ["shared.js", (text) => `${text}wx.getSystemInfo()`],
  "the same synchronous call at most three times": ["shared.js", (text) => text + "wx.getStorageSync(1);".repeat(4)],
  "no location, no scroll handler, no global listener, no endless timer": ["shared.js", (text) => `${text}wx.onAppShow(f)`],
  "no console, no eval": ["shared.js", (text) => `${text}console.log(1)`],
  "HTTPS only: no address in the code": ["shared.js", (text) => `${text}"http://x"`],
  "every call of the platform that waits has an end": ["shared.js", (text) => text.replace(/timeout:/g, "late:")],
  "every key that is set is in the template": ["checkout/index.js", (text) => text.replace("data:{", "data:{unbound:1,")],
  "components are declared where they are used, and only there": ["help/index.json", (text) => text.replace("{}", '{"sf-x":"../x"}')],
  "one platform's words only": ["checkout/index.wxml", (text) => text.replace("wx:if", "a:if")],
  "far below a package of 1 MB": ["shared.js", (text) => text + " ".repeat(100 * 1024)],
};

test.each(Object.keys(RULES))("the rule bites: %s", (rule) => {
  const copy = join(scratch, "broken");
  rmSync(copy, { recursive: true, force: true });
  cpSync(DIST, copy, { recursive: true });
  const [path, change] = BREAKS[rule] as [string, (text: string) => string];
  const file = join(copy, "wx", path);
  const before = readFileSync(file, "utf8");
  writeFileSync(file, change(before));
  expect(change(before)).not.toBe(before);
  expect(audit(copy, "wx").map((line) => line.split(": ")[0])).toContain(rule.split(": ")[0]);
});

test("a template's shape counts its lists and its depth", () => {
  expect(shape('<view><view wx:for="{{a}}"><text/></view></view>', 10)).toEqual({ nodes: 21, depth: 3, children: 10 });
  expect(() => shape("<view><view></view>")).toThrow();
});

test("the dialect map turns every word it knows, and refuses what it does not", () => {
  const alipay = markup('<view wx:if="{{a}}" bindtap="b" aria-role="button" aria-checked="{{c}}"/>', DIALECTS.alipay);
  expect(alipay).toBe(`<view a:if="{{a}}" onTap="b" role="button" aria-checked="{{c?'true':'false'}}"/>`);
  expect(() => markup("<scroll-view/>", DIALECTS.alipay)).toThrow(/scroll-view/);
  expect(() => markup('<view bindlongpress="a"/>', DIALECTS.alipay)).toThrow(/bindlongpress/);
});

test("what the checkout sets is what its templates show", () => {
  for (const [platform, name] of [["wx", "wxml"], ["alipay", "axml"]]) {
    const template = readFileSync(join(DIST, platform as string, `checkout/index.${name}`), "utf8");
    for (const key of Object.keys(EMPTY)) expect(template, key).toMatch(new RegExp(`\\{\\{[^}]*\\b${key}\\b`));
  }
});

test("every text that the code names is in the answer, in both languages, and the built-in ones say the same", () => {
  const named = new Set<string>();
  for (const path of files(join(ROOT, "src")).filter((one) => one.endsWith(".ts"))) {
    const source = readFileSync(join(ROOT, "src", path), "utf8");
    for (const [, key] of source.matchAll(/say\("([a-z]+\.[a-z_]*[a-z])"/g)) named.add(key as string);
  }
  expect(named.size).toBeGreaterThan(20);
  for (const lang of ["zh", "en"] as const) {
    const told = texts(lang);
    for (const key of [...named, ...PLATFORM_NAMES]) expect(told, `${lang} ${key}`).toHaveProperty([key]);
    for (const [key, text] of Object.entries(BUILT_IN[lang])) expect(told[key], key).toBe(text);
  }
});

test("no name that the build shortens is one of the wire or of a platform", () => {
  const build = readFileSync(join(ROOT, "tools/build.mjs"), "utf8");
  const list = /const INTERNAL = [^]*?\[([^]*?)\]/.exec(build)?.[1] ?? "";
  const names = [...list.matchAll(/[a-zA-Z]+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(10);
  const wire = readFileSync(join(ROOT, "src/core/types.ts"), "utf8").replace(/export interface Reply[^}]*}/, "");
  for (const name of names) expect(wire, name).not.toMatch(new RegExp(`\\b${name}\\??:`));
  for (const name of names) expect(Object.keys(EMPTY), name).not.toContain(name);
});
