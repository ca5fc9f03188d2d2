/**
 * The live feed. `data-live-topics` on <body> (or any element) names what to hear; on a change, elements with
 * `data-live-refresh="topic topic"` fetch themselves again (they carry hx-get and hx-trigger="live"). The feed says only
 * what changed, never what it is. The browser resumes with Last-Event-ID; after `reset` everything is read again.
 */
import htmx from "htmx.org";
import { all, first } from "./dom";

interface Change {
  verb: string;
  subject: string;
}

let source: EventSource | null = null;
let listening = "";
let offlineTimer = 0;
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

/** Ask an element to refresh; several changes within a moment become one request. */
function refresh(element: HTMLElement): void {
  if (waiting.has(element)) return;
  waiting.set(
    element,
    window.setTimeout(() => {
      waiting.delete(element);
      if (element.isConnected) htmx.trigger(element, "live", {});
    }, 120),
  );
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
  source = new EventSource(`/live/?topics=${encodeURIComponent(listening)}`);
  source.addEventListener("hello", () => setOffline(false));
  source.addEventListener("reset", () => all("[data-live-refresh]").forEach(refresh));
  source.addEventListener("change", (event) => {
    const change = JSON.parse((event as MessageEvent<string>).data) as Change;
    document.dispatchEvent(new CustomEvent(`live:${change.verb}`, { detail: change }));
    document.dispatchEvent(new CustomEvent("live:change", { detail: change }));
    touched(change).forEach(refresh);
  });
  source.onopen = () => setOffline(false);
  source.onerror = () => {
    setOffline(true);
    // CLOSED means the server refused (restart, session): try again ourselves
    if (source?.readyState === EventSource.CLOSED) window.setTimeout(connect, 5000);
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
// A list must not move under the cursor: while a row is being pointed at, its list waits behind its "n new" bar.
document.addEventListener("live:change", () => {
  for (const bar of all("[data-live-new]")) {
    const list = first(bar.dataset.liveNew ?? "");
    if (list?.matches(":hover")) bar.hidden = false;
  }
});
