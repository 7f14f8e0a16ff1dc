"""`make bench`: runs every bench/*.py (not those that begin with _) and prints one JSON document a line.

Each line is `{"bench": name, "seconds": n, "result": what the script printed}`. A script fails when it exits with
another code than 0 or prints no JSON; the rest still run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measure(script: Path) -> bool:
    """Run one script with an hour at most; True when it printed JSON."""
    print(f"bench: {script.stem} …", file=sys.stderr, flush=True)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=3600
    )
    line: dict[str, object] = {"bench": script.stem, "seconds": round(time.monotonic() - started, 1)}
    try:
        line["result"] = json.loads(done.stdout)
    except json.JSONDecodeError:
        line["error"] = f"exit code {done.returncode}, and no JSON on its standard output"
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return done.returncode == 0 and "result" in line


def main(chosen: list[str]) -> int:
    """Exit code: 0 when every script, or every chosen one, printed its numbers."""
    scripts = [path for path in sorted((ROOT / "bench").glob("*.py")) if not path.name.startswith("_")]
    if chosen:
        scripts = [path for path in scripts if path.stem in chosen]
    if not scripts:
        print("bench: nothing to run", file=sys.stderr)
        return 1
    results = [measure(script) for script in scripts]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
