"""Staff open the pages of a shop on a real PostgreSQL: what is shown is theirs, found, whole, and never another's."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest

from console.desk import Desk, make_desk, merchant_of, paid, plain, refunded
from flows.world import World
from shunfu.db import Database, Job, Query, Transaction, Urls
from shunfu.db.driver import session
from shunfu.kernel.ids import parse_public

HOSTILE = "<script>alert(1)</script> \"x\" & 'y'"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'"


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await make_desk(database)


async def test_an_empty_shop_is_told_what_to_do(desk: Desk) -> None:
    page = await desk.text("/console")
    assert "一切正常" in page
    assert "POST /v1/orders" in page
    assert "POST /v1/orders" in await desk.text("/console/orders")
    assert "还没有退款" in await desk.text("/console/refunds")


async def test_today_counts_what_moved_in_the_day_of_china(desk: Desk) -> None:
    """One order is paid and partly refunded, one is abandoned and closes; the day after, both are yesterday's."""
    world = desk.world
    _, payment_id = await paid(world)
    await refunded(world, payment_id)
    await world.pending()
    for _ in range(4):
        await world.pass_time(minutes=30)
        for delivery in world.line.due():
            await world.deliver(delivery)
    await world.work()
    page = plain(await desk.text("/console"))
    assert "已收款 ¥ 86 .00" in page
    assert "已退款 ¥ 28 .00" in page
    assert "今天发起、已结束的 2 笔里成了 1 笔" in page
    assert "50%" in page
    world.clock.instant += timedelta(days=1)
    page = plain(await desk.text("/console"))
    assert "已收款 ¥ 0 .00" in page
    assert "已退款 ¥ 0 .00" in page
    assert "今天发起的付款还没有结束的" in page


async def test_a_payment_without_a_result_is_on_the_first_page_and_can_be_listed(desk: Desk) -> None:
    world = desk.world
    world.line.lose_replies = 1
    order = await world.order()
    said = await world.pay(order["id"])
    assert said.json()["state"] == "UNKNOWN"
    await paid(world)
    page = plain(await desk.text("/console"))
    assert "结果未明 1 最早的从" in page
    assert "有 1 件事要看" in page
    listed = await desk.text("/console/orders?state=UNKNOWN")
    assert re.findall(r'href="/console/orders/(ord_\w+)"', listed) == [order["id"]]
    shown = plain(await desk.text(f"/console/payments/{said.json()['id']}"))
    assert "为什么是“结果未明”" in shown
    assert "没有答复下单请求" in shown


@dataclass(frozen=True)
class Heard:
    """Evidence written straight into the facts, as a channel's odd words would be."""

    world: World
    migration_url: str

    async def write(self, subject: str, kind: str, alarm: str | None, state: str) -> None:
        prefix = subject.partition("_")[0]
        table, key = {"pay": ("payment_evidence", "payment_id"), "rfd": ("refund_evidence", "refund_id")}[prefix]
        async with session(self.migration_url) as owner:
            await owner.execute(
                f"INSERT INTO shunfu.{table} (merchant_id, evidence_id, {key}, door, kind, body, state_before,"
                " state_after, alarm, happened_at, recorded_at) "
                "VALUES ($1, $2, $3, 'query', $4, '{}', $5, $5, $6, $7, $7)",
                merchant_of(self.world.api_key),
                self.world.house.source.new_id(),
                parse_public(prefix, subject),
                kind,
                state,
                alarm,
                self.world.clock.now(),
            )


@pytest.fixture
def heard(desk: Desk, database_urls: Urls) -> Heard:
    return Heard(desk.world, database_urls.migration_url)


async def test_an_alarm_leads_to_its_page_and_is_shown_to_nobody_else(desk: Desk, heard: Heard) -> None:
    world = desk.world
    _, payment_id = await paid(world)
    refund_id = await refunded(world, payment_id)
    (state,) = (await world.sql("SELECT state FROM refunds"))[0]
    await heard.write(payment_id, "paid", "second_transaction_no", "CAPTURED")
    await heard.write(refund_id, "unknown", "refund_too_long", str(state))
    page = await desk.text("/console")
    assert "有 2 件事要看" in page
    assert f'href="/console/payments/{payment_id}">另一个渠道单号也收到付款' in page
    assert f'href="/console/refunds/{refund_id}">退款退得太久' in page
    theirs = await desk.text("/console", "theirs")
    assert "一切正常" in theirs
    assert payment_id not in theirs


async def test_an_alarm_of_a_state_that_is_over_is_none(desk: Desk, heard: Heard) -> None:
    _, payment_id = await desk.world.pending()
    await heard.write(payment_id, "paid", "mismatch", "PENDING")
    assert "收到的付款与本单不符" in await desk.text("/console")
    await desk.world.shopper_pays(payment_id)
    assert "收到的付款与本单不符" not in await desk.text("/console")


