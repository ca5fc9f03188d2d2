/**
 * Texts that need not be typed: "/" offers canned replies and macros, "@" in a note offers colleagues, the macro menu and its
 * preview insert into the composer. What a popup offers is rendered by the server, with the variables already replaced.
 */
import htmx from "htmx.org";
import { all, first, once, text } from "./dom";
import { showToast } from "./toasts";

type Trigger = "/" | "@";

interface Asking {
  trigger: Trigger;
  /** Where the trigger stands in the field. */
  at: number;
  query: string;
}

const LONGEST_QUERY = 40;
/** Colleagues chosen from the popup, so that a name that two people have means the chosen one. */
const chosen = new WeakMap<HTMLTextAreaElement, Map<string, string>>();
let asked = "";
let timer = 0;

function popupOf(field: HTMLTextAreaElement): HTMLElement {
  const box = field.closest<HTMLElement>(".comp-box") ?? field.parentElement!;
  let popup = first("[data-popup]", box);
  if (!popup) {
    popup = document.createElement("div");
    popup.className = "menu-list comp-pop";
    popup.id = "composer-popup";
    popup.dataset.popup = "";
    popup.setAttribute("role", "listbox");
    popup.hidden = true;
    box.prepend(popup);
    popup.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    popup.addEventListener("click", (event) => {
      const option = (event.target as Element).closest<HTMLElement>("[data-pick]");
      if (option) pick(field, option);
    });
  }
  return popup;
}

function options(field: HTMLTextAreaElement): HTMLElement[] {
  return all("[data-pick]", popupOf(field));
}

function close(field: HTMLTextAreaElement): void {
  asked = "";
  window.clearTimeout(timer);
  const popup = popupOf(field);
  if (popup.hidden) return;
  popup.hidden = true;
  popup.replaceChildren();
  field.removeAttribute("aria-activedescendant");
}

function select(field: HTMLTextAreaElement, at: number): void {
  const found = options(field);
  found.forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
  const current = found[at];
  if (!current) return;
  field.setAttribute("aria-activedescendant", current.id);
  current.scrollIntoView({ block: "nearest" });
}

