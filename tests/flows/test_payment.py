"""One payment's life through every layer: three doors to one transition function, and what goes wrong on the way.

A shopper pays through WeChat Pay; replies, notifications and the janitor's questions get lost,
repeated, late or forged.
"""

import asyncio
from dataclasses import replace

import pytest

from flows.world import World
from shunfu.app.commands import prove_books
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox import Faults


async def ledger_lines(world: World) -> list[tuple[object, ...]]:
    return await world.sql("SELECT recipe, amount_minor, currency FROM transfers ORDER BY transfer_id")


async def assert_books_balance(world: World) -> None:
    proof = await prove_books(world.house)
    assert proof["ok"], proof


@pytest.mark.parametrize("method", ["wechatpay/native", "wechatpay/miniprogram"])
async def test_a_notification_pays_the_order(world: World, method: str) -> None:
    order_id, payment_id = await world.pending(method)
    said = await world.shopper_pays(payment_id)
    assert said.status in {200, 204}
    assert await world.order_state(order_id) == "PAID"
    payment = await world.payment(payment_id)
    assert payment["state"] == "CAPTURED"
    assert payment["captured_minor"] == 8600
    assert payment["channel_transaction_no"].startswith("4200")
    assert payment["invoke"] is None
    assert [line["door"] for line in payment["timeline"]] == ["reply", "notification"]
    assert await ledger_lines(world) == [("capture", 8600, "CNY")]
    assert [name for (name,) in await world.sql("SELECT name FROM events ORDER BY id")] == [
        "PaymentReported",
        "PaymentCaptured",
        "OrderPaid",
    ]
    await assert_books_balance(world)


