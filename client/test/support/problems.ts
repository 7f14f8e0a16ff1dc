/** Problem documents as the server writes them, out of its own table of problems. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Said } from "./host";

const SOURCE = readFileSync(join(import.meta.dirname, "../../../src/shunfu/kernel/errors.py"), "utf8");
const CLASS = /^class (\w+)\(Refusal\):\n {4}"""(.+?)"""\n\n {4}code, status = "(\w+)", (\d+)$/gm;
const found = [...SOURCE.matchAll(CLASS)].map(([, name, title, code, status]) => ({ name, title, code: code as string, status: Number(status) }));

/** The names in the server's table `PROBLEMS`: each has to be one of those found. */
export const LISTED = [...(/^PROBLEMS: [^=]+= \(\n([^)]*)\)/m.exec(SOURCE)?.[1] ?? "").matchAll(/\w+/g)].map(([name]) => name);
export const NAMES = found.map((one) => one.name);
/** Every code that the server can answer with. */
export const CODES = found.map((one) => one.code);

/** One field that is wrong, by its pointer. */
export const wrong = (pointer: string) => ({ pointer, code: "required" });

/** The server's refusal of that code. */
export function problem(code: string, errors: { pointer: string; code: string }[] = []): NonNullable<Said> {
  const one = found.find((each) => each.code === code);
  if (!one) throw new Error(`the server knows no ${code}`);
  return { status: one.status, body: { type: `/problems/${code}`, title: one.title, status: one.status, detail: one.title, errors } };
}
