/** Components in Alipay's dialect. */

import { bound, on, readOptions, type Self, type Spec } from "./component";
import { makeMy, type My } from "./my";

declare const my: My;
declare const Component: (options: object) => void;

/** The host of this mini-program. */
export const host = makeMy(my);

/** Registers a component. */
export function define<S extends Self>(spec: Spec<S>): void {
  Component({
    props: spec.properties,
    data: spec.data,
    methods: bound(spec.methods),
    didMount: on(spec.attached),
    didUnmount: on(spec.detached),
    pageEvents: { onShow: on(spec.shown), onHide: on(spec.hidden) },
  });
}

/** A property as the page gave it. */
export function prop(self: Self, name: string): unknown {
  return (self as unknown as { props: Record<string, unknown> }).props[name];
}

/** The options in a component's properties. */
export function optionsOf(self: Self) {
  return readOptions((name) => prop(self, name));
}

/** Tells the page: `onName`. */
export function emit(self: Self, name: string, detail: object): void {
  const listener = prop(self, "on" + name.charAt(0).toUpperCase() + name.slice(1));
  if (typeof listener === "function") (listener as (event: object) => void)({ detail });
}

/** The reader's own text size: 16 is the normal one. */
export function textScale(): number {
  return (Number(my.getSystemInfoSync()["fontSizeSetting"]) || 16) / 16;
}

/** Goes to a page of this mini-program. */
export function visit(url: string): void {
  my.navigateTo({ url });
}
