/** Thousands of drawn lives of one checkout: whatever happens in whatever order, some things never do. */

import { expect, test } from "vitest";

import { step } from "../../src/core/checkout";
import { begin, isPayable, type Event, type Intent, type State } from "../../src/core/state";
import type { Answer, Payment, Phase, Reply, SheetResult } from "../../src/core/types";
import { show } from "../../src/core/view";
import { answer, payment } from "../support/answer";
import { problem, wrong } from "../support/problems";

const LIVES = 3000;
const STEPS = 40;
const PHASES: Phase[] = ["ready", "qr", "processing", "unknown", "success", "failed", "cancelled", "expired", "closed"];
const STATES: Payment["state"][] = ["SENDING", "UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED"];
const SHEETS: SheetResult[] = ["ok", "cancel", "fail", "unknown"];
const CODES = ["payment_unknown", "request_in_flight", "order_not_open", "amount_changed", "offer_gone", "contact_missing", "rate_limited", "method_unavailable", "channel_refused", "idempotency_key_reused", "state_conflict", "forbidden"];

/** Numbers from a seed (mulberry32), so that a life that breaks a rule can be lived again. */
function draws(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function drawAnswer(draw: (below: number) => number): Answer {
  const phase = PHASES[draw(PHASES.length)] as Phase;
  const drawn = payment({ id: `pay_${draw(3)}`, state: STATES[draw(6)] as Payment["state"], refused_reason: draw(2) ? "risk" : null });
  const held = draw(3) ? { ...drawn, invoke: drawn.state === "PENDING" ? drawn.invoke : null } : null;
  return answer({ phase, payment: held, pay: { amount_minor: 8600 + draw(2), saving_minor: 1000 } });
}

function drawReply(draw: (below: number) => number, body: () => unknown, success: number): Reply {
  const kind = draw(5);
  if (kind < 2) return { status: success, body: body(), etag: null };
  if (kind === 2) return { status: 0, body: null, etag: null };
  if (kind === 3) return { status: [500, 502, 503, 408][draw(4)] as number, body: null, etag: null };
  return { status: [409, 422, 429][draw(3)] as number, body: problem(CODES[draw(CODES.length)] as string, draw(2) ? [wrong("/contact/address")] : []).body, etag: null };
}

test("one payment at a time, nothing stale or unknown is paid, one key is one body, and unknown is never failed", () => {
  for (let seed = 1; seed <= LIVES; seed += 1) live(seed);
});

function live(seed: number): void {
  const draw = draws(seed);
  const bodies = new Map<string, string>();
  let state = begin();
  let open: Intent[] = [];
  let isLost = false; // the latest tap's answer was lost, and nothing has told of it since
  const take = (kind: Intent["do"]) => {
    const found = open.find((intent) => intent.do === kind);
    open = open.filter((intent) => intent !== found);
    return found;
  };
  const apply = (event: Event) => {
    const before: State = state;
    const [next, intents] = step(state, event);
    state = next;
    for (const intent of intents) {
      if (intent.do === "load") expect(open.filter((one) => one.do === "load"), `seed ${seed}`).toEqual([]);
      if (intent.do === "open") expect(open.filter((one) => one.do === "open"), `seed ${seed}`).toEqual([]);
      if (intent.do !== "pay") continue;
      expect(open.filter((one) => one.do === "pay"), `seed ${seed}`).toEqual([]);
      expect(before.isFresh && !before.isHeld && isPayable(before.answer?.phase as Phase) && before.stage === "idle", `seed ${seed}`).toBe(true);
      const body = JSON.stringify(intent.body);
      expect(bodies.get(intent.key) ?? body, `seed ${seed}`).toBe(body);
      bodies.set(intent.key, body);
      isLost = false;
    }
    open.push(...intents.filter((one) => ["load", "pay", "open", "wait", "hold"].includes(one.do)));
    if (isLost && event.is === "answered") expect(state.note, `seed ${seed}`).not.toBe("failed");
    show(state, "zh-CN", 0); // every state can be drawn
  };
  apply({ is: "opened", cached: draw(2) ? drawAnswer(draw) : null, result: draw(4) ? null : (SHEETS[draw(4)] as SheetResult) });
  for (let turn = 0; turn < STEPS; turn += 1) {
    const doing = draw(9);
    if (doing < 2 && take("load")) apply({ is: "loaded", reply: drawReply(draw, () => drawAnswer(draw), 200) });
    else if (doing === 2 && take("pay")) {
      const reply = drawReply(draw, () => payment({ state: STATES[draw(6)] as Payment["state"] }), 201);
      isLost = reply.status === 0 || reply.status >= 500 || reply.status === 408;
      apply({ is: "answered", reply });
    } else if (doing === 3 && take("open")) apply({ is: "sheet", result: SHEETS[draw(4)] as SheetResult });
    else if (doing === 4 && take("wait")) apply({ is: "tick" });
    else if (doing === 5) apply({ is: "shown" });
    else if (doing === 7 && take("hold")) apply({ is: "released" });
    else if (doing === 6) apply({ is: "method", method: draw(2) ? "unionpay/app" : "wechatpay/miniprogram" });
    else apply({ is: "pay", key: `key-${seed}-${turn}` });
  }
}
