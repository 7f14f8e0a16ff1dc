/** Answers as the server writes them, with its own texts. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Answer, Invoke, Method, Payment } from "../../src/core/types";

const TEXTS = join(import.meta.dirname, "../../../src/shunfu/checkout/texts");
const read = (name: string) => JSON.parse(readFileSync(join(TEXTS, name), "utf8")) as Record<string, string>;

/** The client's texts in one language, put together as the server does. */
export function texts(lang: "zh" | "en"): Record<string, string> {
  const shared = Object.entries(read(`${lang}.json`)).filter(([key]) => /^(refused|reason)\./.test(key));
  return { ...read(`client.${lang}.json`), ...Object.fromEntries(shared) };
}

export const TOKEN = "01HZY3V9Q8M5T2K7R4W6X0J1BC01HZY3V9Q8M5T2K7R4W6X0J1BD1790000000AAAAAAAAAAAAAAAAAAAAAA";
export const BASE = "https://pay.example.com";

/** A way to pay that works, unless told otherwise. */
export function method(name: string, label: string, more: Partial<Method> = {}): Method {
  const base = { method: name, label, icon: "wallet", is_default: false, is_enabled: true };
  return { ...base, reason: "available", reason_text: "可用", invoke_kind: "wechat_request_payment", ...more };
}

export const INVOKE: Invoke = {
  kind: "wechat_request_payment",
  params: { timeStamp: "1790000000", nonceStr: "n", package: "prepay_id=wx1", signType: "RSA", paySign: "s" },
  expires_at: "2026-11-28T14:32:00+08:00",
  sandbox_url: null,
};

const NOTHING = { captured_minor: 0, refunded_minor: 0, refund_reserved_minor: 0 };

/** A payment that waits for its sheet. */
export function payment(more: Partial<Payment> = {}): Payment {
  return { id: "pay_1", state: "PENDING", method: "wechatpay/miniprogram", refused_reason: null, invoke: INVOKE, ...NOTHING, ...more };
}

/** A ready order of ¥96.00 with ¥10.00 off and three methods. */
export function answer(more: Partial<Answer> = {}): Answer {
  return {
    phase: "ready",
    lang: "zh-CN",
    merchant_name: "山前咖啡",
    order: {
      id: "ord_1",
      state: "OPEN",
      amount_minor: 9600,
      currency: "CNY",
      subject: "云南日晒咖啡豆 等 3 件",
      items: [
        { name: "云南日晒咖啡豆 250g", quantity: 1, amount_minor: 6800 },
        { name: "挂耳咖啡 10 片", quantity: 1, amount_minor: 2800 },
      ],
      expires_at: "2026-11-28T14:32:00+08:00",
      needs: [],
    },
    pay: { amount_minor: 8600, saving_minor: 1000 },
    offers: [{ id: "off_1", name: "新客立减 10 元", saving_minor: 1000, is_applied: true, reason: "best" }],
    methods: [
      method("wechatpay/miniprogram", "微信支付", { is_default: true, reason: "last_used", reason_text: "上次在此使用" }),
      method("unionpay/app", "云闪付"),
      method("alipay/app", "支付宝", { is_enabled: false, reason: "wrong_app", reason_text: "请在对应的应用里打开" }),
    ],
    payment: null,
    shopper: null,
    contact: null,
    contact_given: [],
    texts: texts("zh"),
    links: { help: null, refund: null, feedback: null, back: "https://shop.example.com/" },
    telemetry: { rate: 1 },
    is_sandbox: true,
    return_url: "https://shop.example.com/",
    ...more,
  };
}
