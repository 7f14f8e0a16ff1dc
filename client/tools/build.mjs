// Makes dist/ from src/: one folder a platform, the core as an ES module, and declarations. The same bytes every time.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import * as esbuild from "esbuild";

import { DIALECTS, markup, uses } from "./dialect.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const SRC = join(ROOT, "src");
const [TO, EXTRA] = process.argv.slice(2);
const OUT = resolve(TO ?? join(ROOT, "dist"));
const SHARED = [...readFileSync(join(SRC, "mp/shared.ts"), "utf8").matchAll(/^export \* from "\.\.\/(.*)";$/gm)].map(
  (found) => join(SRC, `${found[1]}.ts`),
);
const OPTIONS = { bundle: true, minify: true, write: true, legalComments: "none", logLevel: "warning", charset: "utf8" };
// What a merchant's build tool lowers further, when its oldest client needs that.
const SCRIPT_TARGET = "es2020";
// Browsers with private members and sheets that a shadow tree adopts; older ones keep the page that the server drew.
const BROWSER_TARGET = ["chrome91", "safari16.4", "firefox101"];
const STYLE_TARGET = ["chrome61", "safari11"];

/** Names of our own state that no platform, template or wire sees; one short name each, the same in every file. */
const INTERNAL = new RegExp(
  `^(${[
    "isFresh isLoading isOwnMethod trouble refusedReason stage attempt sheet looks quiet refused told",
    "answer cached reply seconds etag before drop flush signIn isHeld isQrHere mistake wait_seconds retry_after",
    "send later read write opens beacon whole sfRun sfState sfShow sfMost sfPhase sfTexts sfWatch sfTell",
  ]
    .join(" ")
    .replace(/ /g, "|")})$`,
);
const names = {};

export const COMPONENTS = readdirSync(join(SRC, "mp"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

/** Gives `#platform` and `#book` their files, and leaves what all components share to one file beside them. */
function platformPlugin(dialect, depth) {
  const platform = join(SRC, "hosts", `${dialect.platform}.ts`);
  const shared = depth === null ? [] : [platform, join(SRC, "mp/shared.ts"), ...SHARED];
  return {
    name: "platform",
    setup(build) {
      build.onResolve({ filter: /^[.#]/ }, (asked) => {
        if (asked.kind === "entry-point") return undefined;
        const own = { "#platform": platform, "#book": platform.replace("-platform.", "-book.") };
        const path = own[asked.path] ?? resolve(asked.resolveDir, `${asked.path}.ts`);
        return shared.includes(path) ? { path: `${depth}shared.js`, external: true } : { path };
      });
    },
  };
}

/**
 * One CommonJS file of an ES module's bundle: shorter than the bundler's own wrapping, whose getters nobody needs. What
 * components take from the shared file has one short name there; `taken` collects those names.
 */
async function script(dialect, entry, to, depth, taken) {
  const done = await esbuild.build({
    ...OPTIONS,
    ...entry,
    write: false,
    format: "esm",
    platform: "neutral",
    target: SCRIPT_TARGET,
    mangleProps: INTERNAL,
    mangleCache: names,
    plugins: [platformPlugin(dialect, depth)],
  });
  Object.assign(names, done.mangleCache);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, `"use strict";${commonJs(done.outputFiles[0].text, taken)}`);
}

function commonJs(text, taken) {
  const short = (name) => {
    if (!taken.has(name)) taken.set(name, `_${taken.size.toString(36)}`);
    return taken.get(name);
  };
  const split = (list) => list.split(",").map((one) => one.split(" as "));
  const required = (list) => split(list).map(([name, own = name]) => `${short(name)}:${own}`).join();
  const exported = (list) => split(list).map(([own, name = own]) => `${taken.get(name) ?? name}:${own}`).join();
  const lists = new Map(); // one line a file: the bundler leaves one for each module that needs it
  const rest = text.replace(/import\{([^}]*)\}from("[^"]*");/g, (_, list, from) => {
    lists.set(from, [...(lists.get(from) ?? []), required(list)]);
    return "";
  });
  const head = [...lists].map(([from, all]) => `const{${all.join()}}=require(${from});`).join("");
  return (head + rest)
    .replace(/export\{([^}]*)\};/, (_, list) => `module.exports={${exported(list)}};`);
}

