/**
 * The checkout as one function: an event in, the next state and what to do about it out.
 *
 * Nothing here calls a host, reads a clock or draws a number; `runner.ts` does what the intents say and feeds back what
 * came of it. Three rules hold everywhere: only the server's answer says what became of the money; one attempt runs at a
 * time; and what is not known is never called a failure.
 */

import { givenContact, missingContact } from "./contact";
import { answered, refusedBy } from "./outcomes";
import {
  amountDue,
  canPay,
  FAIL_LOOKS,
  isGone,
  isKept,
  isOpen,
  isPayable,
  look,
  LOOKS_MAX,
  preselect,
  QUIET_MAX,
  track,
  WAITS_SECONDS,
  type Event,
  type State,
  type Step,
} from "./state";
import type { Answer, PayBody, Reply, SheetResult } from "./types";

const TAP = "pay_tap";

/** The one transition: what an event makes of a state, and what is to be done. */
export function step(state: State, event: Event): Step {
  switch (event.is) {
    case "opened":
      return opened(state, event.cached, event.result);
    case "loaded":
      return loaded({ ...state, isLoading: false }, event.reply);
    case "answered":
      return answered(state, event.reply);
    case "sheet":
      return sheetEnded(state, event.result);
    case "tick":
      return look(state);
    case "shown":
      return shown(state);
    case "released":
      return [{ ...state, isHeld: false }, []];
    case "pay":
      return pay(state, event.key);
    case "method":
      return chooseMethod(state, event.method);
    case "offer":
      return [state.stage === "idle" ? { ...state, offer: event.offer, taps: state.taps + 1 } : state, []];
    case "filled": {
      const contact = { ...state.contact, [event.kind]: event.value };
      const mistake = state.mistake?.kind === event.kind ? null : state.mistake;
      return [{ ...state, contact, mistake, taps: state.taps + 1, fields: state.fields + event.fields }, []];
    }
  }
}

function opened(state: State, cached: Answer | null, sheet: SheetResult | null): Step {
  const answer = cached && here(state, cached);
  const told = sheet ? [TAP] : []; // who comes back from a channel's page tapped before
  const next: State = { ...state, answer, sheet, told, stage: sheet ? "confirming" : "idle" };
  return look({ ...next, method: answer && preselect(next, answer) }, track("open", state));
}

function shown(state: State): Step {
  if (state.stage === "paying") return [state, []]; // its own answer comes, or its time-out
  // When the sheet is gone, its word may never come.
  return look({ ...state, looks: 0, quiet: 0, stage: state.stage === "sheet" ? "confirming" : state.stage });
}

function loaded(state: State, reply: Reply): Step {
  const answer = (reply.status === 304 ? state.answer : reply.status === 200 && reply.body) as Answer | null;
  if (answer) return fresh(state, answer);
  // What is shown may be out of date now: it stays to be read, and cannot be paid until the server confirms it.
  const next: State = { ...state, isFresh: false, trouble: isGone(reply.status) ? "gone" : reply.status ? "trouble" : "offline" };
  return isGone(reply.status) ? [{ ...next, answer: null }, []] : waitOn(next, reply.wait_seconds);
}

/** An answer as this host can show it: where nobody can draw a code, the order behind one is to be paid as any other. */
function here(state: State, answer: Answer): Answer {
  return answer.phase === "qr" && !state.isQrHere ? { ...answer, phase: "ready" } : answer;
}

function fresh(state: State, told: Answer): Step {
  const answer = here(state, told);
  const next: State = { ...state, answer, isFresh: true, trouble: null, offer: offerStill(state, answer), method: preselect(state, answer) };
  const isOther = !!state.answer && amountDue(state, state.answer) !== amountDue(next, answer);
  const isChanged = isPayable(answer.phase) && (isOther || (state.note === "changed" && !state.isFresh));
  const [settled, intents] = settle(isChanged ? { ...next, note: "changed", isHeld: true } : next, answer);
  if (isChanged) intents.push({ do: "hold" });
  const isPaid = answer.phase === "success" && state.told.includes(TAP); // not a visit to what was paid before
  const names = (isPaid ? ["paid", "result_view"] : canPay(settled) ? ["ready"] : []).filter((name) => !state.told.includes(name));
  const lines = names.map((name) => track(name, settled));
  return [{ ...settled, told: [...state.told, ...names] }, [{ do: "keep", answer }, ...intents, ...lines]];
}

