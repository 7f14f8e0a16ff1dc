// The budgets, measured on what was built; over one of them, the build has failed. See docs/how-to/client.md.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const DIST = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../dist"));
const KILO = 1024;

/** Each budget in bytes. `page` is all that a page with only the checkout on it loads: its folder and what components share. */
export const BUDGETS = {
  checkout: { raw: 16 * KILO, gzip: 6 * KILO },
  page: { raw: 23 * KILO, gzip: 9.5 * KILO },
  all: { raw: 40 * KILO },
};
/** The browser's element, script and style in one; a page loads it in two requests by its stable name, in one by its own. */
export const H5_BUDGET = { gzip: 12 * KILO, requests: 3 };

function files(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));
}

function weigh(paths) {
  const bytes = Buffer.concat(paths.map((path) => readFileSync(path)));
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}

/** What each budget's part weighs on one platform. */
export function weights(dist, platform) {
  const every = files(join(dist, platform)).filter((path) => !path.endsWith("package.json"));
  const checkout = every.filter((path) => path.includes(`${join(platform, "checkout")}`));
  const shared = every.filter((path) => /\/(shared\.js|base\.\w+)$/.test(path));
  return { checkout: weigh(checkout), page: weigh([...checkout, ...shared]), all: weigh(every) };
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!existsSync(DIST)) throw new Error("nothing is built: npm run build");
  let isOver = false;
  for (const platform of ["wx", "alipay"]) {
    for (const [part, measured] of Object.entries(weights(DIST, platform))) {
      for (const [unit, most] of Object.entries(BUDGETS[part])) {
        const over = measured[unit] > most;
        isOver ||= over;
        console.log(`${over ? "OVER" : "ok  "} ${platform} ${part} ${unit} ${measured[unit]} of ${most}`);
      }
    }
  }
  const h5 = files(join(DIST, "h5"));
  const measured = { gzip: h5.reduce((sum, path) => sum + weigh([path]).gzip, 0), requests: h5.length };
  for (const [unit, most] of Object.entries(H5_BUDGET)) {
    const over = measured[unit] > most;
    isOver ||= over;
    console.log(`${over ? "OVER" : "ok  "} h5 element ${unit} ${measured[unit]} of ${most}`);
  }
  if (isOver) process.exitCode = 1;
}
