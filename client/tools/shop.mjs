// Makes the Alipay shop of examples/ out of the WeChat one, by the same dialect map as the components. `lib/platform.js` is
// written by hand on each side, and so is what only one platform's tools read.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { DIALECTS, turned } from "./dialect.mjs";

const EXAMPLES = resolve(dirname(fileURLToPath(import.meta.url)), "../../examples");
export const FROM = join(EXAMPLES, "wechat-shop");
export const TO = join(EXAMPLES, "alipay-shop");
/** Files of the twin that are its own. */
export const OWN = ["lib/platform.js", "mini.project.json"];
/** What only WeChat has: Alipay asks for agreement itself. */
const ONLY_WECHAT = /^(parts\/privacy\/|lib\/platform\.js$|project\.config\.json$)/;
const ONLY_WECHAT_KEYS = ["darkmode", "lazyCodeLoading", "requiredPrivateInfos", "__usePrivacyCheck__", "window"];
const MORE = { tags: ["pay-checkout", "pay-result", "pay-refund"], common: ["consent", "aria-modal"], events: ["phase", "done", "link"] };

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function json(path, text) {
  const found = JSON.parse(text);
  if (path === "app.json") {
    for (const key of ONLY_WECHAT_KEYS) delete found[key];
    found.window = { defaultTitle: "" };
  }
  if (found.usingComponents) {
    const used = Object.entries(found.usingComponents).filter(([name]) => name !== "shop-privacy");
    found.usingComponents = Object.fromEntries(used.map(([name, at]) => [name, at.replace("@shunfu/pay/", "@shunfu/pay/dist/alipay/")]));
  }
  return `${JSON.stringify(found, null, 2)}\n`;
}

function script(path, text) {
  if (/\bwx\./.test(text)) throw new Error(`${path} speaks to WeChat: that belongs in lib/platform.js`);
  return text;
}

function turn(path, text) {
  if (path.endsWith(".wxml")) return turned(text.replace(/\s*<shop-privacy\/>/g, ""), DIALECTS.alipay, MORE);
  if (path.endsWith(".wxss")) return text.replaceAll(".wxss", ".acss");
  if (path.endsWith(".json")) return json(path, text);
  if (path.endsWith(".js")) return script(path, text);
  throw new Error(`${path} has no pair on Alipay`);
}

/** The twin's made files: path and text. */
export function twin(from = FROM) {
  const made = new Map();
  for (const file of files(from).sort()) {
    const path = relative(from, file);
    if (ONLY_WECHAT.test(path)) continue;
    made.set(path.replace(/\.wxml$/, ".axml").replace(/\.wxss$/, ".acss"), turn(path, readFileSync(file, "utf8")));
  }
  return made;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const made = twin();
  for (const file of files(TO)) if (!OWN.includes(relative(TO, file))) rmSync(file);
  for (const [path, text] of made) {
    mkdirSync(dirname(join(TO, path)), { recursive: true });
    writeFileSync(join(TO, path), text);
  }
  console.log(`${made.size} files in ${relative(process.cwd(), TO)}`);
}
