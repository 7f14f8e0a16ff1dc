// The platforms' rules that the built files alone can prove: WeChat's scoring and on-device diagnosis, Alipay's self-check.
// A rule is a name and a function that lists what breaks it; `audit` runs all on one platform's folder.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../dist"));
const KILO = 1024;

/** Old names that the platforms ask to leave. */
const DEPRECATED = [
  "getSystemInfo\\b", "getUserInfo\\b", "getUserProfile\\b", "createCanvasContext", "canIUse", "saveFile\\b", "getSavedFileList",
  "httpRequest\\b", "getAuthUserInfo", "navigateToBizScene",
];
const SYNC_CALLS_MAX = 3;

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

/** Nodes, depth and most children of a template, when every condition holds and every list has `repeats` rows. */
export function shape(template, repeats = 10) {
  const stack = [{ count: 0, times: 1 }];
  let nodes = 0;
  let depth = 0;
  let children = 0;
  for (const [, close, name, rest, self] of template.matchAll(/<(\/?)([\w-]+)([^>]*?)(\/?)>/g)) {
    if (close) {
      children = Math.max(children, stack.pop().count);
      continue;
    }
    const parent = stack[stack.length - 1];
    const times = /(wx|a):for=/.test(rest) ? repeats : 1;
    if (name !== "block") nodes += parent.times * times;
    parent.count += times;
    depth = Math.max(depth, stack.length);
    if (!self) stack.push({ count: 0, times: parent.times * times });
  }
  if (stack.length !== 1) throw new Error("the template's tags do not close");
  return { nodes, depth, children: Math.max(children, stack[0].count) };
}

