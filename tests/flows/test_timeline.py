"""What `GET /v1/payments/{id}` says of a payment's life: every message, every decision, and why it is in its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from flows.world import World, call, credentials, make_world, sandbox_of
from shunfu.db import Database
from shunfu.driver import discover
from shunfu.gateway.flow import Reply
from shunfu.webhooks import Outgoing, Sent

CHANNELS = sorted(discover().channels)


def lanes(payment: Any) -> list[str]:
    """Each line as `lane>towards kind`, `lane kind` for a decision."""
    lines = []
    for line in payment["lines"]:
        way = f"{line['lane']}>{line['towards']}" if line["towards"] else line["lane"]
        lines.append(f"{way} {line['kind']}")
    return lines


ASKED = ["merchant>shunfu message_in", "merchant>shunfu message_in"]
OUT, IN = "shunfu>channel message_out", "channel>shunfu message_in"
MISSING, DECIDED = "channel>shunfu expected_missing", "shunfu decision"


async def test_a_payment_that_went_well(world: World) -> None:
    _, payment_id = await world.pending()
    waiting = await world.payment(payment_id)
    assert waiting["why"] == {
        "zh-CN": "微信支付在 08:00:00 答复下单时说已收下这一单，等顾客在 08:30:00 前付 ¥86.00。",
        "en": "When we placed it at 08:00:00, WeChat Pay said that it has taken the order, so we wait for the shopper "
        "to pay ¥86.00 by 08:30:00.",
    }
    world.clock.advance(42)
    await world.shopper_pays(payment_id)
    payment = await world.payment(payment_id)
    assert payment["why"] == {
        "zh-CN": "微信支付在 08:00:42 通知我们已收到 ¥86.00，订单因此已付。",
        "en": "WeChat Pay told us at 08:00:42 that ¥86.00 was paid, so the order is paid.",
    }
    assert lanes(payment) == [*ASKED, OUT, IN, DECIDED, IN, DECIDED]
    assert payment["is_cut"] is False
    (request,) = world.line.requests
    placed, reply, _, heard, applied = payment["lines"][2:]
    assert placed["detail"]["body_sha256"] == sha256(request.body).hexdigest()
    assert placed["detail"]["path"] == "/v3/pay/transactions/native"
    assert placed["detail"]["headers"]["authorization"] == "WECHATPAY2-SHA256-RSA2048 ***"
    assert reply["detail"]["headers"]["wechatpay-signature"]
    assert (heard["detail"]["verdict"], heard["detail"]["event_type"]) == ("accepted", "TRANSACTION.SUCCESS")
    assert heard["detail"]["headers"]["wechatpay-signature"]
    assert applied["detail"]["reason"] == payment["channel_transaction_no"]


async def test_a_notification_that_never_came_is_missed_until_it_comes(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    await world.pass_time(minutes=5)
    payment = await world.payment(payment_id)
    assert lanes(payment) == [*ASKED, OUT, IN, DECIDED, OUT, IN, DECIDED, MISSING]
    assert payment["lines"][-1]["summary"]["zh-CN"] == "微信支付的付款通知至今没有到，是靠主动查询得知的"
    assert payment["why"]["zh-CN"] == (
        "我们在 08:05:00 查询，微信支付回答已收到 ¥86.00（顾客 08:00:00 付的），订单因此已付。"
    )
    (late,) = world.line.due()
    assert (await world.deliver(late)).status in {200, 204}
    await world.work()
    assert MISSING not in lanes(await world.payment(payment_id))


async def test_a_lost_reply_is_told_until_the_channel_has_spoken(world: World) -> None:
    order = await world.order()
    world.line.lose_replies = 1
    payment_id = (await world.pay(order["id"])).json()["id"]
    payment = await world.payment(payment_id)
    assert lanes(payment) == [*ASKED, OUT, MISSING, DECIDED]
    assert payment["why"]["zh-CN"] == "结果未明：微信支付在 08:00:00 没有答复下单请求；08:00:05 去查。"
    world.line.lose_requests = 1
    await world.pass_time(seconds=6)
    payment = await world.payment(payment_id)
    assert lanes(payment) == [*ASKED, OUT, MISSING, DECIDED, OUT, DECIDED]
    assert payment["lines"][-2]["detail"]["verdict"] == "not_sent"
    assert payment["why"]["zh-CN"] == (
        "结果未明：微信支付在 08:00:00 没有答复下单请求；查询在 08:00:06 没能送到微信支付；已查 1 次，08:00:21 再查。"
    )
    await world.pass_time(seconds=15)
    assert (await world.payment(payment_id))["why"]["zh-CN"] == (
        "我们在 08:00:21 查询，微信支付回答还没有付款，等顾客在 08:30:00 前付 ¥86.00。"
    )


async def test_an_answer_with_a_bad_signature_is_shown_with_its_hash_and_not_trusted(world: World) -> None:
    order = await world.order()
    body = b'{"code_url":"weixin://evil"}'
    world.line.replace_reply = Reply(200, {"content-type": "application/json"}, body)
    payment = await world.payment((await world.pay(order["id"])).json()["id"])
    reply = payment["lines"][3]["detail"]
    assert (reply["status"], reply["verdict"]) == (200, "not_trusted")
    assert reply["body_sha256"] == sha256(body).hexdigest()
    assert "signature" in reply["reason"]
    assert payment["why"]["zh-CN"].startswith("结果未明：微信支付在 08:00:00 对下单请求的答复不能采信")


async def test_a_refusal_names_the_channels_own_code(world: World) -> None:
    order = await world.order()
    said = await world.post(f"/v1/orders/{order['id']}/payments", {"method": "wechatpay/miniprogram", "payer": "!!!"})
    payment = await world.payment(said.json()["payment_id"])
    assert payment["why"]["zh-CN"] == "微信支付在 08:00:00 答复下单时说不收这一单（请求内容不合要求），没有扣款。"
    assert payment["lines"][-1]["detail"]["reason"] == "PARAM_ERROR"
    assert payment["lines"][3]["detail"]["status"] == 400


def _crash(_: object) -> Reply:
    raise RuntimeError("the power went out")


async def test_a_request_that_was_cut_off_by_a_crash_is_missed(world: World) -> None:
    order = await world.order()
    answer = world.line.answer
    world.line.answer = _crash
    assert (await world.pay(order["id"])).status == 500
    world.line.answer = answer
    (payment_id,) = [line["id"] for line in (await world.get(f"/v1/orders/{order['id']}")).json()["payments"]]
    payment = await world.payment(payment_id)
    assert lanes(payment) == ASKED
    assert payment["why"]["zh-CN"] == "正在请微信支付收下这笔 ¥86.00，微信支付还没有答复；08:00:05 去查。"
    world.clock.advance(61)
    payment = await world.payment(payment_id)
    assert lanes(payment) == [*ASKED, MISSING]
    assert payment["why"]["zh-CN"].endswith("还没有答复；马上去查。")
    await world.work()
    assert (await world.payment(payment_id))["state"] == "PENDING"


async def test_refused_and_repeated_notifications_stand_in_the_timeline(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    await world.deliver(world.lie(delivery, amount={"total": 1}))
    await world.deliver(delivery)
    await world.deliver(delivery)
    await world.work()
    payment = await world.payment(payment_id)
    verdicts = [line["detail"]["verdict"] for line in payment["lines"] if line["detail"]["door"] == "notification"]
    assert verdicts == ["refused", "accepted", "duplicate", None]
    assert "金额不符" in payment["lines"][5]["summary"]["zh-CN"]


async def test_the_merchants_wish_to_close_is_a_line(world: World) -> None:
    order_id, payment_id = await world.pending()
    world.clock.advance(60)
    await world.post(f"/v1/orders/{order_id}/close", {})
    payment = await world.payment(payment_id)
    assert lanes(payment) == [*ASKED, OUT, IN, DECIDED, "merchant>shunfu message_in", OUT, IN, DECIDED]
    assert payment["why"]["zh-CN"] == "我们在 08:01:00 请求关单，微信支付回答这一单已关闭，没有扣款。"


async def test_expiry_is_a_line_and_the_channels_word_the_reason(world: World) -> None:
    _, payment_id = await world.pending()
    await world.pass_time(minutes=30)
    payment = await world.payment(payment_id)
    summaries = [line["summary"]["zh-CN"] for line in payment["lines"]]
    assert "付款时间已过：只去问渠道，由渠道的话定结果" in summaries
    assert payment["why"]["zh-CN"].endswith("微信支付回答这一单已关闭，没有扣款。")


async def test_while_the_channel_is_silent_after_expiry_nothing_is_claimed(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.lose_replies = 100
    await world.pass_time(minutes=30)
    why = (await world.payment(payment_id))["why"]
    assert "没有扣款" not in why["zh-CN"]
    assert why["zh-CN"] == (
        "微信支付在 08:00:00 答复下单时说已收下这一单，付款时间 08:30:00 已过，我们正请微信支付关单；"
        "微信支付在 08:30:00 没有答复查询。"
    )


async def test_unknown_for_long_tells_of_the_alarm(world: World) -> None:
    order = await world.order()
    world.line.lose_requests = 10_000
    payment_id = (await world.pay(order["id"])).json()["id"]
    for _ in range(6):
        await world.pass_time(minutes=10)
    payment = await world.payment(payment_id)
    assert payment["why"]["zh-CN"].startswith("结果未明：下单请求在 08:00:00 没能送到微信支付；")
    assert payment["why"]["zh-CN"].endswith("已告警，需要人跟进。")
    alarms = [line["summary"]["zh-CN"] for line in payment["lines"] if line["detail"]["alarm"]]
    assert alarms == ["仍为“结果未明”：没有可采信的答复；告警：结果未明太久"]


async def test_a_second_payment_of_a_paid_order_says_that_it_goes_back(world: World, database_urls: Any) -> None:
    order_id, first = await world.pending()
    second = await pending_beside(world, order_id, first)
    await world.shopper_pays(first)
    await world.shopper_pays(second)
    why = (await world.payment(second))["why"]
    assert why["zh-CN"].startswith("微信支付在 08:00:00 通知我们已收到 ¥86.00，但订单已由另一笔付款付清，属于多付，")
    assert "退回" in why["zh-CN"]
    assert "another payment has already paid the order" in why["en"]


async def pending_beside(world: World, order_id: str, first: str) -> str:
    """A second payment of the order, begun when its channel had lost sight of the first for a moment."""
    orders = dict(world.line.state.orders)
    placed = orders.pop(first[4:])
    world.line.stage = replace(world.line.stage, state=replace(world.line.state, orders=orders))
    second = (await world.pay(order_id, "wechatpay/miniprogram")).json()
    orders = {**world.line.state.orders, first[4:]: placed}
    world.line.stage = replace(world.line.stage, state=replace(world.line.state, orders=orders))
    return second["id"]


@dataclass
class Server:
    """The merchant's server: answers these, one after the other, then 204."""

    answers: list[Sent]

    async def send(self, _: Outgoing) -> Sent:
        return self.answers.pop(0) if self.answers else Sent(204, "ok", 30)


