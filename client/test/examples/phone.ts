/** A phone in miniature: a shop's pages and the built components on a stand-in `wx` or `my`, over one scripted server. */

import { cpSync, existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { answer, payment, TOKEN } from "../support/answer";
import type { Said } from "../support/host";
import { makeMyStub, makeWxStub, Script, type Line } from "../support/platforms";

export type Platform = "wechat" | "alipay";
export const EXAMPLES = join(import.meta.dirname, "../../../examples");
const DIST = join(import.meta.dirname, "../../dist");
export const GOODS = [
  { id: "beans", name: "云南日晒咖啡豆", why: "250g", price_minor: 6800 },
  { id: "drip", name: "挂耳咖啡", why: "10 片", price_minor: 2800 },
];
export const MARKUP = { wechat: "wxml", alipay: "axml" };
const CALLS = { wechat: { if: "wx:if", on: /^bind:(\w+)$/ }, alipay: { if: "a:if", on: /^on([A-Z]\w*)$/ } };

type Values = Record<string, unknown>;
type Handler = (this: unknown, event: object) => unknown;
export type Page = Record<string, Handler> & { data: Values; path: string };
type Definition = Values & { data: Values };
type Call = Values & { success?: (found: unknown) => void };

/** The shop's server and Shunfu together: `shop` answers the first, `get`, `post` and `session` the other. */
export class Servers extends Script {
  goods: Said = { status: 200, body: { goods: GOODS } };
  orders: { key: string; lines: { id: string; quantity: number }[] }[] = [];
  order: Said = null;

  override answer(line: Line): Said {
    if (!line.url.startsWith("https://shop.example.com")) return super.answer(line);
    this.lines.push(line);
    if (line.method === "GET") return this.goods;
    this.orders.push(JSON.parse(line.data) as never);
    return this.order;
  }
  /** The addresses asked, without what is after the question mark. */
  asked(): string[] {
    return this.lines.map(({ method, url }) => `${method} ${url.replace(/^https:\/\/\w+\.example\.com/, "").replace(TOKEN, "{token}").split("?")[0]}`);
  }
}

export const ORDER = { order: "ord_1", number: "0417", token: TOKEN, subject: "云南日晒咖啡豆 +1", amount_minor: 9600 };

/** Two ways to pay on this platform, and what its sheet says when it was paid or left. */
export const WAYS = {
  wechat: { method: "wechatpay/miniprogram", ok: "requestPayment:ok", cancel: "requestPayment:fail cancel", kind: "wechat_request_payment" },
  alipay: { method: "alipay/miniprogram", ok: "9000", cancel: "6001", kind: "alipay_trade_pay" },
};

/** The answer of Shunfu on this platform, in a phase. */
export function told(platform: Platform, phase: "ready" | "success" | "cancelled"): Said {
  const { method } = WAYS[platform];
  const [first] = answer().methods;
  const pays = phase === "ready" ? null : payment({ method, state: phase === "success" ? "CAPTURED" : "PENDING", invoke: null });
  return { status: 200, body: answer({ phase, payment: pays, methods: [{ ...first!, method, invoke_kind: WAYS[platform].kind }] }) };
}

/** A platform's global with what a shop uses beyond the components. */
function globals(platform: Platform, servers: Servers, phone: Phone): Values {
  const stub = (platform === "wechat" ? makeWxStub(servers) : makeMyStub(servers)) as Values;
  const request = stub["request"] as (call: Call) => void;
  const parsed = (found: unknown) => ({ ...(found as Values), data: JSON.parse(String((found as Values)["data"]) || "null") as unknown });
  const plain = (call: Call) =>
    call["dataType"] === "text"
      ? request(call)
      : request({ ...call, success: (found) => call.success?.(parsed(found)), fail: (call["fail"] as never) });
  const store = (key: string, data: unknown) => servers.stored.set(key, structuredClone(data) as string);
  const read = (key: string) => structuredClone(servers.stored.get(key) as unknown);
  const go = (how: string) => ({ url }: { url: string }) => phone.go(how, url);
  const moves = { navigateTo: go("open"), redirectTo: go("replace"), reLaunch: go("home") };
  const titled = ({ title }: { title: string }) => void (phone.title = title);
  const called = (call: Values) => void phone.calls.push(String(call["phoneNumber"] ?? call["number"]));
  const shared = { ...stub, ...moves, request: plain, makePhoneCall: called };
  return platform === "wechat"
    ? {
        ...shared,
        getStorageSync: (key: string) => read(key) ?? "",
        setStorageSync: store,
        removeStorageSync: (key: string) => servers.stored.delete(key),
        setNavigationBarTitle: titled,
        openPrivacyContract: () => void phone.calls.push("contract"),
        onNeedPrivacyAuthorization: (ask: Phone["privacy"]) => void (phone.privacy = ask),
        getAppBaseInfo: () => phone.look,
      }
    : {
        ...shared,
        getStorageSync: ({ key }: { key: string }) => ({ data: read(key) ?? null }),
        setStorageSync: ({ key, data }: { key: string; data: unknown }) => store(key, data),
        removeStorageSync: ({ key }: { key: string }) => servers.stored.delete(key),
        setNavigationBar: titled,
        getSystemInfoSync: () => ({ ...(stub["getSystemInfoSync"] as () => Values)(), language: phone.look.language, fontSizeSetting: 16 * phone.look.fontSizeScaleFactor }),
      };
}

/** A copy of the shop with the package where the platform's tools put it. */
function install(platform: Platform): string {
  const folder = mkdtempSync(join(tmpdir(), "shunfu-shop-"));
  cpSync(join(EXAMPLES, `${platform}-shop`), folder, { recursive: true });
  const to = join(folder, "node_modules/@shunfu/pay", platform === "wechat" ? "" : "dist/alipay");
  cpSync(join(DIST, platform === "wechat" ? "wx" : "alipay"), to, { recursive: true });
  return folder;
}

export class Phone {
  readonly folder: string;
  stack: Page[] = [];
  title = "";
  calls: string[] = [];
  sets: Values[] = [];
  look = { language: "zh_CN", version: "8.0.60", fontSizeScaleFactor: 1 };
  privacy: (resolve: (said: Values) => void) => void = () => undefined;
  readonly #pages = new Map<string, Definition>();
  readonly #require = createRequire(import.meta.filename);

  constructor(
    readonly platform: Platform,
    readonly servers: Servers,
  ) {
    this.folder = install(platform);
  }

  /** Starts the app at its first page; what is in the storage stays. */
  start(): void {
    this.stop();
    for (const path of Object.keys(this.#require.cache)) if (path.startsWith(this.folder)) delete this.#require.cache[path];
    const { pages } = JSON.parse(readFileSync(join(this.folder, "app.json"), "utf8")) as { pages: string[] };
    const name = this.platform === "wechat" ? "wx" : "my";
    Object.assign(globalThis, { [name]: globals(this.platform, this.servers, this), App: () => undefined });
    for (const path of pages) {
      Object.assign(globalThis, { Page: (given: Definition) => this.#pages.set(path, given) });
      this.#require(join(this.folder, `${path}.js`));
    }
    this.go("home", `/${pages[0]}`);
  }
  /** Leaves all pages. */
  stop(): void {
    for (const page of this.stack.splice(0)) page["onUnload"]?.call(page, {});
  }
  get page(): Page {
    return this.stack[this.stack.length - 1]!;
  }
  go(how: string, url: string): void {
    const [path = "", query = ""] = url.slice(1).split("?");
    const definition = this.#pages.get(path);
    if (!definition) throw new Error(`${path} is no page of app.json`);
    if (how === "open") this.page["onHide"]?.call(this.page, {});
    if (how === "replace") this.stack.pop()?.["onUnload"]?.call(this.page, {});
    if (how === "home") this.stop();
    const { sets } = this;
    const setData = function (this: Page, data: Values) {
      sets.push(data);
      Object.assign(this.data, structuredClone(data));
    };
    const page = { ...definition, path, data: structuredClone(definition.data), setData } as unknown as Page;
    this.stack.push(page);
    page["onLoad"]?.call(page, Object.fromEntries(new URLSearchParams(query)));
    page["onShow"]?.call(page, {});
  }
  /** Goes back one page. */
  back(): void {
    const left = this.stack.pop();
    left?.["onUnload"]?.call(left, {});
    this.page["onShow"]?.call(this.page, {});
  }
  /** A tap on the element of this page's template with this handler; `data` is its dataset. */
  tap(handler: string, data: Values = {}): void {
    if (!this.template().includes(`"${handler}"`)) throw new Error(`nothing on ${this.page.path} has ${handler}`);
    this.page[handler]!.call(this.page, { currentTarget: { dataset: data }, detail: {} });
  }
  template(path = this.page.path): string {
    return readFileSync(join(this.folder, `${path}.${MARKUP[this.platform]}`), "utf8");
  }
  /** Mounts a component as this page's template wires it; null when its condition does not hold. */
  mount(name: string): Mounted | null {
    const tag = new RegExp(`<${name}([^>]*)/>`).exec(this.template())?.[1] ?? "";
    const attributes = [...tag.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value] as [string, string]);
    const { page } = this;
    const worth = (text: string) => page.data[text.replace(/[{}]/g, "")];
    const words = CALLS[this.platform];
    if (attributes.some(([key, value]) => key === words.if && !worth(value))) return null;
    const props: Values = {};
    const listeners = new Map<string, Handler>();
    for (const [key, value] of attributes) {
      const event = words.on.exec(key)?.[1]?.toLowerCase();
      if (event) listeners.set(event, (given) => page[value]!.call(page, given));
      else if (key !== words.if) props[key] = worth(value);
    }
    return new Mounted(this, this.definition(name), props, listeners);
  }
  definition(name: string): Definition {
    const { usingComponents } = JSON.parse(readFileSync(join(this.folder, `${this.page.path}.json`), "utf8")) as { usingComponents: Record<string, string> };
    const at = usingComponents[name] ?? "";
    const file = join(this.folder, at.startsWith("/") ? at : `node_modules/${at}`) + ".js";
    if (!existsSync(file)) throw new Error(`${name} is not at ${at} in ${dirname(file)}`);
    let found: Definition | null = null;
    Object.assign(globalThis, { Component: (given: Definition) => (found = given) });
    delete this.#require.cache[file];
    this.#require(file);
    return found!;
  }
}

/** A component at work on a page. */
export class Mounted {
  readonly self: { data: Values; setData(data: Values, done?: () => void): void };
  readonly #definition: Definition;

  constructor(phone: Phone, definition: Definition, props: Values, listeners: Map<string, Handler>) {
    const defaults = Object.entries((definition["properties"] ?? {}) as Record<string, { value: unknown }>).map(([key, { value }]) => [key, value]);
    const on = [...listeners].map(([name, run]) => [`on${name[0]!.toUpperCase()}${name.slice(1)}`, run]);
    this.#definition = definition;
    this.self = {
      data: { ...Object.fromEntries(defaults), ...(phone.platform === "wechat" ? props : {}), ...definition.data },
      props: { ...(definition["props"] as object), ...props, ...Object.fromEntries(on) },
      triggerEvent: (name: string, detail: object) => listeners.get(name)?.call(null, { detail }),
      setData(data: Values, done?: () => void) {
        Object.assign(this.data, data);
        if (done) void Promise.resolve().then(done); // once it is drawn, never before
      },
    } as Mounted["self"];
    this.#life("attached", "didMount");
  }
  #life(wechat: string, alipay: string): void {
    const lifetimes = (this.#definition["lifetimes"] ?? {}) as Record<string, Handler>;
    const run = lifetimes[wechat] ?? (this.#definition[alipay] as Handler);
    run.call(this.self, {});
  }
  tap(method: string): void {
    (this.#definition["methods"] as Record<string, Handler>)[method]!.call(this.self, { currentTarget: { dataset: {} }, detail: {} });
  }
  leave(): void {
    this.#life("detached", "didUnmount");
  }
}
