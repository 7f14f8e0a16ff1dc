/** What the shopper has picked: counts by good, and the key under which your server makes one order of it. */
const platform = require("./platform");

const KEY = "cart";
const MOST = 9;
/** An order can be paid for thirty minutes; after twenty the next one is begun. */
const FRESH_MS = 20 * 60 * 1000;
const LETTERS = "0123456789abcdef";

function newKey() {
  let key = "";
  while (key.length < 32) key += LETTERS[Math.floor(Math.random() * LETTERS.length)];
  return key;
}

const read = () => platform.read(KEY) || { counts: {}, key: newKey(), at: Date.now() };

function write(counts) {
  platform.write(KEY, { counts, key: newKey(), at: Date.now() });
}

/** One more or one less of a good. A changed cart is another order. */
function change(id, by) {
  const { counts } = read();
  const count = Math.max(0, Math.min(MOST, (counts[id] || 0) + by));
  if (count) counts[id] = count;
  else delete counts[id];
  write(counts);
}

/** The key for this cart as it is now. */
function key() {
  let cart = platform.read(KEY);
  if (!cart || Date.now() - cart.at > FRESH_MS) {
    write(read().counts);
    cart = platform.read(KEY);
  }
  return cart.key;
}

/** The cart's lines with name and amounts; what is no longer sold is not in them. */
function lines(goods) {
  const { counts } = read();
  return goods
    .filter(({ id }) => counts[id])
    .map(({ id, name, price_minor }) => ({ id, name, quantity: counts[id], amount_minor: price_minor * counts[id] }));
}

/** Empties the cart that this key stands for; a cart that was changed since stays. */
function empty(paid) {
  if (read().key === paid) platform.remove(KEY);
}

module.exports = { change, key, lines, empty };
