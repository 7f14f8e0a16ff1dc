/** A view as elements, with the hosted page's own class names, so that its first paint and this one are one look. */

import type { ContactKind } from "../core/types";
import type { Show } from "../core/view";
import { h, type Child } from "./dom";

/** What a tap on the page means. */
export interface Taps {
  pay(): void;
  method(id: string): void;
  offer(isOn: boolean): void;
  more(): void;
  contact(kind: ContactKind): void;
}

const MARKS: Record<Show["mark"], [string, string]> = {
  ok: ["✓", "mark-ok"],
  unk: ["?", "mark-unk"],
  go: ["…", "mark-br"],
  off: ["!", ""],
};

/** The whole page: the ticket, what can be chosen, and one button. `back` is where a page that is over leads. */
export function draw(view: Show, taps: Taps, form: HTMLElement | null, back: string | null): Child[] {
  if (view.screen === "loading") {
    return [h("main", { class: "m-main", "aria-busy": true }, h("section", { class: "tk" }, h("div", { class: "tk-a sk", role: "status" }, view.button)))];
  }
  const content = view.screen === "pay" ? [offer(view, taps), ...contact(view, taps, form), methods(view, taps)] : [];
  const trust = view.screen === "pay" && h("p", { class: "trust" }, view.t["trust"]);
  return [h("main", { class: "m-main" }, ticket(view), note(view), ...content, trust), bar(view, taps, back)];
}

function ticket(view: Show): HTMLElement {
  const [sign, tone] = MARKS[view.mark];
  const head = h(
    "div",
    { class: "tk-a", role: "status" },
    view.heading && h("div", { class: "mark " + tone, "aria-hidden": "true" }, sign),
    view.heading && h("h2", { class: "h-state" }, view.heading),
    view.why && h("p", { class: "p-state" }, view.why),
    view.shop && h("p", { class: "who" }, view.shop),
    view.amount && h("p", { class: "amt amt-xl" }, view.amount),
    view.saved && h("p", { class: "sub" }, h("s", {}, h("span", { class: "vh" }, view.t["was"] + " "), view.list), h("span", { class: "tag" }, view.saved)),
    view.clock && h("p", { class: "clock" }, view.clock),
  );
  const lines = view.items.map((item) => h("div", { class: "li" }, h("span", {}, item.name), h("span", {}, item.amount)));
  return h("section", { class: "tk" }, head, lines.length > 0 && h("div", { class: "tk-b" }, ...lines));
}

function note({ note }: Show): Child {
  return note && h("div", { class: "note note-" + note.tone, role: "alert" }, h("p", {}, h("span", { class: "b" }, note.title), note.why));
}

function offer({ offer }: Show, taps: Taps): Child {
  if (!offer) return null;
  const text = h("span", { class: "g" }, h("span", { class: "t" }, offer.name), h("span", { class: "d" }, offer.why));
  const box = h("input", { type: "checkbox", id: "offer", checked: offer.on, change: () => taps.offer(!offer.on) });
  return h("label", { class: "row meth card" }, box, text, h("span", { class: "c-save b" }, offer.saving), dot());
}

function contact(view: Show, taps: Taps, form: HTMLElement | null): Child[] {
  if (form) return [form];
  return view.needs.map(({ kind, title, line }) =>
    h(
      "button",
      { class: "row card", type: "button", id: "need-" + kind, click: () => taps.contact(kind) },
      h("span", { class: "g" }, h("span", { class: "d" }, title), h("span", { class: "t" }, line)),
      h("span", { "aria-hidden": "true" }, "›"),
    ),
  );
}

function methods(view: Show, taps: Taps): HTMLElement {
  const rows = view.methods.map(({ id, label, why, on, off }) => {
    const input = h("input", { type: "radio", name: "method", id, value: id, checked: on, disabled: off, change: () => taps.method(id) });
    return h("label", { class: "row meth" }, input, h("span", { class: "g" }, h("span", { class: "t" }, label), h("span", { class: "d" }, why)), dot());
  });
  const more = view.more && h("button", { class: "row btn-q", type: "button", click: taps.more }, view.more);
  return h("fieldset", {}, h("legend", { class: "cap" }, view.t["methods"]), h("div", { class: "card" }, ...rows, more));
}

function dot(): HTMLElement {
  return h("span", { class: "dot", "aria-hidden": "true" }, "✓");
}

function bar(view: Show, taps: Taps, back: string | null): Child {
  if (!view.button) return null;
  const isOver = view.screen === "done" || view.screen === "over" || view.screen === "wait";
  if (isOver) return back && h("footer", { class: "paybar" }, h("a", { class: "btn btn-p btn-xl", href: back }, view.button));
  const given = { class: "btn btn-p btn-xl", id: "pay", type: "button", "aria-disabled": view.isOff && "true", "aria-busy": view.isBusy && "true", click: taps.pay };
  return h("footer", { class: "paybar" }, h("button", given, view.isBusy && h("span", { class: "sp", "aria-hidden": "true" }), view.button));
}
