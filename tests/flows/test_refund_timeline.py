"""What `GET /v1/refunds/{id}` says of a refund's life: every message, every decision, and why it is in its state."""

from __future__ import annotations

import pytest

from flows.test_refund import ask, hear, lose, paid, read, second_key
from flows.test_timeline import DECIDED, IN, MISSING, OUT, lanes, pending_beside
from flows.world import World, credentials, make_world
from shunfu.db import Database, Transaction, begin_recovery
from shunfu.driver import discover
from shunfu.kernel.ids import parse_public

ASKED = "merchant>shunfu message_in"


async def test_a_refund_that_goes_its_way(world: World) -> None:
    refund = await ask(world, await paid(world))
    waiting = await read(world, refund["id"])
    assert waiting["why"]["zh-CN"] == "微信支付在 08:00:00 答复退款请求时说已受理，等它把钱退完；08:01:00 去查。"
    assert lanes(waiting) == [ASKED, OUT, IN, DECIDED]
    sent = waiting["lines"][1]["detail"]
    assert sent["path"] == "/v3/refund/domestic/refunds"
    assert sent["headers"]["authorization"] == "WECHATPAY2-SHA256-RSA2048 ***"
    await world.pass_time(seconds=299)  # what is to be asked was asked: only the notification can tell
    await world.pass_time(seconds=1)
    for delivery in world.line.due():
        await world.deliver(delivery)
    await world.work()
    done = await read(world, refund["id"])
    assert done["why"] == {
        "zh-CN": "微信支付在 08:05:00 通知我们已退回 ¥28.00，退款完成。",
        "en": "WeChat Pay told us at 08:05:00 that ¥28.00 has gone back, so the refund is done.",
    }
    heard = [line for line in done["lines"] if line["detail"]["event_type"]]
    assert [(line["detail"]["verdict"], line["detail"]["event_type"]) for line in heard] == [
        ("accepted", "REFUND.SUCCESS")
    ]
    assert done["is_cut"] is False


async def test_the_payment_says_what_of_it_went_back(world: World) -> None:
    payment_id = await paid(world)
    await ask(world, payment_id)
    assert (await world.payment(payment_id))["why"]["zh-CN"].endswith("订单因此已付；其中 ¥28.00 已申请退回。")
    await lose(world, minutes=12)
    assert (await world.payment(payment_id))["why"]["zh-CN"].endswith("订单因此已付；其中 ¥28.00 已退回。")
    await ask(world, payment_id, 5800)
    await lose(world, minutes=12)
    assert (await world.payment(payment_id))["why"]["zh-CN"].endswith("订单因此已付；现已全部退回。")


async def test_a_lost_reply_is_told(world: World) -> None:
    payment_id = await paid(world)
    world.line.lose_replies = 1
    refund = await read(world, (await ask(world, payment_id))["id"])
    assert lanes(refund) == [ASKED, OUT, MISSING, DECIDED]
    assert refund["why"]["zh-CN"] == "退款结果未明：微信支付在 08:00:00 没有答复退款请求；08:01:00 去查。"


async def test_too_little_money_says_when_it_is_sent_again(world: World) -> None:
    payment_id = await paid(world, 9923)
    refund = await read(world, (await ask(world, payment_id, 9923))["id"])
    assert "现在还不能退（NOT_ENOUGH）" in refund["why"]["zh-CN"]
    assert refund["why"]["zh-CN"].endswith("08:01:00 用同一单号再发。")
    assert refund["lines"][-1]["detail"]["reason"] == "NOT_ENOUGH"


async def test_stuck_money_asks_for_a_person_and_a_card_is_nowhere_in_it(world: World) -> None:
    payment_id = await paid(world, 9921)
    refund = await ask(world, payment_id, 9921)
    await lose(world, minutes=12)
    stuck = await read(world, refund["id"])
    assert stuck["why"]["zh-CN"].endswith("退款异常，钱退不回原处，需要人指定退到哪里。")
    card = {"to": "payer", "bank": "ICBC_DEBIT", "bank_account": "6222021234567890123", "real_name": "林小满"}
    await world.post(f"/v1/refunds/{refund['id']}/redirect", card)
    said = await world.get(f"/v1/refunds/{refund['id']}")
    asked = [line for line in said.json()["lines"] if line["detail"]["door"] == "redirect"]
    (line,) = [line for line in asked if line["towards"] == "channel"]
    assert line["detail"]["path"].endswith("/apply-abnormal-refund")
    dump = await world.sql("SELECT t::text FROM channel_exchanges t")
    for secret in (card["bank_account"], card["real_name"]):
        assert secret not in said.body.decode()
        assert secret not in str(dump)


async def test_approval_is_a_line_and_a_reason(world: World) -> None:
    payment_id = await paid(world, 2_000_000)
    refund = await ask(world, payment_id, 1_500_000)
    assert refund["state"] == "REQUESTED"
    waiting = await read(world, refund["id"])
    assert waiting["why"]["zh-CN"] == "¥15,000.00 的退款等另一人批准，还没有发给微信支付。"
    other = {"authorization": f"Bearer {await second_key(world)}"}
    await world.post(f"/v1/refunds/{refund['id']}/reject", {}, **other)
    rejected = await read(world, refund["id"])
    assert rejected["why"]["zh-CN"] == "这笔 ¥15,000.00 的退款在 08:00:00 没有获批，没有退款。"
    assert lanes(rejected) == [ASKED, ASKED]


async def test_after_a_restore_a_refund_says_what_it_waits_for(world: World) -> None:
    payment_id = await paid(world)
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id is not None

    async def story(tx: Transaction) -> None:
        await begin_recovery(tx, merchant_id, world.clock.now())

    await world.house.database.transact(story)
    refund = await ask(world, payment_id)
    assert (await read(world, refund["id"]))["why"]["zh-CN"] == (
        "¥28.00 的退款还没有发给微信支付：数据库刚恢复，问清每个渠道之前不出款。"
    )


async def test_surplus_money_gives_itself_back_by_our_own_decision(world: World) -> None:
    order_id, first = await world.pending()
    second = await pending_beside(world, order_id, first)
    await world.shopper_pays(first)
    await world.shopper_pays(second)
    await lose(world, minutes=12)
    (refund,) = (await world.get(f"/v1/payments/{second}/refunds")).json()["items"]
    told = await read(world, refund["id"])
    assert lanes(told)[0] == DECIDED
    assert told["lines"][0]["summary"]["zh-CN"] == "多付的钱自动退回 ¥86.00"
    assert told["why"]["zh-CN"].endswith("已退回 ¥86.00，多付的钱已退。")
    why = (await world.payment(second))["why"]["zh-CN"]
    assert why.endswith("但订单已由另一笔付款付清，属于多付，现已全部退回。")


@pytest.mark.parametrize("channel", sorted(discover().channels))
async def test_every_channels_refund_is_explained_without_a_secret(database: Database, channel: str) -> None:
    world = await make_world(database, channel)
    refund = await ask(world, await paid(world))
    await lose(world, minutes=12)
    await hear(world)
    said = await world.get(f"/v1/refunds/{refund['id']}")
    label = discover().channels[channel].label["zh-CN"]
    assert label in said.json()["why"]["zh-CN"]
    assert OUT in lanes(said.json())
    for name, secret in credentials(channel).items():
        is_secret = ("key" in name or "secret" in name or "password" in name) and "public" not in name
        for part in secret.splitlines() if is_secret else ():
            assert len(part) < 20 or part not in said.body.decode(), name
