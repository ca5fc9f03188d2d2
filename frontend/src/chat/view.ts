/** What the visitor sees: the button, the panel, the thread, the forms. It draws what `Conversation` knows. */
import sheetText from "./chat.css";
import { type Config, type Entry, Refused } from "./client";
import type { Conversation, Pending } from "./conversation";
import { face, h, icon, words } from "./dom";

type Item = { key: string; stamp: string; draw: () => Node };

export class View {
  readonly host = h("div");
  private readonly root = h("div.root");
  private readonly launch: HTMLButtonElement;
  private readonly count = h("span.count", { hidden: true });
  private readonly panel: HTMLDivElement;
  private readonly title = h("h2", { id: "chat-title" });
  private readonly sub = h("p");
  private readonly face = h("span.av", { "aria-hidden": "true" });
  private readonly log: HTMLDivElement;
  private readonly bar = h("div.bar", { role: "status", hidden: true });
  private readonly live = h("div.hidden-text", { role: "status" });
  private readonly composer = h("div.composer");
  private readonly chips = h("div.chips", { hidden: true });
  private readonly field: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly picker: HTMLInputElement;
  private readonly endButton: HTMLButtonElement;
  private readonly refusal = h("p.error", { role: "alert" });
  private readonly cards = new Map<string, HTMLElement>();
  private files: File[] = [];
  private agreed = false;
  private offlineSince = 0;
  private skippedRating = "";
  private readonly t: (key: string, value?: string) => string;

