const cart = require("../../lib/cart");
const { dress, fill } = require("../../lib/dress");
const goods = require("../../lib/goods");
const yuan = require("../../lib/money");
const platform = require("../../lib/platform");

Page({
  data: { t: {}, f: 1, isLoading: true, isTrouble: false, goods: [], bag: "" },

  onLoad() {
    dress(this, "catalogue");
    const known = goods.known();
    if (known) this.draw(known);
    this.load();
  },
  onShow() {
    this.count();
  },
  load() {
    return goods.load().then((list) => {
      if (list) return this.draw(list);
      const hasNothing = !this.data.goods.length;
      return this.setData({ isLoading: false, isTrouble: hasNothing });
    });
  },
  draw(list) {
    const { t } = this.data;
    const shown = list.map(({ id, name, why, price_minor }) => ({ id, name, why, price: yuan(price_minor), add: fill(t.add, { name }) }));
    this.setData({ isLoading: false, isTrouble: false, goods: shown });
    this.count();
  },
  count() {
    const lines = cart.lines(goods.known() || []);
    const count = lines.reduce((sum, line) => sum + line.quantity, 0);
    const total = yuan(lines.reduce((sum, line) => sum + line.amount_minor, 0));
    const bag = count ? fill(this.data.t.cart, { count, total }) : "";
    if (bag !== this.data.bag) this.setData({ bag });
  },
  add(event) {
    cart.change(event.currentTarget.dataset.id, 1);
    this.count();
  },
  go(event) {
    platform.open(`/pages/${event.currentTarget.dataset.to}/index`);
  },
});
