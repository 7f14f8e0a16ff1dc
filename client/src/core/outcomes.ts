/**
 * What the answer to a tap means. 201 carries the payment; a definite no ends the attempt; everything else is unknown,
 * and the attempt with its key stays until the server's view says what became of it.
 */

import { isGone, look, preselect, track, type State, type Step } from "./state";
import type { Payment, Reply } from "./types";

// Parts of problem codes; a test holds every code of the server to its meaning.
/** payment_unknown, request_in_flight, idempotency_key_reused: a second payment could be one too many. */
const OPEN = /unknown|flight|reused/;
/** amount_changed, offer_gone. */
const CHANGED = /changed|gone/;
/** method_unavailable, channel_refused; and a wrong field `/payer`, whom this method needs and we do not know. */
const REFUSED = /unavail|refused|payer/;

/** The reply to the payment that a tap sent. */
export function answered(state: State, reply: Reply): Step {
  const { status } = reply;
  if (state.stage !== "paying") return [state, []];
  if (status === 201) return accepted(state, reply.body as Payment | null);
  const over: State = { ...state, stage: "idle", attempt: null, isFresh: false };
  if (isGone(status)) return [{ ...over, trouble: "gone", answer: null }, []];
  const code = problemOf(reply);
  if (!code || status > 499 || status === 429 || OPEN.test(code)) {
    // A key that the server knows from another body pays nothing: once the result is known, a tap has a new one.
    const attempt = code === "idempotency_key_reused" && state.attempt ? { ...state.attempt, key: "" } : state.attempt;
    return look({ ...state, stage: "confirming", attempt }, track("unknown", state, code ?? "status_" + status));
  }
  const pointer = (reply.body as { errors?: { pointer: string }[] }).errors?.[0]?.pointer ?? "";
  const [, at, kind, field = kind] = pointer.split("/"); // such as `/contact/address/phone`
  if (at === "contact" && kind) return look({ ...over, mistake: { kind, field: field as string } });
  if (CHANGED.test(code)) return look({ ...over, offer: undefined, note: "changed" });
  if (REFUSED.test(code + pointer)) return refusedBy({ ...over, isFresh: true, refusedReason: "" }, state.method, code);
  if (status === 409) return look(over);
  // A fault of ours: nothing was begun, and no method is to blame.
  return [{ ...over, trouble: "trouble" }, [track("failed", state, code)]];
}

/** The last part of a problem's `type`, `/problems/amount_changed` (RFC 9457); undefined for a body that is none of ours. */
function problemOf({ body }: Reply): string | undefined {
  return /^\/problems\/(\w+)$/.exec((body as { type?: string } | null)?.type ?? "")?.[1];
}

function accepted(state: State, payment: Payment | null): Step {
  if (!payment) return look({ ...state, stage: "confirming" }); // a body that we cannot read
  const known: State = { ...state, stage: "confirming", attempt: null };
  if (payment.state !== "PENDING" || !payment.invoke) return look(known);
  return [{ ...known, stage: "sheet" }, [{ do: "open", invoke: payment.invoke }, track("sheet", state)]];
}

/** A definite no: the basket stays, and another method is offered. */
export function refusedBy(state: State, method: string | null | undefined, code: string): Step {
  const isNews = !!method && !state.refused.includes(method);
  const refused = isNews ? [...state.refused, method] : state.refused;
  const next: State = { ...state, refused, note: "failed" };
  const line = isNews ? [track("failed", state, code)] : [];
  return [{ ...next, method: state.answer && preselect(next, state.answer) }, line];
}
