/** The orders of this phone, newest first. Somebody who wants them on every phone keeps them on the server, by shopper. */
const platform = require("./platform");
const cart = require("./cart");

const KEY = "orders";
const KEPT = 20;
const OPEN = ["ready", "qr", "failed", "cancelled"];
const CHECKING = ["processing", "unknown"];
const LAST = ["success", "expired", "closed"];

const list = () => platform.read(KEY) || [];
const find = (id) => list().find((order) => order.order === id) || null;

/** Keeps an order that a cart of this key became; a second time changes nothing. */
function keep(made, key) {
  if (!find(made.order)) platform.write(KEY, [{ ...made, key, phase: "ready" }, ...list()].slice(0, KEPT));
}

/** Writes down what Shunfu said last. `offline` and the like are no word about the order. */
function mark(id, phase) {
  if (![...OPEN, ...CHECKING, ...LAST].includes(phase)) return;
  platform.write(KEY, list().map((order) => (order.order === id ? { ...order, phase } : order)));
  const order = find(id);
  if (order && phase === "success") cart.empty(order.key);
}

/** In which of four words an order is told: open, checking, paid, over. */
function standing({ phase }) {
  if (OPEN.includes(phase)) return "open";
  if (CHECKING.includes(phase)) return "checking";
  return phase === "success" ? "paid" : "over";
}

const isSettled = ({ phase }) => LAST.includes(phase);

/** Forgets them all. */
function forget() {
  platform.remove(KEY);
}

module.exports = { list, find, keep, mark, standing, isSettled, forget };
