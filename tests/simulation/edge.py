"""The clients' side of the API: requests under idempotency keys, repeated until the answer is final, and reads.

The HTTP framework is left out for speed: a request goes straight into `Idempotency.once` and the use-case behind its route.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from shunfu.app.http.idempotency import Scope
from shunfu.app.http.problems import answer_for, refusal_for
from shunfu.kernel.errors import NotFoundHere, OrderNotOpen, StateConflict
from shunfu.kernel.ids import parse_public, public
from shunfu.kernel.money import Money
from shunfu.offers import end_offer
from shunfu.payments import (
    Browser,
    Contact,
    NewOrder,
    StartPayment,
    close_order,
    create_order,
    read_order,
    read_payment,
)
from shunfu.payments import start_payment as start
from shunfu.payments.usecases import nothing_told
from shunfu.refunds import Decide, Named, Redirect, RequestRefund, decide_refund, read_refund, redirect_refund
from shunfu.refunds import request_refund as request
from simulation.loop import Process
from simulation.observing import Observer
from simulation.site import Life, Site

PATIENCE_SECONDS = 60.0
RETRY_SECONDS = (1.0, 3.0, 10.0, 65.0, 130.0)


@dataclass(frozen=True, slots=True)
class Ask:
    """A client's POST: the same key and body each time that it is sent. `who` is the key's subject."""

    route: str
    path: str
    key: str
    body: dict[str, Any]
    who: str = "alice"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The body's JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code, empty on success."""
        return str(self.told.get("type", "")).removeprefix("/problems/")

    @property
    def is_final(self) -> bool:
        """Whether a client may take it for the answer."""
        return self.status < 500 and self.status not in {401, 429} and self.code != "request_in_flight"


@dataclass(slots=True)
class Clients:
    """Everybody outside who talks to the servers. `answers` is every answer that a server gave."""

    site: Site
    observer: Observer
    process: Process = field(default_factory=lambda: Process("outside"))
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unfinished: list[Ask] = field(default_factory=list[Ask])
    bugs: list[str] = field(default_factory=list[str])
    keys: int = 0
    operations: int = 0

    def key(self) -> str:
        """A key that no other request has."""
        self.keys += 1
        return f"key-{self.keys}"

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await self.site.world.loop.pause(self.process, seconds)

    async def post(self, ask: Ask) -> Answer | None:
        """Ask until the answer is final; None when patience ends first, and the rest is left for later."""
        self.operations += 1
        chance = self.site.world.chance
        if chance.hits("client_doubled"):
            self.site.world.loop.spawn(self.process, self._again(ask))
        for wait_seconds in (0.0, *RETRY_SECONDS):
            await self.sleep(wait_seconds)
            answer = await self.once(ask)
            if answer is not None and answer.is_final and not chance.hits("client_lost_answer"):
                return answer
        self.unfinished.append(ask)
        return None

    async def _again(self, ask: Ask) -> None:
        await self.sleep(self.site.world.chance.schedule.random() ** 2 * 5)
        await self.once(ask)

    async def once(self, ask: Ask) -> Answer | None:
        """Ask one time."""
        return await self._serve(lambda life: self._handle(life, ask))

    async def get(self, kind: str, resource: str) -> Answer | None:
        """Read something."""
        self.operations += 1
        return await self._serve(lambda life: self._read(life, kind, resource))

    async def _serve(self, work: Callable[[Life], Any]) -> Answer | None:
        future: asyncio.Future[Answer | None] = self.site.world.loop.create_future()

        def answered(answer: Answer | None) -> None:
            if not future.done():
                future.set_result(answer)

        self.site.serve(work, answered, PATIENCE_SECONDS)
        return await future

    async def _handle(self, life: Life, ask: Ask) -> Answer:
        raw = json.dumps(ask.body, sort_keys=True).encode()

        async def work(resource_id: UUID) -> Response:
            before = self._order_state(ask)
            try:
                status, told = await ROUTES[ask.route](life, self.site.merchant_id, (ask, resource_id))
            except Exception as error:  # the edge: whatever happens becomes an answer
                self._see_order(ask, before, error)
                return self._problem(life, error)
            self._see_order(ask, before, None)
            return Response(json.dumps(told), status, media_type="application/json")

        scope = Scope(self.site.merchant_id, "POST", ask.path, ask.key)
        try:
            response = await life.idempotency.once(scope, raw, work)
        except Exception as error:  # the edge: whatever happens becomes an answer
            response = self._problem(life, error)
        answer = Answer(response.status_code, bytes(response.body))
        self.answers.append(
            {
                "path": ask.path,
                "key": ask.key,
                "request_sha256": hashlib.sha256(raw).hexdigest(),
                "status": answer.status,
                "body": answer.body.decode(),
            }
        )
        self.site.world.trace.add(self.site.world.loop.now, life.process.name, f"answers {ask.key} {answer.status}")
        return answer

    def _order_state(self, ask: Ask) -> str:
        order_id = parse_public("ord", ask.body.get("order", ""))
        return self.observer.order_state(self.site.merchant_id, order_id) if order_id else ""

    def _see_order(self, ask: Ask, before: str, error: Exception | None) -> None:
        """Which cell of the order table a request met."""
        if ask.route == "close_order" and (error is None or isinstance(error, StateConflict)):
            self.observer.order_cells[before, "close_asked"] += 1
        elif isinstance(error, OrderNotOpen):
            self.observer.order_cells[self._order_state(ask), "start"] += 1

    def _problem(self, life: Life, error: Exception) -> Response:
        if refusal_for(error) is None and not life.process.is_dead:
            self.bugs.append(f"the edge met {type(error).__name__}: {error}")
        return answer_for(error)

    async def _read(self, life: Life, kind: str, resource: str) -> Answer:
        try:
            return Answer(200, json.dumps(await READS[kind](life, self.site.merchant_id, resource)).encode())
        except Exception as error:  # the edge: whatever happens becomes an answer
            response = self._problem(life, error)
            return Answer(response.status_code, bytes(response.body))