/** What stands between the trigger and the cursor; null when the cursor is in no such place. */
function asking(field: HTMLTextAreaElement): Asking | null {
  if (field.selectionStart !== field.selectionEnd) return null;
  const before = field.value.slice(0, field.selectionStart);
  const isNote = field.closest<HTMLElement>("[data-composer]")?.dataset.kind === "note";
  const found = /(?:^|[\s(])([/@])([^\n/@]*)$/.exec(before);
  if (!found) return null;
  const trigger = found[1] as Trigger;
  const query = found[2] ?? "";
  if (query.length > LONGEST_QUERY || query.startsWith(" ") || / {2}|\s.*\s.*\s/.test(query)) return null;
  if (trigger === "@" && !isNote) return null;
  return { trigger, at: before.length - query.length - 1, query };
}

async function offer(field: HTMLTextAreaElement): Promise<void> {
  const now = asking(field);
  const ticket = first("#conversation")?.dataset.ticket;
  if (!now || !ticket) {
    close(field);
    return;
  }
  const key = `${now.trigger}${now.at}:${now.query}`;
  if (key === asked) return;
  asked = key;
  const door = now.trigger === "/" ? "canned" : "mentionable";
  const via = first<HTMLSelectElement>("#composer-via")?.value ?? "";
  const answer = await fetch(`/inbox/${ticket}/${door}/?q=${encodeURIComponent(now.query)}&via=${via}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok || asked !== key) return; // somebody typed on
  const popup = popupOf(field);
  popup.innerHTML = await answer.text();
  popup.setAttribute("aria-label", text(now.trigger === "/" ? "canned_replies" : "colleagues"));
  const fits = options(field).length > 0;
  // a path or a plain word after "/" is no question: only an empty one says that there is nothing
  popup.hidden = !fits && (now.query !== "" || now.trigger === "@");
  select(field, 0);
}

function replace(field: HTMLTextAreaElement, from: number, words: string): void {
  field.focus();
  field.setRangeText(words, from, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function pick(field: HTMLTextAreaElement, option: HTMLElement): void {
  const now = asking(field);
  close(field);
  if (!now) return;
  const preview = option.dataset.previewUrl;
  if (preview) {
    replace(field, now.at, "");
    const via = first<HTMLSelectElement>("#composer-via")?.value ?? "";
    void htmx.ajax("get", `${preview}?via=${via}`, { target: "#macro-slot", swap: "innerHTML" });
    return;
  }
  const words = option.dataset.text ?? "";
  replace(field, now.at, now.trigger === "@" ? `${words} ` : words);
  asked = "";
  if (option.dataset.token) remember(field, words, option.dataset.token);
  if (option.dataset.usedUrl) used(option.dataset.usedUrl);
  if (option.dataset.unfilled) showToast({ text: `${text("fill_in")} ${option.dataset.unfilled}`, tone: "bad" });
}

function used(url: string): void {
  void htmx.ajax("post", url, { source: document.body, swap: "none" });
}

function remember(field: HTMLTextAreaElement, words: string, token: string): void {
  const known = chosen.get(field) ?? new Map<string, string>();
  known.set(words, token);
  chosen.set(field, known);
}

function onKey(event: KeyboardEvent, field: HTMLTextAreaElement): void {
  const popup = popupOf(field);
  if (popup.hidden || event.isComposing) return;
  const found = options(field);
  const at = found.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") {
    const kept = asked;
    close(field);
    asked = kept; // the same words do not open it again
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && found.length) {
    select(field, (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length);
  } else if ((event.key === "Enter" || event.key === "Tab") && !event.metaKey && !event.ctrlKey && found[at]) {
    pick(field, found[at]);
  } else {
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Put words where the cursor is, in lines of their own kind; nothing that stands there is lost. */
function insert(words: string, kind = ""): void {
  const form = first("[data-composer]");
  const field = form && first<HTMLTextAreaElement>("textarea[name=body]", form);
  if (!form || !field) return;
  if (kind && form.dataset.kind !== kind) first(`[data-compose="${kind}"]`, form)?.click();
  const before = field.value.slice(0, field.selectionStart);
  const gap = before && !/\s$/.test(before) ? "\n\n" : "";
  field.focus();
  field.setRangeText(gap + words, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A variable that nobody filled in is asked about once before it leaves. */
function checkVariables(event: Event): void {
  const { elt } = (event as CustomEvent<{ elt: HTMLElement }>).detail;
  const field = elt.matches("[data-composer]") ? first<HTMLTextAreaElement>("textarea[name=body]", elt) : null;
  const left = field?.value.match(/\{\{[^{}\n]{1,80}\}\}/g);
  if (!field || !left || elt.dataset.kind === "note" || field.dataset.warned === field.value) return;
  event.preventDefault();
  field.dataset.warned = field.value;
  const at = field.value.indexOf(left[0]);
  field.focus();
  field.setSelectionRange(at, at + left[0].length);
  showToast({ text: `${text("not_filled_in")} ${[...new Set(left)].join(", ")}`, tone: "bad" });
}

/** Whom a note mentions goes to the server by id where the popup said so. */
function sendTokens(event: Event): void {
  const { elt, parameters } = (event as CustomEvent<{ elt: HTMLElement; parameters: FormData }>).detail;
  if (!elt.matches("[data-composer]") || elt.dataset.kind !== "note") return;
  const field = first<HTMLTextAreaElement>("textarea[name=body]", elt);
  const known = field && chosen.get(field);
  const body = parameters.get("body");
  if (!known || typeof body !== "string") return;
  let sent = body;
  for (const [words, token] of [...known].sort(([one], [other]) => other.length - one.length)) {
    const pattern = new RegExp(`${words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}_])`, "gu");
    sent = sent.replace(pattern, () => token);
  }
  parameters.set("body", sent);
}

function onMenuFilterKey(event: KeyboardEvent): void {
  const entries = all("#macro-entries .menu-i");
  if (event.key === "ArrowDown") entries[0]?.focus();
  else if (event.key === "Enter") entries[0]?.click();
  else return;
  event.preventDefault(); // Enter must not send the composer
}

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const inserting = target.closest<HTMLElement>("[data-insert-text]");
  if (inserting) {
    insert(inserting.dataset.insertText ?? "", "reply");
    if (inserting.dataset.usedUrl) used(inserting.dataset.usedUrl);
  }
  const variable = target.closest<HTMLElement>("[data-insert-variable]");
  if (variable) insertVariable(variable.dataset.insertVariable ?? "");
  const row = target.closest<HTMLElement>("[data-macro-row]");
  if (row && target.closest("[data-row-remove]")) row.remove();
  if (row && target.closest("[data-row-up]")) row.previousElementSibling?.before(row);
});

let lastField: HTMLTextAreaElement | null = null;
document.addEventListener("focusin", (event) => {
  const field = event.target;
  if (field instanceof HTMLTextAreaElement && field.closest("#macro-form")) lastField = field;
});

function insertVariable(words: string): void {
  const field = lastField?.isConnected ? lastField : first<HTMLTextAreaElement>("#macro-form textarea");
  if (!field) return;
  field.focus();
  field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("composer-insert", (event) => {
  const { text: words, kind } = (event as CustomEvent<{ text: string; kind: string }>).detail;
  insert(words, kind);
});
document.addEventListener("macro-applied", () => {
  first<HTMLDialogElement>("#macro-preview")?.close();
  // later: what else the server has said is told through the form inside
  window.setTimeout(() => document.getElementById("macro-slot")?.replaceChildren());
  const thread = document.getElementById("thread");
  if (thread) htmx.trigger(thread, "live", {});
});
document.addEventListener("htmx:confirm", checkVariables);
document.addEventListener("htmx:configRequest", sendTokens);
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt } = (event as CustomEvent<{ elt: HTMLElement }>).detail;
  if (elt instanceof HTMLSelectElement && elt.matches("[data-reset-after]")) elt.value = "";
});

export function initCanned(): void {
  once<HTMLTextAreaElement>("[data-composer] textarea[name=body]", "Canned", (field) => {
    field.setAttribute("aria-haspopup", "listbox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", "composer-popup");
    field.addEventListener("keydown", (event) => onKey(event, field), { capture: true });
    field.addEventListener("input", () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => void offer(field), 90);
    });
    field.addEventListener("blur", () => close(field));
  });
  once<HTMLDetailsElement>("[data-macro-menu]", "Macros", (menu) => {
    const filter = first<HTMLInputElement>("[data-menu-filter]", menu);
    menu.addEventListener("toggle", () => menu.open && filter?.focus());
    filter?.addEventListener("keydown", onMenuFilterKey);
  });
}
