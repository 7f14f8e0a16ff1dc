const { dress } = require("../../lib/dress");
const platform = require("../../lib/platform");
const shop = require("../../shop");

const QUESTIONS = ["pay", "resume", "refund"];

Page({
  data: { t: {}, f: 1, list: [], phone: shop.phone },

  onLoad() {
    const t = dress(this, "help");
    this.setData({ list: QUESTIONS.map((id) => ({ id, q: t[id], a: t[`${id}_why`] })) });
  },
  all() {
    platform.open("/pages/orders/index");
  },
  call() {
    platform.call(shop.phone);
  },
});
