/** The pages after the checkout look as often as it helps, and no oftener than the server wants. */

import { beforeEach, expect, test } from "vitest";

import { watch, type Watching } from "../../src/core/watch";
import type { Answer } from "../../src/core/types";
import { answer, BASE, TOKEN } from "../support/answer";
import { ok } from "../support/host";
import { problem } from "../support/problems";
import { anew, PAID, s, says } from "../support/stage";

let painted: (Answer | null)[];
let watching: Watching;

beforeEach(() => {
  anew();
  painted = [];
});

async function begin(): Promise<void> {
  watching = watch(s.host, { base: BASE, token: TOKEN }, (found) => painted.push(found));
  await s.host.settle();
}
const looks = () => s.host.calls("GET", "/checkout/").length;

test("what is open is looked at until it is known", async () => {
  s.host.get = says(ok(answer({ phase: "unknown" })), null, ok(PAID));
  await begin();
  await s.host.pass(600);
  expect([looks(), painted[painted.length - 1]?.phase]).toEqual([3, "success"]);
});

test.each(["unauthenticated", "not_found"])("%s ends it, until the page comes back", async (code) => {
  s.host.get = () => problem(code);
  await begin();
  await s.host.pass(3600);
  expect(looks()).toBe(1);
  watching.look();
  await s.host.settle();
  expect(looks()).toBe(2);
});

test.each(["rate_limited", "overloaded"])("%s is asked again no sooner than the server wants", async (code) => {
  s.host.get = says({ ...problem(code), retry: "30" }, ok(PAID));
  await begin();
  await s.host.pass(29);
  expect(looks()).toBe(1);
  await s.host.pass(1);
  expect([looks(), painted[painted.length - 1]?.phase]).toEqual([2, "success"]);
  await s.host.pass(600);
  expect(looks()).toBe(2);
});

test("a wait that is no number of seconds is as if none was named", async () => {
  s.host.get = () => ({ ...problem("overloaded"), retry: "Sat, 28 Nov 2026 14:30:00 GMT" });
  await begin();
  await s.host.pass(1);
  expect(looks()).toBe(2);
});
