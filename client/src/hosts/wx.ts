/** WeChat. The sheet's words are hints: "ok" comes only after the shopper taps the last button, so the server is asked anyway. */

import { TIMEOUT_MS, type Device, type Host, type Raw } from "../core/host";
import { closest } from "../core/texts";
import type { Invoke, SheetResult } from "../core/types";
import { headersOf, later, networkOf, systemOf } from "./shared";

type Wx = WechatMiniprogram.Wx;

/** The host on a `wx` object. */
export function makeWx(wx: Wx): Host {
  return {
    name: "wechat",
    channel: "wechatpay",
    opens: ["wechat_request_payment"],
    lang: closest(wx.getAppBaseInfo().language),
    request: ({ method, url, headers, body }) => request(wx, { method: method as "GET", url, header: headers, data: body ?? "" }),
    read: (key) => wx.getStorageSync(key) as string,
    write(key, data) {
      if (data === null) wx.removeStorage({ key });
      else wx.setStorage({ key, data });
    },
    code: () =>
      new Promise((resolve) => {
        wx.login({ success: (done) => resolve(done.code), fail: () => resolve(null) });
      }),
    pay: (invoke) => new Promise((resolve) => pay(wx, invoke, resolve)),
    device: () => describe(wx),
    beacon(url, data) {
      void request(wx, { method: "POST", url, header: { "content-type": "text/plain" }, data });
    },
    now: Date.now,
    random: Math.random,
    later,
  };
}

function request(wx: Wx, wish: WechatMiniprogram.RequestOption): Promise<Raw> {
  return new Promise((resolve) => {
    wx.request({
      ...wish,
      timeout: TIMEOUT_MS,
      dataType: "text" as "其他", // anything but "json" is left as a text
      success({ statusCode, data, header }) {
        resolve({ status: statusCode, text: data as string, ...headersOf(header as Record<string, string>) });
      },
      fail: () => resolve({ status: 0, text: "", etag: null }),
    });
  });
}

function pay(wx: Wx, invoke: Invoke, resolve: (said: SheetResult) => void): void {
  if (invoke.sandbox_url) {
    // A sandbox's sheet is a page: its address goes to the clipboard, and what is done there shows here.
    wx.setClipboardData({ data: invoke.sandbox_url, complete: () => resolve("unknown") });
    return;
  }
  wx.requestPayment({
    ...(invoke.params as unknown as WechatMiniprogram.RequestPaymentOption),
    success: () => resolve("ok"),
    fail: (said) => resolve(/cancel/.test(said.errMsg) ? "cancel" : "fail"),
  });
}

async function describe(wx: Wx): Promise<Device> {
  const { system, platform, model } = wx.getDeviceInfo();
  const network = await new Promise<string>((resolve) => {
    wx.getNetworkType({ success: (done) => resolve(done.networkType), fail: () => resolve("") });
  });
  return {
    host_version: wx.getAppBaseInfo().version,
    system: systemOf(platform + system),
    system_version: system.replace(/^\D+/, ""),
    device: model.slice(0, 40),
    network: networkOf(network),
  };
}
