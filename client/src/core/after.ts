/** What the pages after the checkout show: the result, refunds, answers to questions, and how it went. */

import { amountText } from "./money";
import { isOpen } from "./state";
import { speaker } from "./texts";
import type { Answer } from "./types";

/** A mark, a heading and lines; `button` names what one can do next, and `link` where it leads. */
export interface AfterShow {
  mark: "ok" | "unk" | "off";
  heading: string;
  why: string;
  amount: string;
  rows: { k: string; v: string }[];
  button: string;
  link: string;
}

/** The result of an order. Only the server's "success" says paid; what is open says so. */
export function resultShow(answer: Answer): AfterShow {
  const say = speaker(answer.texts, answer.lang);
  const method = answer.methods.find((one) => one.method === answer.payment?.method)?.label ?? "";
  const amount = amountText(answer.pay.amount_minor, answer.order.currency);
  const rows = [
    { k: say("checkout.merchant"), v: answer.merchant_name },
    { k: say("checkout.order_number"), v: answer.order.id },
    ...(method ? [{ k: say("checkout.method"), v: method }] : []),
  ];
  const base = { amount, rows, why: "", button: "", link: "" };
  const { phase } = answer;
  if (phase === "success") {
    const { refund } = answer.links;
    return { ...base, mark: "ok", heading: say("result.success"), button: refund ? say("result.refund") : "", link: refund ?? "" };
  }
  if (isOpen(phase)) return { ...base, mark: "unk", heading: say("result.unknown"), why: say("result.unknown_why", { method }) };
  if (answer.payment?.state === "CAPTURED") {
    return { ...base, mark: "unk", heading: say("checkout.late"), why: say("checkout.late_why", { method }) };
  }
  const isOver = phase === "expired" || phase === "closed";
  return { ...base, mark: "off", heading: say(isOver ? "checkout." + phase : "result.unpaid") };
}

/** What has gone back of an order, and where to ask for more: the shop decides, and its own page takes the request. */
export function refundShow(answer: Answer): AfterShow {
  const say = speaker(answer.texts, answer.lang);
  const money = (minor: number) => amountText(minor, answer.order.currency);
  const { refunded_minor: back = 0, refund_reserved_minor: held = 0, captured_minor: paid = 0 } = answer.payment ?? {};
  const link = answer.links.refund ?? answer.links.help ?? "";
  const base = { why: "", amount: "", rows: [], button: link && say("refund.ask"), link };
  if (answer.phase !== "success") return { ...base, mark: "off", heading: say("refund.not_paid"), button: "", link: "" };
  if (held) return { ...base, mark: "unk", heading: say("refund.processing"), amount: money(held) };
  if (!back) return { ...base, mark: "off", heading: say("refund.none") };
  const heading = say(back < paid ? "refund.part" : "refund.succeeded", { amount: money(back) });
  return back < paid ? { ...base, mark: "ok", heading } : { ...base, mark: "ok", heading, button: "", link: "" };
}

/** The questions and answers that came with the order's texts. */
export function questions(answer: Answer): { id: string; q: string; a: string }[] {
  const { texts } = answer;
  const ids = Object.keys(texts).map((key) => /^help\.(\w+)_why$/.exec(key)?.[1]);
  return ids.flatMap((id) => (id ? [{ id, q: texts["help." + id] ?? id, a: texts["help." + id + "_why"] ?? "" }] : []));
}

/** What can have been wrong, as codes; their sentences are the texts `feedback.*`. */
export const REASONS = ["slow", "unclear", "method", "price", "other"];
