/** From the cart: sign in and keep the order's view, so that the checkout paints at once. */

import { makeShopper, readView, type Options } from "./api";
import { keep } from "./cache";
import type { Host } from "./host";
import type { Answer } from "./types";

/** Fills the cache for one order; when the server does not answer, the checkout simply begins with its skeleton. */
export async function prefetch(host: Host, options: Options): Promise<void> {
  const shopper = makeShopper(host, options);
  await shopper.signIn();
  const reply = await readView(host, options, shopper);
  if (reply.status === 200 && reply.body) keep(host, options.token, reply.body as Answer);
}
