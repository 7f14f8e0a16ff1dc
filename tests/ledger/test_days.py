"""The books by day: each day in China holds what moved on it, and a view that lies is found by a second count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.support import MERCHANT, OTHER, manual, run_apart
from shunfu.db import Database, PoolSettings, Transaction, Urls
from shunfu.db.driver import session
from shunfu.kernel.money import MAX_MINOR, Money
from shunfu.ledger import (
    DAYS_MAX,
    LedgerDay,
    Posting,
    capture,
    capture_surplus,
    day_of,
    every_day,
    fee,
    post,
    read_balances,
    read_days,
    recount_views,
    refund_over,
    refund_paid,
    refund_surplus,
    settlement,
)
from shunfu.ledger.model import Account, Leg

_, SOURCE = manual()
SCHEMA = resources.files("shunfu.ledger").joinpath("schema")
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
ONE, TWO = ("wechatpay", "1900000001"), ("alipay", "2088:with:colons")


def yuan(minor: int, currency: str = "CNY") -> Money:
    return Money(minor, currency)


async def put(database: Database, *postings: Posting, merchant_id: UUID = MERCHANT) -> None:
    async def story(tx: Transaction) -> None:
        for posting in postings:
            await post(tx, SOURCE, merchant_id, posting)

    await database.transact(story)


async def days(
    database: Database, first: date = TODAY, last: date = TODAY, channel: str | None = None, of: UUID = MERCHANT
) -> list[LedgerDay]:
    async with database.reading() as reader:
        return await read_days(reader, of, first, last, channel)


async def faults(database: Database, merchant_id: UUID = MERCHANT) -> list[tuple[str, str | None, str | None]]:
    async with database.reading() as reader:
        found = await recount_views(reader, merchant_id)
    return [(one.view, one.shown, one.recounted) for one in found]


def numbered(*facts: tuple[Callable[..., Posting], int, tuple[str, str]]) -> list[Posting]:
    return [recipe(UUID(int=number), yuan(minor), where, NOON) for number, (recipe, minor, where) in enumerate(facts)]


async def test_a_day_of_everything(database: Database) -> None:
    """Two channels; what the channel holds is what came, less what went back, was kept and was paid out."""
    await put(
        database,
        *numbered(
            (capture, 8600, ONE),
            (capture, 1400, ONE),
            (capture_surplus, 500, ONE),
            (refund_paid, 300, ONE),
            (refund_surplus, 500, ONE),
            (refund_over, 7, ONE),
            (fee, 60, ONE),
            (fee, -2, ONE),
            (settlement, 9000, ONE),
            (capture, 100, TWO),
        ),
    )
    alipay, wechatpay = await days(database)
    assert wechatpay == LedgerDay(
        TODAY,
        "wechatpay",
        "CNY",
        captured_minor=10_000,
        surplus_minor=500,
        refunded_minor=300,
        surplus_refunded_minor=500,
        over_refunded_minor=7,
        fees_minor=58,
        settled_minor=9000,
        held_minor=635,
    )
    assert wechatpay.other_minor == 0
    assert alipay == LedgerDay(TODAY, "alipay", "CNY", captured_minor=100, held_minor=100)
    assert await days(database, channel="alipay") == [alipay]
    assert await days(database, channel="unionpay") == []
    assert await faults(database) == []


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 22, 15, 59, 59, 999_999, UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 22, 16, 0, 0, 0, UTC), date(2026, 11, 23)),
        (datetime(2026, 12, 31, 16, 0, 0, 0, UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 16, 0, 0, 0, UTC), date(2028, 2, 29)),
    ],
)
async def test_a_day_begins_at_16_utc(database: Database, moment: datetime, day: date) -> None:
    await put(database, capture(UUID(int=1), yuan(1), ONE, moment))
    assert day_of(moment) == day
    assert [line.day for line in await days(database, day, day)] == [day]
    for beside in (day - timedelta(days=1), day + timedelta(days=1)):
        assert await days(database, beside, beside) == []
    assert await faults(database) == []


async def test_a_merchant_sees_its_own_days(database: Database) -> None:
    await put(database, capture(UUID(int=1), yuan(1), ONE, NOON))
    await put(database, capture(UUID(int=1), yuan(2), ONE, NOON), merchant_id=OTHER)
    assert [line.captured_minor for line in await days(database)] == [1]
    assert [line.captured_minor for line in await days(database, of=OTHER)] == [2]
    async with database.reading() as reader:
        assert [line.debit_minor for line in await read_balances(reader, OTHER)] == [2, 0]
        assert await read_balances(reader, UUID(int=99)) == []


async def test_no_more_than_a_year_at_once_and_yet_every_day(database: Database) -> None:
    later = [NOON + timedelta(days=days) for days in (0, 1, DAYS_MAX - 1, DAYS_MAX, 3 * DAYS_MAX + 5)]
    await put(database, *(capture(UUID(int=number), yuan(1), ONE, at) for number, at in enumerate(later)))
    with pytest.raises(AssertionError):
        await days(database, TODAY, TODAY + timedelta(days=DAYS_MAX))
    async with database.reading() as reader:
        assert [line.day async for line in every_day(reader, MERCHANT)] == [day_of(at) for at in later]
        assert [line async for line in every_day(reader, OTHER)] == []
    assert len(await days(database, TODAY, TODAY + timedelta(days=DAYS_MAX - 1))) == 3
    assert await faults(database) == []


# --- whatever is posted ----------------------------------------------------------------------------------------------

RECIPES = st.sampled_from([capture, capture_surplus, refund_paid, refund_surplus, refund_over, fee, settlement])
FACTS = st.lists(
    st.tuples(
        RECIPES,
        st.integers(1, MAX_MINOR),
        st.sampled_from(["CNY", "JPY"]),
        st.sampled_from([ONE, TWO]),
        st.datetimes(datetime(2025, 12, 30), datetime(2027, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    max_size=12,
)
COLUMNS = {
    capture: ("captured_minor", 1),
    capture_surplus: ("surplus_minor", 1),
    refund_paid: ("refunded_minor", -1),
    refund_surplus: ("surplus_refunded_minor", -1),
    refund_over: ("over_refunded_minor", -1),
    fee: ("fees_minor", -1),
    settlement: ("settled_minor", -1),
}


def test_any_postings_make_the_days_of_a_plain_sum(database_urls: Urls, app_role: str | None) -> None:
    """Whatever is posted, each day, channel and currency holds what a sum in memory says, and the views agree."""
    serials = iter(range(1, 10_000))

    async def story(postings: list[Posting]) -> list[LedgerDay]:
        merchant_id = UUID(int=next(serials) << 64)
        database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role))
        try:
            await put(database, *postings, merchant_id=merchant_id)
            assert await faults(database, merchant_id) == []
            async with database.reading() as reader:
                return [day async for day in every_day(reader, merchant_id)]
        finally:
            await database.close()

    @settings(max_examples=40, deadline=None)
    @given(FACTS)
    def holds(facts: list[tuple[Callable[..., Posting], int, str, tuple[str, str], datetime]]) -> None:
        sums: dict[tuple[date, str, str], Counter[str]] = {}
        postings: list[Posting] = []
        for number, (recipe, minor, currency, where, at) in enumerate(facts):
            postings.append(recipe(UUID(int=number), yuan(minor, currency), where, at))
            column, direction = COLUMNS[recipe]
            columns = sums.setdefault(((at + timedelta(hours=8)).date(), where[0], currency), Counter())
            columns.update({column: minor, "held_minor": direction * minor})
        found = run_apart(story(postings))
        assert {(day.day, day.channel, day.currency): amounts(day) for day in found} == {
            key: {name: minor for name, minor in columns.items() if minor} for key, columns in sums.items()
        }
        assert [day.other_minor for day in found] == [0] * len(found)

    holds()


def amounts(day: LedgerDay) -> dict[str, int]:
    """The columns of a day that are not zero."""
    return {name: minor for name, minor in asdict(day).items() if name.endswith("_minor") and minor}


async def test_what_no_channel_holds_has_a_day_without_a_channel(database: Database) -> None:
    """And a movement that has no column shows as other."""
    odd, sales = Account("odd", "CNY", "debit"), Account("sales", "CNY", "credit")
    held = Account("channel_receivable:wechatpay:1900000001", "CNY", "debit")
    await put(database, Posting("adjust", UUID(int=1), NOON, (Leg(odd, sales, yuan(5)), Leg(held, sales, yuan(3)))))
    nowhere, there = await days(database)
    assert (nowhere.channel, nowhere.held_minor) == ("", 0)
    assert (there.channel, there.held_minor, there.other_minor) == ("wechatpay", 3, 3)
    assert await faults(database) == []


# --- what the database's owner does ----------------------------------------------------------------------------------


async def owner(urls: Urls, statement: str) -> None:
    async with session(urls.migration_url) as connection:
        await connection.execute(f"SET search_path = shunfu; {statement}")


def definition(view: str) -> str:
    """The statement of a schema file that makes a view, written to replace it."""
    text = "".join(file.read_text("utf-8") for file in SCHEMA.iterdir())
    head, told = f"CREATE VIEW {view} AS", f"CREATE OR REPLACE VIEW {view} AS"
    return told + text.split(head)[1].split(";")[0]


LIES = {
    "days, more": ("ledger_view_days", "sum(line.debit_minor)", "sum(line.debit_minor + 1)"),
    "days, zone": ("ledger_view_days", "Asia/Shanghai", "UTC"),
    "days, channel": ("ledger_view_days", "split_part(leg.held, ':', 2) AS channel", "'alipay'::text AS channel"),
    "days, left out": ("ledger_view_days", "GROUP BY", "WHERE line.code <> 'fees' GROUP BY"),
    "days, made up": ("ledger_view_days", "sum(line.credit_minor)", "9"),
    "entries, more": (
        "ledger_view_entries",
        "'debit'::text AS side, amount_minor",
        "'debit'::text AS side, amount_minor + 1 AS amount_minor",
    ),
    "entries, left out": ("ledger_view_entries", "FROM transfers\nUNION ALL", "FROM transfers WHERE false UNION ALL"),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_view_that_lies_is_found(database: Database, database_urls: Urls, name: str) -> None:
    at_night = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
    await put(database, capture(UUID(int=1), yuan(100), ONE, at_night), fee(UUID(int=1), yuan(1), ONE, NOON))
    assert await faults(database) == []
    view, genuine, lie = LIES[name]
    statement = definition(view)
    assert genuine in statement
    await owner(database_urls, statement.replace(genuine, lie, 1))
    assert {one[0] for one in await faults(database)} == {view}


async def test_an_account_that_was_renamed_is_found(database: Database, database_urls: Urls) -> None:
    await put(database, capture(UUID(int=1), yuan(100), ONE, NOON))
    await owner(database_urls, "UPDATE accounts SET code = 'channel_receivable:alipay:1' WHERE code LIKE 'channel%'")
    assert [fault[:2] for fault in await faults(database)] == [("accounts", "channel_receivable:alipay:1 CNY")]
