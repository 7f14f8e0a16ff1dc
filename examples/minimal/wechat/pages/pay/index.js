Page({
  data: { token: "" },
  onLoad({ key, id }) {
    wx.request({
      method: "POST",
      url: "https://shop.example.com/shop/orders",
      data: { key, lang: "zh-CN", lines: [{ id, quantity: 1 }] },
      timeout: 5000,
      success: ({ statusCode, data }) => (statusCode === 201 ? this.setData({ token: data.token }) : this.trouble()),
      fail: () => this.trouble(),
    });
  },
  trouble() {
    wx.showModal({ content: "这次没能下单，没有扣款。", showCancel: false, success: () => this.done() });
  },
  done() {
    wx.navigateBack();
  },
});