  constructor(
    private readonly config: Config,
    private readonly chat: Conversation,
    theme: string,
  ) {
    this.t = (key, value = "") => (config.words[key] ?? key).replace("%s", value);
    this.host.lang = config.language;
    this.launch = h("button.launch", { type: "button", "aria-expanded": "false", onclick: () => this.toggle() });
    this.field = h("textarea", { rows: 1, maxlength: config.longest_text, placeholder: this.t("write"), "aria-label": this.t("write") });
    this.sendButton = h("button.send", { type: "button", disabled: true, "aria-label": this.t("send"), title: this.t("send"), onclick: () => this.send() }, icon("send"));
    this.picker = h("input", { type: "file", multiple: true, hidden: true, tabindex: -1 });
    this.endButton = h("button", { type: "button", "aria-label": this.t("end"), title: this.t("end"), onclick: () => void this.end() }, icon("end"));
    this.log = h("div.log", { role: "log", "aria-label": this.t("messages"), tabindex: 0 });
    this.panel = h(
      "div.panel",
      { role: "dialog", "aria-labelledby": "chat-title", hidden: true },
      h("div.head", {}, this.face, h("div.who", {}, this.title, this.sub), this.endButton, h("button", { type: "button", "aria-label": this.t("close"), title: this.t("close"), onclick: () => this.close() }, icon("close"))),
      this.log,
      this.bar,
      this.composer,
      this.live,
    );
    this.composer.append(this.chips, this.refusal, this.writeRow());
    this.root.append(this.panel, this.launch);
    this.root.classList.toggle("is-left", config.position === "left");
    this.wear(theme);
    const shadow = this.host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(sheetText);
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(this.root);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      event.stopPropagation(); // the page's own shortcuts are not for what is typed here
    });
    this.draw();
  }

  get isOpen(): boolean {
    return !this.panel.hidden;
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  open(): void {
    this.panel.hidden = false;
    this.root.classList.add("is-open");
    this.draw();
    this.toEnd();
    const target = this.panel.querySelector<HTMLElement>("form .input") ?? (this.composer.hidden ? this.log : this.field);
    target.focus({ preventScroll: true });
  }

  close(): void {
    this.panel.hidden = true;
    this.root.classList.remove("is-open");
    this.draw();
    this.launch.focus({ preventScroll: true });
  }

  /** Bring everything up to date; called for every change. */
  draw(): void {
    const { chat } = this;
    if (this.isOpen) chat.look();
    this.drawLaunch();
    if (!this.isOpen) return;
    this.drawHead();
    const nearEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    this.drawLog();
    if (nearEnd) this.toEnd();
    const mayWrite = chat.isStarted ? chat.state.open : !this.asks();
    this.composer.hidden = !mayWrite;
    this.endButton.hidden = !chat.isStarted || !chat.state.open || !chat.entries.length;
    this.drawBar();
  }

  private drawLaunch(): void {
    const unread = this.isOpen ? 0 : this.chat.unread;
    const label = this.t(this.isOpen ? "close" : "open") + (unread ? `, ${this.t("unread", String(unread))}` : "");
    this.count.hidden = !unread;
    this.count.textContent = String(unread);
    if (this.launch.getAttribute("aria-label") === label) return;
    this.launch.setAttribute("aria-label", label);
    this.launch.setAttribute("aria-expanded", String(this.isOpen));
    this.launch.replaceChildren(icon(this.isOpen ? "down" : "chat", 26), this.count);
  }

  private drawHead(): void {
    const agent = this.chat.state.agent;
    this.title.textContent = agent || this.config.title;
    const initials = this.chat.entries.findLast((one) => one.name === agent && one.kind !== "visitor")?.initials ?? "";
    this.face.hidden = !agent;
    this.face.textContent = initials;
    const open = this.config.is_open;
    const opens = this.config.opens_at ? this.t("opens", this.moment(this.config.opens_at)) : "";
    const line = agent ? this.config.title : open ? this.t("online") : opens;
    this.sub.hidden = !line;
    this.sub.replaceChildren(h(open ? "span.dot" : "span.dot.is-away", { "aria-hidden": "true" }), line);
  }

  private drawBar(): void {
    const { chat } = this;
    const lost = chat.isStarted && chat.state.open && !(chat.isConnected && navigator.onLine);
    if (!lost) this.offlineSince = 0;
    else if (!this.offlineSince) {
      this.offlineSince = Date.now();
      window.setTimeout(() => this.draw(), 3100);
    }
    // a connection that comes back within three seconds is not worth a word
    const shown = this.offlineSince && Date.now() - this.offlineSince > 3000 ? this.t("offline") : chat.notice;
    this.bar.hidden = !shown;
    if (this.bar.textContent !== shown) this.bar.replaceChildren(...(shown === chat.notice ? [] : [icon("cloud", 16)]), shown);
  }

  // --- the thread

  private drawLog(): void {
    const items = this.items();
    const kept = new Map([...this.log.children].map((one) => [(one as HTMLElement).dataset.key ?? "", one as HTMLElement]));
    let place = this.log.firstElementChild;
    for (const item of items) {
      let shown = kept.get(item.key);
      kept.delete(item.key);
      if (!shown || shown.dataset.stamp !== item.stamp) {
        const fresh = item.draw() as HTMLElement;
        fresh.dataset.key = item.key;
        fresh.dataset.stamp = item.stamp;
        if (shown) {
          if (place === shown) place = fresh;
          shown.replaceWith(fresh);
        }
        shown = fresh;
      }
      if (place === shown) place = shown.nextElementSibling;
      else this.log.insertBefore(shown, place);
    }
    for (const gone of kept.values()) gone.remove();
  }

  private items(): Item[] {
    const { chat, config } = this;
    const items: Item[] = [];
    const add = (key: string, stamp: string, draw: () => Node): void => void items.push({ key, stamp, draw });
    add("greeting", "", () => this.bubble("is-first is-last", words(config.greeting), this.config.title.slice(0, 1)));
    if (!config.is_open) add("closed", "", () => h("div.card.is-note", {}, config.closed));
    if (!chat.isStarted && this.asks()) {
      add("start", "", () => this.card("start", () => this.startForm()));
      return items;
    }
    let day = "";
    const entries = chat.entries;
    entries.forEach((entry, index) => {
      const on = new Date(entry.at).toDateString();
      if (on !== day && (day || on !== new Date().toDateString())) add(`day-${on}`, "", () => h("div.day", {}, this.dayOf(entry.at)));
      day = on;
      const { before, after } = { before: entries[index - 1], after: entries[index + 1] };
      const firstOf = !near(before, entry);
      const lastOf = !near(entry, after) && !(entry.kind === "visitor" && !after && chat.pending.length);
      if (entry.kind === "visitor" || entry.kind === "agent") {
        const held = entry.files?.map((one) => one.held).join() ?? "";
        add(`e${entry.n}`, `${firstOf}${lastOf}${held}`, () => this.message(entry, firstOf, lastOf));
        if (lastOf) add(`m${entry.n}`, "", () => this.meta(entry));
      } else {
        add(`e${entry.n}`, "", () => h("div.line", {}, this.t(entry.kind, entry.name)));
      }
    });
    chat.pending.forEach((one, index) => {
      const isLast = index === chat.pending.length - 1;
      add(`p${one.id}`, `${one.state}${isLast}`, () => this.bubble(`is-mine is-waiting${isLast ? " is-last" : ""}`, [...words(one.text), ...one.files.map((file) => this.file(file.name, file.size))]));
      if (isLast || one.state !== "sending") add(`q${one.id}`, `${one.state}${one.error}`, () => this.pendingMeta(one));
    });
    if (chat.state.typing) {
      add("typing", chat.state.typing, () => {
        const dots = h("div.msg.is-first.is-last", {}, h("span.av", { "aria-hidden": "true" }, chat.state.typing.slice(0, 1)), h("div.bubble.typing", {}, h("i"), h("i"), h("i")));
        dots.append(h("span.hidden-text", {}, this.t("typing", chat.state.typing)));
        return dots;
      });
    }
    if (chat.isStarted && chat.state.open && !chat.email && entries.some((one) => one.kind === "visitor")) add("email", "", () => this.card("email", () => this.emailForm()));
    const rating = this.ratingKey();
    if (rating) add(rating, String(chat.rated), () => (chat.rated ? h("div.line", {}, this.t("rated")) : this.card(rating, () => this.ratingForm(rating))));
    if (chat.isStarted && !chat.state.open) {
      add("again", "", () => h("button.main", { type: "button", onclick: () => this.again() }, this.t("new")));
    }
    return items;
  }

  /** Names the occasion for asking how it went: the chat has ended or was solved, and somebody had answered. */
  private ratingKey(): string {
    const { entries } = this.chat;
    const lastWords = entries.findLast((one) => one.kind !== "joined");
    const over = lastWords?.kind === "resolved" || lastWords?.kind === "ended";
    if (!this.config.rating || !over || !entries.some((one) => one.kind === "agent")) return "";
    const key = `rating-${lastWords.n}`;
    return this.skippedRating === key ? "" : key;
  }

  private message(entry: Entry, isFirst: boolean, isLast: boolean): HTMLElement {
    const css = `${entry.kind === "visitor" ? "is-mine" : ""}${isFirst ? " is-first" : ""}${isLast ? " is-last" : ""}`;
    const files = (entry.files ?? []).map((one) => this.file(one.name, one.size, one.url, one.held));
    return this.bubble(css, [h("span.hidden-text", {}, `${entry.kind === "visitor" ? this.t("you") : entry.name}: `), ...words(entry.text ?? ""), ...files], entry.initials);
  }

  private bubble(css: string, content: Node[], initials = ""): HTMLElement {
    const made = h("div.msg", {}, css.includes("is-mine") ? null : h("span.av", { "aria-hidden": "true" }, initials), h("div.bubble", {}, ...content));
    made.className += ` ${css.trim()}`;
    return made;
  }

  private meta(entry: Entry): HTMLElement {
    const mine = entry.kind === "visitor";
    const clock = new Intl.DateTimeFormat(this.config.language, { hour: "2-digit", minute: "2-digit" }).format(new Date(entry.at));
    return h(mine ? "div.meta.is-mine" : "div.meta", {}, mine ? `${this.t("sent")} · ${clock}` : `${entry.name} · ${clock}`);
  }

  private pendingMeta(one: Pending): HTMLElement {
    const made = h("div.meta.is-mine", {}, one.state === "failed" ? one.error || this.t("failed") : one.error || this.t(one.state));
    if (one.state === "failed") {
      made.classList.add("is-bad");
      made.append(h("button", { type: "button", onclick: () => this.chat.retry(one) }, this.t("retry")), h("button", { type: "button", onclick: () => this.chat.discard(one) }, this.t("discard")));
    }
    return made;
  }

  private file(name: string, size: number, url = "", held = ""): HTMLElement {
    const parts = [icon("file", 18), h("span", {}, name, " ", h("small", {}, held ? this.t("scanning") : sizeOf(size)))];
    return url ? h("a.file", { href: url, target: "_blank", rel: "noopener" }, ...parts) : h("span.file", {}, ...parts);
  }

  // --- forms

  /** A form is drawn once and kept, so that what was typed in it stays. */
  private card(key: string, draw: () => HTMLElement): HTMLElement {
    const known = this.cards.get(key) ?? draw();
    this.cards.set(key, known);
    return known;
  }

  /** Whether anything has to be asked before the first message. */
  private asks(): boolean {
    if (this.config.consent && !this.agreed) return true;
    return !this.chat.identity.user_id && (this.config.name !== "no" || this.config.email !== "no" || !this.config.is_open);
  }

  private startForm(): HTMLElement {
    const { config } = this;
    const known = Boolean(this.chat.identity.user_id);
    const name = known || config.name === "no" ? null : this.input("name", "text", config.name === "required", this.chat.identity.name);
    const email = known || (config.email === "no" && config.is_open) ? null : this.input("email", "email", config.email === "required", this.chat.identity.email);
    const agree = h("input", { type: "checkbox", required: true });
    const error = h("p.error", { role: "alert" });
    const button = h("button.main", { type: "submit" }, this.t("start"));
    const form = h("form.card", { novalidate: true }, name?.row, email?.row, config.consent ? h("label.check", {}, agree, h("span", {}, ...words(config.consent))) : null, error, button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      for (const one of [name, email]) one?.say("");
      error.textContent = "";
      button.disabled = true;
      const values = { name: name?.input.value.trim(), email: email?.input.value.trim(), agreed: agree.checked };
      this.chat
        .start(values)
        .then(() => {
          this.agreed = agree.checked;
          this.cards.clear();
          this.draw();
          this.field.focus();
        })
        .catch((refused: unknown) => {
          const { status, message, field } = refused instanceof Refused ? refused : new Refused(0);
          const at = { name, email }[field];
          if (at) at.say(message);
          else error.textContent = status ? message || this.t("gone") : this.t("offline");
        })
        .finally(() => (button.disabled = false));
    });
    return form;
  }

  private input(name: "name" | "email", type: string, isRequired: boolean, value: string): { row: HTMLElement; input: HTMLInputElement; say: (text: string) => void } {
    const input = h("input.input", { type, value, name, autocomplete: name, maxlength: name === "name" ? 160 : 254, "aria-describedby": `chat-${name}-error`, "aria-required": String(isRequired) });
    const error = h("p.error", { id: `chat-${name}-error`, role: "alert" });
    const row = h("label.field", {}, h("span", {}, this.t(name), isRequired ? null : h("small", {}, this.t("optional"))), input, error);
    const say = (text: string): void => {
      error.textContent = text;
      if (text) {
        input.setAttribute("aria-invalid", "true");
        input.focus();
      } else input.removeAttribute("aria-invalid");
    };
    return { row, input, say };
  }

  private emailForm(): HTMLElement {
    const input = h("input.input", { type: "email", autocomplete: "email", maxlength: 254, "aria-label": this.t("email"), placeholder: this.t("email") });
    const error = h("p.error", { role: "alert" });
    const form = h("form.card", { novalidate: true }, h("h3", {}, this.t("leave_email")), h("div.with-button", {}, input, h("button.main", { type: "submit" }, this.t("save"))), error);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.chat
        .leaveEmail(input.value.trim())
        .then(() => (this.live.textContent = this.t("saved", this.chat.email)))
        .catch((refused: unknown) => (error.textContent = refused instanceof Refused && refused.status ? refused.message : this.t("offline")));
    });
    return form;
  }

  private ratingForm(key: string): HTMLElement {
    let score = 0;
    const word = h("p.face-word", { "aria-live": "polite" });
    const comment = h("textarea.input", { rows: 2, maxlength: 4000, placeholder: this.t("comment"), "aria-label": this.t("comment"), hidden: true });
    const submit = h("button.main", { type: "submit", hidden: true }, this.t("submit"));
    const error = h("p.error", { role: "alert" });
    const faces = this.config.scores.map(([value, label]) => {
      const button = h("button", { type: "button", "aria-label": label, "aria-pressed": "false", title: label }, face(value));
      button.addEventListener("click", () => {
        score = value;
        word.textContent = label;
        for (const one of faces) one.setAttribute("aria-pressed", String(one === button));
        comment.hidden = submit.hidden = false;
        this.toEnd();
      });
      return button;
    });
    const skip = h("button.quiet", { type: "button", onclick: () => this.skipRating(key) }, this.t("skip"));
    const form = h("form.card", { novalidate: true }, h("h3", {}, this.t("rate")), h("div.faces", { role: "group", "aria-label": this.t("rate") }, ...faces), word, comment, submit, error, skip);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.chat.rate(score, comment.value.trim()).catch((refused: unknown) => {
        error.textContent = refused instanceof Refused && refused.status ? refused.message : this.t("offline");
      });
    });
    return form;
  }

  private skipRating(key: string): void {
    this.skippedRating = key;
    this.draw();
  }

  private again(): void {
    this.cards.clear();
    this.chat.forget();
    this.open();
  }

  private async end(): Promise<void> {
    await this.chat.end().catch(() => undefined);
    this.toEnd();
    this.log.focus();
  }

  // --- writing

  private writeRow(): HTMLElement {
    const clip = h("button", { type: "button", "aria-label": this.t("attach"), title: this.t("attach"), hidden: !this.config.files, onclick: () => this.picker.click() }, icon("clip"));
    const row = h("div.write", {}, clip, this.picker, this.field, this.sendButton);
    this.picker.addEventListener("change", () => {
      this.attach([...(this.picker.files ?? [])]);
      this.picker.value = "";
    });
    this.field.addEventListener("input", () => {
      this.fit();
      if (this.field.value.trim()) this.chat.typing();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
    });
    this.field.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length && this.config.files) {
        event.preventDefault();
        this.attach(files);
      }
    });
    this.panel.addEventListener("dragover", (event) => {
      if (!this.config.files || this.composer.hidden) return;
      event.preventDefault();
      row.classList.add("is-over");
    });
    for (const name of ["dragleave", "drop"]) this.panel.addEventListener(name, () => row.classList.remove("is-over"));
    this.panel.addEventListener("drop", (event) => {
      if (!this.config.files || this.composer.hidden) return;
      event.preventDefault();
      this.attach([...(event.dataTransfer?.files ?? [])]);
    });
    return row;
  }

  private attach(files: File[]): void {
    const room = this.config.most_files - this.files.length;
    const fitting = files.filter((one) => one.size <= this.config.largest_file).slice(0, Math.max(0, room));
    const refused = files.filter((one) => !fitting.includes(one));
    this.refusal.textContent = refused.length ? `${this.t("failed")}: ${refused.map((one) => one.name).join(", ")}` : "";
    this.files.push(...fitting);
    this.drawChips();
    this.field.focus();
  }

  private drawChips(): void {
    this.chips.hidden = !this.files.length;
    this.chips.replaceChildren(
      ...this.files.map((file) =>
        h("span.chip", {}, icon("file", 16), h("b", {}, file.name), h("button", { type: "button", "aria-label": this.t("remove", file.name), onclick: () => this.detach(file) }, icon("close", 14))),
      ),
    );
    this.fit();
  }

  private detach(file: File): void {
    this.files = this.files.filter((one) => one !== file);
    this.drawChips();
    this.field.focus();
  }

  /** The field is as high as its text, up to a limit; a script may set styles where a page's policy forbids them in HTML. */
  private fit(): void {
    this.field.style.height = "36px";
    this.field.style.height = `${Math.min(132, Math.max(36, this.field.scrollHeight))}px`;
    this.sendButton.disabled = !this.field.value.trim() && !this.files.length;
  }

  private send(): void {
    const text = this.field.value.trim();
    const files = this.files;
    if (!text && !files.length) return;
    if (!this.chat.isStarted) {
      this.chat.start({ agreed: this.agreed }).catch((refused: unknown) => {
        this.refusal.textContent = refused instanceof Refused && refused.status ? refused.message || this.t("gone") : this.t("offline");
      }).then(() => this.chat.isStarted && this.send());
      return;
    }
    this.field.value = "";
    this.files = [];
    this.refusal.textContent = "";
    this.drawChips();
    this.chat.write(text, files);
    this.toEnd();
  }

  // --- small things

  private toEnd(): void {
    this.log.scrollTop = this.log.scrollHeight;
  }

  private wear(theme: string): void {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const put = (): void => {
      const isDark = theme === "dark" || (theme !== "light" && dark.matches);
      this.host.dataset.theme = isDark ? "dark" : "light";
    };
    dark.addEventListener("change", put);
    put();
    this.host.style.setProperty("--accent", this.config.colour);
    this.host.style.setProperty("--on-accent", inkOn(this.config.colour));
  }

  private moment(iso: string): string {
    return new Intl.DateTimeFormat(this.config.language, { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
  }

  private dayOf(iso: string): string {
    const at = new Date(iso);
    if (at.toDateString() === new Date().toDateString()) return this.t("today");
    return new Intl.DateTimeFormat(this.config.language, { weekday: "long", day: "numeric", month: "long" }).format(at);
  }
}

/** Whether two entries are one person's in one go. */
function near(one: Entry | undefined, other: Entry | undefined): boolean {
  if (!one || !other || one.kind !== other.kind || one.name !== other.name) return false;
  if (one.kind !== "visitor" && one.kind !== "agent") return false;
  return Date.parse(other.at) - Date.parse(one.at) < 120_000;
}

function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Black or white, whichever is read better on a colour. */
function inkOn(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#111";
}
