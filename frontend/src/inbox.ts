/**
 * The inbox and the live feed: rows change in their place, arrivals wait behind a bar, the thread is patched so that open
 * quotes and frames stay, and nothing that somebody is typing is touched.
 */
import htmx from "htmx.org";
import { all, first, once } from "./dom";

interface Change {
  verb: string;
  subject: string;
}

const PAUSE_MS = 200;
const MOST_IDS = 150;
const touched = new Set<string>();
/** Tickets heard of that belong to the list on display and are not in it yet. */
let waiting = new Set<string>();
let timer = 0;
let asking = false;

function list(): HTMLElement | null {
  return first("[data-inbox-list]");
}

function schedule(): void {
  if (!timer && !asking) timer = window.setTimeout(() => void ask(), PAUSE_MS);
}

function endOfList(): string {
  const more = first<HTMLAnchorElement>("#load-more a");
  return more ? (new URL(more.href).searchParams.get("cursor") ?? "") : "";
}

async function ask(): Promise<void> {
  timer = 0;
  const rows = list();
  if (!rows || !touched.size) return;
  asking = true;
  const shown: string[] = [];
  for (const id of touched) {
    if (document.getElementById(`ticket-row-${id}`)) shown.push(id);
    else waiting.add(id);
  }
  touched.clear();
  for (const id of waiting) if (document.getElementById(`ticket-row-${id}`)) waiting.delete(id);
  const url = new URL(rows.dataset.changesUrl ?? "", location.href);
  url.searchParams.set("shown", shown.slice(0, MOST_IDS).join(","));
  url.searchParams.set("waiting", [...waiting].slice(-MOST_IDS).join(","));
  url.searchParams.set("before", endOfList());
  try {
    await htmx.ajax("get", url.pathname + url.search, { source: rows, swap: "none" });
  } finally {
    asking = false;
    // the server says which of them are in this list; the others may come back by another change
    const bar = document.getElementById("arrivals");
    waiting = new Set((bar?.dataset.ids ?? "").split(",").filter(Boolean));
    if (touched.size) schedule();
  }
}

document.addEventListener("live:change", (event) => {
  const [kind, id] = (event as CustomEvent<Change>).detail.subject.split(":");
  if (kind !== "ticket" || !id || !list()) return;
  touched.add(id);
  schedule();
});
// too much was missed to tell what: everything on display is read again
document.addEventListener("live:reset", () => {
  for (const row of all("[data-inbox-list] [data-row]")) if (row.dataset.id) touched.add(row.dataset.id);
  schedule();
});

// --- rows --------------------------------------------------------------------------------------------------------------

/** A row that is replaced stays selected, ticked, and read when it is the open one. */
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = (event as CustomEvent<{ target: HTMLElement; fragment: DocumentFragment }>).detail;
  if (!target?.matches("[data-row]")) return;
  const fresh = first<HTMLElement>("[data-row]", fragment);
  const box = fresh && first<HTMLInputElement>("[data-row-check]", fresh);
  if (!fresh || !box) return;
  box.checked = first<HTMLInputElement>("[data-row-check]", target)?.checked ?? false;
  if (!target.matches(".is-sel")) return;
  markSelected(fresh);
  if (!document.hidden && fresh.dataset.id === first("#conversation")?.dataset.ticket) markRead(fresh);
});

function markSelected(row: HTMLElement): void {
  row.classList.add("is-sel");
  first("[data-row-link]", row)?.setAttribute("aria-current", "true");
}

/** Who looks at the conversation has read it; the server hears of it from `noteNewest`. */
function markRead(row: HTMLElement): void {
  row.classList.remove("is-new");
  first(".x .dot", row)?.remove();
}

/** The open ticket is the selected row, however it was opened. */
function selectOpen(): void {
  const id = first("#conversation")?.dataset.ticket;
  for (const row of all("[data-inbox-list] [data-row]")) {
    const open = row.dataset.id === id;
    if (open) {
      markSelected(row);
      markRead(row);
    } else if (row.matches(".is-sel")) {
      row.classList.remove("is-sel");
      first("[data-row-link]", row)?.removeAttribute("aria-current");
    }
  }
}

document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
  if (target.id === "ticket-rows") document.getElementById("rows-empty")?.remove();
  if (target.id !== "conversation") return;
  selectOpen();
  if (document.activeElement === document.body) first<HTMLElement>("[data-row].is-sel [data-row-link]")?.focus({ preventScroll: true });
});

// --- thread ------------------------------------------------------------------------------------------------------------

/** Put what is new or different into the thread; what is the same keeps its place, its open quotes and its frames. */
function patch(thread: HTMLElement, fresh: HTMLElement): void {
  const pane = thread.parentElement;
  const anchor = pane && [...thread.children].find((child) => child.getBoundingClientRect().bottom > pane.getBoundingClientRect().top);
  const atEnd = !pane || Math.abs(pane.scrollTop) < 40;
  const before = anchor?.getBoundingClientRect().top ?? 0;
  let previous: Element | null = null;
  for (const item of [...fresh.children] as HTMLElement[]) {
    const known = item.id ? thread.querySelector<HTMLElement>(`:scope > #${CSS.escape(item.id)}`) : null;
    // a message that is being read as HTML stays so: its stamp differs in the form only
    const same = known && formless(known.dataset.stamp) === formless(item.dataset.stamp);
    const kept: HTMLElement = same ? known : item;
    if (known && !same) known.replaceWith(item);
    const place: Element | null = previous ? previous.nextElementSibling : thread.firstElementChild;
    if (kept !== place) thread.insertBefore(kept, place);
    if (!same) htmx.process(kept);
    previous = kept;
  }
  while (previous?.nextElementSibling) previous.nextElementSibling.remove();
  const isNews = Number(fresh.dataset.newest) > Number(thread.dataset.newest) && !fresh.dataset.newestMine;
  thread.dataset.newest = fresh.dataset.newest;
  thread.dataset.newestMine = fresh.dataset.newestMine;
  if (pane && anchor?.isConnected && !atEnd) pane.scrollTop += anchor.getBoundingClientRect().top - before;
  noteNewest(thread);
  const readUrl = thread.dataset.readUrl;
  if (isNews && readUrl && !document.hidden) void htmx.ajax("post", readUrl, { source: thread, swap: "none" });
}

