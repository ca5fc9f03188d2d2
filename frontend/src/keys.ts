/**
 * The key handler. The table comes from the server (core/keyboard.py, in <script id="keys">), so handler, help dialog and
 * hints cannot differ. An action presses the first visible [data-hotkey="<action>"]; lists and "g then …" are built in.
 */
import { all, first, isTyping, isVisible, once, readJson, recall, remember } from "./dom";
import { moveInList, openInList, selectInList } from "./lists";
import { openPalette } from "./palette";

interface Key {
  combo: string;
  action: string;
}

const SEQUENCE_MS = 1200;
let table = new Map<string, string>();
let pending: { prefix: string; at: number } | null = null;

export function singleKeysAreOn(): boolean {
  return recall("single-keys") !== "off";
}

function comboOf(event: KeyboardEvent): string {
  const mod = event.metaKey || event.ctrlKey;
  const key = event.key.length === 1 && mod ? event.key.toLowerCase() : event.key;
  if (mod) return `Mod+${key}`;
  return event.shiftKey && /^[A-Z]$/.test(key) ? `Shift+${key}` : key;
}

function press(action: string): boolean {
  if (action.startsWith("goto:")) {
    location.assign(action.slice("goto:".length));
    return true;
  }
  switch (action) {
    case "search":
      return focusSearch() || openPalette();
    case "palette":
      return openPalette();
    case "help":
      return openDialog("keys-dialog");
    case "list-next":
      return moveInList(1);
    case "list-previous":
      return moveInList(-1);
    case "list-open":
      return openInList();
    case "list-select":
      return selectInList();
    case "send":
      return send();
  }
  const control = all(`[data-hotkey="${CSS.escape(action)}"]`).find(isVisible);
  if (!control || control.matches(":disabled")) return false;
  control.focus();
  control.click();
  const menu = control.closest("details");
  if (menu?.open) menu.querySelector<HTMLElement>(".menu-i")?.focus();
  return true;
}

/** The search field of the page itself, where it has one. */
function focusSearch(): boolean {
  const field = all<HTMLInputElement>("[data-search-field]").find(isVisible);
  field?.focus();
  field?.select();
  return Boolean(field);
}

function send(): boolean {
  const form = document.activeElement?.closest("form");
  const button = form?.querySelector<HTMLButtonElement>("button[type=submit]:not(:disabled)");
  if (!form || !button) return false;
  form.requestSubmit(button);
  return true;
}

export function openDialog(id: string): boolean {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement)) return false;
  if (!dialog.open) dialog.showModal();
  return true;
}

function handle(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const combo = comboOf(event);
  const withMod = combo.startsWith("Mod+");
  if (!withMod) {
    if (isTyping(event.target) || first("dialog[open]")) return;
    if (combo.length === 1 && combo !== "?" && !singleKeysAreOn()) return;
    // Enter on a link or button already does something
    if (combo === "Enter" && event.target instanceof Element && event.target.closest("a, button, summary, input")) return;
  }
  const sequence = pending && Date.now() - pending.at < SEQUENCE_MS ? `${pending.prefix} ${combo}` : null;
  pending = null;
  const action = (sequence && table.get(sequence)) ?? table.get(combo);
  if (action && press(action)) {
    event.preventDefault();
    return;
  }
  if ([...table.keys()].some((known) => known.startsWith(`${combo} `))) pending = { prefix: combo, at: Date.now() };
}

export function initKeys(): void {
  table = new Map(readJson<Key[]>("keys", []).map((key) => [key.combo, key.action]));
  once<HTMLInputElement>("[data-single-keys]", "Keys", (box) => {
    box.checked = singleKeysAreOn();
    box.addEventListener("change", () => remember("single-keys", box.checked ? null : "off"));
  });
  once("[data-open-keys]", "Keys", (button) => button.addEventListener("click", () => openDialog("keys-dialog")));
}

document.addEventListener("keydown", handle);
