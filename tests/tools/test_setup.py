"""The commands of a newcomer: what they say when something is missing, and that each is listed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone without an environment."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/setup.sh", "tools/uv-requirements.txt", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_python_too_old_is_one_line_that_says_what_to_do(bare: Path) -> None:
    old = bare / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n', "utf8")
    old.chmod(0o755)
    done = run("tools/setup.sh", cwd=bare, PYTHON=str(old))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "is Python 3.9.2" in done.stderr
    assert "PYTHON=" in done.stderr


def test_no_python_is_one_line_too(bare: Path) -> None:
    done = run("tools/setup.sh", cwd=bare, PYTHON="no-such-python")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "missing" in done.stderr


def test_a_missing_browser_that_may_not_be_installed_does_not_stop_the_tests(bare: Path) -> None:
    tools = bare / "bin"
    tools.mkdir()
    for name in ("bash", "env", "dirname", "uname", "ls", "id"):
        tools.joinpath(name).symlink_to(str(shutil.which(name)))
    done = run("tools/setup.sh", "browser", cwd=bare, PATH=str(tools))
    assert done.returncode == 0
    if sys.platform == "linux":
        assert "apt-get install chromium" in done.stderr


def test_an_unknown_step_is_named(bare: Path) -> None:
    done = run("tools/setup.sh", "browsers", cwd=bare)
    assert done.returncode == 1
    assert "browsers" in done.stderr


def test_make_alone_lists_every_command() -> None:
    done = run("make")
    listed = set(re.findall(r"^  make ([a-z-]+)", done.stdout, re.MULTILINE))
    assert {"setup", "demo", "test", "check", "bench", "clean", "reference", "help"} <= listed


def test_the_scripts_are_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert os.access(ROOT / "tools" / "setup.sh", os.X_OK)


@pytest.mark.parametrize("tool", ["check.py", "bench.py"])
def test_an_unknown_name_is_refused(tool: str) -> None:
    assert run(sys.executable, f"tools/{tool}", "no-such-thing").returncode in {1, 2}
