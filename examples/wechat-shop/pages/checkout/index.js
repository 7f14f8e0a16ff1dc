const { dress } = require("../../lib/dress");
const orders = require("../../lib/orders");
const platform = require("../../lib/platform");
const shop = require("../../shop");

Page({
  data: { t: {}, f: 1, base: shop.pay, merchant: shop.merchant, lang: platform.lang, token: "", consent: false },

  onLoad(query) {
    dress(this, "checkout");
    const order = orders.find(query.order);
    if (!order) return;
    this.order = order.order;
    this.setData({ token: order.token, consent: platform.read("consent") === true });
  },
  phase(event) {
    orders.mark(this.order, event.detail.phase);
  },
  done() {
    platform.replace(`/pages/order/index?order=${this.order}`);
  },
  help() {
    platform.open("/pages/help/index");
  },
  all() {
    platform.replace("/pages/orders/index");
  },
});
