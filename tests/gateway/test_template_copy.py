"""A channel is one folder: a copy of the template under a new name passes the contract, and nothing else moves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from filecmp import dircmp
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "shunfu"
NAME = "samplepay"


def copy_template(root: Path) -> Path:
    """What the template's README tells to do, in a copy of the source."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE, root / "shunfu", ignore=ignored)
    channels = root / "shunfu" / "channels"
    shutil.copytree(channels / "_template", channels / NAME)
    for path in (channels / NAME).rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("_template", NAME).replace("template", NAME)
            path.write_text(text, encoding="utf-8")
    return channels / NAME


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def differing(left: Path, right: Path) -> list[str]:
    compared = dircmp(left, right, ignore=["__pycache__"])
    found = [*compared.diff_files, *compared.left_only, *compared.right_only]
    for name in compared.common_dirs:
        found += [f"{name}/{other}" for other in differing(left / name, right / name)]
    return found


def test_a_copy_under_a_new_name_passes_the_contract_and_changes_no_other_path(tmp_path: Path) -> None:
    folder = copy_template(tmp_path)
    ran = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder))
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "passed" in ran.stdout
    assert differing(SOURCE, tmp_path / "shunfu") == [f"channels/{NAME}"]


def test_the_copy_is_discovered_by_its_name(tmp_path: Path) -> None:
    copy_template(tmp_path)
    program = "from shunfu.driver import discover\nfound = discover()\nprint(*found.channels)\nprint(*found.sandboxes)"
    ran = run(tmp_path, "-c", program)
    assert ran.returncode == 0, ran.stderr
    channels, sandboxes = ran.stdout.splitlines()
    assert NAME in channels.split()
    assert NAME in sandboxes.split()
    assert "template" not in channels
