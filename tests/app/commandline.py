"""Runs `shunfu` commands for tests: each in a process of its own, forked from one that has imported it already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def shunfu_cli(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with no setting but the given ones."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("SHUNFU_")}
    with tempfile.TemporaryDirectory() as told:
        out, err = Path(told, "out"), Path(told, "err")
        asked = {"words": words, "folder": str(folder), "environment": {**clean, **environment}}
        code = _ask({**asked, "out": str(out), "err": str(err)})
        return subprocess.CompletedProcess(["shunfu", *words], code, out.read_text("utf-8"), err.read_text("utf-8"))


@cache
def _zygote() -> subprocess.Popen[str]:
    """One a test process; it ends when its standard input does, which is when the test process ends."""
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _ask(asked: dict[str, object]) -> int:
    process = _zygote()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    return int(process.stdout.readline())
