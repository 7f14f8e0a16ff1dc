"""What is inside Shunfu, as CycloneDX 1.6: every locked package that it runs with, and every vendored script.

    tools/sbom.py           writes docs/security/sbom.cdx.json, which the wheel carries in .dist-info/sboms (PEP 770)
    tools/sbom.py --check   fails when the file is not what the lock file says

Written from uv.lock, tools/vendored.toml and the installed packages' own licences; two runs write the same bytes: no
time, no serial number, no path. A package of an extra has the scope `optional`.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import licences
import vendored

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ROOT / "docs" / "security" / "sbom.cdx.json"
Json = dict[str, Any]


def packages(lock: Json) -> dict[str, Json]:
    """The lock file's packages by name."""
    return {package["name"]: package for package in lock["package"]}


def scopes(lock: Json, root: str = "shunfu") -> dict[str, str]:
    """Name of every package that we run with to its scope: `required`, or `optional` when only an extra wants it."""
    required = set(licences.runtime_names(lock, root))
    whole = licences.runtime_names(lock, root, with_extras=True)
    return {name: "required" if name in required else "optional" for name in whole}


def reference(name: str, version: str, kind: str = "pypi") -> str:
    """The package's address as a package URL."""
    return f"pkg:{kind}/{name}@{version}"


def component(package: Json, scope: str) -> Json:
    """One Python package with every file that the lock file allows, and its licence."""
    name, version = package["name"], package["version"]
    files = [*([package["sdist"]] if "sdist" in package else []), *package.get("wheels", [])]
    distributions = [
        {
            "type": "distribution",
            "url": file["url"],
            "hashes": [{"alg": "SHA-256", "content": str(file["hash"]).removeprefix("sha256:")}],
        }
        for file in files
    ]
    return {
        "type": "library",
        "bom-ref": reference(name, version),
        "name": name,
        "version": version,
        "scope": scope,
        "licenses": [{"expression": licences.line_of(name).expression}],
        "purl": reference(name, version),
        "externalReferences": sorted(distributions, key=lambda one: str(one["url"])),
    }


def vendored_component(library: vendored.Library, sums: Mapping[str, str]) -> Json:
    """One library of scripts with each of its files."""
    at = reference(library.name, library.version, "npm")
    return {
        "type": "library",
        "bom-ref": at,
        "name": library.name,
        "version": library.version,
        "scope": "required",
        "licenses": [{"license": {"id": library.licence}}],
        "purl": at,
        "externalReferences": [{"type": "distribution", "url": library.source}],
        "components": [
            {
                "type": "file",
                "bom-ref": f"{at}#{inside}",
                "name": f"{library.folder.removeprefix('src/')}/{name}",
                "hashes": [{"alg": "SHA-256", "content": sums[name]}],
            }
            for name, inside in sorted(library.files.items())
        ],
    }


def depends(package: Json, known: Mapping[str, Json], scope: Mapping[str, str]) -> Json:
    """The edge from one package to those that it wants, extras of the project included."""
    wanted = [*package.get("dependencies", [])]
    if package["name"] == "shunfu":
        wanted += [one for extra in package.get("optional-dependencies", {}).values() for one in extra]
    names = sorted({one["name"] for one in wanted if one["name"] in scope})
    return {
        "ref": reference(package["name"], package["version"]),
        "dependsOn": [reference(name, known[name]["version"]) for name in names],
    }


def document(lock: Json, libraries: Iterable[vendored.Library], root: Path = ROOT) -> Json:
    """The whole document."""
    known, scope = packages(lock), scopes(lock)
    ours = known["shunfu"]
    at = reference("shunfu", ours["version"])
    scripts = [
        vendored_component(one, vendored.read_sums((root / one.folder / vendored.SUMS).read_text("utf8")))
        for one in libraries
    ]
    edges = [depends(known[name], known, scope) for name in scope]
    first = depends(ours, known, scope)
    first["dependsOn"] += [script["bom-ref"] for script in scripts]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": at,
                "name": "shunfu",
                "version": ours["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": at,
            }
        },
        "components": [*(component(known[name], scope[name]) for name in scope), *scripts],
        "dependencies": [first, *edges],
    }


def written() -> str:
    """The file's text, one component a line, so that a change is seen as what it is."""
    lock: Json = tomllib.loads((ROOT / "uv.lock").read_text("utf8"))
    told = document(lock, vendored.libraries())
    lists = [name for name, value in told.items() if isinstance(value, list)]
    head = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items() if name not in lists]
    rows = [f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, told[name])) + "\n]" for name in lists]
    return "{\n" + ",\n".join([*head, *rows]) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Exit code: 0 when written, or when the file is what would be written."""
    text = written()
    if "--check" not in arguments:
        WRITTEN.parent.mkdir(parents=True, exist_ok=True)
        WRITTEN.write_text(text, encoding="utf8")
        return 0
    is_same = WRITTEN.is_file() and WRITTEN.read_text("utf8") == text
    print(f"sbom: {'as locked' if is_same else 'not what uv.lock says; run tools/sbom.py'}")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
