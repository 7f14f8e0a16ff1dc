"""One demo for the tests of this folder that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from system.running import RunningDemo, start_demo


@pytest.fixture(scope="package")
def demo(open_folder: Path) -> Iterator[RunningDemo]:
    """A running demo in a folder that PostgreSQL's user can enter."""
    folder = open_folder / "shared-demo"
    folder.mkdir(mode=0o755)
    started = start_demo(folder)
    yield started
    started.stop()
