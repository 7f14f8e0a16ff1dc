"""What the crash tests share: silence, and no time spent on garbage that everybody before them left."""

import gc
import logging
import uuid
from collections.abc import Iterator

import pytest
import structlog

from crash.account import drop_user, make_user, spare_the_disk
from db.support import run_apart
from shunfu.db import Urls


@pytest.fixture(scope="session")
def quick_user(pg_server: Urls, template_database: str) -> Iterator[str]:
    """The name of a user whose connections are quick."""
    name = f"mortal_{uuid.uuid4().hex[:8]}"
    run_apart(make_user(pg_server, name))
    yield name
    run_apart(drop_user(pg_server, name))


@pytest.fixture
def spared_urls(database_urls: Urls) -> Urls:
    """A fresh database that does not wait for the disk."""
    run_apart(spare_the_disk(database_urls))
    return database_urls


@pytest.fixture(autouse=True)
def quiet_logs(plain_logs: None) -> Iterator[None]:
    """Thousands of deaths on purpose are no news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def frozen_past() -> Iterator[None]:
    """What was made before is not looked through again and again for garbage."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
