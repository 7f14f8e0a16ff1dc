"""Named SQL: each room keeps its statements in `queries.sql` and calls them by name.

    -- name: get_order
    -- One order of a merchant.
    SELECT … WHERE merchant_id = $1 AND id = $2;

Below the name stands one line of purpose; `-- scope: platform` marks a read over all merchants.
Must not know: any table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$")
_SCOPE = "-- scope: platform"


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement. `is_platform` marks a bounded read over all merchants."""

    name: str
    text: str
    purpose: str
    is_platform: bool = False


class NamedQueries:
    """The statements of one package's `queries.sql`, read when the first one is asked for."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getitem__(self, name: str) -> Query:
        """The statement of that name; KeyError lists the names there are, ValueError when the file is malformed."""
        try:
            return self.all[name]
        except KeyError:
            known = ", ".join(sorted(self.all))
            raise KeyError(f"{self._package} has no query {name!r}; it has: {known}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self.all.values())

    @cached_property
    def all(self) -> dict[str, Query]:
        """Every statement by name, in the order of the file."""
        text = resources.files(self._package).joinpath("queries.sql").read_text("utf-8")
        return parse_queries(text, f"{self._package}/queries.sql")


def named_queries(package: str) -> NamedQueries:
    """The named statements of a package such as `shunfu.payments`; nothing is read before the first use."""
    return NamedQueries(package)


def parse_queries(text: str, origin: str) -> dict[str, Query]:
    """The statements in a file's text; ValueError, naming `origin`, for a duplicate name or a missing purpose."""
    blocks: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if found := _NAME.match(line):
            blocks.append((found["name"], []))
        elif blocks:
            blocks[-1][1].append(line)
        elif line.strip() and not line.startswith("--"):
            raise ValueError(f"{origin}: a statement stands before the first `-- name:` line")
    queries: dict[str, Query] = {}
    for name, lines in blocks:
        if name in queries:
            raise ValueError(f"{origin}: the name {name} is used twice")
        queries[name] = _read_block(name, lines, origin)
    return queries


def _read_block(name: str, lines: list[str], origin: str) -> Query:
    body = next((index for index, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = [line.strip() for line in lines[:body]]
    remarks = [line.removeprefix("--").strip() for line in header if line != _SCOPE]
    if not remarks or not remarks[0]:
        raise ValueError(f"{origin}: {name} has no line of purpose below its name")
    text = "\n".join(lines[body:]).strip().removesuffix(";").rstrip()
    if not text:
        raise ValueError(f"{origin}: {name} has no statement")
    return Query(name, text, remarks[0], _SCOPE in header)
