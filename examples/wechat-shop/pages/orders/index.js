const { dress } = require("../../lib/dress");
const yuan = require("../../lib/money");
const orders = require("../../lib/orders");
const platform = require("../../lib/platform");
const server = require("../../lib/server");

/** So many unsettled orders are asked about when the page shows; a platform lets few requests run at once. */
const ASKED = 5;

Page({
  data: { t: {}, f: 1, orders: [] },

  onLoad() {
    dress(this, "orders");
  },
  onShow() {
    this.draw();
    return this.ask();
  },
  draw() {
    const { t } = this.data;
    const list = orders.list().map((order) => ({
      id: order.order,
      subject: order.subject,
      number: order.number,
      amount: yuan(order.amount_minor),
      state: t[orders.standing(order)],
    }));
    this.setData({ orders: list });
  },
  ask() {
    const open = orders.list().filter((order) => !orders.isSettled(order)).slice(0, ASKED);
    const asked = open.map(({ order, token }) =>
      server.phase(token).then((phase) => {
        orders.mark(order, phase);
        return phase;
      }),
    );
    return Promise.all(asked).then((phases) => {
      if (phases.some((phase) => phase)) this.draw();
    });
  },
  /** An unpaid order is paid where it was left; any other shows how it stands. */
  open(event) {
    const { id } = event.currentTarget.dataset;
    const page = orders.standing(orders.find(id)) === "open" ? "checkout" : "order";
    platform.open(`/pages/${page}/index?order=${id}`);
  },
  home() {
    platform.home("/pages/catalogue/index");
  },
});
