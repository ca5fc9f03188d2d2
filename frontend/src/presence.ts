/**
 * Who else is on the open ticket. While the page is visible it says every few seconds that somebody is here, and what the others
 * do comes back with the answer.
 */
import { first } from "./dom";

interface Person {
  id: number;
  initials: string;
  state: "viewing" | "replying" | "noting";
  text: string;
}

const EVERY_MS = 4000;
/** With a visitor in a chat (whose id is 0) signs come and go faster. */
const CHAT_EVERY_MS = 2000;
/** Who has not typed for so long has stopped writing. */
const WRITING_MS = 20_000;
const MOST_SHOWN = 4;

let present: Person[] = [];
let current = "";
let timer = 0;

function ticketId(): string {
  return first("#conversation")?.dataset.ticket ?? "";
}

function csrf(): string {
  return first<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
}

function state(): string {
  const form = first("[data-composer]");
  const field = form && first<HTMLTextAreaElement>("textarea[name=body]", form);
  const typed = Number(form?.dataset.typedAt ?? "0");
  if (!form || !field?.value.trim() || Date.now() - typed > WRITING_MS) return "viewing";
  return form.dataset.kind === "note" ? "noting" : "replying";
}

function data(what: string): FormData {
  const made = new FormData();
  made.set("csrfmiddlewaretoken", csrf());
  made.set("state", what);
  return made;
}

function leave(id: string): void {
  if (id) navigator.sendBeacon(`/inbox/${id}/presence/`, data("gone"));
}

async function beat(): Promise<void> {
  window.clearTimeout(timer);
  const id = ticketId();
  if (id !== current) {
    leave(current);
    current = id;
    present = [];
    show();
  }
  const chats = present.some((person) => person.id === 0);
  timer = window.setTimeout(() => void beat(), chats ? CHAT_EVERY_MS : EVERY_MS);
  if (!id || document.hidden || !navigator.onLine) return;
  try {
    const answer = await fetch(`/inbox/${id}/presence/`, { method: "POST", body: data(state()) });
    if (!answer.ok || id !== ticketId()) return;
    present = ((await answer.json()) as { people: Person[] }).people;
    show();
  } catch {
    // the offline banner tells; old signs expire by themselves
  }
}

function avatar(person: Person): HTMLElement {
  const made = document.createElement("span");
  made.className = `av pres-av is-${person.state}`;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", person.text);
  made.title = person.text;
  made.textContent = person.initials;
  return made;
}

/** Draw who is here; the header is read again with each change of the ticket, so this runs after each swap. */
function show(): void {
  const people = first("[data-presence-people]");
  if (people) {
    people.replaceChildren(...present.slice(0, MOST_SHOWN).map(avatar));
    people.hidden = !present.length;
  }
  const words = first("[data-presence-words]");
  const writing = present.filter((person) => person.state !== "viewing");
  if (!words) return;
  const line = writing.map((person) => person.text).join(", ");
  const text = first(".trunc", words);
  if (text && text.textContent !== line) text.textContent = line;
  words.hidden = !line;
}

export function initPresence(): void {
  if (ticketId() !== current) void beat();
  else show();
}

addEventListener("pagehide", () => leave(current));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void beat();
});
