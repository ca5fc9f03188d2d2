/** Toasts: short confirmations with undo. The server sends `HX-Trigger: {"toast": {"text": "…", "undo_url": "…"}}`. */
import htmx from "htmx.org";
import { first, once, text } from "./dom";

export interface Toast {
  text: string;
  tone?: "bad";
  undo_url?: string;
  seconds?: number;
}

const DEFAULT_SECONDS = 6;

function expire(element: HTMLElement, seconds: number): void {
  let timer = window.setTimeout(() => element.remove(), seconds * 1000);
  // who reads or points at it keeps it
  for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => window.clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) {
    element.addEventListener(name, () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => element.remove(), 2500);
    });
  }
}

function button(label: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn btn-s";
  made.textContent = label;
  return made;
}

export function showToast(toast: Toast): void {
  const host = document.getElementById("toasts");
  if (!host) return;
  const element = document.createElement("div");
  element.className = toast.tone === "bad" ? "toast-x is-bad" : "toast-x";
  element.setAttribute("role", toast.tone === "bad" ? "alert" : "status");
  const words = document.createElement("span");
  words.textContent = toast.text;
  element.append(words);
  if (toast.undo_url) {
    const url = toast.undo_url;
    const undo = button(text("undo"));
    undo.dataset.hotkey = "undo";
    element.dataset.undoUrl = url;
    undo.addEventListener("click", () => {
      element.remove();
      void htmx.ajax("post", url, { source: document.body, swap: "none" });
    });
    element.append(undo);
  }
  const close = button("×");
  close.setAttribute("aria-label", text("dismiss"));
  close.addEventListener("click", () => element.remove());
  element.append(close);
  host.append(element);
  expire(element, toast.seconds ?? (toast.tone === "bad" ? 12 : toast.undo_url ? 15 : DEFAULT_SECONDS));
}

export function initToasts(): void {
  once("[data-toast]", "Toast", (element) => {
    expire(element, DEFAULT_SECONDS);
    element.addEventListener("click", (event) => {
      if ((event.target as Element).closest("[data-toast-close]")) window.setTimeout(() => element.remove(), 0);
    });
  });
}

document.addEventListener("toast", (event) => {
  const detail = (event as CustomEvent<Toast | { value: string }>).detail;
  showToast("text" in detail ? detail : { text: detail.value });
});
// what is undone by another button needs no way back any more
document.addEventListener("htmx:beforeRequest", (event) => {
  const { requestConfig } = (event as CustomEvent<{ requestConfig: { path: string } }>).detail;
  first(`[data-undo-url="${CSS.escape(requestConfig.path)}"]`)?.remove();
});
document.addEventListener("htmx:responseError", (event) => {
  const status = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status;
  const key = status === 401 ? "signed_out" : status === 403 ? "forbidden" : "failed";
  showToast({ text: text(key), tone: "bad" });
});
document.addEventListener("htmx:sendError", (event) => {
  // a background refresh that fails is told by the offline banner, not by a toast each time
  const { elt, requestConfig } = (event as CustomEvent<{ elt: Element; requestConfig: { verb: string } }>).detail;
  if (requestConfig.verb === "get" && elt.matches("[data-live-refresh], [data-inbox-list]")) return;
  showToast({ text: text("no_connection"), tone: "bad" });
});
