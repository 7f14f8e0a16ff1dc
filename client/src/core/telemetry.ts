/** What a visit tells about itself: in batches, after the paint, never in the way and never about who pays. */

import { newKey, type Options } from "./api";
import type { Device, Host } from "./host";
import type { Track } from "./types";

const WAIT_MS = 2000;
const BATCH_MAX = 50;
const VERSION = "1";
/** What a visit tells of its device without consent: nothing. What is left out is blank. */
const NOBODYS = { version: "", system: "other", network: "unknown" } as const;

/** A visit's teller. */
export interface Telemetry {
  push(line: Track): void;
  /** The share of visits that are measured, as the answer tells it; the draw is made once. */
  rate(rate: number): void;
  flush(): void;
}

let latest: [token: string, telemetry: Telemetry] | undefined;

/** The visit to this order that is under way on this device, so that its result belongs to it; else a new one. */
export function visitTo(host: Host, options: Options): Telemetry {
  return latest?.[0] === options.token ? latest[1] : makeTelemetry(host, options);
}

/** The teller of one new visit, whose id is random and ends with it. */
export function makeTelemetry(host: Host, options: Options): Telemetry {
  const isAsked = !!options.consent;
  const began = host.now();
  const visit = newKey(host).slice(-22);
  let queue: (Track & { at_ms: number })[] = [];
  let sample: number | null = null;
  let isDrawn = false;
  let seq = 0;
  let stop: (() => void) | null = null;
  let device: Partial<Device> | null = isAsked ? null : NOBODYS;
  const send = () => {
    stop = null;
    if (!queue.length || !device || sample === null) return;
    const events = queue;
    queue = [];
    const app = { version: VERSION, host: host.name, ...device };
    const told = { checkout: options.token, visit, seq: seq++, consent: isAsked, sample, app, events };
    if (isDrawn) host.beacon(options.base + "/v1/telemetry", JSON.stringify(told));
  };
  const telemetry: Telemetry = {
    push(line) {
      // Without consent the server counts the visit and hears nothing of it.
      if (!isAsked && line.name !== "open") return;
      if (queue.length < BATCH_MAX) queue.push({ ...line, at_ms: host.now() - began });
      stop ??= host.later(() => {
        const found = device ? Promise.resolve(device) : host.device();
        // What cannot be measured or sent is not worth a word to somebody who pays.
        found.then((one) => ((device = one), send())).catch(() => (stop = null));
      }, WAIT_MS);
    },
    rate(rate) {
      if (sample === null) isDrawn = host.random() < rate;
      sample ??= rate;
    },
    flush() {
      stop?.();
      send();
    },
  };
  latest = [options.token, telemetry];
  return telemetry;
}
