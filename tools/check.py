"""`make check`: every rule that a machine can hold, each with its seconds. Goes on after a failure, fails at the end.

tools/check.py            all steps
tools/check.py imports    one step
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STEPS: dict[str, list[str]] = {
    "style": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "types": [str(BIN / "basedpyright"), "--warnings"],
    "imports": [str(BIN / "lint-imports"), "--no-logo"],
    "sql": [sys.executable, "tools/sql_lint.py", "src/shunfu"],
    "licences": [sys.executable, "tools/licences.py"],
    "vendored": [sys.executable, "tools/vendored.py"],
    "sbom": [sys.executable, "tools/sbom.py", "--check"],
    "api": [sys.executable, "tools/openapi_gate.py"],
    "client": [sys.executable, "tools/client.py"],
    "reference": [sys.executable, "tools/reference.py", "--check"],
}


def run(name: str) -> bool:
    """True when the step passed; what it printed is shown only when it did not."""
    started = time.monotonic()
    done = subprocess.run(STEPS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    is_passed = done.returncode == 0
    print(f"{name:10} {'ok' if is_passed else 'FAILED':8} {seconds:6.1f} s", flush=True)
    if not is_passed:
        print(done.stdout + done.stderr, flush=True)
    return is_passed


def main(chosen: list[str]) -> int:
    """Exit code: 0 when every chosen step passed."""
    unknown = [name for name in chosen if name not in STEPS]
    if unknown:
        print(f"no step {', '.join(unknown)}; there are: {', '.join(STEPS)}")
        return 2
    failed = [name for name in chosen or STEPS if not run(name)]
    print(f"check: {', '.join(failed)} failed" if failed else "check: all hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
