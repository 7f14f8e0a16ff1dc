/** What WeChat knows of the shopper and tells when asked. Only the contact form takes it along. */

import type { Address } from "../core/types";
import type { Tap } from "./component";

/** The address that the shopper picks in the platform's own book. */
export function pickAddress(): Promise<Address | null> {
  return new Promise((resolve) => {
    // Cancelled, refused, or not declared in the app's privacy agreement: all mean "by hand".
    wx.chooseAddress({ success: (found) => resolve(addressOf(found)), fail: () => resolve(null) });
  });
}

/** The one-time code of the phone button. */
export async function phoneProof(event: Tap): Promise<string | null> {
  return event.detail.code ?? null;
}

function addressOf(found: WechatMiniprogram.ChooseAddressSuccessCallbackResult): Address {
  return {
    name: found.userName,
    phone: found.telNumber.replace(/[ -]/g, ""),
    province: found.provinceName,
    city: found.cityName,
    district: found.countyName,
    street: found.detailInfo,
    ...(found.postalCode && { postcode: found.postalCode }),
  };
}
