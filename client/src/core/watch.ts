/** Looks at an order without paying: for the pages after the checkout. Cached view first, then the server's. */

import { makeShopper, readView, type Options } from "./api";
import { keep, recall } from "./cache";
import type { Host } from "./host";
import { isGone, isOpen, LOOKS_MAX, WAITS_SECONDS } from "./state";
import type { Answer } from "./types";

/** A look that goes on while the result is open; `look` begins it anew, when the page comes back. */
export interface Watching {
  look(): void;
  close(): void;
}

/** Paints the order's answer, or null when there is none; `isFresh` tells whether the server has just said it. */
export function watch(host: Host, options: Options, paint: (answer: Answer | null, isFresh: boolean) => void): Watching {
  const shopper = makeShopper(host, options);
  let answer = recall(host, options.token);
  let looks = 0;
  let isLooking = false;
  let isClosed = false;
  let stop: () => void = () => {};
  const once = async () => {
    if (isLooking || isClosed) return;
    isLooking = true;
    stop();
    const reply = await readView(host, options, shopper);
    isLooking = false;
    if (isClosed) return;
    const isFresh = reply.status === 200 && !!reply.body;
    if (isFresh) keep(host, options.token, (answer = reply.body as Answer));
    paint(answer, isFresh);
    looks += 1;
    const isWaiting = !isGone(reply.status) && (!isFresh || !answer || isOpen(answer.phase));
    const seconds = Math.max(WAITS_SECONDS[looks] ?? 8, reply.wait_seconds ?? 0);
    if (isWaiting && looks < LOOKS_MAX) stop = host.later(once, seconds * 1000);
  };
  if (answer) paint(answer, false);
  void once();
  return {
    look() {
      looks = 0;
      void once();
    },
    close() {
      isClosed = true;
      stop();
    },
  };
}
