const { dress } = require("../../lib/dress");
const orders = require("../../lib/orders");
const platform = require("../../lib/platform");
const shop = require("../../shop");

Page({
  data: { t: {}, f: 1, base: shop.pay, lang: platform.lang, token: "", subject: "", number: "", isOpen: false, isPaid: false, isRefund: false },

  onLoad(query) {
    dress(this, "order");
    this.order = query.order;
    this.draw();
  },
  draw() {
    const order = orders.find(this.order);
    if (!order) return;
    const { token, subject, number } = order;
    const standing = orders.standing(order);
    this.setData({ token, subject, number, isOpen: standing === "open", isPaid: standing === "paid" });
  },
  phase(event) {
    orders.mark(this.order, event.detail.phase);
    this.draw();
  },
  /** Shows what has gone back, or the result again. */
  turn() {
    this.setData({ isRefund: !this.data.isRefund });
  },
  pay() {
    platform.replace(`/pages/checkout/index?order=${this.order}`);
  },
  all() {
    platform.replace("/pages/orders/index");
  },
  help() {
    platform.open("/pages/help/index");
  },
});
