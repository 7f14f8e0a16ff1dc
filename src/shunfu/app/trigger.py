"""`shunfu trigger EVENT`: makes an event really happen at a test side, through the API and the sandbox's control API.

Nothing is faked: an order is created, a payment started, the shopper pays at the sandbox, and the event comes about as
it would at a channel. Then the feed of messages is read until it is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import aiohttp

from shunfu.app.remote import Remote, Target
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import SetupFault

CHANNEL, SCENE = "wechatpay", "native"
"""A code that the shopper scans: no shopper's id is needed."""

AMOUNT_MINOR = 8600
REFUSED_MINOR = 9901
"""In the book of amounts (docs/how-to/sandbox.md): the channel refuses the payment."""

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.2


@dataclass(slots=True)
class Hand:
    """Does what a merchant's server and a shopper do, and remembers the ids."""

    remote: Remote
    ids: dict[str, str] = field(default_factory=dict[str, str])

    async def order(self, amount_minor: int = AMOUNT_MINOR) -> None:
        """The shop creates an order."""
        told: dict[str, Json] = {"amount_minor": amount_minor, "currency": "CNY", "subject": "shunfu trigger"}
        self.ids["order"] = str((await self.remote.post("/v1/orders", told))["id"])

    async def close(self) -> None:
        """The shop closes it."""
        await self.remote.post(f"/v1/orders/{self.ids['order']}/close", {})

    async def start(self) -> None:
        """The shopper chooses how to pay."""
        made = await self.remote.post(f"/v1/orders/{self.ids['order']}/payments", {"method": f"{CHANNEL}/{SCENE}"})
        self.ids["payment"] = str(made["id"])

    async def start_in_vain(self) -> None:
        """The shopper chooses how to pay, and the channel refuses."""
        try:
            await self.start()
        except SetupFault:
            order = await self.remote.get(f"/v1/orders/{self.ids['order']}")
            payments = cast("list[dict[str, Json]]", order["payments"])
            if not payments or payments[-1]["state"] != "REFUSED":
                raise  # it was not the channel that refused
            self.ids["payment"] = str(payments[-1]["id"])

    async def pay(self) -> None:
        """The shopper orders and pays, and the server hears of it."""
        await self.order()
        await self.start()
        await self.remote.control("pay", {"channel": CHANNEL, "order_no": self._number("payment")})
        await self.until(f"/v1/payments/{self.ids['payment']}", "CAPTURED")

    async def refund(self) -> None:
        """The shop gives all the money back."""
        told: dict[str, Json] = {"amount_minor": AMOUNT_MINOR, "reason": "shunfu trigger"}
        made = await self.remote.post(f"/v1/payments/{self.ids['payment']}/refunds", told)
        self.ids["refund"] = str(made["id"])

    async def end_refund(self, end: str) -> None:
        """The channel comes to the end of a refund that it took on: succeeded, abnormal or closed."""
        await self.until(f"/v1/refunds/{self.ids['refund']}", "PROCESSING")
        told: dict[str, Json] = {"channel": CHANNEL, "refund_no": self._number("refund"), "end": end}
        await self.remote.control("refund", told)

    async def until(self, path: str, state: str) -> None:
        """Wait until something has come to a state."""
        ends = time.monotonic() + WAIT_SECONDS
        while (found := await self.remote.get(path))["state"] != state:
            if time.monotonic() > ends:
                raise SetupFault(f"{path} is {found['state']} and did not become {state} in {WAIT_SECONDS:g} s.")
            await asyncio.sleep(POLL_SECONDS)

    def _number(self, name: str) -> str:
        """The channel's number of it: its id without the prefix."""
        return self.ids[name].partition("_")[2]


async def _paid(hand: Hand) -> None:
    await hand.pay()


async def _closed(hand: Hand) -> None:
    await hand.order()
    await hand.close()


async def _refused(hand: Hand) -> None:
    await hand.order(REFUSED_MINOR)
    await hand.start_in_vain()


async def _refund_requested(hand: Hand) -> None:
    await hand.pay()
    await hand.refund()


async def _refunded(hand: Hand) -> None:
    await _refund_requested(hand)
    await hand.end_refund("succeeded")


async def _refund_closed(hand: Hand) -> None:
    await _refund_requested(hand)
    await hand.end_refund("closed")


async def _refund_abnormal(hand: Hand) -> None:
    await _refund_requested(hand)
    await hand.end_refund("abnormal")


Deed: TypeAlias = Callable[[Hand], Awaitable[None]]
DEEDS: Mapping[str, Deed] = {
    "order.paid": _paid,
    "order.closed": _closed,
    "payment.captured": _paid,
    "payment.ended": _refused,
    "refund.requested": _refund_requested,
    "refund.succeeded": _refunded,
    "refund.ended": _refund_closed,
    "refund.abnormal": _refund_abnormal,
}
"""What brings each event about. `payment.surplus` is not here: a sandbox that keeps its word lets nobody pay twice."""


@dataclass(frozen=True, slots=True)
class Triggered:
    """What came of it: the ids that were made, the message when it came in time, and after how many seconds."""

    ids: Mapping[str, str]
    message: Mapping[str, Json] | None
    seconds: float

    def report(self, event_type: str) -> dict[str, Json]:
        """As the command prints it."""
        told: dict[str, Json] = {"ok": self.message is not None, "event": event_type, **self.ids}
        if self.message is not None:
            told |= {"message": self.message["id"], "sequence": self.message["sequence"]}
        return told | {"milliseconds": round(self.seconds * 1000)}


def trigger(target: Target, event_type: str) -> Triggered:
    """Make an event happen and wait for it. Raises SetupFault for an event that cannot be made, or a refusal."""
    deed = DEEDS.get(event_type)
    if deed is None:
        raise SetupFault(f"{event_type!r} cannot be triggered; these can: {', '.join(DEEDS)}.")
    return asyncio.run(_happened(target, event_type, deed))


async def _happened(target: Target, event_type: str, deed: Deed) -> Triggered:
    async with aiohttp.ClientSession() as session:
        remote = Remote(target, session)
        after = str((await remote.get("/v1/webhook_messages?after=latest"))["next_after"])
        hand = Hand(remote)
        await deed(hand)
        began = time.monotonic()
        message = await _message(hand, after, event_type)
        return Triggered(hand.ids, message, time.monotonic() - began)


async def _message(hand: Hand, after: str, event_type: str) -> Mapping[str, Json] | None:
    """The message about our order, once it is in the feed."""
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends:
        page = await hand.remote.get(f"/v1/webhook_messages?after={after}&limit=100")
        after = str(page["next_after"])
        for message in cast("list[dict[str, Json]]", page["items"]):
            if message["type"] == event_type and message["subject"] == hand.ids["order"]:
                return message
        await asyncio.sleep(POLL_SECONDS)
    return None
