/** The core for a page of one's own: bring a host, get states and views. */

export { call, checkoutUrl, makeShopper, newKey, type Options, type Shopper } from "./core/api";
export { step } from "./core/checkout";
export type { Ask, Device, Host, Raw } from "./core/host";
export { amountParts, amountText, type Parts } from "./core/money";
export { prefetch } from "./core/prefetch";
export { run, type Running } from "./core/runner";
export { begin, type Event, type Intent, type State } from "./core/state";
export { speaker, type Say } from "./core/texts";
export type * from "./core/types";
export { changes, EMPTY, show, type Show } from "./core/view";
export { withUpsdk, type Upsdk } from "./hosts/upsdk";
export { makeWeb } from "./hosts/web";
