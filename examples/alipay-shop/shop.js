/** Your shop. Colours are in theme.wxss; everything else that is yours is here. No key belongs in a mini-program. */
module.exports = {
  name: { "zh-CN": "山前咖啡", en: "Shanqian Coffee" },
  /** Your merchant number, as the console shows it. */
  merchant: "mer_01HZY3V9Q8M5T2K7R4W6X0J1BC",
  /** Where Shunfu runs: add it to the platform's request domains. */
  pay: "https://pay.example.com",
  /** Your own server, see examples/server: add it too. */
  server: "https://shop.example.com",
  /** Whom to call. */
  phone: "400-000-0000",
};
