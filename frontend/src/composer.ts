/**
 * The composer: reply or note, growing field, form of the text, recipients, files and drafts. What it sends is decided by the
 * server; what it shows of that (recipients, files, waiting answers) comes from there.
 */
import { Attachments } from "./attachments";
import { all, first, once } from "./dom";
import { Drafts } from "./drafts";
import { continueList, format, formatOf } from "./formats";

function grow(field: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return; // the stylesheet does it
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

/** One composer on the page. */
class Composer {
  private readonly drafts: Drafts;
  private readonly files: Attachments;

  constructor(
    private readonly form: HTMLFormElement,
    private readonly field: HTMLTextAreaElement,
  ) {
    this.drafts = new Drafts(form, field);
    this.files = new Attachments(form, this.drafts);
    // what came back refused is in the field already
    this.show(form.dataset.kind ?? "reply", Boolean(first(".alertline[role=alert]", form)));
    this.listen();
  }

  /** Show one kind with its own text and files. */
  private show(kind: string, keepsField = false): void {
    const { form, field } = this;
    form.dataset.kind = kind;
    const hidden = first<HTMLInputElement>("input[name=kind]", form);
    if (hidden) hidden.value = kind;
    for (const tab of all("[data-compose]", form)) tab.setAttribute("aria-selected", String(tab.dataset.compose === kind));
    if (!keepsField) field.value = this.drafts.texts[kind] ?? "";
    grow(field);
    this.preview(false);
    this.files.show();
    this.drafts.show();
    this.route();
  }

  private choose(kind: string): void {
    if (kind !== this.drafts.kind) {
      void this.drafts.flush();
      this.show(kind);
    }
    this.field.focus();
  }

  private listen(): void {
    const { form, field, drafts } = this;
    field.addEventListener("input", () => {
      drafts.note();
      this.route();
      form.dataset.typedAt = String(Date.now());
    });
    field.addEventListener("blur", () => void drafts.flush());
    field.addEventListener("keydown", (event) => this.onKey(event));
    field.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length || event.clipboardData?.getData("text/plain")) return;
      event.preventDefault();
      this.files.add(files);
    });
    form.addEventListener("click", (event) => this.onClick(event.target as Element));
    form.addEventListener("change", (event) => this.onChange(event.target as Element));
    form.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.classList.add("is-drop");
    });
    form.addEventListener("dragleave", (event) => {
      if (!form.contains(event.relatedTarget as Node | null)) form.classList.remove("is-drop");
    });
    form.addEventListener("drop", (event) => {
      form.classList.remove("is-drop");
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      this.files.add(event.dataTransfer.files);
    });
    this.listenToRecipients();
    this.listenToSending();
  }

  private onClick(target: Element): void {
    const tab = target.closest<HTMLElement>("[data-compose]");
    if (tab) this.choose(tab.dataset.compose ?? "reply");
    const tool = target.closest<HTMLElement>("[data-format]");
    if (tool) {
      this.preview(false);
      format(this.field, tool.dataset.format ?? "");
    }
    if (target.closest("[data-toggle-preview]")) this.preview(Boolean(first("[data-preview]", this.form)?.hidden));
    if (target.closest("[data-take-overtaken]")) this.drafts.takeOvertaken();
    if (target.closest("[data-drop-overtaken]")) this.drafts.dropOvertaken();
    const removed = target.closest("[data-cc-remove]")?.closest("[data-address]");
    if (removed) {
      removed.remove();
      this.editedCc();
    }
  }

  private onChange(target: Element): void {
    if (target instanceof HTMLInputElement && target.matches("[data-attach]")) {
      this.files.add([...(target.files ?? [])]);
      target.value = ""; // the form itself sends no file
    }
    if (target.matches("[data-via], [data-template]")) this.route();
    if (target instanceof HTMLSelectElement && target.matches("[data-via]")) {
      target.dataset.chosen = "";
      this.drafts.touch();
    }
    if (target instanceof HTMLInputElement && target.matches("[data-hold]")) {
      const hold = first<HTMLInputElement>("input[name=hold]", this.form);
      if (hold) hold.value = target.checked ? "1" : "0";
    }
  }

  /** Show what belongs to the way that the answer takes: recipients of a mail, or how much a channel carries. */
  private route(): void {
    const choice = first<HTMLSelectElement>("[data-via]", this.form);
    if (!choice) return;
    const option = choice.selectedOptions[0];
    const byMail = option?.dataset.byMail !== undefined;
    for (const part of all("[data-mail-only]", this.form)) part.hidden = !byMail;
    for (const words of all("[data-route]", this.form)) words.hidden = words.dataset.route !== choice.value;
    this.template(choice.value);
    const length = first("[data-length]", this.form);
    const longest = Number(option?.dataset.longest ?? "");
    if (!length) return;
    const left = longest - this.field.value.length;
    length.hidden = !longest || left > longest / 5;
    length.textContent = String(left);
    length.classList.toggle("is-bad", left < 0);
  }

  /** A template takes the place of what one writes freely, for as long as its way is chosen and the answer is one. */
  private template(via: string): void {
    const choices = all<HTMLSelectElement>("[data-template]", this.form);
    const chosen = choices.some((one) => one.value.startsWith(`${via}:`)) && this.drafts.kind === "reply";
    const fields = first("#composer-template", this.form);
    if (fields) {
      fields.hidden = !chosen;
      for (const field of all<HTMLInputElement>("input", fields)) field.disabled = !chosen;
    }
    this.field.hidden = chosen;
    this.field.required = !chosen;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.defaultPrevented) return;
    const name = formatOf(event);
    if (name === "preview") this.preview(true);
    else if (name) format(this.field, name);
    else if (event.key !== "Enter" || event.shiftKey || event.metaKey || event.ctrlKey || !continueList(this.field)) return;
    event.preventDefault();
  }

  /** The text as it will be seen, in the place of the field. */
  private preview(isOn: boolean): void {
    const box = first("[data-preview]", this.form);
    if (!box || box.hidden === !isOn) return;
    box.hidden = !isOn;
    this.field.hidden = isOn;
    first("[data-toggle-preview]", this.form)?.setAttribute("aria-pressed", String(isOn));
    if (!isOn) return;
    const data = new FormData();
    data.set("csrfmiddlewaretoken", first<HTMLInputElement>("[name=csrfmiddlewaretoken]", this.form)?.value ?? "");
    data.set("body", this.field.value);
    void fetch(this.form.dataset.previewUrl ?? "", { method: "POST", body: data }).then(async (answer) => {
      if (answer.ok) box.innerHTML = await answer.text(); // rendered and cleaned by the server
    });
  }

  // --- recipients ------------------------------------------------------------------------------------------------------

  private editedCc(): void {
    const edited = first<HTMLInputElement>("[name=cc_edited]", this.form);
    if (edited) edited.value = "1";
    this.drafts.touch();
  }

  private listenToRecipients(): void {
    const input = first<HTMLInputElement>("[data-cc-add]", this.form);
    if (!input) return;
    const add = (): void => {
      for (const address of input.value.split(/[\s,;]+/).filter(Boolean)) input.before(this.ccChip(address));
      if (input.value.trim()) this.editedCc();
      input.value = "";
    };
    input.addEventListener("input", () => {
      const edited = first<HTMLInputElement>("[name=cc_edited]", this.form);
      if (edited && input.value.trim()) edited.value = "1";
      if (/[\s,;]$/.test(input.value)) add();
    });
    input.addEventListener("blur", add);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.metaKey && !event.ctrlKey) {
        event.preventDefault(); // Enter must not send
        add();
      } else if (event.key === "Backspace" && !input.value) {
        const last = input.previousElementSibling;
        if (last?.matches("[data-address]")) {
          last.remove();
          this.editedCc();
        }
      }
    });
  }

  private ccChip(address: string): HTMLElement {
    const chip = document.createElement("span");
    chip.className = "cc is-new";
    chip.dataset.address = address;
    const words = document.createElement("span");
    words.className = "trunc";
    words.textContent = `+ ${address}`;
    const value = document.createElement("input");
    value.type = "hidden";
    value.name = "cc";
    value.value = address;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "cc-x";
    remove.dataset.ccRemove = "";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${this.form.dataset.removeCc ?? ""} ${address}`);
    chip.append(words, value, remove);
    return chip;
  }

  // --- sending ---------------------------------------------------------------------------------------------------------

  private listenToSending(): void {
    const { form, drafts } = this;
    form.addEventListener("htmx:confirm", (event) => {
      const { elt, issueRequest } = (event as CustomEvent<{ elt: Element; issueRequest: (skip: boolean) => void }>).detail;
      if (elt !== form || !this.files.isBusy) return;
      // what is still on its way belongs to the message
      event.preventDefault();
      void this.files.finished().then(() => issueRequest(true));
    });
    form.addEventListener("htmx:beforeRequest", (event) => {
      if ((event as CustomEvent<{ elt: Element }>).detail.elt === form) drafts.stop();
    });
    form.addEventListener("htmx:afterRequest", (event) => {
      const detail = (event as CustomEvent<{ successful: boolean; elt: Element }>).detail;
      if (detail.elt === form) drafts.resume();
    });
  }

  /** Another ticket takes the place, or the page goes: nothing that was typed stays behind. */
  leave(): void {
    if (this.form.isConnected) void this.drafts.flush(true);
  }

  /** What is sent is over: the keys of the list and of the ticket work again. */
  rest(sent: Element | undefined): void {
    if (sent !== this.form) return;
    // before the next composer looks for what was kept on this device
    this.drafts.sent();
    this.field.blur();
  }
}

let current: Composer | null = null;

addEventListener("pagehide", () => current?.leave());
document.addEventListener("visibilitychange", () => document.hidden && current?.leave());
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = (event as CustomEvent<{ target: Element; xhr: XMLHttpRequest; requestConfig: { elt?: Element } }>).detail;
  if (target?.id !== "conversation") return;
  current?.leave();
  if (xhr.status === 200) current?.rest(requestConfig.elt);
});

/** Seconds until an answer leaves; with the last one the way back goes. */
function countDown(): void {
  for (const place of all("[data-leaves-at]")) {
    const left = Math.ceil((Date.parse(place.dataset.leavesAt ?? "") - Date.now()) / 1000);
    place.textContent = left > 0 ? (place.dataset.words ?? "%s").replace("%s", String(left)) : (place.dataset.over ?? "");
    if (left <= 0) first("[data-undo-answer]", place.parentElement ?? document)?.remove();
  }
}

window.setInterval(countDown, 500);

export function initComposer(): void {
  once<HTMLFormElement>("[data-composer]", "Composer", (form) => {
    const field = first<HTMLTextAreaElement>("textarea[name=body]", form);
    if (field) current = new Composer(form, field);
  });
  once<HTMLTextAreaElement>("textarea[data-autosize]", "Autosize", (field) => {
    field.addEventListener("input", () => grow(field));
  });
  countDown();
}
