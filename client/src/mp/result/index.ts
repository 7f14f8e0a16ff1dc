/** How an order stands, after the checkout or from the list of orders. */

import { resultShow } from "../../core/after";
import { watch, type Watching } from "../../core/watch";
import type { Self } from "../../hosts/component";
import { define, emit, host, optionsOf, textScale, visitTo, type Telemetry } from "../shared";

interface Inside extends Self {
  sfWatch: Watching;
  sfTell: Telemetry;
  sfPhase?: string;
}

define({
  properties: { base: "", token: "", theme: "", lang: "", consent: false },
  data: { heading: "", f: 1 },
  attached(self: Inside) {
    const options = optionsOf(self);
    self.sfTell = visitTo(host, options);
    self.sfWatch = watch(host, options, (answer, isFresh) => {
      if (!answer) return;
      self.setData({ ...resultShow(answer), f: textScale() });
      if (!isFresh || answer.phase === self.sfPhase) return;
      self.sfTell.rate(answer.telemetry.rate);
      if (!self.sfPhase) self.sfTell.push({ name: "result_view", code: answer.phase });
      self.sfPhase = answer.phase;
      emit(self, "phase", { phase: answer.phase });
    });
  },
  detached(self: Inside) {
    self.sfWatch.close();
    self.sfTell.flush();
  },
  shown: (self: Inside) => self.sfWatch?.look(),
  hidden: (self: Inside) => self.sfTell?.flush(),
  methods: { go: (self: Inside) => emit(self, "link", { url: self.data["link"] }) },
});
