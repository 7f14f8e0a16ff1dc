/**
 * What the answer to a tap means. 201 carries the payment; a definite no ends the attempt; everything else is unknown,
 * and the attempt with its key stays until the server's view says what became of it.
 */

import { preselect, track, type Note, type State, type Step } from "./state";
import type { Payment, Reply } from "./types";

/** What the page does about a 4xx that is no refusal: look at the result, or look at the fresh view and tap again. */
const MEANINGS: Record<string, Note | "look"> = {
  payment_unknown: "look",
  request_in_flight: "look",
  order_not_open: "look",
  amount_changed: "changed",
  offer_gone: "changed",
  contact_missing: "changed",
  rate_limited: "busy",
};

/** The reply to the payment that a tap sent. */
export function answered(state: State, reply: Reply): Step {
  const { status } = reply;
  if (state.stage !== "paying") return [state, []];
  if (status === 201) return accepted(state, reply.body as Payment | null);
  const open: State = { ...state, stage: "confirming" };
  if (status < 400 || status > 499 || status === 408) return lookOn(open, track("unknown", state, "status_" + status));
  const code = problemOf(reply) ?? "status_" + status;
  const meaning = MEANINGS[code];
  if (meaning === "look") return lookOn(open, track("unknown", state, code));
  const over: State = { ...state, stage: "idle", attempt: null };
  if (meaning) return lookOn({ ...over, offer: undefined, note: meaning, isFresh: false });
  if (status === 401 || status === 404) return [{ ...over, trouble: "gone", answer: null }, []];
  return refusedBy({ ...over, refusedReason: "" }, state.method, code);
}

/** The last part of a problem's `type`, `/problems/amount_changed` (RFC 9457); undefined for a body that is none of ours. */
function problemOf({ body }: Reply): string | undefined {
  return /^\/problems\/(\w+)$/.exec((body as { type?: string } | null)?.type ?? "")?.[1];
}

const LOAD = { do: "load", result: null } as const;

function accepted(state: State, payment: Payment | null): Step {
  if (!payment) return lookOn({ ...state, stage: "confirming" }); // a body that we cannot read
  const known: State = { ...state, stage: "confirming", attempt: null };
  if (payment.state !== "PENDING" || !payment.invoke) return lookOn(known);
  return [{ ...known, stage: "sheet" }, [{ do: "open", invoke: payment.invoke }, track("sheet", state)]];
}

/** Asks the server for the view, unless that is under way. */
function lookOn(state: State, line?: Step[1][0]): Step {
  return [{ ...state, isLoading: true }, [...(line ? [line] : []), ...(state.isLoading ? [] : [LOAD])]];
}

/** A definite no: the basket stays, and another method is offered. */
export function refusedBy(state: State, method: string | null | undefined, code: string): Step {
  const isNews = !!method && !state.refused.includes(method);
  const refused = isNews ? [...state.refused, method] : state.refused;
  const next: State = { ...state, refused, note: "failed" };
  const line = isNews ? [track("failed", state, code)] : [];
  return [{ ...next, method: state.answer && preselect(next, state.answer) }, line];
}
