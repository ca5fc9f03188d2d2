/** Relative times and SLA countdowns, counted on in the page; the server writes the first value. */
import { all, first, text } from "./dom";

const MINUS = "\u2212";

export function age(seconds: number): string | null {
  if (seconds < 60) return text("now");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${text("minutes")}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}${text("hours")}`;
  if (seconds < 14 * 86400) return `${Math.floor(seconds / 86400)}${text("days")}`;
  if (seconds < 365 * 86400) return `${Math.floor(seconds / (7 * 86400))}${text("weeks")}`;
  return null; // the date stays as it is
}

export function countdown(seconds: number): string {
  const sign = seconds < 0 ? MINUS : "";
  const minutes = Math.floor(Math.abs(seconds) / 60);
  if (minutes < 60) return `${sign}${minutes}${text("minutes")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    const rest = minutes % 60;
    return `${sign}${hours}${text("hours")}${hours < 10 && rest ? ` ${rest}${text("minutes")}` : ""}`;
  }
  const days = Math.floor(hours / 24);
  const rest = hours % 24;
  return `${sign}${days}${text("days")}${days < 10 && rest ? ` ${rest}${text("hours")}` : ""}`;
}

function tone(seconds: number): string {
  if (seconds < 0) return "is-over";
  if (seconds < 900) return "is-bad";
  return seconds < 3600 ? "is-warn" : "is-plain";
}

function tickAges(now: number): void {
  for (const element of all<HTMLTimeElement>("time[data-relative]")) {
    const seconds = (now - Date.parse(element.dateTime)) / 1000;
    const shown = seconds < 0 ? null : age(seconds);
    if (shown !== null && element.textContent !== shown) element.textContent = shown;
  }
}

function tickClocks(now: number): void {
  for (const chip of all("[data-sla-due]")) {
    const left = (Date.parse(chip.dataset.slaDue ?? "") - now) / 1000;
    const shown = first("[data-sla-text]", chip);
    if (Number.isNaN(left) || !shown) continue;
    const words = countdown(left);
    if (shown.textContent !== words) shown.textContent = words;
    chip.classList.remove("is-over", "is-bad", "is-warn", "is-plain");
    chip.classList.add(tone(left));
    const total = Number(chip.dataset.slaTotal);
    const pie = first<SVGElement>(".pie .fg", chip);
    if (pie && total > 0) {
      const spent = Math.min(100, Math.max(0, Math.round((1 - left / total) * 100)));
      pie.setAttribute("stroke-dasharray", `${spent} 100`);
    }
  }
}

export function initTimes(): void {
  tickAges(Date.now());
  tickClocks(Date.now());
}

window.setInterval(() => {
  if (!document.hidden) initTimes();
}, 20_000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) initTimes();
});
