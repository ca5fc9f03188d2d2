/** The form of a text: marks of Markdown put around what is selected, from the toolbar or by keys. */

const AROUND: Record<string, string> = { bold: "**", italic: "*", code: "`" };
const BEFORE: Record<string, string> = { list: "- ", quote: "> " };
const KEYS: Record<string, string> = { b: "bold", i: "italic", e: "code", K: "link", "*": "list", "8": "list", "(": "quote", "9": "quote", P: "preview" };
const WITH_SHIFT = new Set(["link", "list", "quote", "preview"]);

/** The format that a key stands for; null for any other key. */
export function formatOf(event: KeyboardEvent): string | null {
  if (!(event.metaKey || event.ctrlKey) || event.altKey) return null;
  const key = event.shiftKey && event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const found = KEYS[key] ?? null;
  return found && WITH_SHIFT.has(found) === event.shiftKey ? found : null;
}

function put(field: HTMLTextAreaElement, words: string, from: number, to: number): void {
  field.focus();
  field.setSelectionRange(from, to);
  // keeps the browser's own undo where it can
  if (!document.execCommand("insertText", false, words)) field.setRangeText(words, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export function format(field: HTMLTextAreaElement, name: string): void {
  const { selectionStart: from, selectionEnd: to, value } = field;
  const chosen = value.slice(from, to);
  const mark = AROUND[name];
  if (mark) {
    const isMarked = chosen.startsWith(mark) && chosen.endsWith(mark) && chosen.length >= 2 * mark.length;
    put(field, isMarked ? chosen.slice(mark.length, -mark.length) : `${mark}${chosen}${mark}`, from, to);
    if (!chosen) field.setSelectionRange(from + mark.length, from + mark.length);
    return;
  }
  if (name === "link") {
    const isAddress = /^https?:\/\/\S+$/.test(chosen);
    const words = isAddress ? `[](${chosen})` : `[${chosen}](https://)`;
    put(field, words, from, to);
    const place = isAddress || !chosen ? from + 1 : from + words.length - 1;
    field.setSelectionRange(place, place);
    return;
  }
  const start = value.lastIndexOf("\n", from - 1) + 1;
  const lines = value.slice(start, to).split("\n");
  const before = BEFORE[name] ?? "";
  const every = lines.every((line) => line.startsWith(before));
  put(field, lines.map((line) => (every ? line.slice(before.length) : before + line)).join("\n"), start, to);
}

/** Enter in a list begins the next item; in an empty item it ends the list. Returns whether it did something. */
export function continueList(field: HTMLTextAreaElement): boolean {
  const { selectionStart: at, selectionEnd: to, value } = field;
  if (at !== to) return false;
  const start = value.lastIndexOf("\n", at - 1) + 1;
  const found = /^(\s*)([-*>]|(\d+)\.) (.*)$/.exec(value.slice(start, at));
  if (!found) return false;
  if (!found[4]) {
    put(field, "", start, at);
    return true;
  }
  const mark = found[3] ? `${Number(found[3]) + 1}.` : found[2];
  put(field, `\n${found[1]}${mark} `, at, at);
  return true;
}
