"""Offers in the console: made, seen, had and ended by people who may, and what an order's page says of them."""

from __future__ import annotations

import re

import pytest

from console.desk import Desk, make_desk, plain
from offers.support import counts, pay
from shunfu.db import Database

FORM = {
    "offer_name": "满 50 减 5",
    "kind": "amount_off",
    "size": "5",
    "minimum": "50",
    "cap": "",
    "last_day": "2026-01-31",
    "stock": "100",
    "per_shopper": "",
}


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await make_desk(database)


async def made(desk: Desk, **changes: str) -> str:
    """The page of an offer that the owner makes."""
    place = await desk.does("/console/offers", "offer_made", **{**FORM, **changes}, form_id=desk.made_id("owner"))
    return place.partition("?")[0]


async def test_an_offer_is_made_had_and_ended(desk: Desk) -> None:
    assert "还没有优惠" in await desk.text("/console/offers", "owner")
    page = await made(desk)
    offer_id = page.rpartition("/")[2]
    told = (await desk.world.get(f"/v1/offers/{offer_id}")).json()
    assert (told["amount_minor"], told["minimum_minor"], told["stock"]) == (500, 5000, 100)
    assert told["ends_at"] == "2026-01-31T16:00:00.000Z", "the end of the last day in Shanghai"
    order = await desk.world.order()
    payment = (await pay(desk.world, order["id"], offer_id)).json()
    assert payment["discount_minor"] == 500
    shown = plain(await desk.text(page, "owner"))
    assert "减 ¥5.00" in shown
    assert "进行中" in shown
    assert "优惠 ¥5.00" in plain(await desk.text(f"/console/orders/{order['id']}", "owner"))
    assert "¥5.00" in plain(await desk.text(f"/console/payments/{payment['id']}", "owner"))
    await desk.does(f"{page}/end", "offer_ended")
    assert "已结束" in plain(await desk.text(page, "owner"))
    assert await counts(desk.world, offer_id) == (1, 0)
    listed = plain(await desk.text("/console/offers?state=ENDED", "owner"))
    assert "满 50 减 5" in listed
    assert "满 50 减 5" not in plain(await desk.text("/console/offers?state=ACTIVE", "owner"))


async def test_a_percentage_with_its_cap(desk: Desk) -> None:
    page = await made(desk, kind="percent_off", size="12.5", cap="20", per_shopper="1", stock="")
    told = (await desk.world.get(f"/v1/offers/{page.rpartition('/')[2]}")).json()
    assert (told["percent_bp"], told["cap_minor"], told["per_shopper_max"], told["stock"]) == (1250, 2000, 1, None)
    assert "减 12.5%，最多 ¥20.00" in plain(await desk.text(page, "owner"))


async def test_a_form_sent_twice_makes_one(desk: Desk) -> None:
    form_id = desk.made_id("owner")
    places = {await desk.does("/console/offers", "offer_made", **FORM, form_id=form_id) for _ in range(2)}
    assert len(places) == 1
    assert await desk.world.sql("SELECT count(*) FROM offers") == [(1,)]


@pytest.mark.parametrize(
    "changed",
    [
        {"offer_name": ""},
        {"offer_name": "x" * 61},
        {"size": ""},
        {"size": "-5"},
        {"size": "5.001"},
        {"kind": "percent_off", "size": "100.01"},
        {"minimum": "many"},
        {"kind": "percent_off", "cap": "0"},
        {"last_day": "31.01.2026"},
        {"last_day": "9999-12-31"},
        {"last_day": "2025-12-30"},
        {"stock": "0"},
        {"stock": "1e3"},
        {"per_shopper": "-1"},
        {"form_id": "0" * 70},
    ],
)
async def test_a_form_that_makes_no_sense_makes_nothing(desk: Desk, changed: dict[str, str]) -> None:
    told = {**FORM, "form_id": desk.made_id("owner"), **changed}
    said = await desk.post("/console/offers", **told)
    assert said.headers["location"] == "/console/offers?no=invalid_field"
    assert await desk.world.sql("SELECT count(*) FROM offers") == [(0,)]


async def test_who_may_not_sees_no_form_and_a_stranger_nothing(desk: Desk) -> None:
    page = await made(desk)
    assert re.search(r'name="offer_name"', await desk.text("/console/offers", "owner"))
    assert not re.search(r'name="offer_name"', await desk.text("/console/offers", "viewer"))
    for who, status in (("viewer", 403), ("finance", 403), ("stranger", 404)):
        assert (await desk.post(f"{page}/end", who)).status == status
    assert (await desk.post("/console/offers", "viewer", **FORM, form_id=desk.made_id("viewer"))).status == 403
    assert (await desk.get(page, "stranger")).status == 404
    assert (await desk.get("/console/offers", "orders only")).status == 403
    assert (await desk.world.get(f"/v1/offers/{page.rpartition('/')[2]}")).json()["state"] == "ACTIVE"
