// The two dialects of native components. WXML is written by hand; AXML is made of it by the pairs below, and a template
// may use nothing that has no pair.

export const DIALECTS = {
  wx: {
    folder: "wx",
    platform: "wx-platform",
    markup: "wxml",
    style: "wxss",
    json: { component: true, renderer: "webview" },
    attributes: {},
    swaps: [],
  },
  alipay: {
    folder: "alipay",
    platform: "my-platform",
    markup: "axml",
    style: "acss",
    json: { component: true },
    attributes: {
      "wx:if": "a:if",
      "wx:elif": "a:elif",
      "wx:else": "a:else",
      "wx:for": "a:for",
      "wx:for-item": "a:for-item",
      "wx:for-index": "a:for-index",
      "wx:key": "a:key",
      bindtap: "onTap",
      bindinput: "onInput",
      "aria-role": "role",
      "bind:given": "onGiven",
    },
    // The phone button is the one part whose two platforms differ in more than a name.
    swaps: [
      [/open-type="getPhoneNumber" bindgetphonenumber="(\w+)"/g, 'open-type="getAuthorize" scope="phoneNumber" onGetAuthorize="$1"'],
    ],
  },
};

/** Names that both platforms have. Anything else in a template is an error of the build. */
const COMMON = new Set([
  "base", "token", "merchant", "lang", "theme", "needs", "t", "class", "style", "type", "value", "maxlength", "open-type", "scope", "hover-class", "onGetAuthorize",
  "aria-label", "aria-live", "aria-hidden", "aria-checked", "aria-disabled", "aria-expanded", "aria-busy",
]);
const BOOLEAN = /^aria-(checked|disabled|expanded|busy)$/;
const TAGS = new Set(["view", "text", "block", "button", "input", "sf-contact"]);

/** A template of one dialect out of the WXML source, without the white space that nobody reads. */
export function markup(source, dialect) {
  return turned(source.replace(/<!--[^]*?-->/g, "").replace(/>\s+</g, "><").replace(/\s*\n\s*/g, " ").trim(), dialect);
}

const NO_MORE = { tags: [], common: [], events: [] };

/** A template in another dialect as it is laid out; `more` are tags, attributes and own events that only this one may use. */
export function turned(source, dialect, more = NO_MORE) {
  let text = source;
  for (const [from, to] of dialect.swaps) text = text.replace(from, to);
  return text.replace(/<(\/?)([\w-]+)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>/g, (tag, close, name, rest, end) => {
    if (!TAGS.has(name) && !more.tags.includes(name)) throw new Error(`<${name}> has no pair in the dialect map`);
    const attributes = rest.replace(/\s+([\w:-]+)(="[^"]*")?/g, (_, key, value = "") => {
      // A reader of the screen is told "true" or "false": an engine that writes a boolean as a bare attribute says neither.
      const isTold = value.endsWith("?'true':'false'}}\"");
      const told = BOOLEAN.test(key) && !isTold ? value.replace(/^="\{\{(.*)\}\}"$/, `="{{$1?'true':'false'}}"`) : value;
      return ` ${renamed(key, dialect, more)}${told}`;
    });
    return `<${close}${name}${attributes}${end}>`;
  });
}

function renamed(key, dialect, more) {
  if (more.common.includes(key)) return key;
  const [, event] = /^bind:(\w+)$/.exec(key) ?? [];
  if (more.events.includes(event)) return dialect === DIALECTS.alipay ? `on${event[0].toUpperCase()}${event.slice(1)}` : key;
  const known = COMMON.has(key) || key.startsWith("data-") || key in DIALECTS.alipay.attributes || key.startsWith("bindget");
  if (!known) throw new Error(`the attribute ${key} has no pair in the dialect map`);
  return dialect.attributes[key] ?? key;
}

/** The components that a template uses. WeChat injects them only when one is first drawn, with a placeholder till then. */
export function uses(source, dialect) {
  const names = [...new Set([...source.matchAll(/<sf-(\w+)/g)].map((found) => found[1]))];
  const each = (value) => Object.fromEntries(names.map((name) => [`sf-${name}`, value(name)]));
  const placeholders = dialect.folder === "wx" && names.length ? { componentPlaceholder: each(() => "view") } : {};
  return { usingComponents: each((name) => `../${name}/index`), ...placeholders };
}
