/** The composer: reply or note, growing field, canned text, and a draft kept on this device until it was sent. */
import { all, first, once, recall, remember } from "./dom";

function grow(field: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return; // the stylesheet does it
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

function setKind(form: HTMLElement, kind: string): void {
  form.dataset.kind = kind;
  const hidden = first<HTMLInputElement>("input[name=kind]", form);
  if (hidden) hidden.value = kind;
  for (const tab of all("[data-compose]", form)) tab.setAttribute("aria-selected", String(tab.dataset.compose === kind));
}

function wire(form: HTMLElement): void {
  const field = first<HTMLTextAreaElement>("textarea", form);
  if (!field) return;
  const key = form.dataset.draftKey ? `draft.${form.dataset.draftKey}` : "";
  if (key && !field.value) {
    const kept = recall(key);
    if (kept) {
      const draft = JSON.parse(kept) as { kind: string; body: string };
      field.value = draft.body;
      setKind(form, draft.kind);
    }
  }
  setKind(form, form.dataset.kind ?? "reply");
  grow(field);
  field.addEventListener("input", () => {
    if (key) remember(key, field.value ? JSON.stringify({ kind: form.dataset.kind, body: field.value }) : null);
  });
  form.addEventListener("click", (event) => {
    const target = event.target as Element;
    const tab = target.closest<HTMLElement>("[data-compose]");
    if (tab) {
      setKind(form, tab.dataset.compose ?? "reply");
      field.focus();
    }
  });
  // the draft goes only when the server has taken the message
  form.addEventListener("htmx:afterRequest", (event) => {
    const detail = (event as CustomEvent<{ successful: boolean; elt: Element }>).detail;
    if (key && detail.successful && detail.elt === form) remember(key, null);
  });
}

export function initComposer(): void {
  once("[data-composer]", "Composer", wire);
  once<HTMLTextAreaElement>("textarea[data-autosize]", "Autosize", (field) => {
    field.addEventListener("input", () => grow(field));
  });
}
