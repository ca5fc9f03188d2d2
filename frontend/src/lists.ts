/** Lists: J/K moves between [data-row], Enter opens, X selects; the bulk bar counts. */
import { all, first, isVisible, once } from "./dom";

function rows(): HTMLElement[] {
  return all("[data-row]").filter(isVisible);
}

function currentIndex(found: HTMLElement[]): number {
  const focused = found.findIndex((row) => row.contains(document.activeElement));
  return focused >= 0 ? focused : found.findIndex((row) => row.matches(".is-sel") || row.querySelector("[aria-current]"));
}

function linkOf(row: HTMLElement): HTMLElement | null {
  return first<HTMLElement>("[data-row-link]", row);
}

/** Focus the next (1) or previous (-1) row. */
export function moveInList(step: 1 | -1): boolean {
  const found = rows();
  if (!found.length) return false;
  const at = currentIndex(found);
  const next = found[at < 0 ? (step > 0 ? 0 : found.length - 1) : Math.min(found.length - 1, Math.max(0, at + step))];
  const link = next && linkOf(next);
  if (!next || !link) return false;
  link.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

/** Open the row that has the focus. */
export function openInList(): boolean {
  const found = rows();
  const row = found[currentIndex(found)];
  const link = row && linkOf(row);
  link?.click();
  return Boolean(link);
}

/** Tick or untick the row that has the focus. */
export function selectInList(): boolean {
  const found = rows();
  const row = found[currentIndex(found)];
  const box = row && first<HTMLInputElement>("[data-row-check]", row);
  box?.click();
  return Boolean(box);
}

/** Everything in the list is chosen, also what is not on display. */
function everything(form: HTMLElement): HTMLInputElement | null {
  return first<HTMLInputElement>("[data-bulk-everything]", form);
}

function count(form: HTMLElement): void {
  const boxes = all<HTMLInputElement>("[data-row-check]", form);
  const chosen = boxes.filter((box) => box.checked).length;
  const whole = everything(form);
  const isWhole = whole?.value === "1";
  for (const bar of all("[data-bulk-bar]", form)) {
    bar.hidden = chosen === 0;
    const label = first("[data-bulk-count]", bar);
    const words = label?.dataset.text ?? "%s";
    if (label) label.textContent = isWhole ? (label.dataset.textAll ?? words) : words.replace("%s", String(chosen));
    const more = first<HTMLElement>("[data-bulk-all]", bar);
    // only when there is more than what is on display
    if (more) more.hidden = isWhole || chosen < boxes.length || !first("#load-more a", form);
  }
}

export function initLists(): void {
  once("[data-bulk]", "Bulk", (form) => {
    form.addEventListener("change", (event) => {
      const box = event.target as HTMLInputElement;
      const whole = everything(form);
      if (whole && box.matches("[data-check-all], [data-row-check]")) whole.value = "";
      if (box.matches("[data-check-all]")) {
        for (const other of all<HTMLInputElement>("[data-row-check]", form)) other.checked = box.checked;
      }
      count(form);
    });
    form.addEventListener("click", (event) => {
      const target = event.target as Element;
      const whole = everything(form);
      if (target.closest("[data-bulk-all]") && whole) {
        whole.value = "1";
        count(form);
        first<HTMLElement>("[data-bulk-bar] summary", form)?.focus();
      }
      if (!target.closest("[data-bulk-clear]")) return;
      if (whole) whole.value = "";
      for (const box of all<HTMLInputElement>("[data-row-check], [data-check-all]", form)) box.checked = false;
      count(form);
    });
  });
  for (const form of all("[data-bulk]")) count(form);
  once("[data-sortable]", "Sortable", (list) => {
    list.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("[data-move]");
      const item = button?.closest("li");
      if (!button || !item) return;
      if (button.dataset.move === "up") item.previousElementSibling?.before(item);
      else item.nextElementSibling?.after(item);
      button.focus();
    });
  });
}

// A row opened through htmx becomes the selected one without asking the server for the list again.
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLElement>("[data-row-link][hx-get]");
  const row = link?.closest<HTMLElement>("[data-row]");
  if (!link || !row || event.ctrlKey || event.metaKey) return;
  for (const other of all("[data-row].is-sel")) {
    other.classList.remove("is-sel");
    first("[data-row-link]", other)?.removeAttribute("aria-current");
  }
  row.classList.add("is-sel");
  row.classList.remove("is-new");
  link.setAttribute("aria-current", "true");
});
