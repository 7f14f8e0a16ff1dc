"""Every direct dependency has its line in docs/adr/0010, and no line outlives its dependency."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *(x for e in extras for x in e),
    ]
    page = (ROOT / "docs" / "adr" / "0010-dependencies.md").read_text("utf8")
    lines = re.findall(r"^\| `([\w-]+)` \| [^|]{2,} \| [^|]{10,} \|$", page, re.MULTILINE)
    assert sorted(lines) == sorted(Requirement(text).name for text in wanted)
