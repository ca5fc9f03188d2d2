/** The bell hears of what its person is told. On this device, on wish, the desktop shows it while the page is in the background. */
import htmx from "htmx.org";
import { first, once, recall, remember, text } from "./dom";

const CHOICE = "desktop-notifications";
let shown = 0;

function refresh(): void {
  const bell = document.getElementById("bell");
  if (bell) htmx.trigger(bell, "live", {});
}

function isWanted(): boolean {
  return recall(CHOICE) === "on" && "Notification" in window && Notification.permission === "granted";
}

/** Several tabs tell of one thing once: the tag replaces what is there. */
function tell(bell: HTMLElement): void {
  const id = Number(bell.dataset.newest ?? "0");
  if (!id || id <= shown) return;
  shown = id;
  if (!document.hidden || !isWanted()) return;
  const note = new Notification("CS Ops", { body: bell.dataset.newestText ?? "", tag: `cs-ops-${id}` });
  note.onclick = () => {
    window.focus();
    location.assign("/notifications/");
    note.close();
  };
}

document.addEventListener("live:core.notified", refresh);
document.addEventListener("live:reset", refresh);
document.addEventListener("notifications-read", refresh);
document.addEventListener("htmx:afterSwap", () => {
  const bell = document.getElementById("bell");
  if (bell) tell(bell);
});

async function choose(box: HTMLInputElement): Promise<void> {
  const allowed = !box.checked || ("Notification" in window && (await Notification.requestPermission()) === "granted");
  if (!allowed) box.checked = false;
  remember(CHOICE, box.checked ? "on" : null);
  const state = first("[data-desktop-state]");
  if (state) state.textContent = allowed ? "" : text("desktop_denied");
}

export function initNotifications(): void {
  once<HTMLInputElement>("[data-desktop-notifications]", "Desktop", (box) => {
    box.checked = isWanted();
    box.addEventListener("change", () => void choose(box));
  });
}
