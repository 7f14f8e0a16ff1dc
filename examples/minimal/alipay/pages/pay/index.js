Page({
  data: { token: "" },
  onLoad({ key, id }) {
    my.request({
      method: "POST",
      url: "https://shop.example.com/shop/orders",
      headers: { "content-type": "application/json" },
      data: JSON.stringify({ key, lang: "zh-CN", lines: [{ id, quantity: 1 }] }),
      timeout: 5000,
      success: ({ status, data }) => (status === 201 ? this.setData({ token: data.token }) : this.trouble()),
      fail: () => this.trouble(),
    });
  },
  trouble() {
    my.alert({ content: "这次没能下单，没有扣款。", complete: () => this.done() });
  },
  done() {
    my.navigateBack();
  },
});
