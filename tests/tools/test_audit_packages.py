"""The audit passes only when every locked package was asked about; silence, gaps and skipped packages are failures."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import audit_packages

ROOT = Path(__file__).resolve().parents[2]
LOCKED = {"requests": "2.19.0", "idna": "3.11"}
WELL: dict[str, Any] = {"name": "idna", "version": "3.11", "vulns": []}
ALSO_WELL: dict[str, Any] = {"name": "requests", "version": "2.19.0", "vulns": []}
# pip-audit 2.10.1 printed this, with exit code 0 and "No known vulnerabilities found", where PyPI was out of reach
SKIPPED = {
    "name": "requests",
    "skip_reason": "Dependency not found on PyPI and could not be audited: requests (2.19.0)",
}
WEAK = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": ["CVE-2018-18074"], "description": "…"}],
}


def told(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def test_all_asked_and_well() -> None:
    assert audit_packages.judge(LOCKED, told(WELL, ALSO_WELL), 0) == []


@pytest.mark.parametrize(
    ("printed", "exit_code", "said"),
    [
        (told(WELL, SKIPPED), 0, ["requests was skipped", "requests 2.19.0 was not asked about"]),
        (told(WELL), 0, ["requests 2.19.0 was not asked about"]),
        (told(), 0, ["requests 2.19.0 was not asked about", "idna 3.11 was not asked about"]),
        (told(WELL, {**ALSO_WELL, "version": "2.32.3"}), 0, ["requests 2.19.0 was not asked about"]),
        (told(WELL, WEAK), 1, ["requests 2.19.0: PYSEC-2018-28, repaired in 2.20.0"]),
        ("", 1, ["gave no answer (exit code 1); nothing is known about 2 packages"]),
        ("No known vulnerabilities found\n", 0, ["gave no answer"]),
        ("[]", 0, ["gave no answer"]),
        (told(WELL, ALSO_WELL), 1, ["ended with 1 without saying why"]),
    ],
)
def test_anything_less_is_a_failure(printed: str, exit_code: int, said: list[str]) -> None:
    sentences = audit_packages.judge(LOCKED, printed, exit_code)
    assert len(sentences) == len(said)
    for sentence, part in zip(sentences, said, strict=True):
        assert part in sentence


def test_what_is_asked_is_the_whole_lock_file() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf8"))
    packages = audit_packages.locked(lock)
    assert len(packages) == len(lock["package"]) - 1, "all but ourselves"
    assert audit_packages.requirements(packages).count("\n") == len(packages)
    assert "asyncpg==" in audit_packages.requirements(packages)
