"""Offers and payments with them, as a merchant's server makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flows.world import Said, World
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.ids import parse_public
from shunfu.payments import StartPayment


def wish(world: World, **changes: object) -> dict[str, object]:
    """Five yuan off for a day; a member that is None is left out."""
    told = {
        "name": "减五元",
        "kind": "amount_off",
        "amount_minor": 500,
        "currency": "CNY",
        "ends_at": rfc3339(world.clock.now() + timedelta(days=1)),
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


async def make(world: World, **changes: object) -> Any:
    """An offer."""
    said = await world.post("/v1/offers", wish(world, **changes))
    assert said.status == 201, said.body
    return said.json()


async def pay(world: World, order_id: str, offer_id: str | None, key: str | None = None, **more: object) -> Said:
    """Start a payment with an offer, or without."""
    body = {"method": world.method, "offer": offer_id, **more}
    return await world.post(f"/v1/orders/{order_id}/payments", body, key)


async def counts(world: World, offer_id: str) -> tuple[int, int]:
    """How many redemptions of an offer are held and used, by the offer's own word."""
    told = (await world.get(f"/v1/offers/{offer_id}")).json()
    assert await world.sql(
        "SELECT count(*) FILTER (WHERE state = 'HELD'), count(*) FILTER (WHERE state = 'USED') FROM offer_redemptions"
        " WHERE offer_id = $1",
        parse_public("off", offer_id),
    ) == [(told["held"], told["used"])], "the counts are the redemptions"
    return told["held"], told["used"]


def as_shopper(world: World, order_id: str, offer_id: str, shopper_id: UUID, payment_id: UUID) -> StartPayment:
    """A wish of somebody whom we know, as the checkout makes it."""
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    order, offer = parse_public("ord", order_id), parse_public("off", offer_id)
    assert merchant_id
    assert order
    return StartPayment(merchant_id, order, world.method, None, payment_id, offer_id=offer, shopper_id=shopper_id)