/** The offer that is chosen, as long as it is to be had. A payment that is open keeps its own. */
function offerStill({ offer }: State, { offers }: Answer): State["offer"] {
  const isStill = offer === null ? !offers.some(isKept) : offers.some((one) => one.id === offer);
  return isStill ? offer : undefined;
}

/** What an answer means for the attempt under way. */
function settle(state: State, answer: Answer): Step {
  const isConfirming = state.stage === "confirming";
  if (state.stage === "paying") return [state, []]; // asked before the tap; the tap's own answer is on its way
  const over: State = { ...state, stage: "idle", attempt: null, sheet: null, looks: 0 };
  if (isOpen(answer.phase)) return waitOn(isConfirming ? { ...state, stage: "idle", attempt: null } : state);
  if (!isPayable(answer.phase)) return [{ ...over, note: null }, []];
  if (isConfirming && !isTold(state, answer)) return confirm(state, answer);
  if (answer.phase !== "failed" || (!isConfirming && state.stage !== "idle")) return [state, []];
  const reason = answer.payment?.refused_reason ?? "";
  return refusedBy({ ...over, refusedReason: reason }, answer.payment?.method, reason || "closed");
}

/** Whether the answer is a failure of the very payment that is under way, not of one before it. */
function isTold(state: State, answer: Answer): boolean {
  return answer.phase === "failed" && !(state.attempt && answer.payment?.id === state.attempt.before);
}

/** A payment is still open at the channel, or there is none: look on, or let the shopper tap again. */
function confirm(state: State, answer: Answer): Step {
  const invoke = answer.payment?.invoke;
  if (invoke && answer.payment?.method === state.attempt?.body.method) {
    // The answer to the tap was lost and its payment is there: the tap goes on where it was.
    return [{ ...state, stage: "sheet", attempt: null }, [{ do: "open", invoke }, track("sheet", state)]];
  }
  const isThere = answer.phase === "cancelled" || !!invoke;
  const quiet = state.quiet + (isThere ? 0 : 1);
  const isEnough = isThere ? state.sheet === "cancel" || state.looks >= FAIL_LOOKS : quiet >= QUIET_MAX;
  if (!isEnough) return waitOn({ ...state, quiet });
  // The key stays with a payment that left no trace: the same tap again is the same payment, should it arrive late.
  const note = state.sheet === "cancel" ? "cancelled" : "not_completed";
  return [{ ...state, stage: "idle", note, sheet: null }, []];
}

/** Look again later, while something can still happen without the shopper. */
function waitOn(state: State, atLeast = 0): Step {
  const { looks } = state;
  if ((state.stage !== "confirming" && !isOpen(state.answer?.phase)) || looks >= LOOKS_MAX) return [state, []];
  const seconds = Math.max(WAITS_SECONDS[looks + 1] ?? 8, atLeast);
  return [{ ...state, looks: looks + 1 }, [{ do: "wait", seconds }]];
}

function pay(state: State, key: string): Step {
  const { answer } = state;
  if (!answer || !canPay(state)) return state.stage === "idle" ? look(state) : [state, []];
  if (state.isHeld || missingContact(answer, state)) return [state, []];
  const body = payBody(state, answer);
  const kept = state.attempt;
  const isSame = kept?.key && JSON.stringify(kept.body) === JSON.stringify(body);
  const attempt = isSame ? kept : { key, body, before: answer.payment?.id };
  const clean = { note: null, sheet: null, looks: 0, quiet: 0, taps: state.taps + 1 };
  const next: State = { ...state, ...clean, stage: "paying", attempt, told: [...state.told, TAP] };
  return [next, [{ do: "pay", key: attempt.key, body }, track(TAP, next)]];
}

function payBody(state: State, answer: Answer): PayBody {
  const body: PayBody = { method: state.method as string, amount_minor: amountDue(state, answer) };
  if (state.offer !== undefined) body.offer = state.offer;
  if (answer.order.needs[0]) body.contact = givenContact(answer, state.contact);
  return body;
}

function sheetEnded(state: State, sheet: SheetResult): Step {
  if (state.stage !== "sheet" && state.stage !== "confirming") return [state, []];
  const line = sheet === "fail" ? track("unknown", state, "sheet_fail") : track(sheet, state);
  return look({ ...state, stage: "confirming", sheet, looks: 0, quiet: 0 }, line);
}

function chooseMethod(state: State, method: string): Step {
  const isThere = state.answer?.methods.some((choice) => choice.method === method && choice.is_enabled);
  if (!isThere || state.stage !== "idle" || method === state.method) return [state, []];
  const next: State = { ...state, method, isOwnMethod: true, taps: state.taps + 1 };
  return [next, [track("method_change", next)]];
}
