/** The goods: those of the last visit at once, today's as soon as the server has told. */
const platform = require("./platform");
const server = require("./server");

const KEY = "goods";

/** What is known without asking. In another language it is not known. */
function known() {
  const kept = platform.read(KEY);
  return kept && kept.lang === platform.lang ? kept.goods : null;
}

/** Asks, and keeps what was said. Null when the server did not say. */
function load() {
  return server.goods().then((goods) => {
    if (goods) platform.write(KEY, { lang: platform.lang, goods });
    return goods;
  });
}

module.exports = { known, load };
