"""Every vendored file is listed with its hash, licence and source, and nothing else lies beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import vendored

FOLDER = Path("src/shunfu/console/static/vendor")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(vendored.ROOT / FOLDER, tmp_path / FOLDER)
    (tmp_path / "tools").mkdir()
    shutil.copy(vendored.ROOT / vendored.LISTED, tmp_path / vendored.LISTED)
    return tmp_path


def test_the_files_are_as_listed() -> None:
    assert vendored.folders(), "nothing is vendored, so this check checks nothing"
    assert vendored.faults() == []


def altered(root: Path) -> None:
    script = root / FOLDER / "htmx.min.js"
    script.write_bytes(script.read_bytes() + b" ")


def added(root: Path) -> None:
    (root / FOLDER / "more.js").write_text("alert(1)")


def added_with_a_sum(root: Path) -> None:
    added(root)
    with (root / FOLDER / vendored.SUMS).open("a") as sums:
        sums.write("7a9b5b0e5a3a6c8f2c4d0e0a6bf84b7f3c1f43a1d5e5b0a7c7c3e4c9c4f1a2b3  more.js\n")


def removed(root: Path) -> None:
    (root / FOLDER / "htmx.LICENSE").unlink()


def without_sums(root: Path) -> None:
    (root / FOLDER / vendored.SUMS).unlink()


def relicensed(root: Path) -> None:
    listed = root / vendored.LISTED
    listed.write_text(listed.read_text("utf8").replace('"0BSD"', '"GPL-3.0-only"'), "utf8")


def from_elsewhere(root: Path) -> None:
    listed = root / vendored.LISTED
    listed.write_text(listed.read_text("utf8").replace("registry.npmjs.org/uplot", "cdn.example.com/uplot"), "utf8")


def another_folder(root: Path) -> None:
    elsewhere = root / "src/shunfu/checkout/static/vendor"
    elsewhere.mkdir(parents=True)
    (elsewhere / "x.js").write_text("")


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        (altered, "htmx.min.js is not the file that SHA256SUMS names"),
        (added, "more.js is not in SHA256SUMS"),
        (added_with_a_sum, "more.js is of no library"),
        (removed, "htmx.LICENSE is in SHA256SUMS and not there"),
        (without_sums, "has no SHA256SUMS"),
        (relicensed, "GPL-3.0-only is not on the list"),
        (from_elsewhere, "does not say where version 1.6.32 is from"),
        (another_folder, "src/shunfu/checkout/static/vendor has no SHA256SUMS"),
    ],
)
def test_what_is_not_as_listed_is_named(copy: Path, meddle: Callable[[Path], None], said: str) -> None:
    assert vendored.faults(copy) == []
    meddle(copy)
    assert any(said in fault for fault in vendored.faults(copy)), vendored.faults(copy)
