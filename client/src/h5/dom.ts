/** Elements out of values. Text is only ever text: nothing here reads markup. */

export type Child = Node | string | null | undefined | false;

/** An element; a function is a listener of the event of its name, true an empty attribute, false or null none. */
export function h(tag: string, given: Record<string, unknown>, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  for (const name in given) {
    const value = given[name];
    if (typeof value === "function") made.addEventListener(name, value as EventListener);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => !!child));
  return made;
}

/** New content for a root; what had the focus keeps it when something with its id is there again. */
export function fill(root: ShadowRoot, content: Child[]): void {
  const had = root.activeElement?.id;
  root.replaceChildren(...content.filter((child): child is Node | string => !!child));
  if (had) root.getElementById(had)?.focus();
}

/** An address that may become a link: never `javascript:`. */
export function webAddress(address: string | null | undefined): string | null {
  return address && /^https?:\/\//.test(address) ? address : null;
}
