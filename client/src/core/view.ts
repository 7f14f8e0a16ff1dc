/** What a state looks like: one flat value of finished texts, so that templates hold no logic beyond comparisons. */

import { contactLine, contactOf, isGiven, missingContact } from "./contact";
import { amountText } from "./money";
import { amountDue, canPay, isKept, isOpen, isPayable, type State } from "./state";
import { speaker, type Say } from "./texts";
import type { Answer, ContactKind } from "./types";

/** So many methods show at once; the rest are behind "more". */
export const METHODS_SHOWN = 4;
/** After so many looks, "paying" has become "not known yet". */
const LOOKS_PROCESSING = 4;
const SHANGHAI_MS = 28800000;

export type Screen = "loading" | "error" | "pay" | "qr" | "wait" | "done" | "over";

export interface Show {
  screen: Screen;
  shop: string;
  amount: string;
  /** The price before the saving; empty without one. */
  list: string;
  saved: string;
  clock: string;
  items: { name: string; amount: string }[];
  note: { tone: "warn" | "bad"; title: string; why: string } | null;
  offer: { name: string; why: string; saving: string; on: boolean } | null;
  methods: { id: string; label: string; icon: string; why: string; on: boolean; off: boolean }[];
  /** What opens the rest of the methods; empty when all are there. */
  more: string;
  needs: { kind: ContactKind; title: string; line: string }[];
  heading: string;
  why: string;
  mark: "ok" | "unk" | "go" | "off";
  button: string;
  isOff: boolean;
  isBusy: boolean;
  /** Labels that never change within one language. */
  t: Record<string, string>;
}

/** The view before anything is known: a template's own first data, so that the skeleton costs no update. */
export const EMPTY: Show = {
  screen: "loading",
  shop: "",
  amount: "",
  list: "",
  saved: "",
  clock: "",
  items: [],
  note: null,
  offer: null,
  methods: [],
  more: "",
  needs: [],
  heading: "",
  why: "",
  mark: "off",
  button: "",
  isOff: true,
  isBusy: false,
  t: {},
};

/** The view of a state at a moment, in milliseconds since 1970, with so many methods open. */
export function show(state: State, lang: string, now: number, most = METHODS_SHOWN): Show {
  const { answer } = state;
  const say = speaker(answer && answer.texts, answer ? answer.lang : lang);
  const t: Record<string, string> = {};
  if (!answer) return { ...EMPTY, ...bare(state, say) };
  for (const name of ["methods", "trust", "was"]) t[name] = say("checkout." + name);
  if (answer.order.needs[0]) {
    for (const key in answer.texts) if (/^contact/.test(key)) t[key.slice(8)] = say(key);
  }
  const due = amountDue(state, answer);
  const money = (minor: number) => amountText(minor, answer.order.currency);
  const saving = answer.order.amount_minor - due;
  const screen = screenOf(state, answer);
  const ticket: Show = {
    ...EMPTY,
    t,
    screen,
    shop: answer.merchant_name,
    amount: money(due),
    list: saving ? money(answer.order.amount_minor) : "",
    saved: saving ? say("checkout.saved", { amount: money(saving) }) : "",
  };
  if (screen !== "pay" && screen !== "qr") return { ...ticket, ...spoken(state, answer, say) };
  return {
    ...ticket,
    ...button(state, answer, say, ticket.amount),
    clock: say("checkout.clock", { clock: clockText(answer.order.expires_at, now) }),
    items: answer.order.items.map(({ name, quantity, amount_minor }) => ({
      name: say("checkout.item", { name, quantity }),
      amount: amount_minor === null ? "" : money(amount_minor),
    })),
    note: note(state, answer, say),
    methods: answer.methods.slice(0, most).map(({ method, label, icon, reason_text, is_enabled }) => ({
      id: method,
      label,
      icon,
      why: state.refused.includes(method) ? say("reason.refused_just_now") : reason_text,
      on: method === state.method,
      off: !is_enabled,
    })),
    more: answer.methods.length > most ? say("checkout.more") : "",
    needs: answer.order.needs.map((kind) => ({
      kind,
      title: say("contact." + kind),
      line: contactLine(contactOf(answer, state.contact, kind)) || say(isGiven(answer, kind) ? "contact.given" : "contact.add"),
    })),
    offer: offer(state, answer, say, money),
  };
}

/** What differs between two views: all that a page needs to set. */
export function changes(before: Show, after: Show): Partial<Show> {
  const changed: Record<string, unknown> = {};
  for (const name of Object.keys(after) as (keyof Show)[]) {
    if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) changed[name] = after[name];
  }
  return changed;
}

