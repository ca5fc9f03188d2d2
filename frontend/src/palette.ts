/** The command palette: a dialog whose results are links rendered by the server. */
import { all, first, once } from "./dom";

function dialog(): HTMLDialogElement | null {
  const found = document.getElementById("palette");
  return found instanceof HTMLDialogElement ? found : null;
}

export function openPalette(): boolean {
  const palette = dialog();
  const input = palette && first<HTMLInputElement>("input", palette);
  if (!palette || !input) return false;
  if (!palette.open) palette.showModal();
  input.value = "";
  input.focus();
  input.dispatchEvent(new CustomEvent("palette-open", { bubbles: true }));
  return true;
}

function select(items: HTMLElement[], at: number, input: HTMLInputElement): void {
  items.forEach((item, index) => {
    item.id ||= `palette-item-${index}`;
    item.setAttribute("aria-selected", String(index === at));
  });
  const chosen = items[at];
  if (!chosen) return;
  input.setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
}

function onKey(event: KeyboardEvent, input: HTMLInputElement): void {
  const items = all("[data-palette-item]", dialog() ?? document);
  const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const step = event.key === "ArrowDown" ? 1 : -1;
    if (items.length) select(items, (at + step + items.length) % items.length, input);
  } else if (event.key === "Enter") {
    (items[at] ?? items[0])?.click();
  } else if (event.key === "Escape") {
    dialog()?.close(); // a search field would take the first Escape for itself, to empty it
  } else {
    return;
  }
  event.preventDefault();
}

export function initPalette(): void {
  once("[data-open-palette]", "Palette", (button) => button.addEventListener("click", () => openPalette()));
  once<HTMLInputElement>("#palette input", "Palette", (input) => {
    input.addEventListener("keydown", (event) => onKey(event, input));
  });
  const palette = dialog();
  const input = palette && first<HTMLInputElement>("input", palette);
  if (palette?.open && input) select(all("[data-palette-item]", palette), 0, input);
}
