"""Money on its way back, through every layer: asked for, approved, sent, lost, found, stuck, and paid back by itself.

A merchant refunds payments of WeChat Pay; replies, notifications and whole requests get lost on the way, two people ask
at once, and an order is paid twice.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.world import World, make_world
from shunfu.app.commands import prove_books
from shunfu.db import Database, Query, Transaction
from shunfu.db.driver import session
from shunfu.gateway.refund import RefundSucceeded
from shunfu.gateway.sandbox import Faults
from shunfu.kernel.ids import parse_public
from shunfu.merchants import NewKey, get_merchant, issue_api_key
from shunfu.refunds import Named, arrived, read_refund, record_evidence


async def paid(world: World, amount_minor: int = 8600) -> str:
    """A payment that the shopper has paid."""
    order = await world.order(amount_minor=amount_minor)
    payment_id = (await world.pay(order["id"])).json()["id"]
    await world.shopper_pays(payment_id)
    return payment_id


async def ask(world: World, payment_id: str, amount_minor: int = 2800, key: str | None = None) -> Any:
    """A refund that was taken."""
    told = {"amount_minor": amount_minor, "reason": "少了一件"}
    said = await world.post(f"/v1/payments/{payment_id}/refunds", told, key)
    assert said.status == 201, said.body
    return said.json()


async def read(world: World, refund_id: str) -> Any:
    said = await world.get(f"/v1/refunds/{refund_id}")
    assert said.status == 200, said.body
    return said.json()


async def hear(world: World) -> None:
    """Every notification that the channel has to send arrives, and the worker applies it."""
    for delivery in world.line.due():
        await world.deliver(delivery)
    await world.work()


async def lose(world: World, **span: float) -> None:
    """Time passes, the channel goes on with its work, and whatever it sends is lost."""
    world.clock.instant += timedelta(**span)
    world.line.due()
    await world.work()


async def money(world: World, payment_id: str) -> tuple[object, object]:
    """(given back, reserved) on the payment's row."""
    ids = parse_public("pay", payment_id)
    ((refunded, reserved),) = await world.sql(
        "SELECT refunded_minor, refund_reserved_minor FROM payments WHERE payment_id = $1", ids
    )
    return refunded, reserved


async def assert_books_agree(world: World) -> None:
    proof = await prove_books(world.house)
    assert proof["ok"], proof


async def second_key(world: World) -> str:
    """Another key of the same merchant: another person."""
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id is not None

    async def story(tx: Transaction) -> str:
        merchant = await get_merchant(tx, merchant_id)
        assert merchant is not None
        return (await issue_api_key(tx, world.house.source, merchant, NewKey("approvals"))).reveal()

    return await world.house.database.transact(story)


_SQL = Query("test", "", "test")


async def _meddle(urls: Any, statement: str) -> None:
    async with session(urls.migration_url) as connection:
        await connection.execute(statement)


async def _as_owner(world: World, statement: str, *args: object) -> None:
    await world.house.database.transact(lambda tx: tx.execute(replace(_SQL, text=statement), *args))


async def _close_here_only(world: World, payment_id: str) -> None:
    """The channel has said "closed" once: the order may be paid another way. Its money comes all the same."""
    statement = "UPDATE payments SET state = 'CLOSED' WHERE payment_id = $1"
    await _as_owner(world, statement, parse_public("pay", payment_id))


async def _run_again(world: World, kind: str) -> None:
    statement = "UPDATE jobs SET state = 'waiting', finished_at = NULL, attempts = 0 WHERE kind = $1"
    await _as_owner(world, statement, kind)
    await world.work()


async def _report_success(world: World, refund_id: str) -> None:
    """The channel itself says that a refund which it had closed went through after all."""
    found = parse_public("rfd", refund_id)
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert found is not None
    assert merchant_id is not None
    named = Named(merchant_id, found)
    refund, _ = await read_refund(world.house.refunds, named)
    evidence = RefundSucceeded(refund.amount, "50300002026", world.clock.now())
    await record_evidence(world.house.refunds, named, arrived(evidence, "query", world.clock.now()))


