/** The package's own module in a mini-program: what a page calls without a component. */

import type { Options } from "../core/api";
import { prefetch as fetchAhead } from "../core/prefetch";
import { host } from "./shared";

/** Call it from the cart: signs in and fills the cache, so that the checkout paints from storage. */
export function prefetch(options: Options): Promise<void> {
  return fetchAhead(host, options);
}
