/**
 * Drafts of the composer: one per kind, saved on the server while somebody writes, kept on this device while the server cannot be
 * reached. Two windows on one draft: the newer words win, the other ones are offered.
 */
import { all, first, recall, remember } from "./dom";

export interface DraftFile {
  id: string;
  name: string;
  size: number;
  url: string;
  is_picture: boolean;
}

interface Kept {
  body: string;
  version: number;
}

const PAUSE_MS = 1000;

/** The drafts of one composer. */
export class Drafts {
  readonly texts: Record<string, string> = {};
  readonly files: Record<string, DraftFile[]> = {};
  private readonly versions: Record<string, number> = {};
  private readonly overtaken: Record<string, string> = {};
  private readonly saved: Record<string, string> = {};
  private timer = 0;
  private running: Promise<void> | null = null;
  private again = false;
  /** Counts the saves of this form. It starts at the time: after a reload the browser may put the form's old token back. */
  private number = Date.now();
  /** Set while the form is on its way: what it holds is no draft any more. */
  isSending = false;

  constructor(
    private readonly form: HTMLElement,
    private readonly field: HTMLTextAreaElement,
  ) {
    for (const source of all<HTMLTextAreaElement>("[data-draft-of]", form)) {
      const kind = source.dataset.draftOf ?? "";
      this.texts[kind] = this.saved[kind] = source.value;
      this.versions[kind] = Number(source.dataset.version ?? "0");
      this.overtaken[kind] = first<HTMLTextAreaElement>(`[data-overtaken-of="${kind}"]`, form)?.value ?? "";
      const files = first<HTMLTextAreaElement>(`[data-files-of="${kind}"]`, form)?.value;
      this.files[kind] = files ? (JSON.parse(files) as DraftFile[]) : [];
      this.restore(kind);
      this.mark(kind);
    }
  }

  get kind(): string {
    return this.form.dataset.kind ?? "reply";
  }

  /** What was written here while the server could not be reached comes first; the server keeps what it replaces. */
  private restore(kind: string): void {
    const kept = recall(this.key(kind));
    if (!kept) return;
    const local = JSON.parse(kept) as Kept;
    if (!local.body || local.body === this.texts[kind]) return remember(this.key(kind), null);
    this.texts[kind] = local.body;
    this.versions[kind] = local.version;
    this.schedule(kind);
  }

  /** What this window knows of the draft goes with the form: what another one has added since is not sent. */
  mark(kind: string): void {
    const version = first<HTMLInputElement>(`[name=version_${kind}]`, this.form);
    if (version) version.value = String(this.versions[kind] ?? 0);
    const files = first<HTMLInputElement>(`[name=files_${kind}]`, this.form);
    if (files) files.value = (this.files[kind] ?? []).map((one) => one.id).join(",");
  }

  private key(kind: string): string {
    return `draft.${this.form.dataset.draftKey ?? ""}.${kind}`;
  }

  /** The field has changed. */
  note(): void {
    const kind = this.kind;
    this.texts[kind] = this.field.value;
    remember(this.key(kind), this.field.value ? JSON.stringify({ body: this.field.value, version: this.versions[kind] ?? 0 }) : null);
    this.schedule(kind);
    this.show();
  }

  /** Something else of the draft has changed, its recipients for example. */
  touch(): void {
    delete this.saved[this.kind];
    this.schedule(this.kind);
  }

  private schedule(kind: string): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(kind), PAUSE_MS);
  }

  /** Save now what is not saved yet; `last` when the page is about to go. */
  flush(last = false): Promise<void> {
    window.clearTimeout(this.timer);
    return this.save(this.kind, last);
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.isSending = true;
  }

  /** The form came back: what is in the field is a draft again. */
  resume(): void {
    this.isSending = false;
  }

  sent(): void {
    remember(this.key(this.kind), null);
  }

  private async save(kind: string, last = false): Promise<void> {
    if (this.isSending || !this.form.dataset.draftUrl || this.saved[kind] === this.texts[kind]) return;
    if (this.running && !last) {
      this.again = true;
      return this.running;
    }
    const words = this.texts[kind] ?? "";
    this.running = this.post(kind, words, last);
    await this.running;
    this.running = null;
    if (this.again) {
      this.again = false;
      await this.save(kind);
    }
  }

  private async post(kind: string, words: string, last: boolean): Promise<void> {
    const data = new FormData();
    for (const name of ["csrfmiddlewaretoken", "token", "cc_edited"]) data.set(name, first<HTMLInputElement>(`[name=${name}]`, this.form)?.value ?? "");
    for (const one of all<HTMLInputElement>("[name=cc]", this.form)) if (one.value) data.append("cc", one.value);
    const via = first<HTMLSelectElement>("[data-via]", this.form);
    // Whom the words are for: the way that was chosen, or that the writer has in front of the words.
    if (kind === "reply" && (words.trim() || via?.dataset.chosen !== undefined)) {
      if (via) data.set("via", via.value);
      for (const one of all<HTMLInputElement>("[name=into]", this.form)) data.append("into", one.value);
    }
    data.set("kind", kind);
    data.set("body", words);
    data.set("version", String(this.versions[kind] ?? 0));
    data.set("number", String(++this.number));
    try {
      const answer = await fetch(this.form.dataset.draftUrl ?? "", { method: "POST", body: data, keepalive: last && words.length < 30_000 });
      if (answer.status !== 200 && answer.status !== 409) throw new Error(String(answer.status));
      const now = (await answer.json()) as { version: number; overtaken?: string; sent?: boolean };
      const before = this.saved[kind];
      this.saved[kind] = words;
      if (Boolean(before) !== Boolean(words)) document.dispatchEvent(new CustomEvent("draft:kept", { detail: this.form.dataset.draftUrl }));
      this.versions[kind] = now.version;
      this.mark(kind);
      if (this.texts[kind] === words) remember(this.key(kind), null);
      if (answer.status === 409) this.overtaken[kind] = now.overtaken ?? "";
      this.say(words ? (this.form.dataset.saved ?? "") : "");
    } catch {
      this.say(this.form.dataset.offline ?? "");
    }
    this.show();
  }

  private say(words: string): void {
    const state = first("[data-draft-state]", this.form);
    if (state) state.textContent = words;
  }

  /** Dots on the tabs, and the notice of another window. */
  show(): void {
    for (const dot of all("[data-has-draft]", this.form)) {
      const kind = dot.dataset.hasDraft ?? "";
      dot.hidden = kind === this.kind || !(this.texts[kind]?.trim() || this.files[kind]?.length);
    }
    const notice = first("[data-overtaken]", this.form);
    if (notice) notice.hidden = !this.overtaken[this.kind];
  }

  /** Add the words of the other window below one's own. */
  takeOvertaken(): void {
    const words = this.overtaken[this.kind] ?? "";
    this.dropOvertaken();
    this.field.value = `${this.field.value.trimEnd()}\n\n${words}`.trimStart();
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
    this.field.focus();
  }

  dropOvertaken(): void {
    this.overtaken[this.kind] = "";
    const data = new FormData();
    data.set("csrfmiddlewaretoken", first<HTMLInputElement>("[name=csrfmiddlewaretoken]", this.form)?.value ?? "");
    data.set("kind", this.kind);
    data.set("seen_overtaken", "1");
    void fetch(this.form.dataset.draftUrl ?? "", { method: "POST", body: data });
    this.show();
  }
}
