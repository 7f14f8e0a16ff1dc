"""One order of one case: how far it was brought before the process died, and what is done with it afterwards."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from crash.site import ANNOUNCE, Desk, Post, Site, post
from shunfu.gateway.sandbox import Faults
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import Delivery
from shunfu.kernel.ids import decode
from shunfu.payments import APPLY_HANDLER
from shunfu.reconcile import RUN_JOB

AMOUNT_MINOR = 8600
PART_MINOR = 2100
ABNORMAL_MINOR = 9921
LOST = Faults(lose=-1)
BEIJING = timedelta(hours=8)
APPLY = f"on:{APPLY_HANDLER}"


@dataclass(frozen=True, slots=True)
class Case:
    """An order with its payment and refund, and what is under way: a client's request, or a notification, or neither.

    Without either the worker does what is due.
    """

    order_id: str = ""
    payment_id: str = ""
    refund_id: str = ""
    ask: Post | None = None
    delivery: Delivery | None = None


Prepare = Callable[[Site, str], Awaitable[Case]]
"""Brings a fresh order to where the operation begins; the text is this case's own, for its keys."""


async def act(desk: Desk, case: Case) -> None:
    """The operation: its process may die at any moment."""
    if case.ask is not None:
        said = await post(desk, case.ask)
        assert said.status in {200, 201}, said.body
    elif case.delivery is not None:
        said = await desk.world.deliver(case.delivery)
        assert said.status in {200, 204}, said.body
    else:
        assert await desk.world.house.drain() > 0, "the worker found something to do"


# --- orders and payments ---------------------------------------------------------------------------------


async def nothing_yet(site: Site, name: str) -> Case:
    """An order is about to be made."""
    return Case(ask=an_order(name))


def an_order(key: str, amount_minor: int = AMOUNT_MINOR) -> Post:
    """A wish for an order."""
    return Post("/v1/orders", {"amount_minor": amount_minor, "currency": "CNY", "subject": "咖啡豆"}, key)


async def ordered(site: Site, name: str) -> Case:
    """A payment is about to start."""
    order = (await post(site, an_order(f"{name}-order"))).json()
    return Case(order["id"], ask=start(site, order["id"], name))


def start(site: Site, order_id: str, key: str, scene: str | None = None) -> Post:
    """A wish to pay."""
    method = f"{site.channel}/{scene}" if scene else way_to_pay(site)
    payer = {"payer": site.line.stage.sandbox.shopper} if scene == "miniprogram" else {}
    return Post(f"/v1/orders/{order_id}/payments", {"method": method, **payer}, key)


async def offered(site: Site, name: str) -> Case:
    """A payment is about to start with something taken off, and where to send the order."""
    case = await ordered(site, name)
    told = {"name": "减五元", "kind": "amount_off", "amount_minor": 500, "currency": "CNY", "stock": 100_000}
    wish = Post("/v1/offers", {**told, "ends_at": "2036-01-01T00:00:00Z"}, "the-one-offer")
    offer = (await post(site, wish)).json()
    assert case.ask is not None
    assert isinstance(case.ask.body, dict)
    more = {"offer": offer["id"], "contact": {"phone": "13800138000"}}
    return replace(case, ask=replace(case.ask, body={**case.ask.body, **more}))


async def discounted(site: Site, name: str) -> Case:
    """A payment that holds an offer, which the shopper can pay."""
    case = await offered(site, f"{name}-first")
    assert case.ask is not None
    said = await post(site, case.ask)
    assert (said.json()["state"], said.json()["discount_minor"]) == ("PENDING", 500), said.body
    return Case(case.order_id, said.json()["id"])


async def discounted_reported(site: Site, name: str) -> Case:
    """The channel's message about a payment with an offer is kept; the worker is about to apply it."""
    case = await discounted(site, name)
    site.line.shopper(number_of(case.payment_id))
    (delivery,) = site.line.due()
    await act(site, replace(case, delivery=delivery))
    return case


async def discounted_closing(site: Site, name: str) -> Case:
    """The merchant is about to close an order whose payment holds an offer."""
    case = await discounted(site, name)
    return replace(case, ask=Post(f"/v1/orders/{case.order_id}/close", {}, name))


def way_to_pay(site: Site) -> str:
    """A method that places the order at once and asks for no payer."""
    return f"{site.channel}/native"


async def pending(site: Site, name: str) -> Case:
    """A payment that the shopper can pay."""
    case = await ordered(site, f"{name}-first")
    assert case.ask is not None
    said = await post(site, case.ask)
    assert said.json()["state"] == "PENDING", said.body
    return Case(case.order_id, said.json()["id"])


