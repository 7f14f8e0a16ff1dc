/**
 * What the two dialects of native components have in common. A build takes `wx-platform` or `my-platform` for
 * `#platform`; both export exactly `Platform`.
 */

import type { Options } from "../core/api";
import type { Host } from "../core/host";
import type { Address } from "../core/types";

/** A component under way: its data, and how it sets them. */
export interface Self {
  data: Record<string, unknown>;
  setData(data: Record<string, unknown>, done?: () => void): void;
}

/** A tap, an input or an own event, as both platforms give it. */
export interface Tap {
  currentTarget: { dataset: Record<string, string> };
  detail: Record<string, unknown> & { value?: string; code?: string };
}

/** One component, in neither dialect. */
export interface Spec<S extends Self> {
  properties: Record<string, unknown>;
  data: Record<string, unknown>;
  attached?(self: S): void;
  detached?(self: S): void;
  shown?(self: S): void;
  hidden?(self: S): void;
  methods: Record<string, (self: S, event: Tap) => void>;
}

export interface Platform {
  host: Host;
  /** Registers a component with the platform. */
  define<S extends Self>(spec: Spec<S>): void;
  /** A property as the page gave it. */
  prop(self: Self, name: string): unknown;
  /** Which order, where, and in which language, out of the properties. */
  optionsOf(self: Self): Options;
  /** Tells the page; `phase` reaches `bind:phase` or `onPhase`. */
  emit(self: Self, name: string, detail: object): void;
  /** How much larger than normal the reader wants text; 1 is normal. */
  textScale(): number;
  /** Opens a page of this mini-program. */
  visit(path: string): void;
}

/** What the contact form asks of a platform; a build takes `wx-book` or `my-book` for `#book`. */
export interface Book {
  /** An address out of the platform's own book, or null when the shopper chose none. */
  pickAddress(): Promise<Address | null>;
  /** A verified-phone proof out of the platform's button, or null. */
  phoneProof(event: Tap): Promise<string | null>;
}

/** The component's methods with `this` as their first argument. */
export function bound<S extends Self>(methods: Spec<S>["methods"]) {
  const made: Record<string, (this: S, event: Tap) => void> = {};
  for (const name in methods) {
    made[name] = function (event) {
      methods[name]?.(this, event);
    };
  }
  return made;
}

/** A life-cycle function with `this` as its argument. */
export function on<S extends Self>(run: ((self: S) => void) | undefined) {
  return function (this: S) {
    run?.(this);
  };
}

/** The options in a component's properties. */
export function readOptions(of: (name: string) => unknown): Options {
  const text = (name: string) => String(of(name) || "");
  return { base: text("base"), token: text("token"), merchant: text("merchant"), lang: text("lang"), consent: !!of("consent") };
}
