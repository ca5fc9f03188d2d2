/**
 * The condition builder: rows of field, operator and value, with groups one level deep. The condition is kept as JSON in one
 * hidden input; the plain rows for browsers without script are taken away. Any control can be reached and left by keys.
 */
import { all, first, once } from "./dom";

interface Parts {
  number?: number | string;
  within?: number | string;
  for?: number | string;
  of?: string[];
  from?: string[];
  to?: string[];
}
type Value = string[] | string | number | boolean | Parts | null;
interface Clause {
  field: string;
  is: string;
  value: Value;
}
interface Group {
  match: "all" | "any" | "none";
  of: Part[];
}
type Part = Clause | Group;
interface Field {
  key: string;
  label: string;
  operators: [string, string, string][];
}
interface Data {
  fields: Field[];
  names: Record<string, Record<string, string>>;
  options_url: string;
  words: Record<string, string>;
}

const UNITS: [string, number][] = [
  ["minutes", 60],
  ["hours", 3600],
  ["days", 86_400],
];
const MOST_NAMED = 3;
let counter = 0;

function element<K extends keyof HTMLElementTagNameMap>(tag: K, css = "", label = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (css) made.className = css;
  if (label) made.setAttribute("aria-label", label);
  return made;
}

function isGroup(part: Part): part is Group {
  return "of" in part;
}

const LISTS = ["of", "from", "to"] as const;
type ListName = (typeof LISTS)[number];
const USUAL: Record<string, number> = { number: 1, within: 28, for: 14 };

function isList(name: keyof Parts): name is ListName {
  return (LISTS as readonly string[]).includes(name);
}

/** The names of the parts of a kind like "parts:number,of,within". */
function partsOf(kind: string): (keyof Parts)[] {
  return kind.slice("parts:".length).split(",") as (keyof Parts)[];
}

function usual(kind: string): Parts {
  return Object.fromEntries(partsOf(kind).map((name) => [name, isList(name) ? [] : USUAL[name]])) as Parts;
}

class Builder {
  private readonly data: Data;
  private readonly hidden: HTMLInputElement;
  private readonly body = element("div", "cond-body");
  private root: Group = { match: "all", of: [] };

  constructor(host: HTMLElement) {
    this.data = JSON.parse(host.dataset.condition ?? "{}") as Data;
    this.hidden = first<HTMLInputElement>("[data-condition-json]", host) as HTMLInputElement;
    const stored = this.hidden.value ? (JSON.parse(this.hidden.value) as Part) : null;
    if (stored && "of" in stored) this.root = stored;
    else if (stored && "field" in stored) this.root.of.push(stored);
    first("[data-condition-plain]", host)?.remove();
    host.append(this.body);
    this.draw();
  }

  private word(key: string): string {
    return this.data.words[key] ?? key;
  }

  /** What is chosen goes into the hidden input; parts without a value yet are left out. */
  private store(): void {
    const kept = this.plain(this.root) as Group;
    this.hidden.value = kept.of.length ? JSON.stringify(kept) : "";
    this.hidden.dispatchEvent(new Event("change", { bubbles: true }));
  }

  private plain(part: Part): Part | null {
    if (!isGroup(part)) return this.isComplete(part) ? part : null;
    const of = part.of.map((one) => this.plain(one)).filter((one): one is Part => one !== null);
    return of.length || part === this.root ? { match: part.match, of } : null;
  }

  private kindOf(clause: Clause): string {
    const field = this.data.fields.find((one) => one.key === clause.field);
    return field?.operators.find(([key]) => key === clause.is)?.[2] ?? "text";
  }

  private isComplete(clause: Clause): boolean {
    const kind = this.kindOf(clause);
    if (kind === "none") return true;
    if (kind === "choice") return Array.isArray(clause.value) && clause.value.length > 0;
    if (kind.startsWith("parts:")) return this.hasAllParts(clause, kind);
    return clause.value !== null && clause.value !== "" && !Array.isArray(clause.value);
  }

  /** Numbers must be there; a list may be empty ("anything") only where something is counted. */
  private hasAllParts(clause: Clause, kind: string): boolean {
    const names = partsOf(kind);
    const parts = (clause.value ?? {}) as Parts;
    return names.every((name) =>
      isList(name) ? names.includes("number") || (parts[name]?.length ?? 0) > 0 : String(parts[name] ?? "") !== "",
    );
  }

  private draw(): void {
    this.body.replaceChildren(this.group(this.root, null));
  }

