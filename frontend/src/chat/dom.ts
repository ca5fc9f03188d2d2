/** Elements made by hand: a page's policy may forbid inline styles and HTML from text, so neither is used. */

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | EventListener | null | undefined>;

/** `h("button.send", { type: "button", onclick: … }, "Send")`. A prop that is a function is a listener. */
export function h<K extends keyof HTMLElementTagNameMap>(name: K | `${K}.${string}`, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag as K);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((one): one is Node | string => Boolean(one)));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** Strokes of 24x24 icons. */
const ICONS: Record<string, string[]> = {
  chat: ["M8 9h8M8 13h5", "M18 4a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3h-5l-5 3v-3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3h12z"],
  down: ["M6 9l6 6 6-6"],
  close: ["M18 6L6 18M6 6l12 12"],
  send: ["M12 19V5M6 11l6-6 6 6"],
  clip: ["M15 7l-6.5 6.5a1.5 1.5 0 0 0 3 3L18 10a3 3 0 0 0-6-6l-6.5 6.5a4.5 4.5 0 0 0 9 9L21 13"],
  file: ["M14 3v4a1 1 0 0 0 1 1h4", "M17 21H7a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h7l5 5v11a2 2 0 0 1-2 2z"],
  end: ["M9 12h12M18 9l3 3-3 3", "M14 8V6a2 2 0 0 0-2-2H5a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h7a2 2 0 0 0 2-2v-2"],
  alert: ["M12 8v4M12 16h.01", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
  check: ["M5 12l5 5L20 7"],
  cloud: ["M9.6 5.2A7 7 0 0 1 18 9h1a4 4 0 0 1 2.3 7.3M18 18H7a4 4 0 0 1-1-7.9M3 3l18 18"],
};
const MOUTHS = ["M8.5 16.5a4.5 4.5 0 0 1 7 0", "M9 16a4 4 0 0 1 6 0", "M9 15.5h6", "M9 15a4 4 0 0 0 6 0", "M8 14a4.5 4.5 0 0 0 8 0z"];

function svg(paths: string[], size: number): SVGSVGElement {
  const made = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" })) made.setAttribute(key, String(value));
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    made.append(path);
  }
  return made;
}

export function icon(name: string, size = 20): SVGSVGElement {
  return svg(ICONS[name] ?? [], size);
}

/** A face for a score of 1 to 5. */
export function face(score: number): SVGSVGElement {
  return svg(["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M9 10h.01M15 10h.01", MOUTHS[score - 1] ?? ""], 32);
}

const LINK = /\bhttps?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]]/g;

/** A text with its line breaks and its links; nothing in it is read as HTML. */
export function words(text: string): Node[] {
  const made: Node[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    made.push(document.createTextNode(text.slice(from, match.index)));
    made.push(h("a", { href: match[0], target: "_blank", rel: "noopener noreferrer" }, match[0]));
    from = match.index + match[0].length;
  }
  made.push(document.createTextNode(text.slice(from)));
  return made;
}