async def test_a_refund_goes_its_way(world: World) -> None:
    payment_id = await paid(world)
    refund = await ask(world, payment_id)
    assert refund["state"] == "PROCESSING"
    assert await money(world, payment_id) == (0, 2800)
    await lose(world, seconds=61)
    world.clock.advance(240)
    await hear(world)
    refund = await read(world, refund["id"])
    assert refund["state"] == "SUCCEEDED"
    assert [step["step"] for step in refund["way"]] == ["requested", "sent", "accepted", "returned"]
    assert [line["door"] for line in refund["timeline"]] == ["reply", "query", "notification"]
    assert await money(world, payment_id) == (2800, 0)
    payment = await world.payment(payment_id)
    assert (payment["refunded_minor"], payment["refund_reserved_minor"]) == (2800, 0)
    lines = await world.sql("SELECT recipe, amount_minor FROM transfers ORDER BY transfer_id")
    assert lines == [("capture", 8600), ("refund", 2800)]
    events = await world.sql("SELECT name, body->>'sequence' FROM events WHERE body ? 'sequence' ORDER BY id")
    assert events == [
        ("PaymentCaptured", "1"),
        ("OrderPaid", "2"),
        ("RefundRequested", "3"),
        ("RefundSettled", "4"),
    ]
    await assert_books_agree(world)


async def test_when_every_notification_is_lost_the_visits_find_it(world: World) -> None:
    payment_id = await paid(world)
    refund = await ask(world, payment_id)
    await lose(world, minutes=12)
    refund = await read(world, refund["id"])
    assert (refund["state"], refund["timeline"][-1]["door"]) == ("SUCCEEDED", "query")
    await assert_books_agree(world)


async def test_a_lost_reply_is_unknown_and_the_same_number_is_asked_about(world: World) -> None:
    payment_id = await paid(world)
    world.line.lose_replies = 1
    refund = await ask(world, payment_id)
    assert refund["state"] == "UNKNOWN"
    assert await money(world, payment_id) == (0, 2800)
    await lose(world, minutes=12)
    assert (await read(world, refund["id"]))["state"] == "SUCCEEDED"
    assert [placed.number for placed in world.line.state.refunds.values()] == [refund["id"][4:]]


async def test_a_request_that_never_arrived_is_sent_again_under_its_number(world: World) -> None:
    payment_id = await paid(world)
    world.line.lose_requests = 1
    refund = await ask(world, payment_id)
    assert (refund["state"], len(world.line.state.refunds)) == ("UNKNOWN", 0)
    await lose(world, minutes=12)
    assert [placed.number for placed in world.line.state.refunds.values()] == [refund["id"][4:]]
    await lose(world, hours=1)
    assert (await read(world, refund["id"]))["state"] == "SUCCEEDED"
    await assert_books_agree(world)


async def test_no_timer_ends_a_refund_while_the_channel_is_silent(world: World) -> None:
    """Elsewhere a timer closed the refund, somebody made another, and the shopper was paid twice."""
    payment_id = await paid(world)
    world.line.lose_replies = 1_000_000
    refund = await ask(world, payment_id, 8600)
    for days in (1, 3, 30, 90):
        await lose(world, days=days)
        assert (await read(world, refund["id"]))["state"] == "UNKNOWN"
    again = await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": 1, "reason": "再退一次"})
    assert (again.status, again.code) == (422, "amount_exceeds_refundable")
    alarms = await world.sql("SELECT body->>'alarm' FROM events WHERE name = 'RefundAlarmed' ORDER BY id")
    assert alarms == [("refund_unknown_too_long",)]
    world.line.lose_replies = 0
    await lose(world, days=1)
    assert (await read(world, refund["id"]))["state"] == "SUCCEEDED"
    assert len(world.line.state.refunds) == 1
    await assert_books_agree(world)


async def test_a_hundred_at_once_never_exceed_what_was_captured(world: World) -> None:
    payment_id = await paid(world)
    told = {"amount_minor": 200, "reason": "一起点"}
    answers = await asyncio.gather(*(world.post(f"/v1/payments/{payment_id}/refunds", told) for _ in range(100)))
    statuses = [answer.status for answer in answers]
    assert statuses.count(201) == 43
    assert {answer.code for answer in answers if answer.status != 201} == {"amount_exceeds_refundable"}
    assert await money(world, payment_id) == (0, 8600)
    for _ in range(60):
        await lose(world, minutes=12)
    assert await money(world, payment_id) == (8600, 0)
    assert sum(placed.amount for placed in world.line.state.refunds.values()) == 8600
    await assert_books_agree(world)


