/** All that this shop asks of Alipay. Its twin for WeChat has the same names. */
const pay = require("@shunfu/pay/dist/alipay/index");

const TIMEOUT_MS = 5000;
const NORMAL_SIZE = 16;
const look = my.getSystemInfoSync();

module.exports = {
  /** Signs in and fetches the checkout ahead; for a tap that is still to come. */
  prefetch: pay.prefetch,
  lang: /^en/i.test(look.language) ? "en" : "zh-CN",
  /** How much larger than normal the reader wants text. */
  textScale: (look.fontSizeSetting || NORMAL_SIZE) / NORMAL_SIZE,
  read: (key) => my.getStorageSync({ key }).data || null,
  write(key, value) {
    my.setStorageSync({ key, data: value });
  },
  remove(key) {
    my.removeStorageSync({ key });
  },
  /** Asks a server; gives {status, body}, with status 0 when it cannot be reached in time. */
  ask: ({ method, url, body }) =>
    new Promise((resolve) => {
      // A status that is no 2xx comes to `fail` on most versions.
      const done = ({ status, data }) => resolve({ status: status || 0, body: data || null });
      my.request({
        method,
        url,
        data: body === undefined ? "" : JSON.stringify(body),
        headers: { "content-type": "application/json" },
        dataType: "json",
        timeout: TIMEOUT_MS,
        success: done,
        fail: done,
      });
    }),
  title(title) {
    my.setNavigationBar({ title });
  },
  open(url) {
    my.navigateTo({ url });
  },
  replace(url) {
    my.redirectTo({ url });
  },
  home(url) {
    my.reLaunch({ url });
  },
  call(phone) {
    my.makePhoneCall({ number: phone });
  },
  /** Alipay shows its agreement itself, before it gives anything; ours is the page. */
  hasContract: false,
  contract() {
    my.navigateTo({ url: "/pages/privacy/index" });
  },
};
