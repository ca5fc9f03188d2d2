/** The server as the widget sees it: single questions, and the stream. The token travels in a header, never in an address. */

export interface Entry {
  n: number;
  kind: "visitor" | "agent" | "joined" | "resolved" | "ended";
  id: string;
  at: string;
  name: string;
  initials: string;
  text?: string;
  files?: { name: string; size: number; url: string; held: string }[];
}

export interface State {
  open: boolean;
  agent: string;
  typing: string;
}

export interface Chat {
  token?: string;
  name: string;
  email: string;
  seen: number;
  rated: boolean;
  entries: Entry[];
  state: State;
}

export interface Config {
  title: string;
  greeting: string;
  colour: string;
  position: "left" | "right";
  name: Need;
  email: Need;
  consent: string;
  only_verified: boolean;
  files: boolean;
  rating: boolean;
  scores: [number, string][];
  is_open: boolean;
  opens_at: string | null;
  closed: string;
  longest_text: number;
  largest_file: number;
  most_files: number;
  language: string;
  words: Record<string, string>;
}

export type Need = "no" | "optional" | "required";

/** The server has said no. `status` is 0 when it could not be reached at all. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message = "",
    readonly field = "",
    readonly wait = 0,
  ) {
    super(message);
  }

  /** Whether asking again may help. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Nothing for so long (the server shows a sign of life every 15 seconds): the connection is dead. */
const SILENCE_MS = 40_000;

export class Client {
  token = "";

  constructor(
    private readonly origin: string,
    private readonly inbox: string,
  ) {}

  async get<T>(path: string): Promise<T> {
    return (await (await this.ask(`/chat/${this.inbox}/${path}/`, {})).json()) as T;
  }

  async post<T>(path: string, body: object): Promise<T> {
    const isForm = body instanceof FormData;
    const answer = await this.ask(`/chat/${this.inbox}/${path}/`, {
      method: "POST",
      body: isForm ? body : JSON.stringify(body),
      ...(isForm ? {} : { headers: { "Content-Type": "application/json" } }),
    });
    return (answer.status === 204 ? null : await answer.json()) as T;
  }

  /** Read the stream until it ends; resolves after an orderly end, throws Refused otherwise. */
  async listen(last: number, hear: (event: string, data: unknown) => void, signal: AbortSignal): Promise<void> {
    const silent = new AbortController();
    const stop = (): void => silent.abort();
    signal.addEventListener("abort", stop);
    let timer = window.setTimeout(stop, SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (last) headers["Last-Event-ID"] = String(last);
      const answer = await this.ask(`/live/chat/${this.inbox}/`, { headers, signal: silent.signal });
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) return;
        window.clearTimeout(timer);
        timer = window.setTimeout(stop, SILENCE_MS);
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) tell(block, hear);
      }
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(0);
    } finally {
      window.clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      silent.abort();
    }
  }

  private async ask(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set("Authorization", `Bearer ${this.token}`);
    let answer: Response;
    try {
      answer = await fetch(this.origin + path, { ...init, headers, credentials: "omit", cache: "no-store", referrerPolicy: "origin" });
    } catch {
      throw new Refused(0);
    }
    if (answer.ok) return answer;
    const said = (await answer.json().catch(() => ({}))) as { error?: string; field?: string };
    throw new Refused(answer.status, said.error ?? "", said.field ?? "", Number(answer.headers.get("Retry-After") ?? 0));
  }
}

function tell(block: string, hear: (event: string, data: unknown) => void): void {
  let event = "";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (event) hear(event, JSON.parse(data || "null"));
}
