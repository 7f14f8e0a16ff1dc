/** What the checkout knows at one moment, and the small questions that one can ask of it. Pure values; `checkout.ts` moves them. */

import type { Answer, Contact, ContactKind, Invoke, PayBody, Phase, Reply, SheetResult, Track } from "./types";

/** Seconds before the n-th look at an open result; the last goes on, up to `LOOKS_MAX` looks. */
export const WAITS_SECONDS = [0, 1, 2, 4, 8];
export const LOOKS_MAX = 40;
/** So many answers without a trace of a payment that we sent and lost, and the shopper may tap again with the same key. */
export const QUIET_MAX = 2;
/** Looks after a sheet that broke, before the page offers the same payment again. */
export const FAIL_LOOKS = 3;

export type Trouble = "offline" | "trouble" | "gone";
export type Note = "changed" | "cancelled" | "not_completed" | "failed" | "busy";
/** idle: nothing under way · paying: sent · sheet: the platform's turn · confirming: the server will know. */
export type Stage = "idle" | "paying" | "sheet" | "confirming";

/** One tap on the way to its answer: the key goes with exactly this body, and both stay until the answer is known. */
export interface Attempt {
  key: string;
  body: PayBody;
  /** The payment that was there before the tap: seeing only that one again is no answer. */
  before: string | undefined;
}

export interface State {
  answer: Answer | null;
  /** Whether the server has confirmed what is shown; nothing else may be paid. */
  isFresh: boolean;
  isLoading: boolean;
  trouble: Trouble | null;
  note: Note | null;
  refusedReason: string;
  stage: Stage;
  method: string | null;
  /** Whether the shopper chose the method, rather than we. */
  isOwnMethod: boolean;
  /** undefined: the best; null: none; or an offer's id. */
  offer: string | null | undefined;
  contact: Contact;
  attempt: Attempt | null;
  sheet: SheetResult | null;
  looks: number;
  quiet: number;
  refused: string[];
  taps: number;
  fields: number;
  /** The funnel's lines that come once. */
  told: string[];
}

export type Event =
  | { is: "opened"; cached: Answer | null; result: SheetResult | null }
  | { is: "loaded"; reply: Reply }
  | { is: "answered"; reply: Reply }
  | { is: "sheet"; result: SheetResult }
  | { is: "tick" }
  | { is: "shown" }
  | { is: "pay"; key: string }
  | { is: "method"; method: string }
  | { is: "offer"; offer: string | null | undefined }
  | { is: "filled"; kind: ContactKind; value: Contact[ContactKind]; fields: number };

export type Intent =
  | { do: "load"; result: SheetResult | null }
  | { do: "pay"; key: string; body: PayBody }
  | { do: "open"; invoke: Invoke }
  | { do: "wait"; seconds: number }
  | { do: "keep"; answer: Answer }
  | { do: "track"; line: Track };

export type Step = [State, Intent[]];

/** Before anything happened. */
export function begin(): State {
  return {
    answer: null,
    isFresh: false,
    isLoading: false,
    trouble: null,
    note: null,
    refusedReason: "",
    stage: "idle",
    method: null,
    isOwnMethod: false,
    offer: undefined,
    contact: {},
    attempt: null,
    sheet: null,
    looks: 0,
    quiet: 0,
    refused: [],
    taps: 0,
    fields: 0,
    told: [],
  };
}

/** Whether a payment may begin in this phase. */
export function isPayable(phase: Phase): boolean {
  return phase === "ready" || phase === "failed" || phase === "cancelled";
}

/** Whether something can still happen in this phase without the shopper. */
export function isOpen(phase: Phase | undefined): boolean {
  return phase === "unknown" || phase === "processing" || phase === "qr";
}

/** Whether a tap pays now, once the contact is complete. */
export function canPay(state: State): boolean {
  const { answer, isFresh, stage, method } = state;
  return !!answer && isFresh && stage === "idle" && isPayable(answer.phase) && !!method;
}

/** What the shopper pays with the offer that is chosen, in minor units. */
export function amountDue(state: State, answer: Answer): number {
  if (state.offer === undefined) return answer.pay.amount_minor;
  const chosen = answer.offers.find((offer) => offer.id === state.offer);
  return answer.order.amount_minor - (chosen?.saving_minor ?? 0);
}

/** The method to have chosen already: the shopper's own, else the default, else the first; never a disabled one, and a
 * refused one only when nothing else works. */
export function preselect(state: State, answer: Answer): string | null {
  const works = answer.methods.filter((choice) => choice.is_enabled);
  const untried = works.filter((choice) => !state.refused.includes(choice.method));
  const from = untried[0] ? untried : works;
  const own = state.isOwnMethod && from.find((choice) => choice.method === state.method);
  return (own || from.find((choice) => choice.is_default) || from[0])?.method ?? null;
}

/** A funnel line about a state. */
export function track(name: string, state: State, code?: string): Intent {
  const line: Track = { name };
  if (state.method) line.method = state.method;
  if (name === "pay_tap") Object.assign(line, { taps: state.taps, fields: state.fields });
  if (code) line.code = code;
  return { do: "track", line };
}
