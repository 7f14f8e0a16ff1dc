/** How it went, in one tap or two: a code, never words. The page takes it, and sets `sent` once its server has it. */

import { REASONS } from "../../core/after";
import { speaker } from "../../core/texts";
import { watch, type Watching } from "../../core/watch";
import type { Self } from "../../hosts/component";
import { define, emit, host, optionsOf, textScale } from "../shared";

interface Inside extends Self {
  sfWatch: Watching;
}

define({
  properties: { base: "", token: "", theme: "", lang: "", sent: false },
  data: { heading: "", isBad: false, reasons: [], t: {}, f: 1 },
  attached(self: Inside) {
    self.sfWatch = watch(host, optionsOf(self), (answer) => {
      if (!answer) return;
      const say = speaker(answer.texts, answer.lang);
      const reasons = REASONS.map((id) => ({ id, text: say("feedback." + id) }));
      const t = { good: say("feedback.good"), bad: say("feedback.bad"), sent: say("feedback.sent"), what: say("feedback.what") };
      self.setData({ heading: say("feedback.ask"), reasons, t, f: textScale() });
    });
  },
  detached: (self: Inside) => self.sfWatch.close(),
  methods: {
    bad: (self: Inside) => self.setData({ isBad: true }),
    tell: (self: Inside, tap) => emit(self, "feedback", { code: tap.currentTarget.dataset["id"] }),
  },
});
