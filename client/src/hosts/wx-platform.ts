/** Components in WeChat's dialect. */

import { bound, on, readOptions, type Self, type Spec } from "./component";
import { makeWx } from "./wx";

/** The host of this mini-program. */
export const host = makeWx(wx);

/** Registers a component. */
export function define<S extends Self>(spec: Spec<S>): void {
  const properties: Record<string, { type: null; value: unknown }> = {};
  for (const name in spec.properties) properties[name] = { type: null, value: spec.properties[name] };
  Component({
    properties: properties as never,
    data: spec.data,
    methods: bound(spec.methods) as never,
    lifetimes: { attached: on(spec.attached) as never, detached: on(spec.detached) as never },
    pageLifetimes: { show: on(spec.shown) as never, hide: on(spec.hidden) as never },
  });
}

/** A property as the page gave it. */
export function prop(self: Self, name: string): unknown {
  return self.data[name];
}

/** The options in a component's properties. */
export function optionsOf(self: Self) {
  return readOptions((name) => prop(self, name));
}

/** Tells the page: `bind:name`. */
export function emit(self: Self, name: string, detail: object): void {
  (self as unknown as { triggerEvent(name: string, detail: object): void }).triggerEvent(name, detail);
}

/** The reader's own text size. */
export function textScale(): number {
  return (wx.getAppBaseInfo() as { fontSizeScaleFactor?: number }).fontSizeScaleFactor ?? 1;
}

/** Goes to a page of this mini-program. */
export function visit(url: string): void {
  wx.navigateTo({ url });
}
