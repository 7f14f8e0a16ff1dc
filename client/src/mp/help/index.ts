/** Questions and answers that come with the order's texts, and the way to the shop. */

import { questions } from "../../core/after";
import { speaker } from "../../core/texts";
import { watch, type Watching } from "../../core/watch";
import type { Self } from "../../hosts/component";
import { define, emit, host, optionsOf, textScale } from "../shared";

interface Inside extends Self {
  sfWatch: Watching;
}

define({
  properties: { base: "", token: "", theme: "", lang: "" },
  data: { list: [], open: "", title: "", button: "", f: 1 },
  attached(self: Inside) {
    self.sfWatch = watch(host, optionsOf(self), (answer, isFresh) => {
      if (!answer || (!isFresh && self.data["title"])) return;
      const say = speaker(answer.texts, answer.lang);
      const link = answer.links.help ?? answer.links.back ?? "";
      const button = link && say("help.contact");
      self.setData({ list: questions(answer), title: say("help.title"), link, button, f: textScale() });
    });
  },
  detached: (self: Inside) => self.sfWatch.close(),
  methods: {
    fold(self, tap) {
      const { id = "" } = tap.currentTarget.dataset;
      self.setData({ open: self.data["open"] === id ? "" : id });
    },
    go: (self) => emit(self, "link", { url: self.data["link"] }),
  },
});