async def test_a_contradiction_that_the_channel_took_back_is_no_alarm_any_more(desk: Desk, heard: Heard) -> None:
    _, payment_id = await paid(desk.world)
    for kind, alarm, is_shown in (
        ("not_found", "unexpected_evidence", True),
        ("unknown", None, True),
        ("paid", None, False),
    ):
        await heard.write(payment_id, kind, alarm, "CAPTURED")
        assert ("渠道的说法与先前矛盾" in await desk.text("/console")) == is_shown, kind


async def test_surplus_money_alarms_until_all_of_it_is_on_its_way_back(desk: Desk, heard: Heard) -> None:
    _, payment_id = await paid(desk.world)
    await heard.write(payment_id, "paid", "surplus", "CAPTURED")
    await refunded(desk.world, payment_id, 8000)
    assert "多付的一笔还没有退" in await desk.text("/console")
    await refunded(desk.world, payment_id, 600)
    assert "多付的一笔还没有退" not in await desk.text("/console")


async def test_jobs_in_trouble_are_listed_and_those_that_only_wait_are_not(desk: Desk, database_urls: Urls) -> None:
    world = desk.world
    later = world.clock.now() + timedelta(hours=9)
    merchant_id = merchant_of(world.api_key)

    async def plan(tx: Transaction) -> None:
        for key in ("waits", "fails", "gave_up"):
            await world.house.jobs.enqueue(tx, Job(merchant_id, f"payments.{key}", key, {}, later))

    await world.house.database.transact(plan)
    async with session(database_urls.migration_url) as owner:
        await owner.execute("UPDATE shunfu.jobs SET attempts = 3, last_error = 'TransientFault' WHERE key = 'fails'")
        await owner.execute(
            "UPDATE shunfu.jobs SET state = 'dead', finished_at = run_at, attempts = 16 WHERE key = 'gave_up'"
        )
    page = plain(await desk.text("/console"))
    assert "会再试 payments.fails 试了 3 次" in page
    assert "TransientFault" in page
    assert "已放弃 payments.gave_up 试了 16 次后放弃" in page
    assert "payments.waits" not in page
    assert "payments." not in await desk.text("/console", "theirs")


async def test_an_order_is_found_by_each_of_its_numbers(desk: Desk) -> None:
    world = desk.world
    order_id, payment_id = await paid(world, merchant_order_no="SF1122-0417")
    await paid(world)
    number = (await world.payment(payment_id))["channel_transaction_no"]
    tail = payment_id.partition("_")[2]
    for needle in (order_id, f"SBX-{order_id}", payment_id, tail, "SF1122-0417", number):
        page = await desk.text(f"/console/orders?q={needle}")
        assert re.findall(r'href="/console/orders/(ord_\w+)"', page) == [order_id], needle
        others = await desk.text(f"/console/orders?q={needle}", "theirs")
        assert "没有符合的订单" in others, needle
    for needle in ("SF1122-041", "%25", "SF1122-0417'--", "%00", "x" * 200):
        assert "没有符合的订单" in await desk.text(f"/console/orders?q={needle}"), needle


async def test_walking_the_list_shows_each_order_once(desk: Desk) -> None:
    """103 orders on three pages, newest first; a new order that comes meanwhile moves nothing."""
    made = [(await desk.world.order())["id"] for _ in range(103)]
    target, seen, pages = "/console/orders", [], 0
    while target:
        page = await desk.text(target)
        seen += re.findall(r'href="/console/orders/(ord_\w+)"', page)
        pages += 1
        found = re.search(r'href="([^"]*)" rel="next"', page)
        target = html.unescape(found[1]) if found else ""
        if pages == 1:
            await desk.world.order()
    assert seen == made[::-1]
    assert pages == 3


async def test_refunds_are_listed_filtered_and_explained(desk: Desk) -> None:
    world = desk.world
    order_id, payment_id = await paid(world)
    ids = [await refunded(world, payment_id, 100, HOSTILE if n else "少了一件") for n in range(2)]
    page = await desk.text("/console/refunds")
    assert re.findall(r'href="/console/refunds/(rfd_\w+)"', page) == ids[::-1]
    assert "没有这种状态的退款" in await desk.text("/console/refunds?state=ABNORMAL")
    shown = await desk.text(f"/console/refunds/{ids[1]}")
    assert f'href="/console/orders/{order_id}"' in shown
    assert f'href="/console/payments/{payment_id}"' in shown
    assert "为什么是" in shown
    assert "<script>" not in page + shown
    assert "&lt;script&gt;alert(1)" in shown
    for target in (f"/console/payments/{payment_id}", f"/console/orders/{order_id}"):
        assert f'href="/console/refunds/{ids[0]}"' in await desk.text(target)


async def test_a_payments_page_has_every_line_of_the_api(desk: Desk) -> None:
    order_id, payment_id = await paid(desk.world)
    told = await desk.world.payment(payment_id)
    page = await desk.text(f"/console/payments/{payment_id}")
    english = await desk.text(f"/console/payments/{payment_id}?lang=en")
    assert html.escape(told["why"]["zh-CN"], quote=False) in html.unescape(page)
    assert told["why"]["en"] in html.unescape(english)
    assert len(told["lines"]) > 5
    for line in told["lines"]:
        assert line["summary"]["zh-CN"] in html.unescape(page)
        assert line["id"] in page
    assert f'href="/console/orders/{order_id}"' in page


