/**
 * Builds frontend/dist/: app.css (with Tabler and the Inter fonts), app.js, theme.js, sprite.svg, icon.svg, LEGAL.txt, and
 * widget.js, the chat on other people's pages, with its own styles inside.
 * Usage: node build.mjs [--watch]. Needs only `npm ci --ignore-scripts` before.
 */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, "dist");
const icons = join(here, "node_modules/@tabler/icons/icons/outline");
const skipped = new Set(["node_modules", "dist", "frontend", "tests", "var", "bench", "docs", "locale"]);

/** Icons that the product's names are computed from at run time, so no source line spells them out. */
const always = `activity alarm alarm-snooze alert-triangle arrow-forward-up bell bold bolt book-2 bookmark brain brand-whatsapp
  building-community calendar chart-bar check checkup-list chevron-down chevron-left chevron-right chevron-up circle-check
  circle-dashed cloud-off columns-3 confetti database dots download external-link file-text filter fingerprint flag inbox key
  keyboard layout-sidebar-right link lock mail menu-2 message-circle mood-angry mood-empty mood-sad mood-smile paperclip phone
  photo player-pause player-play plus quote refresh rotate-clockwise route search settings shield-lock sparkles tag target trash
  user user-plus user-x users world x`.split(/\s+/);

/** Every source file of the product that may name an icon. */
async function* sources(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || skipped.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(html|py)$/.test(entry.name)) yield path;
  }
}

/**
 * The names of the icons in use. `{% icon "x" %}` must exist; otherwise, on lines that speak of icons and in the brackets
 * that such a line opens (a table of icons), every quoted word that is an icon counts.
 */
async function iconsInUse() {
  const known = new Set((await readdir(icons)).map((name) => name.replace(/\.svg$/, "")));
  const used = new Set(always);
  for await (const path of sources(root)) {
    let inTable = false;
    for (const line of (await readFile(path, "utf8")).split("\n")) {
      const speaks = /icon/i.test(line);
      if (!speaks && !inTable) continue;
      for (const [, name] of line.matchAll(/\{%\s*icon\s+["']([a-z0-9-]+)["']/g)) {
        if (!known.has(name)) throw new Error(`${relative(root, path)}: there is no Tabler icon "${name}"`);
      }
      for (const [, name] of line.matchAll(/["']([a-z0-9-]+)["']/g)) if (known.has(name)) used.add(name);
      inTable = speaks ? /[({[]\s*$/.test(line) : !/^\s*[)}\]]/.test(line);
    }
  }
  return [...used].sort();
}

async function sprite() {
  const symbols = [];
  for (const name of await iconsInUse()) {
    const svg = await readFile(join(icons, `${name}.svg`), "utf8");
    const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    const paths = body.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "").replace(/\s*\n\s*/g, "");
    symbols.push(`<symbol id="i-${name}" viewBox="0 0 24 24">${paths}</symbol>`);
  }
  await writeFile(join(dist, "sprite.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`);
  return symbols.length;
}

/** Whose work the built files contain, under which licence. */
async function credits() {
  const { dependencies } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
  const lines = [];
  for (const name of [...Object.keys(dependencies)].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license, homepage } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? (await readFile(join(folder, file), "utf8")).trim() : "";
    lines.push(`${name} ${version} (${license})${homepage ? `, ${homepage}` : ""}\n\n${text}\n`);
  }
  await writeFile(join(dist, "LEGAL.txt"), lines.join(`\n${"-".repeat(80)}\n\n`));
}

/** What a stranger's page loads for the chat stays small. */
const WIDGET_BYTES = 40_000;

/** The widget carries its styles as a text, which its shadow root adopts. */
const cssAsText = {
  name: "css-as-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

async function checkWidget() {
  const size = gzipSync(await readFile(join(dist, "widget.js")), { level: 9 }).length;
  if (size > WIDGET_BYTES) throw new Error(`widget.js has ${size} bytes compressed, more than ${WIDGET_BYTES}`);
  return size;
}

const options = {
  entryPoints: { app: join(here, "src/app.ts"), theme: join(here, "src/theme.ts"), styles: join(here, "styles/app.css") },
  outdir: dist,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome115", "firefox117", "safari17"],
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]",
  legalComments: "none",
  logLevel: "warning",
};

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const { entryPoints, ...shared } = options;
const scripts = { ...shared, entryPoints: { app: entryPoints.app, theme: entryPoints.theme } };
const widget = { ...shared, entryPoints: { widget: join(here, "src/chat/widget.ts") }, plugins: [cssAsText] };
const styles = { ...shared, entryPoints: { app: entryPoints.styles } };
const count = await sprite();
await credits();
await copyFile(join(here, "src/icon.svg"), join(dist, "icon.svg"));
if (process.argv.includes("--watch")) {
  for (const set of [scripts, styles, widget]) await (await esbuild.context({ ...set, logLevel: "info" })).watch();
} else {
  await Promise.all([esbuild.build(scripts), esbuild.build(styles), esbuild.build(widget)]);
  const size = await checkWidget();
  console.log(`frontend/dist is built: app.css, app.js, theme.js, ${count} icons, widget.js (${size} bytes compressed)`);
}