async def resumed(site: Site, name: str) -> Case:
    """The shopper comes back to the same method."""
    case = await pending(site, name)
    return replace(case, ask=start(site, case.order_id, name))


async def switched(site: Site, name: str) -> Case:
    """The shopper chooses another method while the first one is pending."""
    case = await pending(site, name)
    return replace(case, payment_id="", ask=start(site, case.order_id, name, "miniprogram"))


async def unknown(site: Site, name: str) -> Case:
    """The channel never saw the payment, and we do not know it; the janitor is due."""
    case = await ordered(site, f"{name}-first")
    assert case.ask is not None
    site.line.lose_requests = 1
    said = await post(site, case.ask)
    assert said.json()["state"] == "UNKNOWN", said.body
    site.clock.advance(5)
    return Case(case.order_id, said.json()["id"])


async def closing(site: Site, name: str) -> Case:
    """The merchant is about to close an order that may still be paid."""
    case = await pending(site, name)
    return replace(case, ask=Post(f"/v1/orders/{case.order_id}/close", {}, name))


async def expiring(site: Site, name: str) -> Case:
    """The order's time is over, and nobody has paid."""
    case = await pending(site, name)
    await site.live(site.clock.instant + timedelta(minutes=29))
    site.clock.advance(60)
    return case


async def expired(site: Site, name: str) -> Case:
    """The order's time is over, and the channel still lets it be paid: the janitor is due before anything else."""
    return await expiring(site, name)


# --- money -----------------------------------------------------------------------------------------------


async def paid(site: Site, name: str) -> Case:
    """The shopper has paid, and the channel's message is here."""
    case = await pending(site, name)
    site.line.shopper(number_of(case.payment_id))
    (delivery,) = site.line.due()
    return replace(case, delivery=delivery)


async def reported(site: Site, name: str) -> Case:
    """The channel's message is kept; the worker is about to apply it."""
    case = await paid(site, name)
    await act(site, case)
    return replace(case, delivery=None)


async def paid_unheard(site: Site, name: str) -> Case:
    """The shopper has paid and every message about it is lost; the janitor is due."""
    case = await pending(site, name)
    site.line.shopper(number_of(case.payment_id), faults=LOST)
    await site.live(site.clock.instant + timedelta(seconds=299))
    site.clock.advance(1)
    return case


async def captured(site: Site, name: str, amount_minor: int = AMOUNT_MINOR) -> Case:
    """The money is here."""
    order = (await post(site, an_order(f"{name}-order", amount_minor))).json()
    said = await post(site, start(site, order["id"], f"{name}-first"))
    case = Case(order["id"], said.json()["id"])
    site.line.shopper(number_of(case.payment_id))
    await site.deliver_due()
    await site.world.work()
    return case


async def surplus(site: Site, name: str) -> Case:
    """The channel closed the payment, and then let the shopper pay it all the same; its message is kept."""
    case = await closing(site, f"{name}-close")
    open_stage = site.line.stage
    await act(site, case)
    assert await site.world.order_state(case.order_id) == "CLOSED"
    site.line.stage = open_stage
    site.line.shopper(number_of(case.payment_id))
    (delivery,) = site.line.due()
    case = replace(case, ask=None, delivery=delivery)
    await act(site, case)
    return replace(case, delivery=None)


# --- refunds ---------------------------------------------------------------------------------------------


def refund(case: Case, key: str, amount_minor: int = PART_MINOR) -> Post:
    """A wish for money back."""
    return Post(f"/v1/payments/{case.payment_id}/refunds", {"amount_minor": amount_minor, "reason": "少了一件"}, key)


async def refunding(site: Site, name: str) -> Case:
    """A refund is about to be asked for."""
    case = await captured(site, name)
    return replace(case, ask=refund(case, name))


async def asked_back(site: Site, name: str, amount_minor: int = PART_MINOR) -> Case:
    """A refund was asked for, and the channel has it unless it waits for approval."""
    case = await captured(site, name, max(AMOUNT_MINOR, amount_minor))
    said = await post(site, refund(case, f"{name}-refund", amount_minor))
    assert said.status == 201, said.body
    return replace(case, refund_id=said.json()["id"])


async def approving(site: Site, name: str) -> Case:
    """A second person is about to agree to a refund above the limit."""
    case = await asked_back(site, name, AMOUNT_MINOR)
    return replace(case, ask=Post(f"/v1/refunds/{case.refund_id}/approve", {}, name, site.second_key))


async def rejecting(site: Site, name: str) -> Case:
    """A second person is about to say no."""
    case = await approving(site, name)
    return replace(case, ask=Post(f"/v1/refunds/{case.refund_id}/reject", {}, name, site.second_key))


