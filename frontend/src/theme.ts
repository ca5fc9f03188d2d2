/**
 * Theme before paint. A tiny file of its own, loaded blocking in <head>, so that no page flashes in the wrong theme.
 * The choice ("auto", "light", "dark") is remembered on this device; auto follows the system.
 */
const THEME_KEY = "cs-ops.theme";

function chosen(): string {
  try {
    return localStorage.getItem(THEME_KEY) ?? "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

function apply(): void {
  const choice = chosen();
  const dark = choice === "dark" || (choice === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  document.documentElement.dataset.themeChoice = choice;
}

apply();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
addEventListener("storage", (event) => {
  if (event.key === THEME_KEY) apply();
});
addEventListener("theme-choice", (event) => {
  try {
    localStorage.setItem(THEME_KEY, (event as CustomEvent<string>).detail);
  } catch {
    // not remembered, still applied until the page is left
    document.documentElement.dataset.bsTheme = (event as CustomEvent<string>).detail;
    return;
  }
  apply();
});
