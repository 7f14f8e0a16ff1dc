"""Buys once, as a shopper's browser would, over HTTP: shop, checkout, sheet, notification, paid order."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict, cast
from urllib.parse import urljoin

import aiohttp

from shunfu.gateway.wire import Json

CHANNEL, SCENE = "wechatpay", "miniprogram"
"""What `shunfu demo --check` buys with."""
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.05
HIDDEN = re.compile(r'name="(idempotency_key|method|key)"[^>]*value="([^"]+)"')
STEPS = ("shop", "cart", "order", "checkout", "pay", "sheet", "paid", "notification", "ledger")


class Told(TypedDict):
    """The parts of an order's or a payment's answer that the walk reads."""

    state: str
    payments: list[dict[str, str]]
    notifications: list[dict[str, str]]
    timeline: list[dict[str, str]]


class StepFailed(Exception):
    """A step of the purchase did not do what it should; the message says what was seen."""


@dataclass(slots=True)
class Purchase:
    """What the purchase has come to so far."""

    order_id: str | None = None
    payment_id: str | None = None
    state: str | None = None
    notification: dict[str, Json] = field(default_factory=dict[str, Json])
    ledger: dict[str, Json] = field(default_factory=dict[str, Json])
    paid_seconds: float | None = None
    failed_step: str | None = None
    detail: str | None = None

    def report(self, setup_seconds: float) -> dict[str, Json | float]:
        """The one JSON object that `shunfu demo --check` prints."""
        if self.failed_step is None and not self.ledger.get("balanced"):
            self.failed_step = "ledger"
        is_ok = self.failed_step is None and self.state == "CAPTURED" and bool(self.notification.get("verified"))
        report: dict[str, Json | float] = {
            "ok": is_ok,
            "order_id": self.order_id,
            "payment_id": self.payment_id,
            "state": self.state,
            "notification": self.notification,
            "ledger": self.ledger,
            "failed_step": self.failed_step,
        }
        seconds = {"setup": round(setup_seconds, 3), "paid": self.paid_seconds and round(self.paid_seconds, 3)}
        report["seconds"] = cast("Json", seconds)
        return {**report, "detail": self.detail} if self.detail else report


async def buy_once(shop: str, api: str, api_key: str, credentials: dict[str, object]) -> Purchase:
    """Buy one thing. Never raises for what went wrong: the purchase names the step that failed."""
    purchase = Purchase()
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as session:
        walk = _Walk(session, (shop, api, api_key), str(credentials["control_url"]), purchase)
        for step in STEPS[:-1]:
            try:
                await getattr(walk, step)()
            except (StepFailed, aiohttp.ClientError, TimeoutError, KeyError, IndexError) as error:
                purchase.failed_step, purchase.detail = step, f"{type(error).__name__}: {error}"
                break
    return purchase


class _Walk:
    """One walk through the pages; each method is a step."""

    def __init__(
        self, session: aiohttp.ClientSession, where: tuple[str, str, str], control: str, purchase: Purchase
    ) -> None:
        self._session = session
        self._shop, self._api, api_key = where
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._control = control
        self._purchase = purchase
        self._page = ""
        self._checkout = ""
        self._tapped_at = 0.0

    async def shop(self) -> None:
        """The catalogue opens."""
        await self._get(f"{self._shop}/")

    async def cart(self) -> None:
        """Something goes into the cart."""
        async with self._session.post(f"{self._shop}/cart", data={"good": "beans", "step": "add"}) as answer:
            _require(answer.status < 400, f"the shop answered {answer.status}")
        await self._get(f"{self._shop}/cart")

    async def order(self) -> None:
        """The shop creates the order through the API and sends us to the checkout."""
        form = dict(HIDDEN.findall(self._page))
        async with self._session.post(f"{self._shop}/orders", data=form, allow_redirects=False) as answer:
            _require(answer.status == 303, f"the shop answered {answer.status}")
            self._checkout = urljoin(self._shop, answer.headers["Location"])

    async def checkout(self) -> None:
        """The hosted page shows the order."""
        await self._get(self._checkout)
        token = self._checkout.partition("/c/")[2].partition("?")[0]
        async with self._session.get(f"{self._api}/v1/checkout/{token}") as answer:
            _require(answer.status == 200, f"the checkout answered {answer.status}")
            self._purchase.order_id = (await answer.json())["order"]["id"]

    async def pay(self) -> None:
        """One tap."""
        self._tapped_at = time.monotonic()
        key = dict(HIDDEN.findall(self._page))["idempotency_key"]
        form = {"method": f"{CHANNEL}/{SCENE}", "idempotency_key": key}
        url = self._checkout.partition("?")[0] + "/pay"
        async with self._session.post(url, data=form, allow_redirects=False) as answer:
            target = answer.headers.get("Location", "")
            _require(answer.status == 303 and "/sandbox/sheet" in target, f"answered {answer.status} {target[:80]}")
        order = await self._read(f"/v1/orders/{self._purchase.order_id}")
        self._purchase.payment_id = order["payments"][-1]["id"]

    async def sheet(self) -> None:
        """The shopper pays at the channel."""
        number = str(self._purchase.payment_id).partition("_")[2]
        told = {"channel": CHANNEL, "order_no": number}
        async with self._session.post(f"{self._control}/pay", json=told) as answer:
            _require(answer.status == 200, f"the sandbox answered {answer.status}")

    async def paid(self) -> None:
        """The order becomes PAID by itself."""
        ends = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < ends:
            order = await self._read(f"/v1/orders/{self._purchase.order_id}")
            self._purchase.state = order["payments"][-1]["state"]
            if order["state"] == "PAID":
                self._purchase.paid_seconds = time.monotonic() - self._tapped_at
                return
            await asyncio.sleep(POLL_SECONDS)
        raise StepFailed("the order was not paid in time")

    async def notification(self) -> None:
        """A verified notification did it; how long from its arrival to the payment's new state."""
        payment = await self._read(f"/v1/payments/{self._purchase.payment_id}")
        accepted = [heard for heard in payment["notifications"] if heard["verdict"] == "accepted"]
        moved = [line for line in payment["timeline"] if line["door"] == "notification" and line["kind"] == "paid"]
        _require(bool(accepted and moved), "no verified notification was applied")
        took = datetime.fromisoformat(moved[0]["recorded_at"]) - datetime.fromisoformat(accepted[0]["received_at"])
        self._purchase.notification = {
            "id": accepted[0]["id"],
            "verified": True,
            "applied_ms": round(took.total_seconds() * 1000),
        }

    async def _get(self, url: str) -> None:
        async with self._session.get(url) as answer:
            _require(answer.status == 200, f"{url[:60]} answered {answer.status}")
            self._page = await answer.text()

    async def _read(self, path: str) -> Told:
        async with self._session.get(self._api + path, headers=self._headers) as answer:
            _require(answer.status == 200, f"{path[:12]} answered {answer.status}")
            return await answer.json()


def _require(condition: bool, seen: str) -> None:  # noqa: FBT001  # reads as an assertion
    if not condition:
        raise StepFailed(seen)
