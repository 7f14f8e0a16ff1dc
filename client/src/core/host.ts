/** What the core asks of the platform it runs on. One small adapter each in `hosts/`; tests bring their own. */

import type { Invoke, SheetResult } from "./types";

export interface Ask {
  method: "GET" | "POST" | "PUT" | "DELETE";
  url: string;
  headers: Record<string, string>;
  body: string | null;
}

/** Status 0: no connection, or no answer within `TIMEOUT_MS`. */
export interface Raw {
  status: number;
  text: string;
  etag: string | null;
  /** The header Retry-After. */
  retry_after?: string | null | undefined;
}

export const TIMEOUT_MS = 5000;

/** What telemetry may say about the device: a cut model and versions, never an id. */
export interface Device {
  host_version: string;
  system: "ios" | "android" | "harmony" | "windows" | "macos" | "linux" | "other";
  system_version: string;
  device: string;
  network: "wifi" | "5g" | "4g" | "3g" | "2g" | "offline" | "unknown";
}

export interface Host {
  /** As telemetry names it. */
  readonly name: "wechat" | "alipay" | "unionpay" | "web";
  /** The channel whose sign-in code and phone proof this host gives, or null where a guest stays one. */
  readonly channel: string | null;
  /** The kinds of `Invoke` that this host opens. */
  readonly opens: readonly string[];
  /** The language of the system, `zh-CN` or `en`. */
  readonly lang: string;
  /** Never rejects. */
  request(ask: Ask): Promise<Raw>;
  read(key: string): string | null;
  /** null removes. A full or missing storage is no error: the client works without. */
  write(key: string, text: string | null): void;
  /** A fresh sign-in code of the platform, or null when it gives none. */
  code(): Promise<string | null>;
  /** Opens the payment sheet and tells what it said; a page that is left never tells. */
  pay(invoke: Invoke): Promise<SheetResult>;
  device(): Promise<Device>;
  /** Sends without waiting, also while the page goes; whether it arrives is not told. */
  beacon(url: string, text: string): void;
  now(): number;
  /** Between 0 and 1. */
  random(): number;
  /** Runs once after so many milliseconds; gives what stops it. */
  later(run: () => void, milliseconds: number): () => void;
}
