/** Runs the checkout on a host: does what the intents say, feeds back what came of it, and paints each new state. */

import { call, checkoutUrl, makeShopper, newKey, readView, type Options } from "./api";
import { keep, recall } from "./cache";
import { step } from "./checkout";
import type { Host } from "./host";
import { begin, HOLD_MS, type Event, type Intent, type State } from "./state";
import { makeTelemetry, type Telemetry } from "./telemetry";
import type { Answer, SheetResult } from "./types";

/** A checkout at work. Its page tells it `shown` when it comes back, and flushes `telemetry` when it goes. */
export interface Running {
  send(event: Event): void;
  /** A tap on the pay button. */
  tap(): void;
  close(): void;
  telemetry: Telemetry;
}

/** Begins a checkout: shows the cached view, asks the server, and calls `paint` with every state after a change. */
export function run(host: Host, options: Options, paint: (state: State) => void, result?: SheetResult): Running {
  let state = begin(host.opens.includes("qr"));
  let etag: string | null = null;
  let stop: () => void = () => {};
  let stopHold = stop;
  let isClosed = false;
  let isRenewed = false;
  const shopper = makeShopper(host, options);
  const telemetry = makeTelemetry(host, options);

  const send = (event: Event) => {
    if (isClosed) return;
    const before = state;
    const [next, intents] = step(state, event);
    state = next;
    if (next !== before) paint(state);
    intents.forEach(act);
  };

  const act = async (intent: Intent) => {
    switch (intent.do) {
      case "load":
        return load(intent.result);
      case "pay": {
        const headers = { "idempotency-key": intent.key, "shunfu-shopper": shopper.token() };
        const reply = await call(host, "POST", checkoutUrl(options, "/payments"), headers, intent.body);
        return send({ is: "answered", reply });
      }
      case "open":
        // A sheet that throws says nothing about the money.
        return send({ is: "sheet", result: await host.pay(intent.invoke).catch(() => "fail" as const) });
      case "wait":
        stop();
        stop = host.later(() => send({ is: "tick" }), intent.seconds * 1000);
        return;
      case "hold":
        stopHold();
        stopHold = host.later(() => send({ is: "released" }), HOLD_MS);
        return;
      case "keep":
        telemetry.rate(intent.answer.telemetry.rate);
        return keep(host, options.token, intent.answer);
      case "track":
        return telemetry.push(intent.line);
    }
  };

  const load = async (said: SheetResult | null): Promise<void> => {
    stop();
    await shopper.signIn();
    const reply = await readView(host, options, shopper, state.answer && etag, said);
    const isLost = reply.status === 200 && !(reply.body as Answer | null)?.shopper && !!shopper.token();
    if (isLost && !isRenewed) {
      isRenewed = true; // the session had ended early: sign in once more, and look again
      shopper.drop();
      return load(said);
    }
    if (reply.status === 200 && reply.body) etag = reply.etag; // a tag is of the answer that is there
    send({ is: "loaded", reply });
  };

  send({ is: "opened", cached: recall(host, options.token), result: result ?? null });
  return {
    send,
    tap: () => send({ is: "pay", key: newKey(host) }),
    telemetry,
    close() {
      isClosed = true;
      stop();
      stopHold();
      telemetry.flush();
    },
  };
}
