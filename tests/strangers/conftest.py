"""One sandbox for all strangers, and a client in each key mode. Its clock only ever goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox_process import Catcher, Sandbox, sandbox
from strangers.shop import Shop
from strangers.stranger import Stranger, stranger


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher() as started:
        yield started


@pytest.fixture(scope="session", params=["certificate", "public_key"])
def axios(request: pytest.FixtureRequest, running: Sandbox) -> Iterator[Stranger]:
    with stranger("wechatpay_axios.js", running.folder / "credentials.json", request.param) as started:
        yield started


@pytest.fixture
def shop(axios: Stranger, running: Sandbox, catcher: Catcher) -> Shop:
    return Shop(axios, running, catcher)
