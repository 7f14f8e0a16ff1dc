"""Staff act from the pages: refunds asked for and approved by two people, orders closed, channels asked again."""

from __future__ import annotations

import re

import pytest

from console.desk import Desk, make_desk, paid, plain, refunded
from shunfu.db import Database


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await make_desk(database)


def form_id(page: str) -> str:
    found = re.search(r'name="form_id" value="([\w-]{40,})"', page)
    assert found, page
    return found[1]


async def asked_for(
    desk: Desk, payment_id: str, amount: str, who: str = "owner", note: str = "refund_requested"
) -> str:
    """Ask for a refund as the payment's page does; the refund's page."""
    fields = {"form_id": form_id(await desk.text(f"/console/payments/{payment_id}", who)), "reason": "少了一件"}
    place = await desk.does(f"/console/payments/{payment_id}/refund", note, who, amount=amount, **fields)
    return place.partition("?")[0]


async def test_a_refund_is_asked_for_on_the_page_of_its_payment(desk: Desk) -> None:
    """What was typed in yuan goes back in fen, once, however often the form is sent."""
    _, payment_id = await paid(desk.world)
    page = await desk.text(f"/console/payments/{payment_id}", "owner")
    fields = {"form_id": form_id(page), "amount": "28.5", "reason": "少了一件"}
    first = await desk.does(f"/console/payments/{payment_id}/refund", "refund_requested", **fields)
    assert await desk.does(f"/console/payments/{payment_id}/refund", "refund_requested", **fields) == first
    await desk.world.work()
    refunds = (await desk.world.get(f"/v1/payments/{payment_id}/refunds")).json()["items"]
    assert [(one["amount_minor"], one["state"]) for one in refunds] == [(2850, "PROCESSING")]
    shown = plain(await desk.text(first, "owner"))
    assert "退款已提交" in shown
    assert "stf_11" in shown


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount": "0"}, "invalid_field"),
        ({"amount": "-1"}, "invalid_field"),
        ({"amount": "86.01"}, "amount_exceeds_refundable"),
        ({"amount": "1e2"}, "invalid_field"),
        ({"reason": ""}, "invalid_field"),
        ({"reason": "x" * 81}, "invalid_field"),
        ({"reason": "\u202eknab"}, "invalid_field"),
        ({"form_id": "nonsense"}, "invalid_field"),
    ],
)
async def test_a_refund_that_cannot_be_is_refused_in_words(desk: Desk, changed: dict[str, str], code: str) -> None:
    _, payment_id = await paid(desk.world)
    page = await desk.text(f"/console/payments/{payment_id}", "owner")
    fields = {"form_id": form_id(page), "amount": "86.00", "reason": "少了一件", **changed}
    said = await desk.post(f"/console/payments/{payment_id}/refund", **fields)
    assert said.status == 303
    assert said.headers["location"] == f"/console/payments/{payment_id}?no={code}"
    shown = await desk.text(said.headers["location"], "owner")
    assert 'role="alert"' in shown
    assert (await desk.world.get(f"/v1/payments/{payment_id}/refunds")).json()["items"] == []


async def test_above_the_limit_a_second_person_approves(desk: Desk) -> None:
    """Whoever asked cannot approve, not even an owner; a second person can, once; both stand in the audit log."""
    _, payment_id = await paid(desk.world, amount_minor=600_000)
    place = await asked_for(desk, payment_id, "6,000.00", note="refund_waits")
    assert "/approve" not in await desk.text(place, "owner")
    assert "另一个人" in await desk.text(place, "owner")
    said = await desk.post(f"{place}/approve")
    assert said.headers["location"] == f"{place}?no=state_conflict"
    assert "/approve" in await desk.text(place, "second")
    await desk.does(f"{place}/approve", "refund_approved", "second")
    shown = plain(await desk.text(place, "second"))
    assert "退款中" in shown
    assert "stf_21" in shown
    again = await desk.post(f"{place}/approve", "second")
    assert again.headers["location"] == f"{place}?no=state_conflict"


