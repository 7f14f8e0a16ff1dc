"""The SBOM is CycloneDX 1.6, says what the lock file says, is the same bytes each time, and is shipped in the wheel."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import licences
import sbom
import vendored


@pytest.fixture(scope="module")
def text() -> str:
    return sbom.WRITTEN.read_text("utf8")


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    return tomllib.loads((sbom.ROOT / "uv.lock").read_text("utf8"))


def cut(text: str) -> str:
    """The same with the files of one component only: the rule for addresses takes minutes for all of them."""
    told = json.loads(text)
    for one in told["components"][1:]:
        del one["externalReferences"]
    return json.dumps(told)


def test_it_is_valid_and_what_is_locked(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(cut(text)) is None
    assert sbom.written() == text, "run tools/sbom.py"
    assert sbom.written() == sbom.written()


def test_the_validator_sees_what_is_wrong(text: str) -> None:
    spoiled = cut(text).replace('"scope": "required"', '"scope": "sometimes"', 1)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(spoiled) is not None


def test_every_package_that_runs_is_in_it_with_its_hashes_and_licence(text: str, lock: dict[str, Any]) -> None:
    told = json.loads(text)
    python = {one["name"]: one for one in told["components"] if one["purl"].startswith("pkg:pypi/")}
    assert python.keys() == set(licences.runtime_names(lock, with_extras=True))
    assert "pglast" not in python
    assert {one["name"] for one in python.values() if one["scope"] == "optional"} >= {"opentelemetry-sdk"}
    for name, package in sbom.packages(lock).items():
        if name not in python:
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        hashes = {reference["hashes"][0]["content"] for reference in python[name]["externalReferences"]}
        assert hashes == {file["hash"].removeprefix("sha256:") for file in files}, name
        assert python[name]["version"] == package["version"]
        assert licences.is_allowed(python[name]["licenses"][0]["expression"]), name


def test_vendored_scripts_are_in_it(text: str) -> None:
    told = {one["name"]: one for one in json.loads(text)["components"]}
    for library in vendored.libraries():
        assert told[library.name]["version"] == library.version
        assert len(told[library.name]["components"]) == len(library.files)


def test_nothing_of_a_machine_or_a_moment_is_in_it(text: str) -> None:
    assert re.search(r'timestamp|serialNumber|file:|"/', text) is None
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts == {"cyclonedx.org", "files.pythonhosted.org", "registry.npmjs.org"}


def test_a_changed_version_is_drift(lock: dict[str, Any], text: str) -> None:
    changed = {"package": [{**one, "version": "0.0.0"} if one["name"] == "asyncpg" else one for one in lock["package"]]}
    document = sbom.document(changed, vendored.libraries())
    assert "pkg:pypi/asyncpg@0.0.0" in json.dumps(document)
    assert "pkg:pypi/asyncpg@0.0.0" not in text


def test_the_wheel_carries_it() -> None:
    project = tomllib.loads((sbom.ROOT / "pyproject.toml").read_text("utf8"))
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["sbom-files"]
    assert [sbom.ROOT / path for path in listed] == [sbom.WRITTEN]