async def test_what_the_merchants_server_was_told_stands_in_its_lane(database: Database) -> None:
    world = await make_world(database, carrier=Server([Sent(500, "status", 31), Sent(None, "timeout", 20000)]))
    told = {"url": "https://hooks.example.com/shunfu", "event_types": ["order.paid"]}
    assert (await world.post("/v1/webhook_endpoints", told)).status == 201
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    await world.pass_time(hours=1)
    await world.pass_time(hours=1)
    lines = [line for line in (await world.payment(payment_id))["lines"] if line["towards"] == "merchant"]
    assert [line["detail"]["verdict"] for line in lines] == ["failed", "failed", "delivered"]
    assert [(line["detail"]["status"], line["detail"]["event_type"]) for line in lines] == [
        (500, "order.paid"),
        (None, "order.paid"),
        (204, "order.paid"),
    ]
    assert lines[1]["summary"] == {
        "zh-CN": "告知商户 order.paid，没有答复，没有成功",
        "en": "Merchant told order.paid, no answer, which failed",
    }
    _, other = await world.pending()
    assert not [line for line in (await world.payment(other))["lines"] if line["towards"] == "merchant"]


async def test_only_the_newest_of_very_many_lines_are_shown(world: World) -> None:
    _, payment_id = await world.pending()
    world.line.lose_requests = 10_000
    for _ in range(260):
        await world.pass_time(hours=1)
    payment = await world.payment(payment_id)
    assert (len(payment["lines"]), payment["is_cut"]) == (500, True)
    assert payment["lines"][-1]["at"] == "2026-01-11T20:00:00.000Z"
    assert payment["why"]["zh-CN"].startswith("微信支付在 1 月 1 日 08:00:00 答复下单时说已收下这一单，")


