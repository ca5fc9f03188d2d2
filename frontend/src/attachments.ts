/** Files of the composer: chosen, dropped or pasted, they are uploaded into the draft at once, each with its progress. */
import { first } from "./dom";
import type { DraftFile, Drafts } from "./drafts";

interface Answer {
  files?: DraftFile[];
  error?: string;
}

function csrf(form: HTMLElement): string {
  return first<HTMLInputElement>("[name=csrfmiddlewaretoken]", form)?.value ?? "";
}

function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The files of one composer. */
export class Attachments {
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly form: HTMLElement,
    private readonly drafts: Drafts,
  ) {}

  get isBusy(): boolean {
    return this.running.size > 0;
  }

  async finished(): Promise<void> {
    await Promise.all([...this.running]);
  }

  add(files: Iterable<File>): void {
    this.refuse([]);
    for (const file of files) {
      const task = this.upload(file, this.drafts.kind).finally(() => this.running.delete(task));
      this.running.add(task);
    }
  }

  /** Draw the files of the kind on display. */
  show(): void {
    const box = first("[data-files]", this.form);
    if (!box) return;
    const files = this.drafts.files[this.drafts.kind] ?? [];
    for (const old of [...box.querySelectorAll("[data-file]")]) old.remove();
    box.prepend(...files.map((file) => this.chip(file)));
    box.hidden = !box.childElementCount;
  }

  private chip(file: DraftFile): HTMLElement {
    const chip = document.createElement("span");
    chip.className = "att";
    chip.dataset.file = file.id;
    if (file.is_picture) {
      const picture = document.createElement("img");
      picture.src = file.url;
      picture.alt = "";
      picture.className = "att-pic";
      chip.append(picture);
    }
    const name = document.createElement("a");
    name.href = file.url;
    name.target = "_blank";
    name.rel = "noopener";
    name.className = "trunc";
    name.textContent = file.name;
    const size = document.createElement("span");
    size.className = "t-3 num";
    size.textContent = sizeOf(file.size);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "cc-x";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${this.form.dataset.removeFile ?? ""} ${file.name}`);
    remove.addEventListener("click", () => void this.remove(file));
    chip.append(name, size, remove);
    return chip;
  }

  private upload(file: File, kind: string): Promise<void> {
    const box = first("[data-files]", this.form);
    const waiting = document.createElement("span");
    waiting.className = "att is-loading";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    waiting.append(file.name, bar);
    box?.append(waiting);
    if (box) box.hidden = false;
    const data = new FormData();
    data.set("csrfmiddlewaretoken", csrf(this.form));
    data.set("kind", kind);
    data.set("file", file, file.name || "pasted.png");
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", this.form.dataset.filesUrl ?? "");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) bar.value = event.loaded / event.total;
      });
      request.addEventListener("loadend", () => {
        waiting.remove();
        this.take(kind, request.status, request.responseText, file.name);
        resolve();
      });
      request.send(data);
    });
  }

  private take(kind: string, status: number, body: string, name: string): void {
    let answer: Answer = {};
    try {
      answer = JSON.parse(body) as Answer;
    } catch {
      // no answer, or one of a proxy in between
    }
    if (status === 200 && answer.files) {
      this.drafts.files[kind] = answer.files;
      this.drafts.mark(kind);
    } else this.refuse([answer.error ?? `${name}: ${this.form.dataset.uploadFailed ?? ""}`]);
    this.show();
  }

  private async remove(file: DraftFile): Promise<void> {
    const kind = this.drafts.kind;
    const data = new FormData();
    data.set("csrfmiddlewaretoken", csrf(this.form));
    const answer = await fetch(file.url, { method: "POST", body: data });
    this.take(kind, answer.status, await answer.text(), file.name);
    first<HTMLElement>("textarea[name=body]", this.form)?.focus();
  }

  private refuse(reasons: string[]): void {
    const place = first("[data-refused]", this.form);
    if (!place) return;
    const before = reasons.length ? place.textContent ?? "" : "";
    place.textContent = [before, ...reasons].filter(Boolean).join(" ");
    place.hidden = !place.textContent;
  }
}