Told = tuple[int, dict[str, Any]]
Route = Callable[[Life, UUID, tuple[Ask, UUID]], Awaitable[Told]]


def _id(prefix: str, text: str) -> UUID:
    found = parse_public(prefix, text)
    if found is None:
        raise NotFoundHere
    return found


async def _create_order(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    ask, order_id = asked
    wish = NewOrder(
        merchant_id=merchant_id,
        order_id=order_id,
        amount=Money(ask.body["amount_minor"], "CNY"),
        subject="咖啡豆",
        items=(),
        merchant_order_no=ask.body["merchant_order_no"],
        return_url=None,
        expires_at=datetime.fromisoformat(ask.body["expires_at"]),
        needs=tuple(ask.body.get("needs", ())),
    )
    found = await create_order(life.house.payments, wish)
    return 201, {"id": public("ord", found.order.order_id), "state": found.order.state.value}


async def _start_payment(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    ask, payment_id = asked
    order_id = _id("ord", ask.body["order"])
    offer, shopper = ask.body.get("offer"), ask.body.get("shopper")
    wish = StartPayment(
        merchant_id=merchant_id,
        order_id=order_id,
        method=ask.body["method"],
        payer=ask.body.get("payer"),
        payment_id=payment_id,
        browser=Browser(ask.body.get("client_ip")),
        offer_id=_id("off", offer) if offer else None,
        shopper_id=_id("shp", shopper) if shopper else None,
        contact=Contact(phone=ask.body["phone"]) if "phone" in ask.body else None,
    )
    payment = await start(life.house.payments, wish)
    return 201, {"id": public("pay", payment.payment_id), "state": payment.state.value, "channel": payment.channel}


async def _end_offer(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    offer = await end_offer(life.house.offers, merchant_id, _id("off", asked[0].body["offer"]), asked[0].who)
    return 200, {"id": public("off", offer.offer_id), "state": offer.state.value}


async def _close_order(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    found = await close_order(life.house.payments, merchant_id, _id("ord", asked[0].body["order"]))
    return 200, {"id": public("ord", found.order.order_id), "state": found.order.state.value}


async def _request_refund(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    ask, refund_id = asked
    payment_id = _id("pay", ask.body["payment"])
    wish = RequestRefund(merchant_id, payment_id, refund_id, ask.body["amount_minor"], "不要了", ask.who)
    refund = await request(life.house.refunds, wish)
    return 201, {"id": public("rfd", refund.refund_id), "state": refund.state.value}


async def _decide_refund(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    ask, _ = asked
    named = Named(merchant_id, _id("rfd", ask.body["refund"]))
    refund = await decide_refund(life.house.refunds, Decide(named, ask.who, is_approved=ask.body["is_approved"]))
    return 200, {"id": public("rfd", refund.refund_id), "state": refund.state.value}


async def _redirect_refund(life: Life, merchant_id: UUID, asked: tuple[Ask, UUID]) -> Told:
    named = Named(merchant_id, _id("rfd", asked[0].body["refund"]))
    refund = await redirect_refund(life.house.refunds, Redirect(named, asked[0].who, "merchant"))
    return 200, {"id": public("rfd", refund.refund_id), "state": refund.state.value}


async def _read_order(life: Life, merchant_id: UUID, resource: str) -> dict[str, Any]:
    found = await read_order(life.house.payments, merchant_id, _id("ord", resource))
    payments = [
        {"id": public("pay", one.payment_id), "state": one.state.value, "channel": one.channel}
        for one in found.payments
    ]
    return {"id": resource, "state": found.order.state.value, "payments": payments}


async def _read_payment(life: Life, merchant_id: UUID, resource: str) -> dict[str, Any]:
    found = await read_payment(life.house.payments, merchant_id, _id("pay", resource), nothing_told)
    return {"id": resource, "state": found.payment.state.value, "lines": len(found.lines)}


async def _read_refund(life: Life, merchant_id: UUID, resource: str) -> dict[str, Any]:
    refund, lines = await read_refund(life.house.refunds, Named(merchant_id, _id("rfd", resource)))
    return {"id": resource, "state": refund.state.value, "lines": len(lines)}


ROUTES: dict[str, Route] = {
    "create_order": _create_order,
    "start_payment": _start_payment,
    "close_order": _close_order,
    "end_offer": _end_offer,
    "request_refund": _request_refund,
    "decide_refund": _decide_refund,
    "redirect_refund": _redirect_refund,
}
READS: dict[str, Callable[[Life, UUID, str], Awaitable[dict[str, Any]]]] = {
    "order": _read_order,
    "payment": _read_payment,
    "refund": _read_refund,
}
