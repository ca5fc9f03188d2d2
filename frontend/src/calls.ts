/**
 * The screen pop. A change of a call that concerns this person (`tickets.call_changed`) lets #screen-pop read itself again; pages
 * without a call on the screen ask for nothing. What is being typed survives the reading.
 */
import htmx from "htmx.org";
import { all, first, once, recall, remember } from "./dom";

/** Kept over pages and tabs: a call is on the screen. */
const FLAG = "call-on-screen";
type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
const typed = new Map<string, string>();
const hidden = new Set<string>();
let focused = "";

function pop(): HTMLElement | null {
  return document.getElementById("screen-pop");
}

/** Asked for directly: a page may still be loading, and htmx not know its elements yet. */
function refresh(): void {
  const url = pop()?.dataset.url;
  if (url) void htmx.ajax("get", url, { target: "#screen-pop", swap: "outerHTML" });
}

function fields(): Field[] {
  return all<Field>("#screen-pop form [name]");
}

/** What differs from what the server knows is somebody's typing. */
function keepTyping(): void {
  typed.clear();
  focused = document.activeElement?.closest("#screen-pop") ? document.activeElement.id : "";
  for (const field of fields()) {
    const known = field instanceof HTMLSelectElement ? [...field.options].find((one) => one.defaultSelected)?.value ?? "" : field.defaultValue;
    if (field.id && field.value !== known) typed.set(field.id, field.value);
  }
}

function restoreTyping(): void {
  for (const [id, value] of typed) {
    const field = document.getElementById(id) as Field | null;
    if (field) field.value = value;
  }
  typed.clear();
  if (focused) document.getElementById(focused)?.focus();
}

/** On this device's wish the desktop tells of a call while the page is in the background. */
function tellDesktop(card: HTMLElement): void {
  const wanted = recall("desktop-notifications") === "on" && "Notification" in window && Notification.permission === "granted";
  if (!document.hidden || !wanted || card.dataset.state !== "ringing") return;
  const note = new Notification("CS Ops", { body: card.getAttribute("aria-label") ?? "", tag: `cs-ops-call-${card.dataset.call}` });
  note.onclick = () => {
    window.focus();
    note.close();
  };
}

document.addEventListener("live:tickets.call_changed", refresh);
document.addEventListener("live:reset", () => {
  if (recall(FLAG) === "on") refresh();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = (event as CustomEvent<{ target: Element; requestConfig?: { verb: string } }>).detail;
  if (target?.id === "screen-pop" && requestConfig?.verb === "get") keepTyping();
});
document.addEventListener("htmx:afterSwap", (event) => {
  const element = pop();
  if (!element || (event as CustomEvent<{ target?: Element }>).detail.target?.id !== "screen-pop") return;
  restoreTyping();
  const cards = all("[data-call]", element);
  for (const card of cards) {
    if (hidden.has(card.dataset.call ?? "") && card.dataset.state === "ringing") card.remove();
    else once(`[data-call="${card.dataset.call}"]`, "Call", tellDesktop);
  }
  remember(FLAG, first("[data-call]", element) ? "on" : null);
});
document.addEventListener("click", (event) => {
  const card = (event.target as Element).closest("[data-pop-close]")?.closest<HTMLElement>("[data-call]");
  if (!card) return;
  hidden.add(card.dataset.call ?? "");
  card.remove();
});

export function initCalls(): void {
  once("#screen-pop", "Pop", () => {
    if (recall(FLAG) === "on" && !first("#screen-pop [data-call]")) refresh();
  });
}
