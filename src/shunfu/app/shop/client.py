"""The shop's side of the public HTTP API: create an order, read an order. Nothing else of Shunfu is known here.

A real merchant's server would hold the same forty lines in its own language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=3)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the API tells it; unknown fields are left alone."""

    order_id: str
    state: str
    amount_minor: int
    currency: str
    merchant_order_no: str
    checkout_url: str


class ApiUnavailable(Exception):
    """The payment API did not answer, or not in a way that this shop can use."""


class ApiRefused(Exception):
    """The payment API refused the request; `code` is the last part of the problem's type."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Api:
    """The API at one address with one key."""

    base: str
    key: str
    session: aiohttp.ClientSession

    async def create_order(self, body: Mapping[str, object], idempotency_key: str) -> Order:
        """Create an order; the same key and body give the same order. Raises ApiRefused, ApiUnavailable."""
        return await self._ask("POST", "/v1/orders", body, {"Idempotency-Key": idempotency_key})

    async def read_order(self, order_id: str) -> Order:
        """Read an order. Raises ApiRefused (404 for one that is not this merchant's), ApiUnavailable."""
        return await self._ask("GET", f"/v1/orders/{order_id}", None, {})

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None, headers: dict[str, str]) -> Order:
        headers = {**headers, "Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        url = self.base.rstrip("/") + path
        try:
            async with self.session.request(method, url, json=body, headers=headers, timeout=TIMEOUT) as reply:
                status, raw = reply.status, await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(type(error).__name__) from error
        answer = _object(raw)
        if status >= 500 or status in {401, 403, 429}:
            raise ApiUnavailable(f"status {status}")
        if status >= 400:
            raise ApiRefused(status, _text(answer, "type").rpartition("/")[2])
        return _order(answer)


def _object(raw: bytes) -> Mapping[str, object]:
    try:
        answer = cast("object", json.loads(raw))
    except ValueError as error:
        raise ApiUnavailable("the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise ApiUnavailable("the answer is not an object")
    return cast("dict[str, object]", answer)


def _text(answer: Mapping[str, object], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def _order(answer: Mapping[str, object]) -> Order:
    amount = answer.get("amount_minor")
    order = Order(
        order_id=_text(answer, "id"),
        state=_text(answer, "state"),
        amount_minor=amount if isinstance(amount, int) else 0,
        currency=_text(answer, "currency"),
        merchant_order_no=_text(answer, "merchant_order_no"),
        checkout_url=_text(answer, "checkout_url"),
    )
    if not order.order_id or not order.state:
        raise ApiUnavailable("the answer is not an order")
    return order
