"""The built element in `checkout/static/client` is what the sources in `client/` give.

tools/client.py            compares; exit code 1 when they differ, or when nothing can be built here
tools/client.py --write    puts the build there
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "client" / "dist" / "h5"
KEPT = ROOT / "src" / "shunfu" / "checkout" / "static" / "client"


def build() -> str | None:
    """Make `client/dist/h5`; the reason when that cannot be done."""
    for step in (["client"], ["client-run", "h5"]):
        done = subprocess.run(["tools/setup.sh", *step], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"tools/setup.sh {' '.join(step)} failed:\n{done.stdout}{done.stderr}"
    return None


def differences(built: Path, kept: Path) -> list[str]:
    """The names of the files that only one folder has, or whose bytes differ."""
    one, other = ({path.name: path.read_bytes() for path in folder.glob("*")} for folder in (built, kept))
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main(arguments: list[str]) -> int:
    """Exit code: 0 when the committed build is right, or has been written."""
    if reason := build():
        print(reason)
        return 1
    if arguments == ["--write"]:
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(BUILT, KEPT)
        return 0
    if wrong := differences(BUILT, KEPT):
        print(f"the element is not what its sources give ({', '.join(wrong)}): tools/client.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