async def refund_unsent(site: Site, name: str) -> Case:
    """The channel never saw the refund, and we do not know it; its visit is due."""
    case = await captured(site, name)
    site.line.lose_requests = 1
    said = await post(site, refund(case, f"{name}-refund"))
    assert said.json()["state"] == "UNKNOWN", said.body
    site.clock.advance(60)
    return replace(case, refund_id=said.json()["id"])


async def refund_told(site: Site, name: str) -> Case:
    """The channel has given the money back, and its message is here."""
    case = await asked_back(site, name)
    site.clock.advance(1)
    at = site.line.stage.at(site.clock.instant, site.line.entropy())
    ended = stages.end_refund(site.line.stage, number_of(case.refund_id), "succeeded", at)
    assert ended is not None, "the refund was going on"
    site.line.stage = ended
    (delivery,) = site.line.due()
    return replace(case, delivery=delivery)


async def refund_reported(site: Site, name: str) -> Case:
    """The channel's message about the refund is kept; the worker is about to apply it, or to ask."""
    case = await refund_told(site, name)
    await act(site, case)
    return replace(case, delivery=None)


async def refund_unheard(site: Site, name: str) -> Case:
    """The channel has given the money back, and nobody tells us; its visit is due."""
    case = await asked_back(site, name)
    site.line.stage = replace(site.line.stage, faults=replace(site.line.stage.faults, lose=-1))
    site.clock.advance(60)
    assert site.line.due() == []
    site.line.stage = replace(site.line.stage, faults=replace(site.line.stage.faults, lose=0))
    return case


async def redirecting(site: Site, name: str) -> Case:
    """The shopper's card is gone, and a person is about to say where the money shall go."""
    case = await asked_back(site, name, ABNORMAL_MINOR)
    approve = Post(f"/v1/refunds/{case.refund_id}/approve", {}, f"{name}-approve", site.second_key)
    await post(site, approve)
    await site.live(site.clock.instant + timedelta(minutes=5))
    told: Any = (await site.world.get(f"/v1/refunds/{case.refund_id}")).json()
    assert told["state"] == "ABNORMAL", told
    return replace(case, ask=Post(f"/v1/refunds/{case.refund_id}/redirect", {"to": "merchant"}, name, site.second_key))


# --- webhooks and reconciliation -------------------------------------------------------------------------


async def announcing(site: Site, name: str) -> Case:
    """The order is paid; the merchant's server is about to be told of it."""
    await _listening(site)
    case = await reported(site, name)
    await site.work_on(APPLY)
    return case


async def delivering(site: Site, name: str) -> Case:
    """What the merchant's server is to be told is written; it is about to be sent."""
    case = await announcing(site, name)
    await site.work_on(ANNOUNCE)
    return case


async def _listening(site: Site) -> None:
    """The merchant's server has an address with us. The answer is kept sealed, for its secret: it proves nothing."""
    told = {"url": "https://hooks.example.com/shunfu"}
    said = await site.world.post("/v1/webhook_endpoints", told, "the-one-endpoint")
    assert said.status == 201, said.body
    site.listen()


async def statement_due(site: Site, name: str) -> Case:
    """We were down from the moment when the shopper paid until the next day's statement; its run is asked for.

    The day before has no statement, as for every other case, and the day is long enough for the whole case.
    """
    site.clock.instant = (site.clock.instant + timedelta(days=3)).replace(hour=0, minute=0)
    case = await pending(site, name)
    site.line.shopper(number_of(case.payment_id), faults=LOST)
    day = (site.clock.instant + BEIJING).date()
    site.clock.instant += timedelta(hours=36)
    run = Post("/v1/reconcile/runs", {"channel": site.channel, "date": day.isoformat()}, f"{name}-run")
    assert (await post(site, run)).status == 201
    return case


async def repairing(site: Site, name: str) -> Case:
    """The statement names a payment that we do not know of; a second person is about to approve the repair."""
    case = await statement_due(site, name)
    await site.work_on(RUN_JOB)
    told = (await site.world.get("/v1/reconcile/breaks?state=OPEN")).json()["items"]
    (found,) = [one for one in told if number_of(case.payment_id) in json.dumps(one)]
    said = await post(site, Post(f"/v1/reconcile/breaks/{found['id']}/propose", {}, f"{name}-propose"))
    assert said.status == 200, said.body
    return replace(case, ask=Post(f"/v1/reconcile/breaks/{found['id']}/approve", {}, name, site.second_key))


def uuid_of(public_id: str) -> UUID:
    """The id behind a public text such as `pay_…`."""
    found = decode(number_of(public_id))
    assert found is not None, public_id
    return found


def number_of(public_id: str) -> str:
    """The number by which the channel knows it."""
    return public_id.partition("_")[2]