async def test_a_waiting_refund_can_be_rejected(desk: Desk) -> None:
    _, payment_id = await paid(desk.world, amount_minor=600_000)
    place = await asked_for(desk, payment_id, "6000", note="refund_waits")
    await desk.does(f"{place}/reject", "refund_rejected", "finance")
    assert "未获批准" in plain(await desk.text(place))
    assert await asked_for(desk, payment_id, "6000", note="refund_waits") != place


async def test_an_order_is_closed_and_a_channel_asked_again(desk: Desk) -> None:
    order = await desk.world.order()
    payment = (await desk.world.pay(order["id"])).json()["id"]
    await desk.does(f"/console/payments/{payment}/ask", "asked")
    await desk.does(f"/console/orders/{order['id']}/close", "order_closed")
    assert (await desk.world.get(f"/v1/orders/{order['id']}")).json()["state"] == "CLOSED"
    order_id, payment_id = await paid(desk.world)
    assert "/close" not in await desk.text(f"/console/orders/{order_id}", "owner")
    said = await desk.post(f"/console/orders/{order_id}/close")
    assert said.headers["location"] == f"/console/orders/{order_id}?no=state_conflict"
    refund = await refunded(desk.world, payment_id)
    await desk.does(f"/console/refunds/{refund}/ask", "asked")


ACTS = [
    "/console/orders/{order}/close",
    "/console/payments/{payment}/ask",
    "/console/payments/{payment}/refund",
    "/console/refunds/{refund}/approve",
    "/console/refunds/{refund}/reject",
    "/console/refunds/{refund}/redirect",
    "/console/refunds/{refund}/ask",
]


async def test_nobody_acts_who_may_not(desk: Desk) -> None:
    """A viewer is refused; a form of another place, session or nobody changes nothing; a stranger finds nothing."""
    order, payment = await paid(desk.world)
    refund = await refunded(desk.world, payment)
    for path in ACTS:
        target = path.format(order=order, payment=payment, refund=refund)
        fields = {"amount": "1", "reason": "x", "form_id": desk.made_id("owner")}
        assert (await desk.post(target, "viewer", **fields)).status == 403, target
        assert (await desk.post(target, origin="https://evil.example", **fields)).status == 403, target
        assert (await desk.post(target, origin="null", **fields)).status == 403, target
        foreign = {**fields, "form_token": desk.visitors["second"].form_token}
        assert (await desk.post(target, **foreign)).status == 403, target
        nobody = await desk.post(target, "nobody", **fields)
        assert nobody.status == 303, target
        assert nobody.headers["location"].startswith("/console/login?next="), target
        assert (await desk.post(target, "stranger", **{**fields, "form_id": desk.made_id("stranger")})).status == 404, (
            target
        )
        assert (await desk.get(target, "owner")).status == 404, target  # a link does nothing
    refunds = (await desk.world.get(f"/v1/payments/{payment}/refunds")).json()["items"]
    assert [one["amount_minor"] for one in refunds] == [2800]


async def test_what_moves_money_is_asked_of_the_person_once_more(desk: Desk) -> None:
    """A session whose second factor is long ago is led to it, and nothing has happened (ASVS 7.5.3)."""
    _, payment_id = await paid(desk.world)
    page = await desk.text(f"/console/payments/{payment_id}", "stale")
    fields = {"form_id": form_id(page), "amount": "1", "reason": "x"}
    said = await desk.post(f"/console/payments/{payment_id}/refund", "stale", **fields)
    assert said.status == 303
    assert said.headers["location"] == f"/console/confirm?next=%2Fconsole%2Fpayments%2F{payment_id}"
    assert (await desk.world.get(f"/v1/payments/{payment_id}/refunds")).json()["items"] == []


async def test_the_menu_shows_what_the_visitor_may_open(desk: Desk) -> None:
    whole = await desk.text("/console/more", "owner")
    assert all(f'href="{path}"' in whole for path in ("/console", "/console/orders", "/console/refunds"))
    part = await desk.text("/console/more", "orders only")
    assert 'href="/console/orders"' in part
    assert 'href="/console/refunds"' not in part
    assert (await desk.get("/console/nothing/here")).status == 404
    assert "没有这一页" in (await desk.get("/console/nothing/here")).body.decode()