  private group(group: Group, parent: Group | null): HTMLElement {
    const box = element("fieldset", parent ? "cond-group" : "cond-root", this.word("match"));
    const head = element("div", "cond-line");
    const matches = ["all", "any", "none"].map((key): [string, string] => [key, this.word(key)]);
    const match = this.select(matches, group.match, this.word("match"));
    match.addEventListener("change", () => {
      group.match = match.value as Group["match"];
      this.store();
    });
    head.append(match);
    if (parent) {
      head.append(this.remove(this.word("remove_group"), () => parent.of.splice(parent.of.indexOf(group), 1)));
    }
    const empty = !parent && !group.of.length ? element("p", "field-help") : null;
    if (empty) empty.textContent = this.word("empty");
    else box.append(head);
    for (const part of group.of) box.append(isGroup(part) ? this.group(part, group) : this.row(part, group));
    if (empty) box.append(empty);
    const foot = element("div", "cond-line");
    foot.append(this.adder(this.word("add"), () => group.of.push(this.fresh())));
    if (!parent) {
      const other: Group["match"] = group.match === "all" ? "any" : "all";
      foot.append(this.adder(this.word("add_group"), () => group.of.push({ match: other, of: [this.fresh()] })));
    }
    box.append(foot);
    return box;
  }

  private fresh(): Clause {
    const field = this.data.fields[0] as Field;
    return { field: field.key, is: field.operators[0]?.[0] ?? "", value: null };
  }

  private row(clause: Clause, group: Group): HTMLElement {
    const line = element("div", "cond-line cond-row");
    const field = this.select(
      this.data.fields.map((one) => [one.key, one.label]),
      clause.field,
      this.word("field"),
    );
    field.id = `cond-field-${++counter}`;
    const operator = this.select([], "", this.word("operator"));
    const offerOperators = (): void => {
      const known = this.data.fields.find((one) => one.key === clause.field)?.operators ?? [];
      operator.replaceChildren(...known.map(([key, label]) => new Option(label, key, key === clause.is, key === clause.is)));
    };
    offerOperators();
    // the field stays as it is: who types its name would lose it after the first letter
    field.addEventListener("change", () => {
      clause.field = field.value;
      const known = this.data.fields.find((one) => one.key === field.value);
      clause.is = known?.operators[0]?.[0] ?? "";
      this.reset(clause);
      offerOperators();
      value.replaceChildren(...this.value(clause));
    });
    operator.addEventListener("change", () => {
      const before = this.kindOf(clause);
      clause.is = operator.value;
      if (this.kindOf(clause) !== before) this.reset(clause);
      this.store();
      value.replaceChildren(...this.value(clause));
    });
    const value = element("span", "cond-value");
    value.append(...this.value(clause));
    line.append(field, operator, value, this.remove(this.word("remove"), () => group.of.splice(group.of.indexOf(clause), 1)));
    return line;
  }

  private reset(clause: Clause): void {
    const kind = this.kindOf(clause);
    clause.value = kind === "choice" ? [] : kind === "bool" ? true : kind === "span" ? 3600 : kind.startsWith("parts:") ? usual(kind) : null;
    this.store();
  }

  private value(clause: Clause): HTMLElement[] {
    switch (this.kindOf(clause)) {
      case "none":
        return [];
      case "choice":
        return [this.choice(clause, this.listIn(clause))];
      case "bool":
        return [this.yesNo(clause)];
      case "span":
        return this.span(clause);
    }
    const input = element("input", "form-control", this.word("value"));
    const kind = this.kindOf(clause);
    if (kind.startsWith("parts:")) return this.parts(clause, kind);
    input.type = kind === "date" ? "date" : kind === "number" || kind === "days" ? "number" : "text";
    if (kind === "number") input.step = "any";
    if (kind === "days") input.className += " cond-amount";
    const shown = clause.value === null ? "" : String(clause.value);
    input.value = kind === "date" ? shown.slice(0, 10) : shown;
    input.addEventListener("input", () => {
      clause.value = input.value;
      this.store();
    });
    return kind === "days" ? [input, this.told("days")] : [input];
  }

  private yesNo(clause: Clause): HTMLElement {
    if (clause.value === null) clause.value = true;
    const input = this.select([["true", this.word("yes")], ["false", this.word("no")]], String(clause.value), this.word("value"));
    input.addEventListener("change", () => {
      clause.value = input.value === "true";
      this.store();
    });
    return input;
  }

  private span(clause: Clause): HTMLElement[] {
    const seconds = Number(clause.value) || 3600;
    clause.value = seconds;
    const [unit, size] = [...UNITS].reverse().find(([, one]) => seconds % one === 0) ?? (UNITS[0] as [string, number]);
    const amount = element("input", "form-control cond-amount", this.word("value"));
    amount.type = "number";
    amount.min = "1";
    amount.value = String(Math.round(seconds / size));
    const units = this.select(UNITS.map(([key]) => [key, this.word(key)]), unit, this.word("unit"));
    const write = (): void => {
      const chosen = UNITS.find(([key]) => key === units.value)?.[1] ?? 60;
      clause.value = Math.max(1, Math.round(Number(amount.value) || 1)) * chosen;
      this.store();
    };
    amount.addEventListener("input", write);
    units.addEventListener("change", write);
    return [amount, units];
  }

