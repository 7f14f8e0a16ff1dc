/** All that this shop asks of WeChat. Its twin for Alipay has the same names. */
const pay = require("@shunfu/pay");

const TIMEOUT_MS = 5000;
const look = wx.getAppBaseInfo();

module.exports = {
  /** Signs in and fetches the checkout ahead; for a tap that is still to come. */
  prefetch: pay.prefetch,
  lang: /^en/i.test(look.language) ? "en" : "zh-CN",
  /** How much larger than normal the reader wants text. */
  textScale: look.fontSizeScaleFactor || 1,
  read: (key) => wx.getStorageSync(key) || null,
  write(key, value) {
    wx.setStorageSync(key, value);
  },
  remove(key) {
    wx.removeStorageSync(key);
  },
  /** Asks a server; gives {status, body}, with status 0 when it cannot be reached in time. */
  ask: ({ method, url, body }) =>
    new Promise((resolve) => {
      wx.request({
        method,
        url,
        data: body === undefined ? "" : JSON.stringify(body),
        header: { "content-type": "application/json" },
        timeout: TIMEOUT_MS,
        success: ({ statusCode, data }) => resolve({ status: statusCode, body: data }),
        fail: () => resolve({ status: 0, body: null }),
      });
    }),
  title(title) {
    wx.setNavigationBarTitle({ title });
  },
  open(url) {
    wx.navigateTo({ url });
  },
  replace(url) {
    wx.redirectTo({ url });
  },
  home(url) {
    wx.reLaunch({ url });
  },
  call(phone) {
    wx.makePhoneCall({ phoneNumber: phone });
  },
  /** Whether the platform keeps the agreement itself, and can show it. */
  hasContract: true,
  contract() {
    wx.openPrivacyContract({});
  },
};
