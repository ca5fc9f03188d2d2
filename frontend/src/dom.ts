/** What every module needs: typed queries, the translated strings, one-time wiring of elements. */

export function all<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T[] {
  return [...root.querySelectorAll<T>(selector)];
}

export function first<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T | null {
  return root.querySelector<T>(selector);
}

/** Run `wire` once per element, however often the page part around it is initialised again. */
export function once<T extends Element = HTMLElement>(selector: string, name: string, wire: (element: T) => void): void {
  const mark = `wired${name}`;
  for (const element of all<T>(selector)) {
    const data = (element as unknown as HTMLElement).dataset;
    if (data[mark]) continue;
    data[mark] = "1";
    wire(element);
  }
}

export function readJson<T>(id: string, fallback: T): T {
  const source = document.getElementById(id)?.textContent;
  return source ? (JSON.parse(source) as T) : fallback;
}

let strings: Record<string, string> | null = null;

/** A sentence of the server's translation; the key itself when the page carries none. */
export function text(key: string): string {
  strings ??= readJson<Record<string, string>>("client-strings", {});
  return strings[key] ?? key;
}

export function isVisible(element: HTMLElement): boolean {
  return element.getClientRects().length > 0 && !element.closest("[hidden], [inert]");
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("[contenteditable]")) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`cs-ops.${key}`);
    else localStorage.setItem(`cs-ops.${key}`, value);
  } catch {
    // storage may be forbidden or full: the page works without it
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`cs-ops.${key}`);
  } catch {
    return null;
  }
}