async def test_when_every_notification_is_lost_the_janitor_finds_the_payment(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    await world.pass_time(minutes=4)
    assert await world.order_state(order_id) == "OPEN"
    await world.pass_time(minutes=2)
    assert await world.order_state(order_id) == "PAID"
    payment = await world.payment(payment_id)
    assert payment["timeline"][-1]["door"] == "query"
    assert payment["notifications"] == []
    await assert_books_balance(world)


async def test_a_lost_reply_is_unknown_until_the_channel_says(world: World) -> None:
    order = await world.order()
    world.line.lose_replies = 1
    said = await world.pay(order["id"])
    assert said.status == 201
    assert said.json()["state"] == "UNKNOWN"
    again = await world.pay(order["id"])
    assert (again.status, again.code) == (409, "payment_unknown")
    await world.pass_time(seconds=6)
    payment = await world.payment(said.json()["id"])
    assert payment["state"] == "PENDING"
    resumed = await world.pay(order["id"])
    assert resumed.json()["id"] == said.json()["id"]
    assert resumed.json()["invoke"]["params"]["code_url"].startswith("weixin://")


async def test_a_request_that_never_arrived_is_sent_again_under_its_number(world: World) -> None:
    order = await world.order()
    world.line.lose_requests = 1
    payment_id = (await world.pay(order["id"])).json()["id"]
    assert world.line.requests == []
    await world.pass_time(seconds=6)
    assert (await world.payment(payment_id))["state"] == "PENDING"
    assert [placed.number for placed in world.line.state.orders.values()] == [payment_id[4:]]


async def test_a_reply_with_a_bad_signature_is_unknown(world: World) -> None:
    order = await world.order()
    world.line.replace_reply = Reply(200, {"content-type": "application/json"}, b'{"code_url":"weixin://evil"}')
    assert (await world.pay(order["id"])).json()["state"] == "UNKNOWN"


async def test_fifty_replays_at_once_have_one_effect(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    answers = await asyncio.gather(*(world.deliver(delivery) for _ in range(50)))
    assert {answer.status for answer in answers} <= {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"
    assert len(await ledger_lines(world)) == 1
    verdicts = [heard["verdict"] for heard in (await world.payment(payment_id))["notifications"]]
    assert verdicts.count("accepted") == 1
    assert verdicts.count("duplicate") == 49


async def test_a_resend_with_a_new_nonce_is_a_duplicate(world: World) -> None:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    (again,) = world.line.again(payment_id[4:])
    assert (await world.deliver(again)).status in {200, 204}
    await world.work()
    assert len(await ledger_lines(world)) == 1
    assert [heard["verdict"] for heard in (await world.payment(payment_id))["notifications"]] == [
        "accepted",
        "duplicate",
    ]


async def test_forged_stale_and_changed_messages_are_refused_kept_and_without_effect(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    (forged,) = world.forged(delivery)
    changed = replace(delivery, request=replace(delivery.request, body=delivery.request.body.replace(b'"', b"'", 1)))
    bare = replace(delivery, request=replace(delivery.request, headers=()))
    full_width = {"wechatpay-timestamp": "１７".encode().decode("latin-1")}
    for message, headers in (
        (forged, {}),
        (changed, {}),
        (bare, {}),
        (delivery, {"wechatpay-timestamp": "1"}),
        (delivery, {"wechatpay-timestamp": "9" * 400}),
        (delivery, {"wechatpay-timestamp": "-1"}),
        (delivery, {"wechatpay-timestamp": "1e9"}),
        (delivery, full_width),
        (delivery, {"wechatpay-serial": "PUB_KEY_ID_000"}),
        (delivery, {"host": "localhost", "x-forwarded-for": "127.0.0.1", "wechatpay-signature": "AAAA"}),
    ):
        said = await world.deliver(message, **headers)
        assert said.status == 401, (headers, said.status)
        assert said.json()["code"] == "FAIL"
    await world.work()
    assert await world.order_state(order_id) == "OPEN"
    assert await ledger_lines(world) == []
    kept = await world.sql("SELECT verdict, count(*) FROM notifications GROUP BY verdict")
    assert kept == [("refused", 10)]
    world.clock.advance(301)
    assert (await world.deliver(delivery)).status == 401


async def test_a_probe_fails_like_any_bad_signature_and_the_genuine_resend_counts(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:], faults=Faults(signtest=1))
    (probe,) = world.line.due()
    assert 400 <= (await world.deliver(probe)).status < 500
    assert await world.sql("SELECT verdict FROM notifications") == [("probe",)]
    (genuine,) = world.line.again(payment_id[4:])
    await world.deliver(genuine)
    await world.work()
    assert await world.order_state(order_id) == "PAID"


async def test_the_same_nonce_with_another_body_is_refused(world: World) -> None:
    _, first = await world.pending()
    _, second = await world.pending()
    world.line.shopper(first[4:])
    (one,) = world.line.due()
    assert (await world.deliver(one)).status in {200, 204}
    world.line.shopper(second[4:])
    (two,) = world.line.due()
    nonce = dict(one.request.headers)["Wechatpay-Nonce"]
    assert 400 <= (await world.deliver(world.lie(two, nonce=nonce))).status < 500
    assert ("refused", "nonce_reused") in await world.sql("SELECT verdict, reason FROM notifications")
    assert (await world.deliver(two)).status in {200, 204}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": {"total": 8601}}, "other_amount"),
        ({"amount": {"total": 8599}}, "other_amount"),
        ({"amount": {"currency": "JPY"}}, "other_currency"),
        ({"mchid": "1900000001"}, "other_account"),
        ({"appid": "wx0000000000000000"}, "other_app"),
        ({"out_trade_no": "01KDVDNA00EFT8838BZ9S1HXKY"}, "unknown_number"),
        ({"out_trade_no": "zzz-not-ours", "trade_state": "NOTPAY"}, "unknown_number"),
        ({"amount": {"currency": "USD"}}, "unreadable_payment"),
        ({"amount": {"total": "8600"}}, "unreadable_payment"),
        ({"amount": {"total": 8600.0}}, "unreadable_payment"),
        ({"amount": {"total": -1}}, "unreadable_payment"),
        ({"amount": {"total": True}}, "unreadable_payment"),
        ({"mchid": None}, "unreadable_payment"),
        ({"trade_state": "REFUND"}, "unreadable_payment"),
    ],
)
async def test_genuine_messages_about_other_money_are_refused_kept_and_shown(
    world: World, changes: dict[str, object], reason: str
) -> None:
    """The channel signs and encrypts them rightly; only what they say is not our order's."""
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    assert (await world.deliver(world.lie(delivery, **changes))).status == 400
    await world.work()
    assert await world.order_state(order_id) == "OPEN"
    assert await ledger_lines(world) == []
    assert await world.sql("SELECT verdict, reason FROM notifications") == [("refused", reason)]
    alarms = await world.sql("SELECT body->>'alarm' FROM events WHERE name = 'NotificationAlarmed'")
    assert alarms == [(f"notification_{reason}",)]
    assert await world.sql("SELECT count(*) FROM jobs WHERE last_error IS NOT NULL") == [(0,)]
    if reason != "unknown_number":
        heard = (await world.payment(payment_id))["notifications"]
        assert [(line["verdict"], line["reason"]) for line in heard] == [("refused", reason)]
    assert (await world.deliver(delivery)).status in {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"


@pytest.mark.parametrize("state", ["NOTPAY", "CLOSED", "REFUND", "USERPAYING"])
async def test_a_success_event_whose_state_is_no_success_moves_no_money(world: World, state: str) -> None:
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    await world.deliver(world.lie(delivery, trade_state=state))
    await world.work()
    assert (await world.payment(payment_id))["state"] == "PENDING"
    assert await ledger_lines(world) == []


async def test_another_merchants_address_refuses_a_genuine_message(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    elsewhere = world.notify_path[:-1] + ("0" if world.notify_path[-1] != "0" else "1")
    moved = replace(delivery, request=replace(delivery.request, url=f"http://x{elsewhere}"))
    assert (await world.deliver(moved)).status == 404
    assert await world.sql("SELECT 1 FROM notifications") == []


async def test_refused_by_the_channel(world: World) -> None:
    order = await world.order()
    said = await world.post(
        f"/v1/orders/{order['id']}/payments", {"method": "wechatpay/miniprogram", "payer": "not an id"}
    )
    assert (said.status, said.code) == (422, "invalid_field")
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": "wechatpay/miniprogram", "payer": "!!!"})
    assert (said.status, said.code) == (422, "channel_refused")
    payment = await world.payment(said.json()["payment_id"])
    assert payment["state"] == "REFUSED"
    assert payment["refused_reason"] == "invalid_request"
    assert (await world.pay(order["id"])).json()["state"] == "PENDING"


async def test_a_retry_after_a_crash_finds_the_same_payment_and_number(world: World) -> None:
    """The process dies after saving SENDING and before the channel's answer is recorded."""
    order = await world.order()
    answer = world.line.answer
    world.line.answer = _crash
    said = await world.pay(order["id"], key="tap-1")
    assert said.status == 500
    world.line.answer = answer
    assert await world.sql("SELECT state FROM payments") == [("SENDING",)]
    other = await world.pay(order["id"], key="tap-2")
    assert (other.status, other.code) == (409, "request_in_flight")
    retried = await world.pay(order["id"], key="tap-1")
    assert retried.json()["state"] == "PENDING"
    assert await world.sql("SELECT count(*) FROM payments") == [(1,)]
    assert list(world.line.state.orders) == [retried.json()["id"][4:]]


def _crash(_: object) -> Reply:
    raise RuntimeError("the power went out")


async def test_switching_the_method_closes_the_first_payment_before_the_second(world: World) -> None:
    order_id, first = await world.pending("wechatpay/native")
    second = (await world.pay(order_id, "wechatpay/miniprogram")).json()
    assert second["id"] != first
    assert (await world.payment(first))["state"] == "CLOSED"
    await world.shopper_pays(second["id"])
    assert await world.order_state(order_id) == "PAID"


async def test_switching_the_method_when_the_first_was_just_paid_does_not_charge_twice(world: World) -> None:
    order_id, first = await world.pending("wechatpay/native")
    world.line.shopper(first[4:])
    said = await world.pay(order_id, "wechatpay/miniprogram")
    assert (said.status, said.code) == (409, "order_not_open")
    assert await world.order_state(order_id) == "PAID"
    assert await world.sql("SELECT count(*) FROM payments") == [(1,)]


async def test_switching_the_method_waits_while_the_first_cannot_be_closed(world: World) -> None:
    order_id, first = await world.pending("wechatpay/native")
    world.line.lose_replies = 2
    said = await world.pay(order_id, "wechatpay/miniprogram")
    assert (said.status, said.code) == (409, "payment_unknown")
    assert (await world.payment(first))["state"] == "PENDING"


async def test_money_after_the_order_closed_is_surplus_marked_and_alarmed(world: World, database_urls) -> None:
    """The channel said "closed" and then reports success: late money never vanishes."""
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    await _meddle(database_urls, "UPDATE shunfu.payments SET state = 'CLOSED'")
    await _meddle(database_urls, "UPDATE shunfu.orders SET state = 'CLOSED'")
    await world.deliver(delivery)
    await world.work()
    payment = await world.payment(payment_id)
    assert payment["state"] == "CAPTURED"
    assert payment["is_surplus"]
    assert payment["timeline"][-1]["alarm"] == "surplus"
    assert await world.order_state(order_id) == "CLOSED"
    assert await ledger_lines(world) == [("capture_surplus", 8600, "CNY")]
    names = [name for (name,) in await world.sql("SELECT name FROM events ORDER BY id")]
    assert names[-3:] == ["SurplusCaptured", "PaymentAlarmed", "RefundRequested"]
    await assert_books_balance(world)


async def test_expiry_only_asks_and_the_channels_word_closes(world: World) -> None:
    order_id, payment_id = await world.pending()
    await world.pass_time(minutes=30)
    assert await world.order_state(order_id) == "CLOSED"
    payment = await world.payment(payment_id)
    assert payment["state"] == "CLOSED"
    assert payment["timeline"][-1]["door"] == "close"


async def test_paid_in_the_last_second_and_asked_to_close_is_paid(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.clock.advance(29 * 60 + 59)
    world.line.shopper(payment_id[4:])
    await world.pass_time(seconds=1)
    assert await world.order_state(order_id) == "PAID"


async def test_no_timer_makes_a_state_final_while_the_channel_is_silent(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.line.lose_requests = 10_000
    for _ in range(72):
        await world.pass_time(hours=1)
    assert await world.order_state(order_id) == "CLOSING"
    assert (await world.payment(payment_id))["state"] == "PENDING"
    world.line.lose_requests = 0
    await world.pass_time(hours=2)
    assert await world.order_state(order_id) == "CLOSED"


async def test_unknown_for_half_an_hour_alarms_once(world: World) -> None:
    order = await world.order()
    world.line.lose_requests = 10_000
    payment_id = (await world.pay(order["id"])).json()["id"]
    for _ in range(12):
        await world.pass_time(minutes=10)
    alarms = [line["alarm"] for line in (await world.payment(payment_id))["timeline"] if line["alarm"]]
    assert alarms == ["unknown_too_long"]


async def _meddle(urls, statement: str, *args: object) -> None:
    """Change a row as the owner, whom the application is not."""
    import asyncpg

    connection = await asyncpg.connect(urls.migration_url)
    try:
        await connection.execute(statement, *args)
    finally:
        await connection.close()


async def test_a_job_about_money_never_gives_up(world: World, database_urls) -> None:
    """A fault of ours, many times in a row, postpones the janitor's visit and never ends it."""
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    answer = world.line.answer
    world.line.answer = _crash
    for _ in range(40):
        await world.pass_time(minutes=10)
    assert await world.sql("SELECT count(*) FROM jobs WHERE state = 'dead'") == [(0,)]
    world.line.answer = answer
    await world.pass_time(minutes=10)
    assert await world.order_state(order_id) == "PAID"
