"""The books by day over HTTP, and the proof that the days are those of the payments and refunds behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.support import START
from flows.world import World
from shunfu.app.commands import found_organisation, prove_books
from shunfu.db import Transaction, Urls
from shunfu.db.driver import session
from shunfu.ledger import day_of
from shunfu.merchants import NewKey, get_merchant, issue_api_key, read_audit
from shunfu.merchants.model import read_api_key

TODAY = day_of(START).isoformat()
TOMORROW = day_of(START + timedelta(days=1)).isoformat()
DAYS = f"/v1/ledger/days?from={TODAY}&to={TODAY}"

MOVE_ONE = """UPDATE transfers SET happened_at = happened_at + interval '1 day'
WHERE transfer_id = (SELECT min(transfer_id::text)::uuid FROM transfers)"""
OTHER_CHANNEL = """INSERT INTO accounts
SELECT merchant_id, gen_random_uuid(), 'channel_receivable:alipay:1', currency, normal_side, created_at
FROM accounts WHERE code LIKE 'channel%';
UPDATE transfers SET debit_account_id = (SELECT account_id FROM accounts WHERE code LIKE '%alipay%')"""


async def owner(urls: Urls, statement: str) -> None:
    async with session(urls.migration_url) as connection:
        await connection.execute(f"SET search_path = shunfu; {statement}")


async def paid(world: World, times: int = 1) -> str:
    """So many paid orders; the last payment's id."""
    payment_id = ""
    for _ in range(times):
        _, payment_id = await world.pending()
        await world.shopper_pays(payment_id)
    return payment_id


async def settled(world: World) -> None:
    """The channel has had its time for refunds, and its notifications have arrived."""
    world.clock.advance(300)
    for delivery in world.line.due():
        await world.deliver(delivery)
    await world.work()


async def views(world: World) -> list[str]:
    proof: Any = await prove_books(world.house)
    assert proof["ok"] == (not any(books["views"] or books["differences"] for books in proof["merchants"]))
    return [line for books in proof["merchants"] for line in books["views"]]


async def test_days_and_balances(world: World) -> None:
    payment_id = await paid(world, 2)
    refunded = await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": 600, "reason": "少了一件"})
    assert refunded.status == 201
    await settled(world)
    said = await world.get(DAYS)
    assert said.status == 200
    (day,) = said.json()["items"]
    assert said.json()["time_zone"] == "Asia/Shanghai"
    assert day == {
        "day": TODAY,
        "channel": "wechatpay",
        "currency": "CNY",
        "captured_minor": 17_200,
        "surplus_minor": 0,
        "refunded_minor": 600,
        "surplus_refunded_minor": 0,
        "over_refunded_minor": 0,
        "fees_minor": 0,
        "settled_minor": 0,
        "held_minor": 16_600,
    }
    balances = (await world.get("/v1/ledger/balances")).json()["items"]
    assert {line["code"].partition(":")[0]: line["balance_minor"] for line in balances} == {
        "channel_receivable": 16_600,
        "sales": 16_600,
    }
    assert (await world.get(f"{DAYS}&channel=wechatpay")).json()["items"] == [day]
    assert (await world.get(f"{DAYS}&channel=alipay")).json()["items"] == []
    assert await views(world) == []


async def test_another_merchant_sees_nothing_of_it(world: World) -> None:
    await paid(world)
    for key in (world.other_key, world.live_key):
        world.api_key = key
        assert (await world.get(DAYS)).json()["items"] == []
        assert (await world.get("/v1/ledger/balances")).json()["items"] == []


async def test_a_key_without_the_capability_is_forbidden(world: World) -> None:
    presented = read_api_key(world.api_key)
    assert presented is not None

    async def story(tx: Transaction) -> str:
        merchant = await get_merchant(tx, presented.merchant_id)
        assert merchant is not None
        wish = NewKey("orders only", frozenset({"orders:read"}))
        return (await issue_api_key(tx, world.house.source, merchant, wish)).reveal()

    world.api_key = await world.house.database.transact(story)
    assert (await world.get("/v1/orders")).status == 200
    for target in (DAYS, "/v1/ledger/balances"):
        assert (await world.get(target)).code == "forbidden"


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("", "/from", "required"),
        (f"from={TODAY}", "/to", "required"),
        (f"from=today&to={TODAY}", "/from", "bad_format"),
        (f"from=20260101&to={TODAY}", "/from", "bad_format"),
        (f"from=0&to={TODAY}", "/from", "bad_format"),
        (f"from=2026-02-30&to={TODAY}", "/from", "bad_format"),
        (f"from=0000-01-01&to={TODAY}", "/from", "bad_format"),
        (f"from=２０２６-01-01&to={TODAY}", "/from", "bad_format"),
        ("from=2026-01-02&to=2026-01-01", "/to", "too_small"),
        ("from=2026-01-01&to=2027-01-02", "/to", "too_large"),
        ("from=0001-01-01&to=9999-12-31", "/to", "too_large"),
        (f"from={TODAY}&to={TODAY}&channel=%27", "/channel", "bad_format"),
    ],
)
async def test_a_wrong_question_names_the_field(world: World, query: str, pointer: str, code: str) -> None:
    said = await world.get(f"/v1/ledger/days?{query}".encode().decode("latin-1"))
    assert said.code == "invalid_field"
    assert {"pointer": pointer, "code": code} in said.json()["errors"]


async def test_a_posting_moved_to_another_day_is_found(world: World, database_urls: Urls) -> None:
    """Its amount is right, so only the days tell."""
    await paid(world, 2)
    assert await views(world) == []
    await owner(database_urls, MOVE_ONE)
    assert await views(world) == [
        f"{TODAY} wechatpay CNY: captured is 8600 in the ledger and 17200 elsewhere",
        f"{TOMORROW} wechatpay CNY: captured is 8600 in the ledger and 0 elsewhere",
    ]


async def test_a_posting_moved_to_another_channel_is_found(world: World, database_urls: Urls) -> None:
    await paid(world)
    await owner(database_urls, OTHER_CHANNEL)
    found = await views(world)
    assert f"{TODAY} alipay CNY: captured is 8600 in the ledger and 0 elsewhere" in found
    assert f"{TODAY} wechatpay CNY: captured is 0 in the ledger and 8600 elsewhere" in found
    assert any(line.startswith("accounts: ") for line in found), "and the account was not opened by a posting"


async def test_a_deleted_posting_is_found_in_the_days_too(world: World, database_urls: Urls) -> None:
    await paid(world)
    await owner(database_urls, "DELETE FROM transfers")
    assert await views(world) == [f"{TODAY} wechatpay CNY: captured is 0 in the ledger and 8600 elsewhere"]


async def test_founding_by_command_is_in_the_audit_log(world: World) -> None:
    made = await found_organisation(world.house, "第三家", ())
    async with world.house.database.reading() as reader:
        log = await read_audit(reader, made.live.merchant_id, 10)
    assert [row.entry.action for row in log] == ["api_key.issued", "merchant.created"]
