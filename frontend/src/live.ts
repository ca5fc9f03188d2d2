/**
 * The live feed. `data-live-topics` on <body> (or any element) names what to hear; on a change, elements with
 * `data-live-refresh="topic topic"` fetch themselves again (they carry hx-get and hx-trigger="live"). The feed says only
 * what changed, never what it is. The browser resumes with Last-Event-ID; after `reset` everything is read again.
 */
import htmx from "htmx.org";
import { all, first, isTyping } from "./dom";

interface Change {
  verb: string;
  subject: string;
}

let source: EventSource | null = null;
let listening = "";
let offlineTimer = 0;
let heardOnce = false;
/** The place in the order of events up to which this page is known to be right. */
let place = "";
const waiting = new Map<Element, number>();

function topics(): string {
  const found = new Set<string>();
  for (const element of all("[data-live-topics], [data-live-refresh]")) {
    const names = `${element.dataset.liveTopics ?? ""} ${element.dataset.liveRefresh ?? ""}`;
    for (const topic of names.split(/[\s,]+/)) if (topic) found.add(topic);
  }
  return [...found].sort().join(",");
}

function matches(topic: string, change: Change): boolean {
  return topic === change.subject || topic === change.verb.split(".")[0];
}

/** Elements to read again. A change heard only through its account (`account:7`) names another stream: refresh those. */
function touched(change: Change): HTMLElement[] {
  const refreshable = all("[data-live-refresh]");
  const of = (element: HTMLElement) => (element.dataset.liveRefresh ?? "").split(/[\s,]+/).filter(Boolean);
  const direct = refreshable.filter((element) => of(element).some((topic) => matches(topic, change)));
  if (direct.length) return direct;
  const kind = change.subject.split(":")[0];
  return refreshable.filter((element) => of(element).some((topic) => topic.includes(":") && !topic.startsWith(`${kind}:`)));
}

/** A list must not move under the cursor, the keyboard or a selection. */
function isInUse(element: HTMLElement): boolean {
  return element.matches(":hover, :focus-within") || Boolean(first("[data-row-check]:checked", element));
}

/** The bar behind which changes of a calm list wait (`data-live-calm="#bar"`); it says how many. */
function holdBack(element: HTMLElement, bar: HTMLElement): void {
  const waitingChanges = Number(bar.dataset.count ?? "0") + 1;
  bar.dataset.count = String(waitingChanges);
  const label = first("[data-live-count]", bar) ?? bar;
  label.textContent = (bar.dataset.text ?? "%s").replace("%s", String(waitingChanges));
  bar.hidden = false;
  bar.onclick = () => read(element);
}

function read(element: HTMLElement): void {
  const bar = element.dataset.liveCalm ? first(element.dataset.liveCalm) : null;
  if (bar) {
    bar.hidden = true;
    bar.dataset.count = "0";
  }
  // the element may have been replaced since
  const current = element.isConnected || !element.id ? element : document.getElementById(element.id);
  if (current?.isConnected) htmx.trigger(current, "live", {});
}

/** Ask an element to refresh; several changes within a moment become one request. */
function refresh(element: HTMLElement): void {
  const bar = element.dataset.liveCalm ? first(element.dataset.liveCalm) : null;
  if (bar && isInUse(element)) {
    holdBack(element, bar);
    return;
  }
  // a menu that somebody is choosing from stays open
  const menu = first<HTMLDetailsElement>("details.menu[open]", element);
  if (menu) {
    menu.addEventListener("toggle", () => refresh(element), { once: true });
    return;
  }
  if (waiting.has(element)) return;
  waiting.set(
    element,
    window.setTimeout(() => {
      waiting.delete(element);
      unlessTypedIn(element.isConnected ? element : (document.getElementById(element.id) ?? element));
    }, 120),
  );
}

/** A field is not taken away while somebody types in it, nor a menu that was opened in the meantime. */
function unlessTypedIn(element: HTMLElement): void {
  if (first("details.menu[open]", element)) {
    refresh(element);
    return;
  }
  const field = document.activeElement;
  if (field && element.contains(field) && isTyping(field)) {
    field.addEventListener("blur", () => refresh(element), { once: true });
    return;
  }
  read(element);
}

/** A part that is replaced keeps its place: scrollers inside and the part itself. */
const places = new Map<string, number>();

function keepPlace(event: Event): void {
  const target = (event as CustomEvent<{ target: HTMLElement }>).detail.target;
  if (!target?.id) return;
  for (const scroller of [target, ...all("[id]", target)]) {
    if (scroller.scrollTop !== 0) places.set(scroller.id, scroller.scrollTop);
  }
}

function restorePlace(): void {
  for (const [id, top] of places) {
    const scroller = document.getElementById(id);
    if (scroller) scroller.scrollTop = top;
  }
  places.clear();
}

function setOffline(isOffline: boolean): void {
  window.clearTimeout(offlineTimer);
  const banner = document.getElementById("offline");
  if (!banner) return;
  // a reconnect within three seconds is not worth a word
  if (isOffline) offlineTimer = window.setTimeout(() => (banner.hidden = false), 3000);
  else banner.hidden = true;
}

function connect(): void {
  source?.close();
  source = null;
  if (!listening) return;
  // what happened since the page was made, or between two connections, is told first
  place ||= document.body.dataset.livePlace ?? "";
  source = new EventSource(`/live/?topics=${encodeURIComponent(listening)}&last=${encodeURIComponent(place)}`);
  for (const name of ["hello", "reset", "change"]) {
    source.addEventListener(name, (event) => (place = (event as MessageEvent<string>).lastEventId || place));
  }
  source.addEventListener("hello", () => {
    heardOnce = true;
    document.documentElement.dataset.live = "on"; // the page hears of every change from here on
    setOffline(false);
  });
  source.addEventListener("reset", () => {
    document.dispatchEvent(new CustomEvent("live:reset"));
    all("[data-live-refresh]").forEach(refresh);
  });
  source.addEventListener("change", (event) => {
    const change = JSON.parse((event as MessageEvent<string>).data) as Change;
    document.dispatchEvent(new CustomEvent(`live:${change.verb}`, { detail: change }));
    document.dispatchEvent(new CustomEvent("live:change", { detail: change }));
    touched(change).forEach(refresh);
  });
  source.onopen = () => setOffline(false);
  source.onerror = () => {
    delete document.documentElement.dataset.live;
    // CLOSED means the server answered but refused (restart, session, no feed here): try again ourselves, and speak of
    // a lost connection only when there was one
    const refused = source?.readyState === EventSource.CLOSED;
    if (refused) window.setTimeout(connect, heardOnce ? 5000 : 30_000);
    if (!refused || heardOnce) setOffline(true);
  };
}

export function initLive(): void {
  const wanted = topics();
  if (wanted === listening) return;
  listening = wanted;
  connect();
}

addEventListener("offline", () => setOffline(true));
addEventListener("online", () => connect());
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) connect();
});
document.addEventListener("click", (event) => {
  if ((event.target as Element).closest("[data-live-retry]")) connect();
});
interface Swap {
  elt: HTMLElement;
  shouldSwap: boolean;
  requestConfig?: { triggeringEvent?: Event };
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const swap = (event as CustomEvent<Swap>).detail;
  if (!swap.elt.hasAttribute("data-live-refresh")) return;
  // news that were fetched while somebody opened a menu come once it is closed
  if (swap.requestConfig?.triggeringEvent?.type === "live" && first("details.menu[open]", swap.elt)) {
    swap.shouldSwap = false;
    refresh(swap.elt);
    return;
  }
  keepPlace(event);
});
document.addEventListener("htmx:afterSwap", restorePlace);
