"""How long a beginning takes: the first paid order, the second start, imports, help, and the server's memory at rest.

`shunfu demo --check` sets everything up in a new folder (keys, PostgreSQL, schema, sandbox, merchant), buys once over
HTTP between separate processes, and stops; a second run starts on the kept data. Its own `seconds` tell set-up from
paying, and the rest is stopping. The second set-up is compared with the limit that the project promises for a start on
kept data, imports and the server's memory with a bare interpreter's. `--clone` measures a
newcomer's way as well: a copy of the tree as git would clone it, `make setup` there (with whatever the package cache
holds), and the first purchase; it takes minutes, so it is off by default.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _meter import cpu_seconds, ratio, resident_mib
from _rig import rig

ROOT = Path(__file__).resolve().parent.parent
KEPT_START_LIMIT_SECONDS = 5.0
HELP_LIMIT_SECONDS = 0.3
REPEATS = 5
NOT_IN_A_CLONE = shutil.ignore_patterns(".venv", ".git", ".shunfu", "__pycache__", ".*_cache", ".hypothesis", "dist")


def bought(program: Path, folder: Path) -> dict[str, Any]:
    """One `demo --check` in a folder. SystemExit when the purchase failed."""
    command = [str(program), "demo", "--check", "--port", "0", "--no-browser", "--folder", str(folder)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"demo --check failed: {done.stdout[-600:]}{done.stderr[-600:]}")
    told = json.loads(done.stdout)
    return {"seconds": round(took, 2), "of_these": told["seconds"], "applied_ms": told["notification"]["applied_ms"]}


def first_and_second(folder: Path) -> dict[str, Any]:
    """A first start and a second one on the kept data."""
    program = Path(sys.executable).with_name("shunfu")
    first, second = bought(program, folder / "demo"), bought(program, folder / "demo")
    setup = float(second["of_these"]["setup"])
    second["ratio_of_setup_to_limit"] = ratio(setup, KEPT_START_LIMIT_SECONDS)
    return {"first": first, "second": second, "limit_of_setup_on_kept_data_seconds": KEPT_START_LIMIT_SECONDS}


def cloned(folder: Path) -> dict[str, Any]:
    """Copy, `make setup`, first purchase."""
    began = time.monotonic()
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=NOT_IN_A_CLONE)
    copied = time.monotonic() - began
    done = subprocess.run(["make", "setup"], cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"make setup failed: {done.stdout[-400:]}{done.stderr[-600:]}")
    ready = time.monotonic() - began
    first = bought(tree / ".venv" / "bin" / "shunfu", folder / "cloned-demo")
    whole = ready + float(first["of_these"]["setup"]) + float(first["of_these"]["paid"])
    parts = {"copy": round(copied, 2), "make_setup": round(ready - copied, 2)}
    return {"clone_to_paid_seconds": round(whole, 1), "of_these": {**parts, **first["of_these"]}}


def imports() -> dict[str, Any]:
    """Median seconds of an interpreter that imports a module and ends, beside one that imports nothing."""
    bare = _median([sys.executable, "-c", "pass"])
    found: dict[str, Any] = {"bare_interpreter": bare}
    for module in ("shunfu.app.cli", "shunfu.app.http.server"):
        seconds = _median([sys.executable, "-c", f"import {module}"])
        found[module] = {"seconds": seconds, "ratio_to_bare": ratio(seconds, bare)}
    seconds = _median([str(Path(sys.executable).with_name("shunfu")), "--help"])
    found["shunfu --help"] = {"seconds": seconds, "ratio_to_limit": ratio(seconds, HELP_LIMIT_SECONDS)}
    return found


def _median(command: list[str]) -> float:
    samples: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        samples.append(time.perf_counter() - began)
    return round(statistics.median(samples), 3)


def at_rest(seconds: float) -> dict[str, Any]:
    """The server with its worker and nothing to do: memory, and the processor time that idling takes."""
    idle = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with rig() as built:
        built.start_server()
        time.sleep(1.0)
        before = cpu_seconds(built.server_pid)
        time.sleep(seconds)
        spent = cpu_seconds(built.server_pid) - before
        server, bare = resident_mib(built.server_pid), resident_mib(idle.pid)
        sandbox = resident_mib(built.sandbox.pid)
    idle.communicate(b"\n")
    share = round(spent / seconds, 4)
    return {
        "server_mib": server,
        "bare_interpreter_mib": bare,
        "ratio_to_bare": ratio(server, bare),
        "sandbox_mib": sandbox,
        "server_share_of_a_core_at_rest": share,
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long the server rests before it is looked at")
    parser.add_argument("--clone", action="store_true", help="copy the tree, `make setup` there, and buy; minutes")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shunfu-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user and must reach its own folder inside
        report = {
            "cores": os.cpu_count(),
            "imports_seconds": imports(),
            "at_rest": at_rest(told.seconds),
            "demo_check": first_and_second(folder),
            **({"clone": cloned(folder)} if told.clone else {}),
        }
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
