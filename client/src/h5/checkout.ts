/**
 * `<pay-checkout base token lang consent>`: the checkout in a browser.
 *
 * On the hosted page it stands around what the server drew, which stays what is seen until there is something newer:
 * the page's own answer is the first one, so nothing is asked twice and nothing flashes. Elsewhere it draws all itself.
 */

import { run, type Running } from "../core/runner";
import type { State } from "../core/state";
import type { Host } from "../core/host";
import type { ContactKind, Phase, SheetResult } from "../core/types";
import { EMPTY, METHODS_SHOWN, show, type Show } from "../core/view";
import { withUpsdk, type Upsdk } from "../hosts/upsdk";
import { makeWeb } from "../hosts/web";
import { contactForm } from "./contact";
import { fill, h, webAddress } from "./dom";
import { draw } from "./page";
import css from "./style.css";

const RESULTS: readonly string[] = ["ok", "cancel", "fail"];

class PayCheckout extends HTMLElement {
  #host = hostHere();
  #root = this.attachShadow({ mode: "open" });
  #run: Running | null = null;
  #state: State | null = null;
  #view: Show = EMPTY;
  #form: HTMLElement | null = null;
  #walk: HTMLFormElement | null = null;
  #most = METHODS_SHOWN;
  #phase = "";
  #drawn: Phase | null = null;
  #isTaken = false;
  #isWalking = false;
  #stop = new AbortController();

  connectedCallback(): void {
    const text = (name: string) => this.getAttribute(name) ?? "";
    const options = { base: text("base"), token: text("token"), merchant: text("merchant"), lang: text("lang"), consent: this.hasAttribute("consent") };
    const seed = this.querySelector("script[type='application/json']")?.textContent;
    this.#walk = this.querySelector("form");
    this.#drawn = seed ? (JSON.parse(seed) as { phase: Phase }).phase : null;
    const [host, result] = [seed ? withAnswer(this.#host, seed) : this.#host, resultHere()];
    dress(this.#root, !!seed);
    fill(this.#root, [h("slot", {})]);
    this.#isTaken = !seed;
    this.#run = run(host, options, (state) => this.#paint(state), result);
    this.#listen(this.#run);
  }

  disconnectedCallback(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#run?.close();
  }

  #listen(running: Running): void {
    const { signal } = this.#stop;
    const shown = () => running.send({ is: "shown" });
    document.addEventListener("visibilitychange", () => (document.hidden ? running.telemetry.flush() : shown()), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && shown(), { signal });
    for (const name of ["online", "offline"]) window.addEventListener(name, shown, { signal });
  }

  #paint(state: State): void {
    const view = show(state, this.getAttribute("lang") || this.#host.lang, Date.now(), this.#most);
    const isFirst = this.#view.screen === "loading" && view.screen !== "loading";
    this.#state = state;
    this.#view = view;
    if (isFirst) requestAnimationFrame(() => this.#run?.telemetry.push({ name: "first_screen" }));
    // The code is the hosted page's to draw, and it goes on from there by itself.
    if (view.screen === "qr") return location.replace(this.#hosted());
    if (this.#isNews(state, view)) this.#draw();
    this.#tell(state);
  }

  /** Whether what the server drew is not what there is to be seen any more. */
  #isNews(state: State, view: Show): boolean {
    if (this.#isTaken || state.trouble) return (this.#isTaken = true);
    if (!state.isFresh || (view.screen !== "pay" && state.answer?.phase === this.#drawn)) return false;
    return (this.#isTaken = true);
  }

  #draw(): void {
    this.replaceChildren();
    const answer = this.#state?.answer;
    const back = webAddress(answer?.links.back ?? answer?.return_url);
    fill(this.#root, draw(this.#view, this.#taps(), this.#form, back));
  }

  #taps() {
    const send = (event: Parameters<Running["send"]>[0]) => this.#run?.send(event);
    return {
      pay: () => this.#pay(),
      method: (method: string) => send({ is: "method", method }),
      offer: (isOn: boolean) => send({ is: "offer", offer: isOn ? undefined : null }),
      more: () => {
        this.#most = 99;
        if (this.#state) this.#paint(this.#state);
      },
      contact: (kind: ContactKind) => {
        this.#form = contactForm(kind, this.#view.t, (value, fields) => {
          this.#form = null;
          if (value && !Array.isArray(value)) send({ is: "filled", kind, value, fields });
          else this.#draw();
        });
        this.#draw();
      },
    };
  }

  #pay(): void {
    if (this.#view.isOff) return;
    const { method, answer } = this.#state ?? {};
    const kind = answer?.methods.find((choice) => choice.method === method)?.invoke_kind;
    if (this.#walk && kind === "wechat_jsapi" && !this.#state?.trouble) return this.#walkWith(this.#walk, method ?? "");
    this.#run?.tap();
  }

  /** Who pays is learnt on the platform's own page: the server's form leads there, with what the shopper sees. */
  #walkWith(form: HTMLFormElement, method: string): void {
    const rows = Array.from(form.querySelectorAll<HTMLInputElement>("input[name=method]"));
    if (this.#isWalking || !rows.some((row) => row.value === method)) return;
    this.#isWalking = true;
    rows.forEach((row) => (row.checked = row.value === method));
    this.append(form);
    form.submit();
  }

  #hosted(): string {
    const lang = this.getAttribute("lang");
    return (this.getAttribute("base") ?? "") + "/c/" + this.getAttribute("token") + (lang ? "?lang=" + encodeURIComponent(lang) : "");
  }

  #tell(state: State): void {
    const phase = state.answer ? state.answer.phase : state.trouble;
    if (!phase || phase === this.#phase) return;
    this.#phase = phase;
    this.dispatchEvent(new CustomEvent("phase", { bubbles: true, detail: { phase } }));
  }
}

/** The web, with 云闪付's sheet where its script is. */
function hostHere(): Host {
  const { upsdk } = window as { upsdk?: Upsdk };
  const web = makeWeb(window);
  return upsdk ? withUpsdk(web, upsdk) : web;
}

/** The host, whose first reading is the answer that came with the page. */
function withAnswer(host: Host, text: string): Host {
  let isGiven = false;
  return {
    ...host,
    request(ask) {
      if (isGiven || ask.method !== "GET") return host.request(ask);
      isGiven = true;
      return Promise.resolve({ status: 200, text, etag: null });
    },
  };
}

/** What the sheet said, in the address that it came back to. */
function resultHere(): SheetResult | undefined {
  const said = new URLSearchParams(location.search).get("result");
  return said && RESULTS.includes(said) ? (said as SheetResult) : undefined;
}

/** On the hosted page its own rules, elsewhere ours. */
function dress(root: ShadowRoot, isHosted: boolean): void {
  const rules = isHosted ? Array.from(document.styleSheets).flatMap((sheet) => Array.from(sheet.cssRules, (rule) => rule.cssText)) : [css];
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  root.adoptedStyleSheets = [sheet];
}

// A browser without these keeps the page that the server drew.
if ("adoptedStyleSheets" in document && !customElements.get("pay-checkout")) {
  delete document.body?.dataset["poll"]; // the element looks for itself
  customElements.define("pay-checkout", PayCheckout);
}
