const { dress } = require("../../lib/dress");
const orders = require("../../lib/orders");
const platform = require("../../lib/platform");

const PARTS = ["what", "why", "keep", "rights"];

Page({
  data: { t: {}, f: 1, list: [], hasContract: platform.hasContract, consent: false, isCleared: false },

  onLoad() {
    const t = dress(this, "privacy");
    const list = PARTS.map((id) => ({ id, q: t[id], a: t[`${id}_why`] }));
    this.setData({ list, consent: platform.read("consent") === true });
  },
  read() {
    platform.contract();
  },
  measure() {
    const consent = !this.data.consent;
    platform.write("consent", consent);
    this.setData({ consent });
  },
  clear() {
    orders.forget();
    platform.remove("cart");
    this.setData({ isCleared: true });
  },
});
