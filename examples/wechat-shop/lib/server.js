/** Your own server (goods, orders), and what Shunfu says about an order to whoever holds its token. */
const platform = require("./platform");
const shop = require("../shop");

/** The goods as [{id, name, why, price_minor}], or null when the server does not say. */
function goods() {
  return platform.ask({ method: "GET", url: `${shop.server}/shop/goods?lang=${platform.lang}` }).then(({ status, body }) => {
    return status === 200 && body ? body.goods : null;
  });
}

/** The order {order, number, token, subject, amount_minor} for a cart; the same key gives the same order. Null: none was made. */
function makeOrder(key, lines) {
  const body = { key, lang: platform.lang, lines };
  return platform.ask({ method: "POST", url: `${shop.server}/shop/orders`, body }).then(({ status, body: made }) => {
    return status === 201 ? made : null;
  });
}

/** The phase of an order's checkout, or null when it is not known now. */
function phase(token) {
  return platform.ask({ method: "GET", url: `${shop.pay}/v1/checkout/${token}?lang=${platform.lang}` }).then(({ status, body }) => {
    return status === 200 && body ? body.phase : null;
  });
}

module.exports = { goods, makeOrder, phase };
