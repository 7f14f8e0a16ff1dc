"""The lock file: hashes for everything, public hosts only, and the dependencies that pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement

import licences

ROOT = Path(__file__).resolve().parents[2]
HOSTS = {"pypi.org", "files.pythonhosted.org"}
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text("utf8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))


def test_only_public_hosts() -> None:
    for name in ("uv.lock", "tools/uv-requirements.txt", "pyproject.toml"):
        text = (ROOT / name).read_text("utf8")
        assert {urlsplit(url).hostname for url in re.findall(r"https?://[^\s\"']+", text)} <= HOSTS, name
        assert "index-url" not in text, name


def test_every_file_has_its_hash(lock: dict[str, Any]) -> None:
    for package in lock["package"]:
        if package["source"] == {"editable": "."}:
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(SHA256.fullmatch(file["hash"]) for file in files), package["name"]


def test_the_installer_itself_has_hashes() -> None:
    text = (ROOT / "tools" / "uv-requirements.txt").read_text("utf8")
    assert re.search(r"^uv==[\d.]+ ", text, re.MULTILINE)
    assert len(SHA256.findall(text)) == 4


def comparable(requirement: str) -> tuple[str, str, str]:
    parsed = Requirement(requirement)
    return (
        parsed.name,
        str(parsed.specifier),
        " or ".join(sorted(str(parsed.marker or "").replace("'", '"').split(" or "))),
    )


def locked(rows: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {
        comparable(f"{row['name']}{row.get('specifier', '')}" + (f"; {row['marker']}" if "marker" in row else ""))
        for row in rows
    }


def test_the_lock_is_of_this_project(lock: dict[str, Any], project: dict[str, Any]) -> None:
    metadata = next(package for package in lock["package"] if package["name"] == "shunfu")["metadata"]
    extras = project["project"]["optional-dependencies"]
    optional = [f"{text}; extra == '{extra}'" for extra, texts in extras.items() for text in texts]
    assert locked(metadata["requires-dist"]) == {
        comparable(text) for text in [*project["project"]["dependencies"], *optional]
    }
    wanted = {comparable(text) for text in project["dependency-groups"]["dev"]}
    assert locked(metadata["requires-dev"]["dev"]) == wanted


def test_no_tool_is_a_runtime_dependency(lock: dict[str, Any]) -> None:
    runtime = licences.runtime_names(lock)
    assert "pglast" not in runtime
    assert {"asyncpg", "starlette", "pydantic-core"} <= set(runtime)