function screenOf(state: State, answer: Answer): Screen {
  const { phase } = answer;
  if (phase === "qr") return "qr";
  if (isPayable(phase)) return state.stage === "confirming" && state.sheet !== "cancel" ? "wait" : "pay";
  return phase === "success" ? "done" : isOpen(phase) ? "wait" : "over";
}

/** Without an answer: the skeleton, or what went wrong and one button. */
function bare(state: State, say: Say): Partial<Show> {
  if (!state.trouble) return { button: say("checkout.checking"), isBusy: true };
  const again = state.trouble === "gone" ? "" : say("checkout.reconnect");
  return { screen: "error", heading: say("checkout." + state.trouble), button: again, isOff: false };
}

/** The screens that only tell: waiting, done, over. */
function spoken(state: State, answer: Answer, say: Say): Partial<Show> {
  const { phase } = answer;
  const method = methodName(answer, answer.payment?.method ?? state.method);
  const words = (key: string, mark: Show["mark"], button = ""): Partial<Show> => ({
    heading: say("checkout." + key),
    why: mark === "ok" ? method : say("checkout." + key + "_why", { method }),
    mark,
    button: button && say("checkout." + button),
    isOff: false,
  });
  if (phase === "success") return words("success", "ok", "done");
  // Money that came after the end: nobody may say "not charged".
  if (answer.payment?.state === "CAPTURED" && phase !== "unknown") return words("late", "unk", "back");
  if (phase === "expired" || phase === "closed") return words(phase, "off", "back");
  const isPaying = phase === "processing" || state.sheet === "ok";
  if (isPaying && state.looks <= LOOKS_PROCESSING) return words("processing", "go");
  const unknown = words("unknown", "unk", "back");
  return { ...unknown, why: unknown.why + (answer.lang === "en" ? ". " : "。") + say("checkout.unknown_safety") };
}

function note(state: State, answer: Answer, say: Say): Show["note"] {
  const { mistake } = state;
  if (mistake && state.isFresh) return { tone: "warn", title: say("contact." + mistake.field), why: say("contact.wrong") };
  const name = state.trouble ?? (state.isFresh ? (state.note ?? (answer.phase === "cancelled" && "cancelled")) : null);
  if (!name) return null;
  const method = methodName(answer, state.refused[state.refused.length - 1]);
  const why = name === "failed" ? "refused." + (state.refusedReason || "other") : "checkout." + name + "_why";
  return { tone: name === "failed" ? "bad" : "warn", title: say("checkout." + name), why: say(why, { method }) };
}

function button(state: State, answer: Answer, say: Say, amount: string): Partial<Show> {
  const { stage, trouble } = state;
  if (trouble) return { button: say("checkout.reconnect"), isOff: false };
  const isChecking = !state.isFresh || stage === "confirming";
  if (isChecking || stage !== "idle") return { button: say(isChecking ? "checkout.checking" : "checkout.paying"), isBusy: true };
  if (answer.phase === "qr") return {};
  if (!canPay(state)) return { button: say("checkout.no_method") };
  const missing = missingContact(answer, state);
  if (missing) return { button: say("contact.first_" + missing) };
  const key = state.note === "failed" ? "checkout.pay_instead" : "checkout.pay";
  return { button: say(key, { method: methodName(answer, state.method), amount }), isOff: state.isHeld };
}

function offer(state: State, answer: Answer, say: Say, money: (minor: number) => string): Show["offer"] {
  const { offers } = answer;
  const used = offers.find((one) => (state.offer === undefined ? one.is_applied : one.id === state.offer));
  const best = used ?? offers[0];
  if (!best || isKept(best)) return null;
  const why = used ? (used === offers[0] ? "checkout.offer_best" : "checkout.offers") : "checkout.no_offer";
  return { name: best.name, why: say(why), saving: used ? "−" + money(used.saving_minor) : "", on: !!used };
}

function methodName(answer: Answer, id: string | null | undefined): string {
  return answer.methods.find((choice) => choice.method === id)?.label ?? "";
}

/** `14:32` in Shanghai, where the orders are; with its day when that is not today. */
export function clockText(moment: string, now: number): string {
  const [day, time] = [Date.parse(moment), now].map((at) => new Date(at + SHANGHAI_MS).toISOString()) as [string, string];
  return day.slice(day.slice(0, 10) === time.slice(0, 10) ? 11 : 5, 16).replace("T", " ");
}
