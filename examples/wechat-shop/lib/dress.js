/** What every page has: its texts in the reader's language, the reader's text size, and its title. */
const platform = require("./platform");
const shop = require("../shop");
const texts = require("./texts");

/** Texts of one part without its name: `cart.total` is `total`. */
function part(name) {
  const all = texts[platform.lang];
  const found = {};
  for (const key of Object.keys(all)) if (key.startsWith(`${name}.`)) found[key.slice(name.length + 1)] = all[key];
  return found;
}

/** Sets texts, size and title of a page; gives its texts. */
function dress(page, name) {
  const t = part(name);
  platform.title(t.title || shop.name[platform.lang]);
  page.setData({ t, f: platform.textScale });
  return t;
}

/** Puts values into a text's places. */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

module.exports = { dress, part, fill };
