/** What Alipay knows of the shopper and tells when asked. Only the contact form takes it along. */

import type { Address } from "../core/types";
import type { My } from "./my";

declare const my: My;

/** The address that the shopper picks in the platform's own book. */
export function pickAddress(): Promise<Address | null> {
  return new Promise((resolve) => {
    // Cancelled, refused, or not granted to this app: all mean "by hand".
    my.getAddress({
      success: (done: { resultStatus?: string; result?: Record<string, string> }) =>
        resolve(done.result && String(done.resultStatus) === "9000" ? addressOf(done.result) : null),
      fail: () => resolve(null),
    });
  });
}

/** The sealed phone number, which the server verifies and opens; the tap on the button was the agreement. */
export function phoneProof(): Promise<string | null> {
  return new Promise((resolve) => {
    const success = (found: { response: unknown }) =>
      resolve(typeof found.response === "string" ? found.response : JSON.stringify(found.response));
    my.getPhoneNumber({ success, fail: () => resolve(null) });
  });
}

function addressOf(found: Record<string, string>): Address {
  return {
    name: found["fullname"] ?? "",
    phone: (found["mobilePhone"] ?? "").replace(/[ -]/g, ""),
    province: found["prov"] ?? "",
    city: found["city"] ?? "",
    district: found["area"] ?? "",
    street: (found["street"] ?? "") + (found["address"] ?? ""),
  };
}
