/** What the checkout knows at one moment, and the small questions that one can ask of it. Pure values; `checkout.ts` moves them. */

import type { Answer, Contact, ContactKind, Invoke, Offer, PayBody, Phase, Reply, SheetResult, Track } from "./types";

/** Seconds before the n-th look at an open result; the last goes on, up to `LOOKS_MAX` looks. */
export const WAITS_SECONDS = [0, 1, 2, 4, 8];
export const LOOKS_MAX = 40;
/** So many answers without a trace of a payment that we sent and lost, and the shopper may tap again with the same key. */
export const QUIET_MAX = 2;
/** Looks after a sheet that broke, before the page offers the same payment again. */
export const FAIL_LOOKS = 3;

export type Trouble = "offline" | "trouble" | "gone";
export type Note = "changed" | "cancelled" | "not_completed" | "failed";
/** idle: nothing under way · paying: sent · sheet: the platform's turn · confirming: the server will know. */
export type Stage = "idle" | "paying" | "sheet" | "confirming";

/** So long an amount that has just changed is shown before a tap pays it: a tap in flight meant another one. */
export const HOLD_MS = 700;

/** One tap on the way to its answer: the key goes with exactly this body, and both stay until the answer is known. */
export interface Attempt {
  /** Empty: the server knows it from another body, and the next tap gets a new one. */
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
  /** Whether the amount has changed just now, and the button waits until it can have been seen. */
  isHeld: boolean;
  /** Whether this host shows a code to scan; elsewhere the order of one is as good as ready. */
  isQrHere: boolean;
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
  /** The kind of contact and its field that the server did not take, until it is given again. */
  mistake: { kind: string; field: string } | null;
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
  | { is: "released" }
  | { is: "pay"; key: string }
  | { is: "method"; method: string }
  | { is: "offer"; offer: string | null | undefined }
  | { is: "filled"; kind: ContactKind; value: Contact[ContactKind]; fields: number };

export type Intent =
  | { do: "load"; result: SheetResult | null }
  | { do: "pay"; key: string; body: PayBody }
  | { do: "open"; invoke: Invoke }
  | { do: "wait"; seconds: number }
  | { do: "hold" }
  | { do: "keep"; answer: Answer }
  | { do: "track"; line: Track };

export type Step = [State, Intent[]];

/** Before anything happened, on a host that shows a code or does not. */
export function begin(isQrHere = false): State {
  return {
    answer: null,
    isFresh: false,
    isLoading: false,
    isHeld: false,
    isQrHere,
    trouble: null,
    note: null,
    refusedReason: "",
    stage: "idle",
    method: null,
    isOwnMethod: false,
    offer: undefined,
    contact: {},
    mistake: null,
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
  return /ready|failed|cancelled/.test(phase);
}

/** Whether something can still happen in this phase without the shopper. */
export function isOpen(phase: Phase | undefined): boolean {
  return !!phase && /unknown|processing|qr/.test(phase);
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

/** Whether the server knows no such order: the address is wrong, or over. */
export function isGone(status: number): boolean {
  return status === 401 || status === 404;
}

/** Asks the server for the view, unless that is under way. */
export function look(state: State, line?: Intent): Step {
  const lines = line ? [line] : [];
  if (!state.isLoading) lines.push({ do: "load", result: state.sheet });
  return [{ ...state, isLoading: true }, lines];
}

/** Whether an offer is that of a payment which is open: it cannot be left aside any more. */
export function isKept({ reason }: Offer): boolean {
  return reason === "kept";
}

/** A funnel line about a state. */
export function track(name: string, state: State, code?: string): Intent {
  const { method, taps, fields } = state;
  const line: Track = { name, method: method ?? undefined, code };
  return { do: "track", line: name === "pay_tap" ? { ...line, taps, fields } : line };
}
