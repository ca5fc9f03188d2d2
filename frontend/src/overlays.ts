/** Menus (<details class="menu">), dialogs, panes of the inbox, theme choice, copy buttons. */
import htmx from "htmx.org";
import { all, first, isTyping, once, text } from "./dom";
import { showToast } from "./toasts";

function closeMenus(except: Element | null): void {
  for (const menu of all<HTMLDetailsElement>("details.menu[open], details.data[open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

/** A field that narrows down the entries of its menu: the arrows lead from it into them. */
function isFilter(target: Element): boolean {
  return target.matches("[data-menu-filter]");
}

function onMenuKey(event: KeyboardEvent): void {
  const menu = (event.target as Element).closest<HTMLDetailsElement>("details.menu[open]");
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    first("summary", menu)?.focus();
    event.stopPropagation();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (!isTyping(event.target) || isFilter(event.target as Element))) {
    const items = all<HTMLElement>(".menu-i", menu);
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = event.key === "ArrowDown" ? 1 : -1;
    items[(at + step + items.length) % items.length]?.focus();
    event.preventDefault();
  }
}

function showPane(name: string): void {
  const inbox = first("[data-pane]");
  if (inbox) inbox.dataset.pane = name;
}

function markTheme(): void {
  const choice = document.documentElement.dataset.themeChoice ?? "auto";
  for (const option of all("[data-theme-choice].menu-i")) {
    option.setAttribute("aria-checked", String(option.dataset.themeChoice === choice));
  }
}

export function initOverlays(): void {
  once<HTMLDetailsElement>("details.menu", "Menu", (menu) => {
    menu.addEventListener("toggle", () => {
      if (menu.open) htmx.trigger(menu, "menu-open", {});
    });
  });
  once<HTMLDialogElement>("dialog.dialog", "Dialog", (dialog) => {
    dialog.addEventListener("click", (event) => {
      const outside = event.target === dialog; // the backdrop belongs to the dialog element itself
      if (outside || (event.target as Element).closest("[data-close-dialog]")) dialog.close();
    });
  });
  // a dialog that htmx has just loaded opens itself, and once closed it stays so
  once<HTMLDialogElement>("dialog[data-open-now]", "OpenNow", (dialog) => {
    if (!dialog.open) dialog.showModal();
  });
  markTheme();
}

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  closeMenus(target);
  const opener = target.closest<HTMLElement>("[data-open-dialog]");
  if (opener) first<HTMLDialogElement>(`#${CSS.escape(opener.dataset.openDialog ?? "")}`)?.showModal();
  const pane = target.closest<HTMLElement>("[data-pane-to]");
  if (pane) showPane(pane.dataset.paneTo ?? "list");
  const theme = target.closest<HTMLElement>("[data-theme-choice].menu-i");
  if (theme) {
    dispatchEvent(new CustomEvent("theme-choice", { detail: theme.dataset.themeChoice }));
    markTheme();
  }
  const copy = target.closest<HTMLElement>("[data-copy]");
  if (copy) void navigator.clipboard.writeText(copy.dataset.copy ?? "").then(() => showToast({ text: text("copied") }));
  // choosing an entry closes its menu
  if (target.closest(".menu-i") && !target.closest("[data-keep-open]")) target.closest("details.menu")?.removeAttribute("open");
});
document.addEventListener("keydown", onMenuKey);
