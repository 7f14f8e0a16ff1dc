"""One fleet for the tests of this folder: each leaves it running as it found it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from db.support import run_apart
from processes.fleet import Fleet, nursery
from sandbox_process import sandbox
from shunfu.db import EmbeddedServer, EmbeddedSettings, collect, migrate, schema_packages
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.merchants import make_key_file

DISK_MIB = 400


@pytest.fixture(scope="package")
def shared(open_folder: Path) -> Iterator[Fleet]:
    """PostgreSQL on a small disk of its own where one can be mounted, the sandbox, and what makes servers."""
    folder = open_folder / "fleet"
    folder.mkdir(mode=0o755)
    with ExitStack() as stack:
        is_small = stack.enter_context(small_disk(folder / "disk"))
        settings = EmbeddedSettings(
            folder / "disk" / "pg", allow_nobody=True, binaries=open_folder / "programs", is_disposable=True
        )
        server = EmbeddedServer(settings)
        stack.callback(server.stop)
        urls = server.start()
        run_apart(migrate(urls.migration_url, collect(schema_packages())))
        make_key_file(folder / "keys.json", Source(SystemClock(), SystemEntropy()))
        box = stack.enter_context(sandbox(folder))
        maker = stack.enter_context(nursery(folder))
        yield Fleet(folder, server, urls, box, maker, is_small)


@pytest.fixture
def fleet(shared: Fleet) -> Iterator[Fleet]:
    """The fleet, without servers at the beginning and at the end."""
    yield shared
    shared.end_all()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of its own in memory, if we may mount one; else an ordinary folder."""
    folder.mkdir(mode=0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0755", "shunfu-test", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)
