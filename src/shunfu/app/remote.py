"""Our own HTTP API from outside, as a merchant's server calls it: for commands that work on a running installation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp

from shunfu.gateway.wire import Json
from shunfu.kernel.clock import SystemEntropy
from shunfu.kernel.errors import SetupFault, TransientFault
from shunfu.kernel.secret import Secret

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
Told = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the API is, with which key; where the sandbox is controlled, when that is known."""

    url: str
    key: Secret[str]
    control_url: str | None = None


def target_of(info: Path | None, url: str | None, key: str | None) -> Target:
    """The target that `shunfu demo --info` wrote down, or the given one. Raises SetupFault."""
    if info is None:
        if not url or not key:
            raise SetupFault("Say where the API is: --info FILE of `shunfu demo --info FILE`, or --url and --key.")
        return Target(url.rstrip("/"), Secret(key))
    try:
        told = cast("dict[str, object]", json.loads(info.read_text(encoding="utf-8")))
        return Target(url or str(told["base_url"]), Secret(key or str(told["api_key"])), str(told["control_url"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupFault(f"{info} is not what `shunfu demo --info` writes.") from error


class Remote:
    """The API at one target over one session."""

    def __init__(self, target: Target, session: aiohttp.ClientSession) -> None:
        self._target = target
        self._session = session
        self._entropy = SystemEntropy()

    async def get(self, path: str) -> dict[str, Json]:
        """Read. Raises SetupFault for what will not change, TransientFault for what may."""
        return await self._ask("GET", self._target.url + path, None, self._key())

    async def post(self, path: str, body: Told) -> dict[str, Json]:
        """Do, once. Raises SetupFault for a refusal, TransientFault for what may pass."""
        headers = {**self._key(), "Idempotency-Key": self._entropy.take(16).hex()}
        return await self._ask("POST", self._target.url + path, body, headers)

    async def control(self, deed: str, body: Told) -> dict[str, Json]:
        """Ask the sandbox's control API. Raises SetupFault, also when there is no sandbox."""
        if self._target.control_url is None:
            raise SetupFault("Only a sandbox can be told what the shopper does: use --info of `shunfu demo`.")
        return await self._ask("POST", f"{self._target.control_url}/{deed}", body, {})

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._target.key.reveal()}"}

    async def _ask(self, method: str, url: str, body: Told | None, headers: dict[str, str]) -> dict[str, Json]:
        try:
            async with self._session.request(method, url, json=body, headers=headers, timeout=TIMEOUT) as answer:
                status, raw = answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientFault(f"{url} did not answer ({type(error).__name__}).") from error
        if status in {429, 503} or status >= 500:
            raise TransientFault(f"{url} answered {status}.")
        if status >= 400:
            raise SetupFault(f"{method} {url} was refused: {status} {_problem(raw)}")
        return cast("dict[str, Json]", json.loads(raw))


def _problem(raw: bytes) -> str:
    try:
        told = cast("dict[str, object]", json.loads(raw))
        return str(told.get("detail") or told.get("problem") or "")
    except (ValueError, AttributeError):
        return ""
