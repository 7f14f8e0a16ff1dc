"""Shoppers who buy as fast as they can, and clients who ask again under the same key until they have an answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

from processes.fleet import CHANNEL, Shop
from sandbox_process import Sandbox

PAUSE_SECONDS = 0.05
AMOUNT_MINOR = 8600


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer: what was asked under which key, and what was said."""

    path: str
    body: str
    key: str
    status: int
    said: bytes

    def json(self) -> Any:
        """The body's JSON value."""
        return json.loads(self.said)


@dataclass(slots=True)
class Load:
    """What was asked, answered and paid. `silences` counts the tries that brought no answer, `busy` the 409 and 503."""

    name: str
    shop: Shop
    sandbox: Sandbox
    session: aiohttp.ClientSession
    answers: list[Answer] = field(default_factory=list[Answer])
    asked: int = 0
    silences: int = 0
    busy: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    paid: list[str] = field(default_factory=list[str])
    snapshots: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    wishes: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def shop_until_over(self) -> None:
        """One purchase after the other; what was begun is finished."""
        while not self.is_over.is_set():
            await self.buy()

    async def buy(self) -> str:
        """One order, one payment, and the shopper pays at the channel; the payment's id."""
        self.wishes += 1
        wish = {"amount_minor": AMOUNT_MINOR, "currency": "CNY", "subject": "咖啡豆"}
        order = await self.ask("/v1/orders", wish)
        assert order.status == 201, order
        payment = await self.start(order.json()["id"])
        await self.pay(payment.json()["id"])
        return payment.json()["id"]

    async def start(self, order_id: str) -> Answer:
        """A payment that the channel has; an unknown one is asked for again, as a client would."""
        path = f"/v1/orders/{order_id}/payments"
        while True:
            payment = await self.ask(path, {"method": f"{CHANNEL}/native"})
            if payment.status == 201 and payment.json()["state"] == "PENDING":
                return payment
            is_passing = payment.status == 201 or payment.json()["type"] == "/problems/payment_unknown"
            assert is_passing, payment
            await asyncio.sleep(PAUSE_SECONDS * 4)

    async def ask(self, path: str, body: object, key: str | None = None) -> Answer:
        """The final answer, however often it takes to get it."""
        key, text = key or uuid4().hex, json.dumps(body)
        while True:
            said = await self.try_once(path, text, key)
            if said is not None and said.status < 500 and not is_busy(said):
                self.answers.append(said)
                return said
            self.busy += said is not None
            await asyncio.sleep(PAUSE_SECONDS)

    async def try_once(self, path: str, text: str, key: str) -> Answer | None:
        """One request; None when no answer came."""
        self.asked += 1
        told = {
            "authorization": f"Bearer {self.shop.api_key}",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        try:
            async with self.session.post(self.shop.base_url + path, data=text, headers=told) as answer:
                self.statuses[answer.status] += 1
                return Answer(path, text, key, answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            self.silences += 1
            return None

    async def get(self, path: str) -> Any:
        """What the API shows; it must answer."""
        told = {"authorization": f"Bearer {self.shop.api_key}"}
        async with self.session.get(self.shop.base_url + path, headers=told) as answer:
            said = await answer.read()
            assert answer.status == 200, said
            return json.loads(said)

    async def pay(self, payment_id: str) -> None:
        """The shopper pays at the channel."""
        number = payment_id.partition("_")[2]
        body = {"channel": CHANNEL, "order_no": number}
        async with self.session.post(f"{self.sandbox.credentials['control_url']}/pay", json=body) as answer:
            assert answer.status == 200, await answer.read()
        self.paid.append(payment_id)


async def new_order(load: Load) -> str:
    """An order's id."""
    load.wishes += 1
    wish = {"amount_minor": AMOUNT_MINOR, "currency": "CNY", "subject": "咖啡豆"}
    return (await load.ask("/v1/orders", wish)).json()["id"]


def is_busy(said: Answer) -> bool:
    """Whether the same request is under way elsewhere."""
    return said.status == 409 and said.json()["type"] == "/problems/request_in_flight"


def make_session() -> aiohttp.ClientSession:
    """A client that waits at most a little longer than the server does for a channel."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=aiohttp.ClientTimeout(total=30)
    )