async def test_a_strangers_texts_never_run(desk: Desk) -> None:
    order = await desk.world.order(subject=HOSTILE, merchant_order_no="no")
    for target in ("/console/orders", f"/console/orders/{order['id']}"):
        page = await desk.text(target)
        assert "<script>" not in page
        assert '<bdi class="wrap">&lt;script&gt;alert(1)&lt;/script&gt; ' in page
    page = await desk.text("/console/orders?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in page


async def test_another_merchants_ids_are_not_there(desk: Desk) -> None:
    world = desk.world
    order_id, payment_id = await paid(world)
    refund_id = await refunded(world, payment_id)
    for _ in range(51):
        await world.order()
    targets = [f"/console/orders/{order_id}", f"/console/payments/{payment_id}", f"/console/refunds/{refund_id}"]
    following = re.search(r'href="([^"]*)" rel="next"', await desk.text("/console/orders"))
    assert following
    targets.append(html.unescape(following[1]))
    for target in targets:
        assert (await desk.get(target)).status == 200, target
        said = await desk.get(target, "theirs")
        assert said.status == 404, target
        assert "没有这一页" in said.body.decode()
        assert order_id not in said.body.decode()
    assert "ord_" not in await desk.text("/console/orders", "theirs")
    assert "rfd_" not in await desk.text("/console/refunds", "theirs")


@pytest.mark.parametrize(
    "target",
    [
        "/console/orders/ord_x",
        "/console/orders/pay_01HZY3V9Q8M5T2K7R4W6X0J1BC",
        "/console/payments/pay_01HZY3V9Q8M5T2K7R4W6X0J1BC",
        "/console/refunds/%3Cscript%3E",
        "/console/orders?cursor=x",
        "/console/refunds?cursor=" + "0" * 48,
    ],
)
async def test_what_is_no_id_is_not_there(desk: Desk, target: str) -> None:
    said = await desk.get(target)
    assert said.status == 404
    assert "<script>" not in said.body.decode()


async def test_nobody_is_led_to_the_log_in_and_back(desk: Desk) -> None:
    for target, path in (
        ("/console", "%2Fconsole"),
        ("/console/orders?q=secret", "%2Fconsole%2Forders"),
        ("/console/refunds/rfd_x", "%2Fconsole%2Frefunds%2Frfd_x"),
    ):
        said = await desk.get(target, "a stranger")
        assert (said.status, said.headers["location"]) == (303, f"/console/login?next={path}")
        assert said.body == b""


async def test_a_page_needs_its_capability(desk: Desk) -> None:
    order_id, payment_id = await paid(desk.world)
    refund_id = await refunded(desk.world, payment_id)
    forbidden = ["/console", f"/console/payments/{payment_id}", "/console/refunds", f"/console/refunds/{refund_id}"]
    for target in forbidden:
        assert (await desk.get(target, "orders only")).status == 403, target
    for target in (*forbidden, "/console/orders", f"/console/orders/{order_id}"):
        said = await desk.get(target, "nothing")
        assert said.status == 403, target
        assert "你的角色不能看这一页" in said.body.decode()
    page = await desk.text(f"/console/orders/{order_id}", "orders only")
    assert refund_id not in page


async def test_every_answer_carries_the_headers(desk: Desk) -> None:
    for target, who in (("/console", "ours"), ("/console", "nobody"), ("/console/orders/x", "ours")):
        headers = (await desk.get(target, who)).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_language_asked_for_is_kept(desk: Desk) -> None:
    assert '<html lang="zh-CN">' in await desk.text("/console")
    said = await desk.get("/console?lang=en")
    assert b'<html lang="en">' in said.body
    cookie = said.headers["set-cookie"]
    assert cookie.startswith("lang=en;")
    assert "HttpOnly" in cookie
    kept = await desk.get("/console/orders", headers={"cookie": "lang=en"})
    assert b'<html lang="en">' in kept.body
    assert b'href="?lang=zh-CN"' in kept.body
    odd = await desk.get("/console", headers={"cookie": "lang=<script>"})
    assert b'<html lang="zh-CN">' in odd.body
    filtered = await desk.get("/console/orders?state=PAID&lang=en")
    assert b'href="?state=PAID&amp;lang=zh-CN"' in filtered.body


async def test_no_query_of_ours_reads_every_row(desk: Desk) -> None:
    """What is asked for at every look has an index: of the alarms, of the unknown payments, of jobs in trouble."""
    async with desk.world.house.database.reading() as reader:
        names = await reader.fetch(Query("t", "SELECT indexname FROM pg_indexes WHERE schemaname = 'shunfu'", "t"))
    made = {row["indexname"] for row in names}
    assert made >= {"payment_evidence_alarms", "refund_evidence_alarms", "payments_unknown", "jobs_troubled"}
