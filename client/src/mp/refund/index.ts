/** What has gone back, and where to ask. The request itself is the shop's to take. */

import { refundShow } from "../../core/after";
import { watch, type Watching } from "../../core/watch";
import type { Self } from "../../hosts/component";
import { define, emit, host, optionsOf, textScale } from "../shared";

interface Inside extends Self {
  sfWatch: Watching;
}

define({
  properties: { base: "", token: "", theme: "", lang: "" },
  data: { heading: "", f: 1 },
  attached(self: Inside) {
    self.sfWatch = watch(host, optionsOf(self), (answer) => {
      if (answer) self.setData({ ...refundShow(answer), f: textScale() });
    });
  },
  detached: (self: Inside) => self.sfWatch.close(),
  shown: (self: Inside) => self.sfWatch?.look(),
  methods: { go: (self: Inside) => emit(self, "link", { url: self.data["link"] }) },
});
