const cart = require("../../lib/cart");
const { dress, fill } = require("../../lib/dress");
const goods = require("../../lib/goods");
const yuan = require("../../lib/money");
const orders = require("../../lib/orders");
const platform = require("../../lib/platform");
const server = require("../../lib/server");
const shop = require("../../shop");

/** A cart that stood still for so long is made an order, and its checkout fetched: the tap that follows waits for nothing. */
const STILL_MS = 800;

Page({
  data: { t: {}, f: 1, lines: [], total: "", button: "", isBusy: false, isTrouble: false },

  onLoad() {
    dress(this, "cart");
  },
  onShow() {
    this.draw();
    if (!goods.known()) goods.load().then(() => this.draw());
  },
  onHide() {
    clearTimeout(this.timer);
  },
  onUnload() {
    clearTimeout(this.timer);
  },
  draw() {
    const { t } = this.data;
    this.lines = cart.lines(goods.known() || []);
    const total = yuan(this.lines.reduce((sum, line) => sum + line.amount_minor, 0));
    const lines = this.lines.map(({ id, name, quantity, amount_minor }) => {
      return { id, name, quantity, amount: yuan(amount_minor), less: fill(t.less, { name }), more: fill(t.more, { name }) };
    });
    this.setData({ lines, total, button: fill(t.pay, { total }), isBusy: false, isTrouble: false });
    clearTimeout(this.timer);
    if (lines.length) this.timer = setTimeout(() => this.order(), STILL_MS);
  },
  less(event) {
    this.change(event.currentTarget.dataset.id, -1);
  },
  more(event) {
    this.change(event.currentTarget.dataset.id, 1);
  },
  change(id, by) {
    if (this.data.isBusy) return;
    cart.change(id, by);
    this.draw();
  },
  /** The order of the cart as it is: asked for once, unless that failed. */
  order() {
    const key = cart.key();
    if (this.made && this.made.key === key) return this.made.promise;
    const lines = this.lines.map(({ id, quantity }) => ({ id, quantity }));
    const promise = server.makeOrder(key, lines).then((made) => {
      if (made) platform.prefetch({ base: shop.pay, token: made.token, merchant: shop.merchant, lang: platform.lang });
      else if (this.made.key === key) this.made = null;
      return made;
    });
    this.made = { key, promise };
    return promise;
  },
  pay() {
    if (this.data.isBusy) return undefined;
    clearTimeout(this.timer);
    this.setData({ isBusy: true, isTrouble: false, button: this.data.t.busy });
    const asked = this.order();
    const { key } = this.made;
    return asked.then((made) => {
      const button = fill(this.data.t.pay, { total: this.data.total });
      this.setData({ isBusy: false, isTrouble: !made, button });
      if (!made) return;
      orders.keep(made, key);
      platform.open(`/pages/checkout/index?order=${made.order}`);
    });
  },
  home() {
    platform.home("/pages/catalogue/index");
  },
});