async def test_two_partial_refunds_at_once_beyond_the_payment(world: World) -> None:
    payment_id = await paid(world)
    told = {"amount_minor": 5000, "reason": "一起点"}
    answers = await asyncio.gather(*(world.post(f"/v1/payments/{payment_id}/refunds", told) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [201, 422]


async def test_the_database_itself_refuses_more_than_was_captured(world: World, database_urls: Any) -> None:
    """Were the use-case wrong, the row's CHECK would still hold."""
    payment_id = await paid(world)
    with pytest.raises(Exception, match="payments_check"):
        await world.house.database.transact(
            lambda tx: tx.execute(
                replace(_SQL, text="UPDATE payments SET refund_reserved_minor = 8601 WHERE payment_id = $1"),
                parse_public("pay", payment_id),
            )
        )


async def test_a_retry_with_the_same_key_is_the_same_refund(world: World) -> None:
    payment_id = await paid(world)
    first = await ask(world, payment_id, key="refund-1")
    second = await ask(world, payment_id, key="refund-1")
    assert first == second
    assert len(world.line.state.refunds) == 1


async def test_a_gap_delays_the_second_refund(world: World) -> None:
    payment_id = await paid(world)
    await ask(world, payment_id)
    second = await ask(world, payment_id, 1000)
    assert second["state"] == "SENDING"
    assert len(world.line.state.refunds) == 1
    await lose(world, seconds=59)
    assert len(world.line.state.refunds) == 1
    await lose(world, seconds=1)
    assert len(world.line.state.refunds) == 2
    await lose(world, hours=2)
    assert await money(world, payment_id) == (3800, 0)


async def test_no_money_at_the_merchant_is_tried_again_under_the_same_number(world: World) -> None:
    payment_id = await paid(world, 9923)
    refund = await ask(world, payment_id, 9923)
    assert refund["state"] == "SENDING"
    await lose(world, hours=3)
    assert (await read(world, refund["id"]))["state"] == "SENDING"
    kinds = {line["kind"] for line in (await read(world, refund["id"]))["timeline"]}
    assert kinds == {"not_yet"}
    assert await money(world, payment_id) == (0, 9923)


async def test_above_the_limit_another_key_must_agree(database: Database) -> None:
    world = await make_world(database)
    payment_id = await paid(world, 900_000)
    refund = await ask(world, payment_id, 600_000)
    assert (refund["state"], len(world.line.state.refunds)) == ("REQUESTED", 0)
    own = await world.post(f"/v1/refunds/{refund['id']}/approve", {})
    assert (own.status, own.code) == (409, "state_conflict")
    other = {"authorization": f"Bearer {await second_key(world)}"}
    approved = await world.post(f"/v1/refunds/{refund['id']}/approve", {}, **other)
    assert approved.json()["state"] == "PROCESSING"
    again = await world.post(f"/v1/refunds/{refund['id']}/approve", {}, **other)
    assert again.code == "state_conflict"
    await lose(world, minutes=12)
    refund = await read(world, refund["id"])
    assert [step["step"] for step in refund["way"]] == ["requested", "approved", "sent", "accepted", "returned"]
    assert refund["decided_by"] != refund["requested_by"]
    text = "SELECT actor, action, object FROM audit_log WHERE action LIKE 'refund.%'"
    assert await world.sql(text) == [(refund["decided_by"], "refund.approved", refund["id"])]
    await assert_books_agree(world)


async def test_a_rejected_refund_frees_its_amount_and_never_leaves(world: World) -> None:
    payment_id = await paid(world, 900_000)
    refund = await ask(world, payment_id, 900_000)
    other = {"authorization": f"Bearer {await second_key(world)}"}
    rejected = await world.post(f"/v1/refunds/{refund['id']}/reject", {}, **other)
    assert rejected.json()["state"] == "REJECTED"
    assert await money(world, payment_id) == (0, 0)
    await lose(world, days=2)
    assert len(world.line.state.refunds) == 0
    await ask(world, payment_id, 400_000)


async def test_two_people_at_once_one_decision(world: World) -> None:
    payment_id = await paid(world, 900_000)
    refund = await ask(world, payment_id, 900_000)
    other = {"authorization": f"Bearer {await second_key(world)}"}
    verbs = ["approve", "reject"] * 10
    answers = await asyncio.gather(*(world.post(f"/v1/refunds/{refund['id']}/{verb}", {}, **other) for verb in verbs))
    assert sorted({answer.status for answer in answers}) == [200, 409]
    assert sum(answer.status == 200 for answer in answers) == 1
    await assert_books_agree(world)


async def test_an_abnormal_refund_calls_a_person_and_goes_another_way(world: World) -> None:
    payment_id = await paid(world, 9921)
    refund = await ask(world, payment_id, 9921)
    world.clock.advance(300)
    await hear(world)
    refund = await read(world, refund["id"])
    assert refund["state"] == "ABNORMAL"
    assert [line["alarm"] for line in refund["timeline"] if line["alarm"]] == ["refund_abnormal"]
    assert await money(world, payment_id) == (0, 9921)
    sent = await world.post(f"/v1/refunds/{refund['id']}/redirect", {"to": "merchant"})
    assert (sent.status, sent.json()["state"]) == (200, "PROCESSING"), sent.body
    await lose(world, days=1)
    refund = await read(world, refund["id"])
    assert refund["state"] == "SUCCEEDED"
    assert "stuck" in [step["step"] for step in refund["way"]]
    twice = await world.post(f"/v1/refunds/{refund['id']}/redirect", {"to": "merchant"})
    assert twice.code == "state_conflict"
    await assert_books_agree(world)


async def test_a_closed_refund_frees_its_amount_and_a_new_one_has_a_new_number(world: World) -> None:
    payment_id = await paid(world, 9922)
    refund = await ask(world, payment_id, 9922)
    world.clock.advance(300)
    await hear(world)
    assert (await read(world, refund["id"]))["state"] == "CLOSED"
    assert await money(world, payment_id) == (0, 0)
    another = await ask(world, payment_id, 5000)
    assert another["id"] != refund["id"]
    await lose(world, hours=2)
    assert await money(world, payment_id) == (5000, 0)
    await assert_books_agree(world)


async def test_an_order_paid_twice_gives_the_second_payment_back_by_itself_once(world: World) -> None:
    """Two codes are shown, both are paid: the channel's "closed" to the first was followed by its money."""
    order = await world.order()
    first = (await world.pay(order["id"], "wechatpay/native")).json()["id"]
    world.line.shopper(first[4:])
    (late,) = world.line.due()
    await _close_here_only(world, first)
    second = (await world.pay(order["id"], "wechatpay/app")).json()
    assert second["state"] == "PENDING", second
    await world.shopper_pays(second["id"])
    assert await world.order_state(order["id"]) == "PAID"
    await world.deliver(late)
    await world.work()
    surplus = await world.payment(first)
    assert (surplus["state"], surplus["is_surplus"]) == ("CAPTURED", True)
    refunds = (await world.get(f"/v1/payments/{first}/refunds")).json()["items"]
    assert [(one["amount_minor"], one["is_automatic"], one["requested_by"]) for one in refunds] == [
        (8600, True, "shunfu")
    ]
    await lose(world, minutes=12)
    assert await money(world, first) == (8600, 0)
    assert await money(world, second["id"]) == (0, 0)
    assert len(world.line.state.refunds) == 1
    balances = await world.sql("SELECT recipe, sum(amount_minor)::int FROM transfers GROUP BY recipe ORDER BY recipe")
    assert balances == [("capture", 8600), ("capture_surplus", 8600), ("refund_surplus", 8600)]
    await assert_books_agree(world)


async def test_the_surplus_handler_run_again_makes_no_second_refund(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (late,) = world.line.due()
    await _close_here_only(world, payment_id)
    await world.deliver(late)
    await world.work()
    await _run_again(world, "on:refunds.refund_surplus")
    await lose(world, days=1)
    assert len(world.line.state.refunds) == 1


async def test_a_late_success_after_the_channel_said_closed_is_booked_and_alarmed(
    world: World, database_urls: Any
) -> None:
    """Nothing is left to give back: the books say so, and nothing crashes."""
    payment_id = await paid(world)
    world.line.stage = replace(world.line.stage, faults=Faults(refund_closed=1))
    first = await ask(world, payment_id, 8600)
    world.clock.advance(300)
    await hear(world)
    assert (await read(world, first["id"]))["state"] == "CLOSED"
    await lose(world, minutes=12)
    second = await ask(world, payment_id, 8600)
    await lose(world, minutes=5)
    assert (await read(world, second["id"]))["state"] == "SUCCEEDED"
    await _report_success(world, first["id"])
    late = await read(world, first["id"])
    assert (late["state"], late["timeline"][-1]["alarm"]) == ("SUCCEEDED", "over_refunded")
    assert await money(world, payment_id) == (8600, 0)
    lines = await world.sql("SELECT recipe FROM transfers ORDER BY transfer_id")
    assert lines == [("capture",), ("refund",), ("refund_over",)]
    await assert_books_agree(world)


async def test_a_retry_after_a_crash_finds_the_same_refund_and_sends_it(world: World) -> None:
    payment_id = await paid(world)
    converse = world.line.converse

    async def crash(*_: object) -> object:
        raise asyncio.CancelledError

    world.line.converse = crash  # the process dies before the channel hears of it
    with pytest.raises(asyncio.CancelledError):
        await ask(world, payment_id, key="refund-1")
    world.line.converse = converse
    await lose(world, minutes=12)
    again = await ask(world, payment_id, key="refund-1")
    assert again["state"] in {"PROCESSING", "SUCCEEDED"}
    assert [placed.number for placed in world.line.state.refunds.values()] == [again["id"][4:]]


async def test_bad_wishes_are_named_and_nothing_is_written(world: World) -> None:
    payment_id = await paid(world)
    path = f"/v1/payments/{payment_id}/refunds"
    for body, pointer in [
        ({"amount_minor": 0, "reason": "x"}, "/amount_minor"),
        ({"amount_minor": -1, "reason": "x"}, "/amount_minor"),
        ({"amount_minor": "5", "reason": "x"}, "/amount_minor"),
        ({"amount_minor": 5.0, "reason": "x"}, "/amount_minor"),
        ({"amount_minor": 5, "reason": ""}, "/reason"),
        ({"amount_minor": 5, "reason": "a\nb"}, "/reason"),
        ({"amount_minor": 5, "reason": "x", "state": "SUCCEEDED"}, "/state"),
    ]:
        said = await world.post(path, body)
        assert (said.status, said.code) == (422, "invalid_field"), body
        assert [error["pointer"] for error in said.json()["errors"]] == [pointer]
    assert await world.sql("SELECT 1 FROM refunds") == []
    unpaid = (await world.pay((await world.order())["id"])).json()["id"]
    said = await world.post(f"/v1/payments/{unpaid}/refunds", {"amount_minor": 1, "reason": "x"})
    assert (said.status, said.code) == (409, "state_conflict")


async def test_another_merchants_refunds_are_not_found(world: World) -> None:
    payment_id = await paid(world)
    refund = await ask(world, payment_id)
    theirs = {"authorization": f"Bearer {world.other_key}"}
    for target in (f"/v1/refunds/{refund['id']}", f"/v1/payments/{payment_id}/refunds"):
        assert (await world.get(target, **theirs)).status == 404
    for target, body in (
        (f"/v1/payments/{payment_id}/refunds", {"amount_minor": 1, "reason": "x"}),
        (f"/v1/refunds/{refund['id']}/approve", {}),
        (f"/v1/refunds/{refund['id']}/reject", {}),
        (f"/v1/refunds/{refund['id']}/redirect", {"to": "merchant"}),
    ):
        assert (await world.post(target, body, **theirs)).status == 404
    assert (await world.get("/v1/refunds", **theirs)).json()["items"] == []


async def test_refunds_are_listed_newest_first_with_a_bound_cursor(world: World) -> None:
    payment_id = await paid(world)
    made = [(await ask(world, payment_id, 100))["id"] for _ in range(5)]
    page = (await world.get("/v1/refunds?limit=2")).json()
    assert [one["id"] for one in page["items"]] == made[:2:-1]
    rest = (await world.get(f"/v1/refunds?limit=100&cursor={page['next_cursor']}")).json()
    assert [one["id"] for one in rest["items"]] == made[2::-1]
    assert rest["next_cursor"] is None
    other = await world.get(f"/v1/refunds?cursor={page['next_cursor']}&state=SENDING")
    assert other.status == 404


@pytest.mark.parametrize("channel", ["alipay", "unionpay"])
async def test_refunds_at_the_other_channels(database: Database, channel: str) -> None:
    world = await make_world(database, channel)
    payment_id = await paid(world)
    first = await ask(world, payment_id, 2800)
    assert first["state"] in {"PROCESSING", "SUCCEEDED"}
    await lose(world, seconds=5)
    second = await ask(world, payment_id, 5800)
    for _ in range(8):
        await hear(world)
        await lose(world, hours=12)
    for refund in (first, second):
        assert (await read(world, refund["id"]))["state"] == "SUCCEEDED"
    assert await money(world, payment_id) == (8600, 0)
    await assert_books_agree(world)
    too_much = await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": 1, "reason": "x"})
    assert too_much.code == "amount_exceeds_refundable"


async def test_the_ledger_check_finds_a_refund_that_was_not_posted(world: World, database_urls: Any) -> None:
    payment_id = await paid(world)
    refund = await ask(world, payment_id)
    await lose(world, minutes=12)
    await _meddle(database_urls, "DELETE FROM shunfu.transfers WHERE recipe = 'refund'")
    proof = await prove_books(world.house)
    assert proof["ok"] is False
    assert [line for books in proof["merchants"] for line in books["differences"]] == [refund["id"]]


async def test_the_ledger_check_finds_sums_that_are_not_the_refunds(world: World, database_urls: Any) -> None:
    payment_id = await paid(world)
    await ask(world, payment_id)
    await _meddle(database_urls, "UPDATE shunfu.payments SET refund_reserved_minor = 2799")
    proof = await prove_books(world.house)
    assert [line for books in proof["merchants"] for line in books["differences"]] == [payment_id]
