/**
 * The chat of this browser: what has been said, what waits to be sent, and whether there is a connection. It survives a reload
 * and a lost network: every message has an id of its own, so that sending it again does no harm.
 */
import { type Chat, type Client, type Entry, Refused, type State } from "./client";

export interface Pending {
  id: string;
  text: string;
  files: File[];
  at: number;
  state: "sending" | "waiting" | "failed";
  error: string;
}

export interface Identity {
  user_id: string;
  email: string;
  name: string;
  signature: string;
}

interface Stored {
  token: string;
  user: string;
  pending?: { id: string; text: string; at: number }[];
}

const LONGEST_PAUSE_MS = 30_000;
const TYPING_MS = 3000;
/** A page in the background listens for so long; then the mail takes over. */
const HIDDEN_MS = 600_000;

export class Conversation {
  entries: Entry[] = [];
  pending: Pending[] = [];
  state: State = { open: true, agent: "", typing: "" };
  email = "";
  rated = false;
  isConnected = false;
  notice = "";

  private seen = 0;
  private page = "";
  private listening: AbortController | null = null;
  private attempt: AbortController | null = null;
  private sending = false;
  private typedAt = 0;
  private seenTimer = 0;
  private hiddenTimer = 0;
  private readonly place: string;

  constructor(
    private readonly client: Client,
    inbox: string,
    readonly identity: Identity,
    private readonly changed: () => void,
    private readonly wordOf: (key: string) => string,
  ) {
    this.place = `cs-ops-chat:${inbox}`;
    addEventListener("online", () => {
      this.attempt?.abort(); // the former connection may be dead without knowing
      this.revive();
    });
    addEventListener("offline", () => {
      this.isConnected = false;
      this.changed();
    });
    addEventListener("storage", (event) => {
      if (event.key === this.place && this.stored()?.token !== this.client.token) void this.resume();
    });
    document.addEventListener("visibilitychange", () => this.turned());
  }

  get isStarted(): boolean {
    return this.client.token !== "";
  }

  get last(): number {
    return this.entries.at(-1)?.n ?? 0;
  }

  get unread(): number {
    return this.entries.filter((one) => one.kind === "agent" && one.n > this.seen).length;
  }

  /** Go on in the chat that this browser knows, if it is the same person's. */
  async resume(): Promise<void> {
    const stored = this.stored();
    if (!stored?.token || stored.user !== this.identity.user_id) {
      if (this.isStarted || stored) this.forget();
      return;
    }
    this.client.token = stored.token;
    try {
      this.take(await this.client.get<Chat>("session"));
    } catch (error) {
      if (!(error instanceof Refused) || !error.isTemporary) return this.lost();
    }
    const known = new Set([...this.entries.map((one) => one.id), ...this.pending.map((one) => `v:${one.id}`)]);
    for (const one of stored.pending ?? []) {
      if (!known.has(`v:${one.id}`)) this.pending.push({ ...one, files: [], state: "waiting", error: "" });
    }
    this.changed();
    void this.listen();
    void this.flush();
  }

  /** Begin; throws Refused with the field that is wrong. */
  async start(values: { name?: string; email?: string; agreed?: boolean }): Promise<void> {
    const { user_id, signature, email, name } = this.identity;
    const who = user_id ? { user_id, signature, email, name } : {};
    const chat = await this.client.post<Chat>("start", { ...values, ...who, page_url: here(), page_title: document.title });
    this.client.token = chat.token ?? "";
    this.page = here();
    this.notice = "";
    this.take(chat);
    this.keep();
    this.changed();
    void this.listen();
  }

  write(text: string, files: File[]): void {
    this.pending.push({ id: newId(), text, files, at: Date.now(), state: "sending", error: "" });
    this.keep();
    this.changed();
    void this.flush();
  }

  retry(one: Pending): void {
    one.state = "sending";
    one.error = "";
    this.changed();
    void this.flush();
  }

  discard(one: Pending): void {
    this.pending = this.pending.filter((other) => other !== one);
    this.keep();
    this.changed();
  }

  typing(): void {
    if (!this.isStarted || Date.now() - this.typedAt < TYPING_MS) return;
    this.typedAt = Date.now();
    void this.client.post("typing", {}).catch(() => undefined);
  }

  /** The visitor has everything before the eyes. Called by each drawing, so it draws nothing itself. */
  look(): void {
    if (!this.isStarted || document.hidden || (this.seen >= this.last && this.page === here())) return;
    this.seen = Math.max(this.seen, this.last);
    this.page = here();
    window.clearTimeout(this.seenTimer);
    this.seenTimer = window.setTimeout(() => {
      const said = { number: this.seen, page_url: this.page, page_title: document.title };
      void this.client.post("seen", said).catch(() => undefined);
    }, 300);
  }

  async leaveEmail(email: string): Promise<void> {
    this.email = (await this.client.post<{ email: string }>("email", { email })).email;
    this.changed();
  }

  async rate(score: number, comment: string): Promise<void> {
    await this.client.post("rating", comment ? { score, comment } : { score });
    this.rated = true;
    this.changed();
  }

  async end(): Promise<void> {
    await this.client.post("end", {});
    this.state.open = false;
    this.changed();
  }