const scripts = (all) => all.filter((file) => file.path.endsWith(".js"));
const styles = (all) => all.filter((file) => /\.(wx|ac)ss$/.test(file.path));
const templates = (all) => all.filter((file) => /\.(wx|a)ml$/.test(file.path));
const jsons = (all) => all.filter((file) => file.path.endsWith("index.json"));
const where = (list, test) => list.filter((file) => test(file.text, file)).map((file) => file.path);
const rules = (text) => [...text.replace(/\/\*[^]*?\*\//g, "").matchAll(/([^{}]+)\{([^{}]*)\}/g)].map(([, selector, body]) => ({ selector: selector.trim(), body }));

/** How many times a list of this size shows at most; a component may not know how long a merchant's list is. */
const LISTS = 12;

export const RULES = {
  "inertia scrolling where something scrolls": (all) =>
    where(styles(all), (text) => /overflow[^:]*:\s*(scroll|auto)/.test(text) && !/-webkit-overflow-scrolling:\s*touch/.test(text)),
  "no :active, use hover-class": (all) => where(styles(all), (text) => /:active/.test(text)),
  "what can be tapped shows it by hover-class": (all) =>
    templates(all).flatMap((file) =>
      [...file.text.matchAll(/<view[^>]*(bindtap|onTap)=[^>]*>/g)].filter(([tag]) => !/hover-class=/.test(tag)).map(([tag]) => `${file.path} ${tag}`),
    ),
  "what can be tapped has a role": (all) =>
    templates(all).flatMap((file) =>
      [...file.text.matchAll(/<view[^>]*(bindtap|onTap)=[^>]*>/g)].filter(([tag]) => !/role=/.test(tag)).map(([tag]) => `${file.path} ${tag}`),
    ),
  "fewer than 1000 nodes, less than 30 deep, at most 60 children": (all) =>
    templates(all).flatMap((file) => {
      const found = shape(file.text, LISTS);
      const isGood = found.nodes < 1000 && found.depth < 30 && found.children <= 60;
      return isGood ? [] : [`${file.path} ${JSON.stringify(found)}`];
    }),
  "fixed things keep the safe area": (all) =>
    styles(all).flatMap((file) =>
      rules(file.text)
        .filter(({ body }) => /position:\s*fixed/.test(body) && /bottom:\s*0/.test(body) && !/safe-area-inset-bottom/.test(body))
        .map(({ selector }) => `${file.path} ${selector}`),
    ),
  "tap targets of 44 px: no smaller min-height on a row or a button": (all) =>
    styles(all).flatMap((file) =>
      rules(file.text)
        .filter(({ selector }) => /^\.(row|btn|lnk|in)\b/.test(selector.split(",").pop() ?? ""))
        .filter(({ body }) => Number(/min-height:(\d+)px/.exec(body)?.[1] ?? 44) < 44)
        .map(({ selector }) => `${file.path} ${selector}`),
    ),
  "no tag, id or attribute selectors in a component": (all) =>
    styles(all).flatMap((file) =>
      rules(file.text.replace(/@media[^{]+/g, "").replace(/@import[^;]+;/g, ""))
        .flatMap(({ selector }) => selector.split(","))
        .filter((selector) => /(^|[\s>+~])[a-z]|#|\[/.test(selector.trim()))
        .map((selector) => `${file.path} ${selector}`),
    ),
  "no images, and no base64 above 10 kB": (all) => [
    ...where(templates(all), (text) => /<image/.test(text)),
    ...where(styles(all), (text) => [...text.matchAll(/base64,([^)]*)/g)].some(([, data]) => (data?.length ?? 0) > 10 * KILO)),
  ],
  "at most 2 kB of unused style a file": (all) =>
    styles(all).flatMap((file) => {
      const markup = all.filter((one) => /\.((wx|a)ml|js)$/.test(one.path)).map((one) => one.text).join();
      const unused = rules(file.text).filter(({ selector }) =>
        selector.split(",").every((one) => [...one.matchAll(/\.([\w-]+)/g)].some(([, name]) => !new RegExp(`\\b${name}\\b`).test(markup))),
      );
      const bytes = unused.reduce((sum, { selector, body }) => sum + selector.length + body.length + 2, 0);
      return bytes > 2 * KILO ? [`${file.path} ${bytes}`] : [];
    }),
  "no deprecated call": (all) => where(scripts(all), (text) => new RegExp(`(wx|my)\\.(${DEPRECATED.join("|")})`).test(text)),
  "the same synchronous call at most three times": (all) =>
    scripts(all).flatMap((file) => {
      const counts = new Map();
      for (const [call] of file.text.matchAll(/\b\w+\.(getAppBaseInfo|getDeviceInfo|getSystemInfoSync|getStorageSync)\b/g)) {
        counts.set(call, (counts.get(call) ?? 0) + 1);
      }
      return [...counts].filter(([, times]) => times > SYNC_CALLS_MAX).map(([call, times]) => `${file.path} ${call} ×${times}`);
    }),
  "no location, no scroll handler, no global listener, no endless timer": (all) =>
    where(scripts(all), (text) => /getLocation|onPageScroll|\b(wx|my)\.on(?!NeedPrivacyAuthorization)[A-Z]\w*\(|setInterval/.test(text)),
  "no console, no eval": (all) => where(scripts(all), (text) => /\bconsole\.|\beval\(|new Function/.test(text)),
  "HTTPS only: no address in the code": (all) => where(scripts(all), (text) => /http:\/\//.test(text)),
  "every call of the platform that waits has an end": (all) =>
    where(scripts(all), (text) => /\.request\(/.test(text) && !/timeout:/.test(text)),
  "every key that is set is in the template": (all) =>
    templates(all).flatMap((file) => {
      const script = all.find((one) => one.path === file.path.replace(/\.\w+$/, ".js"));
      const data = /data:\s*\{((?:\{\}|[^}])*)\}/.exec(script?.text ?? "")?.[1] ?? "";
      const keys = [...data.matchAll(/(?:^|,)\s*(\w+):/g)].map(([, key]) => key);
      return keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(file.text)).map((key) => `${file.path} ${key}`);
    }),
  "components are declared where they are used, and only there": (all) =>
    jsons(all).flatMap((file) => {
      const declared = Object.keys(JSON.parse(file.text).usingComponents);
      const template = all.find((one) => /ml$/.test(one.path) && dirname(one.path) === dirname(file.path))?.text ?? "";
      const used = new Set([...template.matchAll(/<((?:sf|pay|shop)-\w+)/g)].map(([, name]) => name));
      return [...declared.filter((name) => !used.has(name)), ...[...used].filter((name) => !declared.includes(name))].map((name) => `${file.path} ${name}`);
    }),
  "one platform's words only": (all) => [
    ...where(templates(all), (text, file) => (file.path.endsWith(".axml") ? /wx:|bindtap|aria-role/ : /a:if|onTap=/).test(text)),
    ...where(scripts(all), (text, file) => (file.path.startsWith("alipay") ? /\bwx\./ : /\bmy\./).test(text)),
  ],
  "far below a package of 1 MB": (all) => (all.reduce((sum, file) => sum + file.text.length, 0) > 100 * KILO ? ["all files"] : []),
};

/** What breaks a rule on one platform, as `rule: where`. */
export function audit(dist, platform) {
  const all = files(join(dist, platform)).map((path) => ({ path: relative(dist, path), text: readFileSync(path, "utf8") }));
  return Object.entries(RULES).flatMap(([name, rule]) => rule(all).map((found) => `${name}: ${found}`));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!existsSync(DIST)) throw new Error("nothing is built: npm run build");
  const found = ["wx", "alipay"].flatMap((platform) => audit(DIST, platform));
  for (const line of found) console.error(line);
  console.log(`${Object.keys(RULES).length} rules on 2 platforms, ${found.length} broken`);
  if (found.length) process.exitCode = 1;
}
