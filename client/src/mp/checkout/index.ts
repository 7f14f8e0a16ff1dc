/** The checkout as a native component: properties in, one view set by what changed in it, taps out to the core. */

import { run, type Running } from "../../core/runner";
import type { State } from "../../core/state";
import { changes, EMPTY, METHODS_SHOWN, show, type Show } from "../../core/view";
import type { Self } from "../../hosts/component";
import { define, emit, host, optionsOf, textScale } from "../shared";

interface Inside extends Self {
  sfRun: Running;
  sfState?: State;
  sfShow: Show;
  sfMost: number;
  sfPhase: string;
}

define({
  properties: { base: "", token: "", merchant: "", theme: "", lang: "", consent: false },
  data: { ...EMPTY, f: 1 },
  attached(self: Inside) {
    const options = optionsOf(self);
    self.sfShow = EMPTY;
    self.sfMost = METHODS_SHOWN;
    self.sfRun = run(host, options, (state) => paint(self, state, options.lang || host.lang));
  },
  detached: (self: Inside) => self.sfRun.close(),
  shown: (self: Inside) => self.sfRun?.send({ is: "shown" }),
  hidden: (self: Inside) => self.sfRun?.telemetry.flush(),
  methods: {
    pay(self: Inside) {
      const { isOff, screen } = self.sfShow;
      if (isOff) return;
      if (/pay|error/.test(screen)) self.sfRun.tap();
      else emit(self, "done", { phase: self.sfPhase });
    },
    method: (self: Inside, tap) => self.sfRun.send({ is: "method", method: tap.currentTarget.dataset["id"] ?? "" }),
    offer: (self: Inside) => self.sfRun.send({ is: "offer", offer: self.sfShow.offer?.on ? null : undefined }),
    given: (self: Inside, { detail }) => self.sfRun.send({ is: "filled", ...detail } as never),
    showAll(self: Inside) {
      self.sfMost = 99;
      if (self.sfState) paint(self, self.sfState, "");
    },
  },
});

/** Sets what changed, all at once, and tells the page of a new phase. */
function paint(self: Inside, state: State, lang: string): void {
  const before = self.sfShow;
  const view = show(state, lang, host.now(), self.sfMost);
  const changed: Record<string, unknown> = changes(before, view);
  if (!self.sfState) changed["f"] = textScale();
  self.sfShow = view;
  self.sfState = state;
  const isFirst = before.screen === "loading" && view.screen !== "loading";
  if (Object.keys(changed)[0]) self.setData(changed, () => isFirst && self.sfRun.telemetry.push({ name: "first_screen" }));
  const phase = state.answer ? state.answer.phase : state.trouble;
  if (!phase || phase === self.sfPhase) return;
  self.sfPhase = phase;
  emit(self, "phase", { phase });
}