  /** Several inputs that make one value: a number, lists of options, days. */
  private parts(clause: Clause, kind: string): HTMLElement[] {
    const value: Parts = clause.value && typeof clause.value === "object" && !Array.isArray(clause.value) ? clause.value : usual(kind);
    clause.value = value;
    const names = partsOf(kind);
    return names.flatMap((name) => {
      if (isList(name)) {
        const empty = names.includes("number") ? this.word("anything") : this.word("choose");
        return [this.told(name), this.choice(clause, (value[name] ??= []), empty)];
      }
      const input = element("input", "form-control cond-amount", this.word(name === "number" ? "value" : name));
      input.type = "number";
      input.min = "0";
      input.value = String(value[name] ?? "");
      input.addEventListener("input", () => {
        value[name] = input.value;
        this.store();
      });
      return name === "number" ? [input] : [this.told(name), input, this.told("days")];
    });
  }

  private told(key: string): HTMLElement {
    const text = element("span", "t-2 nowrap");
    text.textContent = this.word(key);
    return text;
  }

  private listIn(clause: Clause): string[] {
    if (!Array.isArray(clause.value)) clause.value = clause.value ? [String(clause.value)] : [];
    return clause.value;
  }

  /** Several values out of a list that the server searches: a menu of checkboxes. */
  private choice(clause: Clause, chosen: string[], empty = this.word("choose")): HTMLElement {
    const names = (this.data.names[clause.field] ??= {});
    const menu = element("details", "menu cond-choice");
    const summary = element("summary", "form-select");
    const list = element("div", "menu-list");
    const search = element("input", "form-control", this.word("search"));
    search.type = "search";
    search.placeholder = this.word("search");
    const options = element("div", "cond-options");
    const title = (): void => {
      const shown = chosen.slice(0, MOST_NAMED).map((one) => names[one] ?? one);
      if (chosen.length > MOST_NAMED) shown.push(`+${chosen.length - MOST_NAMED}`);
      summary.textContent = shown.length ? shown.join(", ") : empty;
    };
    const offer = (found: [string, string][]): void => {
      const lines = found.map(([key, name]) => {
        names[key] = name;
        const line = element("label", "menu-i field-check");
        line.dataset.keepOpen = "";
        const box = element("input", "chk");
        box.type = "checkbox";
        box.checked = chosen.includes(key);
        box.addEventListener("change", () => {
          if (box.checked) chosen.push(key);
          else chosen.splice(chosen.indexOf(key), 1);
          title();
          this.store();
        });
        const label = element("span", "trunc");
        label.textContent = name;
        line.append(box, label);
        return line;
      });
      const nothing = element("p", "menu-empty");
      nothing.textContent = this.word("none_found");
      options.replaceChildren(...(lines.length ? lines : [nothing]));
    };
    let asked = 0;
    const ask = async (): Promise<void> => {
      const mine = ++asked;
      const url = `${this.data.options_url}?field=${encodeURIComponent(clause.field)}&q=${encodeURIComponent(search.value)}`;
      const response = await fetch(url, { headers: { "HX-Request": "true" } });
      if (response.ok && mine === asked) offer(((await response.json()) as { options: [string, string][] }).options);
    };
    menu.addEventListener("toggle", () => {
      if (!menu.open) return;
      void ask();
      search.focus();
    });
    search.addEventListener("input", () => void ask());
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        first<HTMLInputElement>("input[type=checkbox]", options)?.click();
      } else if (event.key === "ArrowDown") {
        event.preventDefault();
        first<HTMLInputElement>("input[type=checkbox]", options)?.focus();
      }
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.preventDefault(); // the dialog around stays open
      menu.open = false;
      summary.focus();
    });
    options.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      const boxes = all<HTMLInputElement>("input[type=checkbox]", options);
      const at = boxes.indexOf(document.activeElement as HTMLInputElement);
      const next = at + (event.key === "ArrowDown" ? 1 : -1);
      if (next < 0) search.focus();
      else boxes[Math.min(next, boxes.length - 1)]?.focus();
      event.preventDefault();
      event.stopPropagation();
    });
    title();
    list.append(search, options);
    menu.append(summary, list);
    return menu;
  }

  private select(options: [string, string][], value: string, label: string): HTMLSelectElement {
    const made = element("select", "form-select", label);
    for (const [key, name] of options) made.add(new Option(name, key, key === value, key === value));
    return made;
  }

  private adder(label: string, add: () => void): HTMLElement {
    const button = element("button", "btn btn-s btn-quiet");
    button.type = "button";
    button.textContent = `+ ${label}`;
    button.addEventListener("click", () => {
      add();
      this.store();
      this.draw();
      all<HTMLElement>("select[id^='cond-field-']", this.body).at(-1)?.focus();
    });
    return button;
  }

  private remove(label: string, take: () => void): HTMLElement {
    const button = element("button", "btn btn-quiet btn-s btn-icon cond-remove", label);
    button.type = "button";
    button.title = label;
    button.textContent = "×";
    button.addEventListener("click", () => {
      take();
      this.store();
      this.draw();
      first<HTMLElement>(".cond-root > .cond-line:last-child .btn", this.body)?.focus();
    });
    return button;
  }
}

export function initConditions(): void {
  once("[data-condition]", "Condition", (host) => new Builder(host));
}
