"""Scripts and styles of others that our pages serve: every file has its hash, its licence and where it came from.

A folder named `vendor` anywhere under src/ holds SHA256SUMS and exactly the files that it lists; tools/vendored.toml
says of each which library and version it is. Fails on a file too many, one too few, one changed, and a licence that is
not on the list. Needs no network.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import licences

ROOT = Path(__file__).resolve().parent.parent
LISTED = Path("tools/vendored.toml")
SUMS = "SHA256SUMS"
HOSTS = frozenset({"registry.npmjs.org"})
ALLOWED = licences.ALLOWED | {"0BSD"}


@dataclass(frozen=True, slots=True)
class Library:
    """One package of others. `files`: our name to its path inside the package; `folder` is relative to the root."""

    name: str
    version: str
    licence: str
    folder: str
    source: str
    files: Mapping[str, str]

    def faults(self) -> Iterator[str]:
        """What is wrong with its line by itself."""
        address = urlsplit(self.source)
        if self.licence not in ALLOWED:
            yield f"{self.name}: {self.licence} is not on the list"
        if address.scheme != "https" or address.hostname not in HOSTS or self.version not in self.source:
            yield f"{self.name}: {self.source} does not say where version {self.version} is from"
        if "LICENSE" not in self.files.values():
            yield f"{self.name}: its licence is not beside it"


def libraries(root: Path = ROOT) -> list[Library]:
    """The libraries of tools/vendored.toml."""
    told: dict[str, Any] = tomllib.loads((root / LISTED).read_text("utf8"))
    return [Library(**row) for row in told["library"]]


def read_sums(text: str) -> dict[str, str]:
    """File name to SHA-256 of a SHA256SUMS file, as `sha256sum` writes it."""
    rows = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in rows}


def folders(root: Path = ROOT) -> list[Path]:
    """Every folder under src/ that holds what others wrote."""
    return sorted(path for path in (root / "src").rglob("vendor") if path.is_dir() and "tests" not in path.parts)


def faults(root: Path = ROOT) -> list[str]:
    """One sentence for everything that is not as it should be."""
    found = [fault for library in libraries(root) for fault in library.faults()]
    for folder in folders(root):
        found += _of_folder(root, folder)
    known = {str(folder.relative_to(root)) for folder in folders(root)}
    found += [f"{one.name}: there is no folder {one.folder}" for one in libraries(root) if one.folder not in known]
    return found


def _of_folder(root: Path, folder: Path) -> Iterator[str]:
    where = str(folder.relative_to(root))
    sums_file = folder / SUMS
    if not sums_file.is_file():
        yield f"{where} has no {SUMS}"
        return
    sums = read_sums(sums_file.read_text("utf8"))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {SUMS}
    owned = [name for library in libraries(root) if library.folder == where for name in library.files]
    yield from (f"{where}/{name} is not in {SUMS}" for name in sorted(there - sums.keys()))
    yield from (f"{where}/{name} is in {SUMS} and not there" for name in sorted(sums.keys() - there))
    yield from (f"{where}/{name} is of no library of {LISTED}" for name in sorted(there - set(owned)))
    yield from (f"{where}/{name} is listed in {LISTED} and not there" for name in sorted(set(owned) - there))
    yield from (
        f"{where}/{name} is of two libraries" for name in sorted({one for one in owned if owned.count(one) > 1})
    )
    for name in sorted(there & sums.keys()):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sums[name]:
            yield f"{where}/{name} is not the file that {SUMS} names"


def main() -> int:
    """Exit code: 0 when every file is as it is listed."""
    wrong = faults()
    count = sum(len(library.files) for library in libraries())
    print("\n".join(f"vendored: {fault}" for fault in wrong) or f"vendored: {count} files as listed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