async def test_another_merchant_sees_nothing_of_it(world: World) -> None:
    _, payment_id = await world.pending()
    for key in (world.other_key, world.live_key):
        headers = {"authorization": f"Bearer {key}"}
        assert (await call(world.app, "GET", f"/v1/payments/{payment_id}", headers, b"")).status == 404


@pytest.mark.parametrize("channel", CHANNELS)
async def test_every_channels_payment_is_explained_without_a_secret(database: Database, channel: str) -> None:
    """The same story at each channel; no credential of the account is anywhere in it."""
    world = await make_world(database, channel)
    order = await world.order()
    payment_id = (await world.pay(order["id"])).json()["id"]
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    await world.deliver(delivery)
    await world.work()
    await world.pass_time(minutes=1)
    said = await world.get(f"/v1/payments/{payment_id}")
    payment = said.json()
    label = discover().channels[channel].label
    assert payment["why"]["zh-CN"] == f"{label['zh-CN']}在 08:00:00 通知我们已收到 ¥86.00，订单因此已付。"
    assert payment["why"]["en"].startswith(f"{label['en']} told us at 08:00:00 that ¥86.00 was paid")
    assert IN in lanes(payment)
    text = said.body.decode()
    for name, secret in credentials(channel).items():
        is_secret = "key" in name or "secret" in name or "password" in name
        if is_secret and "public" not in name and len(secret) > 20:
            for part in secret.splitlines():
                assert len(part) < 20 or part not in text, name
    shopper = sandbox_of(channel).shopper
    assert not shopper or shopper not in text


async def test_a_moment_of_long_ago_is_told_with_its_day(world: World) -> None:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    world.clock.instant += timedelta(days=364, hours=17)  # another year in China, and the API key's last day
    why = (await world.payment(payment_id))["why"]
    assert why["zh-CN"].startswith("微信支付在 2026 年 1 月 1 日 08:00:00 通知我们")
