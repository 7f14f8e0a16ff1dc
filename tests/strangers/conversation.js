/**
 * A conversation in lines: Python says one JSON object a line, `{"verb", "words"}`, and gets one back, `{"value"}` or
 * `{"error"}`. Must not know: what any verb does.
 */
'use strict';

const { createInterface } = require('node:readline');

/** What a client threw, in plain values: `read` picks what this client's errors tell beside name and message. */
function toError(thrown, read) {
  const { name, message } = thrown instanceof Error ? thrown : { name: 'not an Error', message: String(thrown) };
  return { name, message, ...read(thrown) };
}

/** Answers each line with what `verbs[verb](...words)` gives, in order, until standard input ends. */
async function converse(verbs, read) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { verb, words } = JSON.parse(line);
    let told;
    try {
      told = { value: (await verbs[verb](...words)) ?? null };
    } catch (thrown) {
      told = { error: toError(thrown, read) };
    }
    process.stdout.write(`${JSON.stringify(told)}\n`);
  }
}

module.exports = { converse };
