/** UnionPay's app: a page in its browser, with the sheet and the sign-in code by `upsdk`. */

import type { Host } from "../core/host";
import type { Invoke, SheetResult } from "../core/types";

/** As much of `upsdk` as we use. */
export interface Upsdk {
  pluginReady(run: () => void): void;
  pay(call: { tn: string; success(): void; fail(said: { msg?: string }): void }): void;
  appletAuth(call: { success(found: { code?: string }): void; fail(): void }): void;
}

/** The web host, with what `upsdk` adds. Its `fail` is a bad number as well as a shopper who went back. */
export function withUpsdk(web: Host, upsdk: Upsdk): Host {
  return {
    ...web,
    name: "unionpay",
    channel: "unionpay",
    opens: ["unionpay_tn", ...web.opens],
    code: () =>
      new Promise((resolve) => {
        upsdk.pluginReady(() => {
          upsdk.appletAuth({ success: (found) => resolve(found.code || null), fail: () => resolve(null) });
        });
      }),
    pay: (invoke) => (invoke.kind === "unionpay_tn" && !invoke.sandbox_url ? payByNumber(upsdk, invoke) : web.pay(invoke)),
  };
}

function payByNumber(upsdk: Upsdk, invoke: Invoke): Promise<SheetResult> {
  return new Promise((resolve) => {
    upsdk.pluginReady(() => {
      upsdk.pay({
        tn: invoke.params["tn"] ?? "",
        success: () => resolve("ok"),
        fail: (said) => resolve(/取消|cancel/i.test(said.msg ?? "") ? "cancel" : "fail"),
      });
    });
  });
}