  /** Leave the chat behind; the next message begins another. */
  forget(): void {
    this.listening?.abort();
    this.listening = null;
    this.client.token = "";
    this.entries = [];
    this.pending = [];
    this.state = { open: true, agent: "", typing: "" };
    this.email = "";
    this.rated = false;
    this.seen = 0;
    try {
      localStorage.removeItem(this.place);
    } catch {
      // nothing was stored
    }
    this.changed();
  }

  private lost(): void {
    this.forget();
    this.notice = this.wordOf("expired");
    this.changed();
  }

  private take(chat: Chat): void {
    this.email = chat.email;
    this.rated = chat.rated;
    this.seen = Math.max(this.seen, chat.seen);
    this.state = chat.state;
    for (const entry of chat.entries) this.add(entry);
  }

  private add(entry: Entry): void {
    if (this.entries.some((one) => one.n === entry.n)) return;
    this.entries.push(entry);
    this.entries.sort((one, other) => one.n - other.n);
    const before = this.pending.length;
    this.pending = this.pending.filter((one) => `v:${one.id}` !== entry.id);
    if (this.pending.length !== before) this.keep();
  }

  /** Send what waits, one after the other; what cannot be sent for now is tried again. */
  private async flush(): Promise<void> {
    if (this.sending || !this.isStarted) return;
    this.sending = true;
    let pause = 1000;
    for (;;) {
      const next = this.pending.find((one) => one.state !== "failed");
      if (!next || !this.isStarted) break;
      try {
        const answer = await this.client.post<{ entry: Entry }>("messages", body(next));
        pause = 1000;
        this.add(answer.entry);
        this.pending = this.pending.filter((one) => one !== next);
        this.keep();
      } catch (error) {
        const refused = error instanceof Refused ? error : new Refused(0);
        if (refused.status === 401) {
          this.sending = false;
          return this.lost();
        }
        if (!refused.isTemporary) {
          next.state = "failed";
          next.error = refused.message;
        } else {
          next.state = "waiting";
          next.error = refused.status === 429 ? refused.message : "";
          this.changed();
          await nap(refused.wait ? refused.wait * 1000 : pause);
          pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
        }
      }
      this.changed();
    }
    this.sending = false;
  }

  /** Listen, and listen again whenever the connection is lost, from the last entry on. */
  private async listen(): Promise<void> {
    if (this.listening || !this.isStarted) return;
    const mine = (this.listening = new AbortController());
    let pause = 1000;
    while (!mine.signal.aborted) {
      const attempt = (this.attempt = new AbortController());
      const stop = (): void => attempt.abort();
      mine.signal.addEventListener("abort", stop);
      try {
        await this.client.listen(this.last, (event, data) => this.hear(event, data, () => (pause = 1000)), attempt.signal);
      } catch (error) {
        const status = error instanceof Refused ? error.status : 0;
        if (mine.signal.aborted) break;
        if (status === 401) return this.lost();
        if (status === 403 || status === 410) break;
      } finally {
        mine.signal.removeEventListener("abort", stop);
      }
      if (mine.signal.aborted) break;
      this.isConnected = false;
      this.changed();
      await nap(pause * (0.75 + Math.random() / 2));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
    if (this.listening === mine) this.listening = null;
  }

  private hear(event: string, data: unknown, works: () => void): void {
    works();
    this.isConnected = true;
    if (event === "entry") this.add(data as Entry);
    else if (event === "state") this.state = data as State;
    this.changed();
  }

  private turned(): void {
    window.clearTimeout(this.hiddenTimer);
    if (!document.hidden) {
      this.revive();
      return;
    }
    this.hiddenTimer = window.setTimeout(() => {
      this.listening?.abort();
      this.listening = null;
    }, HIDDEN_MS);
  }

  private revive(): void {
    wake();
    void this.listen();
    void this.flush();
    this.changed();
  }

  private stored(): Stored | null {
    try {
      return JSON.parse(localStorage.getItem(this.place) ?? "null") as Stored | null;
    } catch {
      return null;
    }
  }

  private keep(): void {
    const pending = this.pending.filter((one) => !one.files.length).map(({ id, text, at }) => ({ id, text, at }));
    try {
      localStorage.setItem(this.place, JSON.stringify({ token: this.client.token, user: this.identity.user_id, pending }));
    } catch {
      // storage may be forbidden: the chat then lives as long as the page
    }
  }
}

function body(one: Pending): object {
  if (!one.files.length) return { id: one.id, text: one.text };
  const form = new FormData();
  form.set("id", one.id);
  form.set("text", one.text);
  for (const file of one.files) form.append("files", file);
  return form;
}

/** Like a UUID, also on pages without TLS, where browsers make none. */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The page, without what its address may carry for the page alone. */
function here(): string {
  return location.origin + location.pathname;
}

const sleepers = new Set<() => void>();

function nap(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      window.clearTimeout(timer);
      sleepers.delete(done);
      resolve();
    };
    const timer = window.setTimeout(done, ms);
    sleepers.add(done);
  });
}

/** The network is back: nobody waits any longer. */
function wake(): void {
  for (const done of [...sleepers]) done();
}
