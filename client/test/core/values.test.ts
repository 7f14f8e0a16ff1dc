/** Money, clocks, forms and what the pages after the checkout say. */

import { expect, test } from "vitest";

import { questions, refundShow, resultShow } from "../../src/core/after";
import { contactLine } from "../../src/core/contact";
import { readForm } from "../../src/core/form";
import { amountParts, amountText } from "../../src/core/money";
import { speaker } from "../../src/core/texts";
import { clockText } from "../../src/core/view";
import { headersOf, networkOf, systemOf } from "../../src/hosts/shared";
import { answer, payment, texts } from "../support/answer";

test.each([
  [8600, "CNY", "¥86.00"],
  [1, "CNY", "¥0.01"],
  [0, "CNY", "¥0.00"],
  [123456789, "CNY", "¥1,234,567.89"],
  [1234, "JPY", "¥1,234"],
  [1005, "KWD", "KWD 1.005"],
  [-1000, "CNY", "−¥10.00"],
  [9007199254740991, "CNY", "¥90,071,992,547,409.91"],
])("%i of %s is %s", (minor, currency, text) => {
  expect(amountText(minor, currency)).toBe(text);
});

test("an amount is never a fraction", () => {
  expect(() => amountParts(0.1, "CNY")).toThrow(RangeError);
  expect(() => amountParts(2 ** 53, "CNY")).toThrow(RangeError);
});

test("every amount keeps its digits", () => {
  for (let minor = 0; minor < 200000; minor += 37) {
    expect(Number(amountText(minor, "CNY").replace(/\D/g, ""))).toBe(minor);
  }
});

test("a clock is Shanghai's, with its day when that is another", () => {
  const now = Date.parse("2026-11-28T14:02:00+08:00");
  expect(clockText("2026-11-28T06:32:00Z", now)).toBe("14:32");
  expect(clockText("2026-11-28T17:32:00Z", now)).toBe("11-29 01:32");
});

test("a sentence's places are filled, and an unknown key shows as itself", () => {
  expect(speaker(texts("en"), "en")("checkout.pay", { method: "Alipay", amount: "¥1.00" })).toBe("Pay ¥1.00 with Alipay");
  expect(speaker(null, "en")("no.such")).toBe("no.such");
});

test("forms take what is needed and name what is wrong", () => {
  expect(readForm("phone", { phone: " 138-0013-8000 " })).toBe("13800138000");
  expect(readForm("phone", { phone: "12a" })).toEqual(["phone"]);
  expect(readForm("address", { name: "陈梅" })).toEqual(["phone", "province", "city", "street"]);
  expect(readForm("invoice", { title: "某公司", tax_number: "91" })).toEqual({ title: "某公司", tax_number: "91", kind: "company" });
  expect(readForm("invoice", { title: "陈梅", email: "no" })).toEqual(["email"]);
});

test("a phone number is shown by its ends", () => {
  expect(contactLine("13800138000")).toBe("138****8000");
  expect(contactLine(null)).toBe("");
});

test("only success says paid; what is open says so; late money is never called uncharged", () => {
  expect(resultShow(answer({ phase: "success", payment: payment({ state: "CAPTURED" }) })).heading).toBe("付款成功");
  for (const phase of ["unknown", "processing", "qr"] as const) expect(resultShow(answer({ phase })).mark).toBe("unk");
  expect(resultShow(answer()).heading).toBe("还没付款");
  const late = resultShow(answer({ phase: "closed", payment: payment({ state: "CAPTURED" }) }));
  expect(late.heading).toBe("订单已关闭，但收到了这笔付款");
});

test("refunds: nothing, under way, part and all; without a link there is no button", () => {
  const of = (more: object) => refundShow(answer({ phase: "success", payment: payment({ state: "CAPTURED", captured_minor: 8600, ...more }) }));
  expect(of({})).toMatchObject({ heading: "还没有退款", button: "" });
  expect(of({ refund_reserved_minor: 1000 })).toMatchObject({ heading: "退款处理中，原路退回", amount: "¥10.00", mark: "unk" });
  expect(of({ refunded_minor: 1000 }).heading).toBe("已退 ¥10.00，其余不变");
  expect(of({ refunded_minor: 8600 }).heading).toBe("已退款 ¥86.00");
  expect(refundShow(answer()).heading).toBe("付款成功后才能申请退款");
});

test("questions come with their answers", () => {
  const found = questions(answer());
  expect(found.length).toBeGreaterThan(3);
  for (const { q, a } of found) expect(q && a).toBeTruthy();
});

test.each([
  ["iOS 17", "ios"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X)", "ios"],
  ["Mozilla/5.0 (iPad; CPU OS 17_2 like Mac OS X)", "ios"],
  ["Android 14", "android"],
  ["Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120", "android"],
  ["Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) Chrome/99", "harmony"],
  ["HarmonyOS 5", "harmony"],
  ["OpenHarmony", "harmony"],
  ["ohos", "harmony"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"],
  ["macOS", "macos"],
  ["Mozilla/5.0 (X11; Linux x86_64)", "linux"],
  ["plan9", "other"],
])("%s is %s", (words, system) => {
  expect(systemOf(words)).toBe(system);
});

test("networks in our words", () => {
  expect(["WIFI", "4g", "none", "NOTREACHABLE", "ethernet"].map(networkOf)).toEqual(["wifi", "4g", "offline", "offline", "unknown"]);
});

test("headers are found however a platform spells them", () => {
  expect(headersOf({ ETag: '"a"', "retry-After": "7" })).toEqual({ etag: '"a"', retry_after: "7" });
  expect(headersOf({})).toEqual({ etag: null });
});