/** The shared style sheet, with `@dark` written out for the system's wish and for the page's own. */
export async function style(source) {
  const dark = /@dark \{([^}]*)\}/.exec(source)?.[1] ?? "";
  const both = `@media (prefers-color-scheme: dark) { .sf:not(.light) {${dark}} }\n.sf.dark {${dark}}`;
  const plain = source.replace(/@dark \{[^}]*\}/, both);
  const done = await esbuild.transform(plain, { loader: "css", minify: true, target: STYLE_TARGET, charset: "utf8" });
  // Spaces that the bundler leaves in values of our own names, and around `*`.
  return done.code.replace(/(--\w+:|,|\*) /g, "$1").replace(/ \*/g, "*");
}

async function miniProgram(dialect) {
  const to = join(OUT, dialect.folder);
  const taken = new Map();
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  writeFileSync(join(to, `base.${dialect.style}`), await style(readFileSync(join(SRC, "mp/base.css"), "utf8")));
  await script(dialect, { entryPoints: [join(SRC, "mp/index.ts")] }, join(to, "index.js"), "./", taken);
  for (const name of COMPONENTS) await component(dialect, name, join(to, name), taken);
  // Only what somebody takes is in the shared file.
  const stdin = { contents: `export {${[...taken.keys()].join()}} from "./shared"`, resolveDir: join(SRC, "mp"), loader: "ts" };
  await script(dialect, { stdin }, join(to, "shared.js"), null, taken);
}

async function component(dialect, name, to, taken) {
  const from = join(SRC, "mp", name);
  await script(dialect, { entryPoints: [join(from, "index.ts")] }, join(to, "index.js"), "../", taken);
  const source = readFileSync(join(from, "index.wxml"), "utf8");
  const own = existsSync(join(from, "index.css")) ? await style(readFileSync(join(from, "index.css"), "utf8")) : "";
  writeFileSync(join(to, `index.${dialect.markup}`), markup(source, dialect));
  writeFileSync(join(to, `index.${dialect.style}`), `@import "../base.${dialect.style}";\n${own}`);
  writeFileSync(join(to, "index.json"), `${JSON.stringify({ ...dialect.json, ...uses(source, dialect) })}\n`);
}

/** The browser's element: one ES module under the hash of its content, and a stable name that leads to it. */
async function h5(to) {
  const css = {
    name: "css",
    setup(build) {
      build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({ contents: await minified(readFileSync(path, "utf8")), loader: "text" }));
    },
  };
  const done = await esbuild.build({
    ...OPTIONS,
    write: false,
    entryPoints: [join(SRC, "h5/checkout.ts")],
    format: "esm",
    target: BROWSER_TARGET,
    mangleProps: INTERNAL,
    plugins: [css],
  });
  const text = done.outputFiles[0].text;
  const name = `pay-${createHash("sha256").update(text).digest("hex").slice(0, 12)}.js`;
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, name), text);
  writeFileSync(join(to, "pay.js"), `import "./${name}";\n`);
}

async function minified(source) {
  return (await esbuild.transform(source, { loader: "css", minify: true, target: BROWSER_TARGET, charset: "utf8" })).code.trim();
}

async function library() {
  await esbuild.build({
    ...OPTIONS,
    minify: false,
    entryPoints: [join(SRC, "index.ts")],
    outfile: join(OUT, "core/index.js"),
    format: "esm",
    target: "es2020",
  });
  if (EXTRA === "--no-types") return; // a test builds again, and the compiler alone takes seconds
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const types = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--outDir", join(OUT, "types"), "--rootDir", SRC];
  execFileSync(process.execPath, [compiler, "-p", join(ROOT, "tsconfig.build.json"), ...types], { stdio: "inherit" });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  if (EXTRA === "--h5") await h5(OUT);
  else {
    for (const dialect of Object.values(DIALECTS)) await miniProgram(dialect);
    await h5(join(OUT, "h5"));
    await library();
    cpSync(join(ROOT, "README.md"), join(OUT, "README.md"));
  }
  console.log(`built ${relative(process.cwd(), OUT)}`);
}
