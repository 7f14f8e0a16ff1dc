/** WeChat asks this before it gives an address or a phone number, until the reader has agreed once. */
const { part } = require("../../lib/dress");
const platform = require("../../lib/platform");

let shown = null;
let waiting = [];

// Without a page to ask on nobody has agreed: the component behind goes on by hand.
wx.onNeedPrivacyAuthorization((resolve) => {
  if (!shown) return resolve({ event: "disagree" });
  waiting.push(resolve);
  shown.setData({ isShown: true });
});

function answer(said) {
  const asked = waiting;
  waiting = [];
  if (shown) shown.setData({ isShown: false });
  for (const resolve of asked) resolve(said);
}

function show() {
  shown = this;
}

function hide() {
  if (shown !== this) return;
  answer({ event: "disagree" });
  shown = null;
}

Component({
  data: { t: part("ask"), f: platform.textScale, isShown: false },
  lifetimes: { attached: show, detached: hide },
  pageLifetimes: { show, hide },
  methods: {
    read: () => platform.contract(),
    agree: () => answer({ event: "agree", buttonId: "agree" }),
    refuse: () => answer({ event: "disagree" }),
  },
});
