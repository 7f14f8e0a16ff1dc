/** A host that tests drive: its clock moves when told, its server answers what was scripted, its sheet does as asked. */

import type { Ask, Host, Raw } from "../../src/core/host";
import type { Answer, Invoke, SheetResult } from "../../src/core/types";

/** What the server says to one request; null: nothing, the line is dead. */
export type Said = { status: number; body?: unknown; etag?: string; retry?: string } | null;

interface Timer {
  at: number;
  run: () => void;
}

export class TestHost implements Host {
  readonly name = "wechat";
  channel: string | null = null;
  readonly opens = ["wechat_request_payment"];
  readonly lang = "zh-CN";
  clock = Date.parse("2026-11-28T14:02:00+08:00");
  asked: Ask[] = [];
  beacons: { url: string; body: { visit: string; seq: number; consent: boolean; events: { name: string; code?: string; taps?: number }[] } }[] = [];
  stored = new Map<string, string>();
  sheets: Invoke[] = [];
  get: () => Said = () => null;
  post: () => Said = () => null;
  session: () => Said = () => null;
  sheet: () => SheetResult | Promise<SheetResult> = () => "ok";
  codes: (string | null)[] = ["code-1", "code-2", "code-3"];
  #timers: Timer[] = [];
  #draws = 0;

  async request(ask: Ask): Promise<Raw> {
    this.asked.push(ask);
    await Promise.resolve();
    const said = ask.url.endsWith("/shoppers/sessions") ? this.session() : ask.method === "GET" ? this.get() : this.post();
    if (!said) return { status: 0, text: "", etag: null };
    return { status: said.status, text: said.body === undefined ? "" : JSON.stringify(said.body), etag: said.etag ?? null, retry_after: said.retry ?? null };
  }
  read = (key: string) => this.stored.get(key) ?? null;
  write = (key: string, text: string | null) => void (text === null ? this.stored.delete(key) : this.stored.set(key, text));
  code = async () => this.codes.shift() ?? null;
  async pay(invoke: Invoke): Promise<SheetResult> {
    this.sheets.push(invoke);
    return this.sheet();
  }
  device = async () => ({ host_version: "8.0", system: "ios" as const, system_version: "17", device: "", network: "wifi" as const });
  beacon = (url: string, text: string) => void this.beacons.push({ url, body: JSON.parse(text) as never });
  now = () => this.clock;
  random = () => (this.#draws++ % 97) / 97;
  later = (run: () => void, milliseconds: number) => {
    const timer = { at: this.clock + milliseconds, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  };

  /** Lets everything that needs no time happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  }
  /** Moves the clock on, running what is due on the way. */
  async pass(seconds: number): Promise<void> {
    const end = this.clock + seconds * 1000;
    for (;;) {
      await this.settle();
      const [next] = this.#timers.filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.clock = Math.max(this.clock, next.at);
      next.run();
    }
    this.clock = end;
    await this.settle();
  }
  /** The requests of one kind, in order. */
  calls(method: string, part: string): Ask[] {
    return this.asked.filter((ask) => ask.method === method && ask.url.includes(part));
  }
}

/** A reply with an answer. */
export function ok(answer: Answer): Said {
  return { status: 200, body: answer };
}
