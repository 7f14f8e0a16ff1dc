/** A checkout at work on the test host: what the tests of the core share. */

import { run, type Running } from "../../src/core/runner";
import type { State } from "../../src/core/state";
import type { SheetResult } from "../../src/core/types";
import { show, type Show } from "../../src/core/view";
import { answer, BASE, payment, TOKEN } from "./answer";
import { ok, TestHost, type Said } from "./host";

export const PAID = answer({ phase: "success", payment: payment({ state: "CAPTURED", invoke: null }) });

/** The host, the checkout that runs on it, and its latest state. */
export const s = {} as { host: TestHost; running: Running; state: State };

/** A new host whose server has a ready order and takes every tap. */
export function anew(more: object = {}): void {
  s.host = Object.assign(new TestHost(), more);
  s.host.get = () => ok(answer());
  s.host.post = () => ({ status: 201, body: payment() });
}

/** What the page shows now. */
export const view = (): Show => show(s.state, "zh-CN", s.host.clock);

/** Opens the order's checkout. */
export async function open(options: { merchant?: string; consent?: boolean; result?: SheetResult } = {}): Promise<void> {
  const { result, ...rest } = options;
  s.running = run(s.host, { base: BASE, token: TOKEN, ...rest }, (next) => (s.state = next), result);
  await s.host.settle();
}

/** Taps the pay button. */
export async function tap(): Promise<void> {
  s.running.tap();
  await s.host.settle();
}

/** The page comes back. */
export async function comeBack(): Promise<void> {
  s.running.send({ is: "shown" });
  await s.host.settle();
}

/** A server that says one thing after the other, and the last one for good. */
export function says(...said: Said[]): () => Said {
  return () => (said.length > 1 ? (said.shift() as Said) : (said[0] as Said));
}

export const keys = () => s.host.calls("POST", "/payments").map((ask) => ask.headers["idempotency-key"]);
export const bodies = () => s.host.calls("POST", "/payments").map((ask) => JSON.parse(ask.body ?? "") as Record<string, unknown>);
export const told = () => s.host.beacons.flatMap((one) => one.body.events.map((event) => event.name));
