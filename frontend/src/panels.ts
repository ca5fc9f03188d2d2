/**
 * Panels beside a ticket that are changed where they stand (`data-on-change` forms send each change at once). The answer draws
 * the whole panel again, while the person may already be typing in the next field: what is typed there is carried over.
 */
import { all } from "./dom";

interface Kept {
  id: string;
  value: string;
  start: number | null;
  end: number | null;
}
interface Swap {
  target: HTMLElement;
  shouldSwap: boolean;
  requestConfig: { elt: Element; triggeringEvent?: Event };
}

const TYPED = "input[id]:not([type=checkbox], [type=radio], [type=hidden])";
let kept: Kept[] = [];

function keep(panel: HTMLElement, sender: Element): void {
  kept = all<HTMLInputElement>(TYPED, panel)
    .filter((field) => field.value !== field.defaultValue && !sender.contains(field))
    .map((field) => ({ id: field.id, value: field.value, start: field.selectionStart, end: field.selectionEnd }));
}

/** A value that was set by a script fires no "change" when the field is left: say it then. */
function sayWhenLeft(field: HTMLInputElement): void {
  let said = false;
  field.addEventListener("change", () => (said = true), { once: true });
  field.addEventListener(
    "blur",
    () => {
      if (!said && field.isConnected && field.value !== field.defaultValue) {
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    },
    { once: true },
  );
}

function putBack(): void {
  for (const { id, value, start, end } of kept) {
    const field = document.getElementById(id);
    if (!(field instanceof HTMLInputElement)) continue;
    field.value = value;
    if (start !== null && field === document.activeElement) field.setSelectionRange(start, end);
    sayWhenLeft(field);
  }
  kept = [];
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const detail = (event as CustomEvent<Swap>).detail;
  if (!detail.target.matches(".panel-slot")) return;
  // a refusal stays in sight until the person has done something about it
  const isRefresh = detail.requestConfig.triggeringEvent?.type === "live";
  if (isRefresh && detail.target.querySelector("[role=alert]")) detail.shouldSwap = false;
  else keep(detail.target, detail.requestConfig.elt);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if ((event as CustomEvent<Swap>).detail.target.matches(".panel-slot")) putBack();
});
// Enter in such a form is a change and nothing more
document.addEventListener("submit", (event) => {
  if ((event.target as Element).matches("[data-on-change]")) event.preventDefault();
});
