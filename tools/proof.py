"""docs/proof.md maps each numbered line of the specification to tests. After `make test`: did every one run and pass?

    tools/proof.py            fails when a test named there did not run and pass, or when nothing ran at all
    tools/proof.py --count    prints how many tests the last `make test` ran

A row of the table is `| 2.1 | what must hold | `tests/flows/test_pay.py::test_one_tap` |`: the line's number first,
test ids in backticks anywhere after it, without parameters. A number proved by a benchmark names `bench/x.py`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROOF = ROOT / "docs" / "proof.md"
RAN = ROOT / ".pytest_cache" / "shunfu-ran.json"

_ROW = re.compile(r"^\|\s*(\d+\.[\w.-]+)\s*\|(.*)\|\s*$", re.MULTILINE)
_TEST = re.compile(r"`([\w/.-]+\.py(?:::\w+)+)`")
_BENCH = re.compile(r"`(bench/[\w/.-]+\.py)`")


def proofs(text: str) -> dict[str, list[str]]:
    """Line number to the test ids and benchmark paths that prove it, from the text of docs/proof.md."""
    found: dict[str, list[str]] = {}
    for number, rest in _ROW.findall(text):
        found.setdefault(number, []).extend(_TEST.findall(rest) + _BENCH.findall(rest))
    return found


def outcomes_by_function(outcomes: dict[str, str]) -> dict[str, set[str]]:
    """Outcomes of a test function over all its parameters."""
    merged: dict[str, set[str]] = {}
    for node_id, outcome in outcomes.items():
        merged.setdefault(node_id.partition("[")[0], set()).add(outcome)
    return merged


def unproved(lines: dict[str, list[str]], outcomes: dict[str, str]) -> list[str]:
    """One sentence for each named test that did not run and pass."""
    ran = outcomes_by_function(outcomes)
    sentences: list[str] = []
    for number, tests in lines.items():
        for test in tests:
            got = ran.get(test, set())
            if "::" in test and ("passed" not in got or "failed" in got):
                sentences.append(f"{number}: {test} {'/'.join(sorted(got)) or 'did not run'}")
    return sentences


def main(arguments: list[str]) -> int:
    """Exit code: 0 when everything named ran and passed."""
    outcomes: dict[str, str] = json.loads(RAN.read_text("utf8")) if RAN.exists() else {}
    counts = Counter(outcomes.values())
    if "--count" in arguments:
        print(f"tests: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    if not outcomes:
        print("proof: no test ran; run `make test`")
        return 1
    if "--count" in arguments:
        return 0
    if not PROOF.exists():
        print("proof: docs/proof.md is not written yet")
        return 0
    lines = proofs(PROOF.read_text("utf8"))
    missing = unproved(lines, outcomes)
    print("\n".join(f"proof: {sentence}" for sentence in missing) or f"proof: {len(lines)} lines hold")
    return 1 if missing or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
