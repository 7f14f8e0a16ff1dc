"""What shoppers and merchants do: orders, payments by several ways, closes in the last second, refunds of all kinds."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shunfu.gateway.sandbox import Deed
from shunfu.gateway.scenario import PAYMENTS, REFUNDS
from shunfu.kernel.ids import public
from shunfu.offers import Terms
from simulation.channels import METHODS
from simulation.edge import Answer, Ask, Clients
from simulation.network import World

REFUND_AMOUNTS = tuple(REFUNDS)
PAYMENT_AMOUNTS = tuple(PAYMENTS)
REFUSED_AMOUNT = 9901
SHOPPERS = tuple(public("shp", UUID(int=9000 + number)) for number in range(3))
LOOKS = 12
LOOK_SECONDS = 45.0


def drawn_terms(rng: random.Random, now: datetime) -> list[Terms]:
    """The offers of a seed: few of each, so that orders meet over the last one; one may end on the way."""
    ends = now + timedelta(days=rng.choice((0, 0, 9)), seconds=rng.randrange(60, 3600))
    return [
        Terms("amount_off", "CNY", now, ends, amount_minor=rng.choice((1, 500, 15000)), stock=rng.choice((1, 2, 5))),
        Terms("percent_off", "CNY", now, ends, percent_bp=rng.randrange(1, 5000), per_shopper_max=rng.choice((1, 2))),
        Terms(
            "percent_off",
            "CNY",
            now,
            ends,
            percent_bp=10_000,
            cap_minor=rng.choice((None, 700)),
            minimum_minor=rng.choice((0, 5000)),
            stock=3,
            per_shopper_max=1,
        ),
    ]


@dataclass(slots=True)
class Story:
    """One order's life, drawn from the seed."""

    clients: Clients
    rng: random.Random
    number: int
    order: str = ""
    expires_at_seconds: float = 0.0
    begun: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    shoppers: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])

    @property
    def world(self) -> World:
        """What all share."""
        return self.clients.site.world

    async def live(self) -> None:
        """From the order to its refunds."""
        rng = self.rng
        await self.clients.sleep(rng.random() * 120)
        if not await self._create():
            return
        loop = self.world.loop
        deeds = [self._pay_again_and_again()]
        if rng.random() < 0.3:
            deeds.append(self._close_later())
        if rng.random() < 0.35:
            deeds.append(self._start(rng.choice(METHODS), rng.random() * 30))
        if rng.random() < 0.4:
            deeds.append(self._pay_everything())
        if rng.random() < 0.15:
            deeds.append(self._end_offer())
        tasks = [loop.spawn(self.clients.process, deed) for deed in deeds]
        for task in tasks:
            await task
        for shopper in self.shoppers:
            await shopper
        await self._refund_what_is_paid()

    async def _create(self) -> bool:
        rng = self.rng
        life_seconds = rng.choice((90, 300, 900, 1800)) * (0.8 + rng.random() * 0.4)
        self.expires_at_seconds = self.world.loop.now + life_seconds
        body = {
            "amount_minor": self._amount(),
            "expires_at": (self.world.now() + timedelta(seconds=life_seconds)).isoformat(),
            "merchant_order_no": f"no-{rng.randrange(40)}" if rng.random() < 0.3 else None,
            "needs": ["phone"] if rng.random() < 0.2 else [],
        }
        ask = Ask("create_order", "/v1/orders", self.clients.key(), body)
        answer = await self.clients.post(ask)
        if rng.random() < 0.1:
            await self.clients.post(Ask("create_order", "/v1/orders", ask.key, {**body, "amount_minor": 1}))
        if answer is None or answer.status != 201:
            return False
        self.order = answer.told["id"]
        return True

    def _amount(self) -> int:
        drawn = self.rng.random()
        if drawn < 0.04:
            return REFUSED_AMOUNT
        if drawn < 0.25:
            return self.rng.choice(PAYMENT_AMOUNTS)
        return 20000 if drawn < 0.6 else self.rng.randrange(1, 20000)

    async def _pay_again_and_again(self) -> None:
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            await self._start(rng.choice(METHODS), rng.random() * 20)
            if rng.random() < 0.7:
                await self.clients.sleep(rng.random() * 200)

    async def _start(self, method: str, wait_seconds: float) -> None:
        """Start a payment, and let the shopper do something with it."""
        await self.clients.sleep(wait_seconds)
        body: dict[str, Any] = {"order": self.order, "method": method}
        if method.endswith("mini"):
            body["payer"] = "tmpl_shopper_0001"
        if self.rng.random() < 0.2:
            body["client_ip"] = "203.0.113.7"
        if self.rng.random() < 0.4:
            body["offer"] = self.rng.choice(self.clients.site.offers)
        if self.rng.random() < 0.6:
            body["shopper"] = self.rng.choice(SHOPPERS)
        if self.rng.random() < 0.7:
            body["phone"] = self.rng.choice(("13800138000", "13900139000"))
        ask = Ask("start_payment", f"/v1/orders/{self.order}/payments", self.clients.key(), body)
        answer = await self.clients.post(ask)
        if answer is None:
            return
        payment = answer.told["id"] if answer.status == 201 else answer.told.get("payment_id")
        if payment is not None:  # a shopper who saw the code before may pay it although it was refused
            channel = method.partition("/")[0]
            self.begun.append((payment, channel))
            shopper = self._shopper(payment, channel)
            self.shoppers.append(self.world.loop.spawn(self.clients.process, shopper))

    async def _pay_everything(self) -> None:
        """A shopper with several codes before him pays each that still can be paid, whatever we think of it."""
        left_seconds = max(1.0, self.expires_at_seconds - self.world.loop.now)
        await self.clients.sleep((1 - self.rng.random() ** 2) * left_seconds * 0.99)
        for payment, channel in self.begun:
            self.clients.operations += 1
            self.clients.site.hosts[channel].shopper(payment.partition("_")[2], "pay")

    async def _shopper(self, payment: str, channel: str) -> None:
        """The shopper pays now, later, in the last second, too late, or does not."""
        rng = self.rng
        drawn = rng.random()
        left_seconds = self.expires_at_seconds - self.world.loop.now
        if drawn < 0.12:
            wait_seconds = left_seconds - 1.5 + rng.random() * 2
        elif drawn < 0.2:
            wait_seconds = left_seconds + rng.random() * 600
        else:
            wait_seconds = rng.random() ** 2 * max(1.0, min(left_seconds, 400))
        await self.clients.sleep(max(0.0, wait_seconds))
        deed: Deed = "pay" if rng.random() < 0.85 else rng.choice(("cancel", "wrong_password", "leave"))
        self.clients.operations += 1
        self.clients.site.hosts[channel].shopper(payment.partition("_")[2], deed)

    async def _end_offer(self) -> None:
        """The merchant ends an offer while payments have it."""
        await self.clients.sleep(self.rng.random() * 300)
        offer = self.rng.choice(self.clients.site.offers)
        await self.clients.post(Ask("end_offer", f"/v1/offers/{offer}/end", self.clients.key(), {"offer": offer}))

    async def _close_later(self) -> None:
        rng = self.rng
        left_seconds = max(1.0, self.expires_at_seconds - self.world.loop.now)
        await self.clients.sleep(rng.random() * left_seconds * 1.1)
        for _ in range(1 + (rng.random() < 0.2)):
            body = {"order": self.order}
            await self.clients.post(Ask("close_order", f"/v1/orders/{self.order}/close", self.clients.key(), body))

    async def _refund_what_is_paid(self) -> None:
        """Look at the order until money came, and give some of it back."""
        for _ in range(LOOKS):
            answer = await self.clients.get("order", self.order)
            if answer is not None and answer.status == 200 and answer.told["state"] in {"PAID", "CLOSED"}:
                break
            await self.clients.sleep(LOOK_SECONDS)
        else:
            return
        for payment in answer.told["payments"]:
            if self.rng.random() < 0.15:
                await self.clients.get("payment", payment["id"])
            if self.rng.random() < 0.75:
                await self._refund(payment["id"])

    async def _refund(self, payment: str) -> None:
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 3))):
            amounts = self._refund_amounts()
            loop = self.world.loop
            tasks = [loop.spawn(self.clients.process, self._request(payment, amount)) for amount in amounts]
            for task in tasks:
                await task
            await self.clients.sleep(rng.random() ** 2 * 400)

    def _refund_amounts(self) -> tuple[int, ...]:
        rng = self.rng
        drawn = rng.random()
        if drawn < 0.3:
            return (rng.choice(REFUND_AMOUNTS),)
        if drawn < 0.5:
            return (rng.randrange(1, 20000), rng.randrange(1, 20000))
        return (rng.randrange(1, 9950),) if drawn < 0.75 else (rng.randrange(9951, 20000),)

    async def _request(self, payment: str, amount_minor: int) -> None:
        body = {"payment": payment, "amount_minor": amount_minor}
        ask = Ask("request_refund", f"/v1/payments/{payment}/refunds", self.clients.key(), body)
        answer = await self.clients.post(ask)
        if answer is None or answer.status != 201:
            return
        if answer.told["state"] == "REQUESTED":
            await self._decide(answer)
        if self.rng.random() < 0.6:
            await self._insist(payment, answer.told["id"], amount_minor)

    async def _insist(self, payment: str, refund: str, amount_minor: int) -> None:
        """The shopper was promised the money: when the refund ends without it, another one is asked for at once."""
        for _ in range(3):
            await self.clients.sleep(self.rng.random() * 30)
            answer = await self.clients.get("refund", refund)
            if answer is not None and answer.status == 200 and answer.told["state"] in {"CLOSED", "REFUSED"}:
                body = {"payment": payment, "amount_minor": amount_minor}
                path = f"/v1/payments/{payment}/refunds"
                await self.clients.post(Ask("request_refund", path, self.clients.key(), body))
                return

    async def _decide(self, requested: Answer) -> None:
        """Another person agrees or not; sometimes the same one tries, and sometimes nobody cares for long."""
        rng = self.rng
        refund = requested.told["id"]
        await self.clients.sleep(rng.random() ** 2 * 300)
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            is_approved = rng.random() < 0.5
            body = {"refund": refund, "is_approved": is_approved}
            word = "approve" if is_approved else "reject"
            who = "alice" if rng.random() < 0.1 else "boss"
            await self.clients.post(Ask("decide_refund", f"/v1/refunds/{refund}/{word}", self.clients.key(), body, who))
        if rng.random() < 0.3:
            await self.clients.get("refund", refund)
