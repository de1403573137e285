type Child = Node | string | null | false;
type Attribute = string | number | boolean | undefined | ((event: Event) => void);

/** Creates an element. An attribute whose value is a function is a listener for the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Attribute> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

export function svg(
  tag: string,
  attributes: Record<string, Attribute>,
  ...children: (SVGElement | string)[]
): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

function setAttributes(element: Element, attributes: Record<string, Attribute>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
}

/** Writes a text only when it differs: a write would interrupt screen readers and clear a selection. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A page of the application. `dispose` is called before another page is shown. */
export interface Page {
  title: string | null;
  element: HTMLElement;
  dispose?(): void;
}
