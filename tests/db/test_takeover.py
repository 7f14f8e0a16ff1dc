"""The end of a restore, stopped by a power cut after any of its steps: the next start finishes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shunfu.db import EmbeddedSettings
from shunfu.db.embedded.takeover import finish_takeover, take_over


@pytest.fixture
def settings(tmp_path: Path) -> EmbeddedSettings:
    """Old data in its place, and new data prepared."""
    made = EmbeddedSettings(tmp_path)
    for folder, text in ((made.data, "old"), (made.restoring / "data", "new")):
        folder.mkdir(parents=True)
        (folder / "rows").write_text(text)
    made.passwords.write_text("old")
    (made.restoring / "passwords.json").write_text("new")
    return made


def contents(settings: EmbeddedSettings) -> dict[str, str]:
    """Every file with its text."""
    return {
        str(file.relative_to(settings.folder)): file.read_text()
        for file in sorted(settings.folder.rglob("*"))
        if file.is_file()
    }


DONE = {"aside/rows": "old", "data/rows": "new", "passwords.json": "new"}


def test_it_takes_the_place_of_the_old(settings: EmbeddedSettings) -> None:
    take_over(settings, "aside")
    assert contents(settings) == DONE
    finish_takeover(settings)
    assert contents(settings) == DONE


def test_without_old_data(settings: EmbeddedSettings) -> None:
    (settings.data / "rows").unlink()
    settings.data.rmdir()
    take_over(settings, "aside")
    assert contents(settings) == {"data/rows": "new", "passwords.json": "new"}


def test_what_was_not_accepted_is_left_alone(settings: EmbeddedSettings) -> None:
    before = contents(settings)
    finish_takeover(settings)
    assert contents(settings) == before


STEPS: tuple[Callable[[EmbeddedSettings], object], ...] = (
    lambda settings: (settings.restoring / "accepted").write_text("aside"),
    lambda settings: settings.data.rename(settings.folder / "aside"),
    lambda settings: (settings.restoring / "data").rename(settings.data),
    lambda settings: (settings.restoring / "passwords.json").replace(settings.passwords),
)


@pytest.mark.parametrize("count", range(1, len(STEPS) + 1))
def test_a_stop_after_any_step_is_finished(settings: EmbeddedSettings, count: int) -> None:
    for step in STEPS[:count]:
        step(settings)
    finish_takeover(settings)
    assert contents(settings) == DONE
