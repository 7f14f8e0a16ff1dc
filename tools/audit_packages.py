"""`make audit`: does PyPI know of a weakness in a locked package? Needs the internet: PyPI's JSON API.

`pip-audit` alone says "no known vulnerabilities" about packages that it could not ask about. So the packages come from
uv.lock, `--strict` is always on, and fewer answers than locked packages is a failure of its own, as is no answer.
Exit code: 0 all asked and none known, 1 a weakness or a gap.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PATIENCE_SECONDS = 900
Json = dict[str, Any]


def locked(lock: Json) -> dict[str, str]:
    """Name to version of every package of uv.lock that comes from an index: what runs, and the tools."""
    return {one["name"]: one["version"] for one in lock["package"] if "registry" in one["source"]}


def requirements(packages: Mapping[str, str]) -> str:
    """The packages as pip-audit reads them."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(packages.items()))


def read_answer(printed: str) -> list[Json] | None:
    """The dependencies of pip-audit's JSON, or None when it printed none."""
    try:
        answer: object = json.loads(printed)
    except ValueError:
        return None
    return cast("Json", answer).get("dependencies") if isinstance(answer, dict) else None


def judge(packages: Mapping[str, str], printed: str, exit_code: int) -> list[str]:
    """One sentence for each weakness and each gap; empty only when every locked package was asked about and is well."""
    answered = read_answer(printed)
    if answered is None:
        return [f"pip-audit gave no answer (exit code {exit_code}); nothing is known about {len(packages)} packages"]
    asked = {str(one["name"]): one for one in answered if "skip_reason" not in one}
    sentences = [f"{one['name']} was skipped: {one['skip_reason']}" for one in answered if "skip_reason" in one]
    sentences += [
        f"{name} {version} was not asked about"
        for name, version in packages.items()
        if asked.get(name, {}).get("version") != version
    ]
    sentences += [
        f"{one['name']} {one['version']}: {weakness['id']}, repaired in {', '.join(weakness['fix_versions']) or 'none'}"
        for one in asked.values()
        for weakness in one.get("vulns", [])
    ]
    if not sentences and exit_code != 0:
        sentences = [f"pip-audit ended with {exit_code} without saying why"]
    return sentences


def ask(packages: Mapping[str, str]) -> tuple[str, int, str]:
    """What pip-audit printed, its exit code and its complaints."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text(requirements(packages), encoding="utf8")
        command = [str(BIN / "pip-audit"), "--strict", "--no-deps", "--disable-pip", "--progress-spinner=off"]
        done = subprocess.run(
            [*command, "--format=json", "--requirement", str(listed)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    return done.stdout, done.returncode, done.stderr


def main() -> int:
    """Exit code: 0 when every locked package was asked about and none has a known weakness."""
    packages = locked(tomllib.loads((ROOT / "uv.lock").read_text("utf8")))
    printed, exit_code, complaints = ask(packages)
    wrong = judge(packages, printed, exit_code)
    for sentence in wrong:
        print(f"audit: {sentence}")
    if wrong:
        print("\n".join(f"audit: pip-audit: {line}" for line in complaints.strip().splitlines()[-3:]))
    else:
        print(f"audit: {len(packages)} locked packages asked about, no known weakness")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