function formless(stamp: string | undefined): string {
  return (stamp ?? "").replace(/-(text|html|html-images)$/, "");
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const detail = (event as CustomEvent<{ target: HTMLElement; xhr: XMLHttpRequest; serverResponse: string; shouldSwap: boolean }>).detail;
  if (detail.target.id !== "thread" || detail.xhr.status !== 200) return;
  const fresh = new DOMParser().parseFromString(detail.serverResponse, "text/html").getElementById("thread");
  if (!fresh) return;
  detail.shouldSwap = false;
  patch(detail.target, fresh);
});

/**
 * The composer knows the newest message that its writer has seen; the server refuses to send over a newer one. While the field
 * is empty the thread on display is what is seen; later a warning comes first, and writing on means that it was read.
 */
function noteNewest(thread: HTMLElement): void {
  const form = first("[data-composer]");
  const seen = form && first<HTMLInputElement>("input[name=seen]", form);
  const field = form && first<HTMLTextAreaElement>("textarea[name=body]", form);
  const newest = thread.dataset.newest ?? "0";
  if (!form || !seen || !field || Number(newest) <= Number(seen.value)) return;
  const alert = first("[data-newer]", form);
  if (!field.value.trim() || thread.dataset.newestMine || !alert) {
    seen.value = newest;
    return;
  }
  alert.hidden = false;
  const readOn = (): void => {
    seen.value = newest;
    alert.hidden = true;
  };
  field.addEventListener("input", readOn, { once: true });
}

// --- one's own acts ----------------------------------------------------------------------------------------------------

interface Sent {
  xhr: XMLHttpRequest;
  target: HTMLElement;
  requestConfig: { verb: string; path: string };
}

const swapped = new WeakSet<XMLHttpRequest>();

/** An act shows in list and counts at once, whether the feed has told of it yet or not. */
function showOwnAct(path: string): void {
  const isBulk = path.startsWith("/inbox/bulk/");
  const id = /^\/inbox\/(\d+)\/(?!read\/)/.exec(path)?.[1];
  if ((!id && !isBulk) || !list()) return;
  if (id) {
    touched.add(id);
    schedule();
  }
  const views = document.getElementById("views");
  if (views) htmx.trigger(views, "live", {});
}

/**
 * Who is quick acts again before the first answer has replaced the part. The second answer then has no place to go to, and htmx
 * drops it: the part that is there now reads itself again, and what the server said is said.
 */
function recover({ xhr, target }: Sent): void {
  if (swapped.has(xhr) || target.isConnected || !target.id) return;
  const current = document.getElementById(target.id);
  if (current) htmx.trigger(current, "live", {});
  const said = JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}") as Record<string, unknown>;
  for (const [name, detail] of Object.entries(said)) document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}

// the mark of a draft in its row
document.addEventListener("draft:kept", (event) => {
  const id = /^\/inbox\/(\d+)\//.exec((event as CustomEvent<string>).detail)?.[1];
  if (!id || !list()) return;
  touched.add(id);
  schedule();
});
document.addEventListener("htmx:beforeSwap", (event) => swapped.add((event as CustomEvent<Sent>).detail.xhr));
document.addEventListener("htmx:beforeSend", (event) => {
  const sent = (event as CustomEvent<Sent>).detail;
  if (sent.requestConfig.verb !== "post") return;
  sent.xhr.addEventListener("load", () => {
    window.setTimeout(() => {
      if (sent.xhr.status < 300) showOwnAct(sent.requestConfig.path);
    });
    // A part that has just been swapped in hears events only after htmx has settled it.
    window.setTimeout(() => recover(sent), htmx.config.defaultSettleDelay + 30);
  });
});

// --- small things ------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  // out of the composer, back to the list
  if (event.key !== "Escape" || !(event.target as Element).closest("[data-composer]")) return;
  if ((event.target as Element).closest("details.menu[open]")) return;
  first<HTMLElement>("[data-row].is-sel [data-row-link]")?.focus();
});

/** The badge of the rail is the number of own open tickets, which the views know. */
function countOwn(): void {
  const own = first("#views")?.dataset.own;
  const badge = first<HTMLElement>(".rail [aria-current=page] .rail-n");
  if (own && badge?.lastChild) badge.lastChild.textContent = own;
}

document.addEventListener("click", (event) => {
  const dismiss = (event.target as Element).closest<HTMLElement>("[data-dismiss]");
  if (dismiss) first(dismiss.dataset.dismiss ?? "")?.replaceChildren();
});

export function initInbox(): void {
  countOwn();
  selectOpen(); // htmx settles classes of replaced rows after the swap
  // the bulk form keeps its ticks while rows come and go, but a finished act clears them
  once("#ticket-list", "BulkDone", (form) => {
    form.addEventListener("htmx:afterRequest", (event) => {
      const { elt, successful } = (event as CustomEvent<{ elt: HTMLElement; successful: boolean }>).detail;
      if (successful && elt.matches("[data-bulk-bar] button")) first<HTMLElement>("[data-bulk-clear]", form)?.click();
    });
  });
}
