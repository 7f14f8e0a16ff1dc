"""The books on a real database: append-only, each fact once, one currency a transfer, and provable from entries."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.support import MERCHANT, OTHER, manual, rows, run_apart, sql
from shunfu.db import ConstraintViolated, Database, PoolSettings, Transaction, Urls
from shunfu.kernel.money import MAX_MINOR, Money
from shunfu.ledger import (
    CAPTURE,
    CAPTURE_SURPLUS,
    Posting,
    Proof,
    capture,
    capture_surplus,
    post,
    posted_amounts,
    prove,
)
from shunfu.ledger.model import Account, Leg

NOW = datetime(2026, 11, 22, 6, 29, 35, tzinfo=UTC)
WHERE = ("wechatpay", "1900000001")
_, SOURCE = manual()


def fact(number: int, minor: int = 8600) -> Posting:
    return capture(UUID(int=number), Money(minor, "CNY"), WHERE, NOW)


async def put(database: Database, *postings: Posting, merchant_id: UUID = MERCHANT) -> None:
    async def story(tx: Transaction) -> None:
        for posting in postings:
            await post(tx, SOURCE, merchant_id, posting)

    await database.transact(story)


async def proof(database: Database, merchant_id: UUID = MERCHANT) -> Proof:
    async with database.reading() as reader:
        return await prove(reader, merchant_id)


async def test_empty_books_balance(database: Database) -> None:
    assert await proof(database) == Proof(0, 0, (), ())
    assert (await proof(database)).is_balanced


async def test_a_posting_is_two_entries_a_leg(database: Database) -> None:
    await put(database, fact(1), fact(2, 14), capture_surplus(UUID(int=3), Money(100, "CNY"), WHERE, NOW))
    found = await proof(database)
    assert (found.transactions, found.entries, found.is_balanced) == (3, 6, True)
    assert {line.code: line.balance_minor for line in found.balances} == {
        "channel_receivable:wechatpay:1900000001": 8714,
        "owed_to_shoppers": 100,
        "sales": 8614,
    }


async def test_both_clocks_are_kept(database: Database) -> None:
    await put(database, fact(1))
    assert await rows(database, "SELECT happened_at, recorded_at FROM transfers") == [(NOW, SOURCE.now())]


async def test_a_fact_is_posted_once(database: Database) -> None:
    await put(database, fact(1))
    for again in (fact(1), fact(1, 1), replace(fact(1), happened_at=SOURCE.now())):
        with pytest.raises(ConstraintViolated) as caught:
            await put(database, again)
        assert caught.value.sqlstate == "23505"
    assert (await proof(database)).entries == 2


async def test_a_fact_posted_by_two_at_once_is_posted_once(database: Database) -> None:
    tries = await asyncio.gather(*(put(database, fact(1)) for _ in range(8)), return_exceptions=True)
    assert Counter(type(found) for found in tries) == {type(None): 1, ConstraintViolated: 7}
    assert (await proof(database)).transactions == 1


async def test_another_recipe_or_merchant_is_another_fact(database: Database) -> None:
    await put(database, fact(1), capture_surplus(UUID(int=1), Money(5, "CNY"), WHERE, NOW))
    await put(database, fact(1), merchant_id=OTHER)
    assert (await proof(database)).transactions == 2
    assert (await proof(database, OTHER)).transactions == 1


async def test_a_posting_goes_with_its_story(database: Database) -> None:
    async def story(tx: Transaction) -> None:
        await post(tx, SOURCE, MERCHANT, fact(1))
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(story)
    assert await proof(database) == Proof(0, 0, (), ())


CHANGES = {
    "UPDATE transfers SET amount_minor = 1": "42501",
    "UPDATE transfers SET currency = 'JPY'": "42501",
    "DELETE FROM transfers": "42501",
    "TRUNCATE transfers": "42501",
    "UPDATE accounts SET normal_side = 'credit'": "42501",
    "UPDATE accounts SET code = 'x'": "42501",
    "DELETE FROM accounts": "42501",
    "DROP TABLE transfers": "42501",
    "ALTER TABLE transfers DISABLE TRIGGER ALL": "42501",
    "CREATE TABLE shunfu.mine (x integer)": "42501",
    "DELETE FROM ledger_view_entries": "55000",
    "UPDATE ledger_view_entries SET amount_minor = 1": "55000",
}
"""What the running server might try, and PostgreSQL's answer: no right, or a view that cannot be written."""


async def test_the_running_server_cannot_change_the_books(database: Database) -> None:
    await put(database, fact(1))
    before = await rows(database, "SELECT t::text FROM transfers t")
    told: dict[str, str] = {}
    for statement in CHANGES:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await database.transact(lambda tx, statement=statement: tx.execute(sql(statement)))
        told[statement] = str(caught.value.sqlstate)
    assert told == CHANGES
    assert await rows(database, "SELECT t::text FROM transfers t") == before


INSERT = """INSERT INTO transfers VALUES ($1, $2, $2, 'capture', $2, 0, $3, $4, $5, $6, now(), now())"""
HELD = Account("channel_receivable:wechatpay:1900000001", "CNY", "debit")
SALES = Account("sales", "CNY", "credit")
YEN = Account("sales", "JPY", "credit")


NO_TRANSFERS = [
    (HELD, YEN, 1, "CNY", "23503"),
    (HELD, YEN, 1, "JPY", "23503"),
    (HELD, SALES, 1, "JPY", "23503"),
    (HELD, SALES, 1, "USD", "23503"),
    (HELD, SALES, 0, "CNY", "23514"),
    (HELD, SALES, -1, "CNY", "23514"),
    (SALES, SALES, 1, "CNY", "23514"),
    (HELD, Account("unknown", "CNY", "credit"), 1, "CNY", "23503"),
]
"""A debit, a credit, an amount, a currency, and the constraint's SQLSTATE: the currency cannot be crossed."""


async def test_the_database_refuses_what_is_no_transfer(database: Database) -> None:
    await put(database, fact(1), capture(UUID(int=2), Money(1, "JPY"), WHERE, NOW))
    for debit, credit, minor, currency, sqlstate in NO_TRANSFERS:
        values = (MERCHANT, UUID(int=99), debit.id_for(MERCHANT), credit.id_for(MERCHANT), minor, currency)
        with pytest.raises(ConstraintViolated) as caught:
            await database.transact(lambda tx, values=values: tx.execute(sql(INSERT), *values))
        assert caught.value.sqlstate == sqlstate, (debit, credit, minor, currency)
    assert (await proof(database)).entries == 4


async def test_no_transfer_crosses_merchants(database: Database) -> None:
    await put(database, fact(1))
    await put(database, fact(1), merchant_id=OTHER)
    values = (MERCHANT, UUID(int=99), HELD.id_for(MERCHANT), SALES.id_for(OTHER), 1, "CNY")
    with pytest.raises(ConstraintViolated) as caught:
        await database.transact(lambda tx: tx.execute(sql(INSERT), *values))
    assert caught.value.sqlstate == "23503"


async def test_several_legs_are_one_transaction(database: Database) -> None:
    fees = Account("fees", "CNY", "debit")
    legs = (Leg(HELD, SALES, Money(8600, "CNY")), Leg(fees, HELD, Money(52, "CNY")))
    await put(database, Posting("settle", UUID(int=1), NOW, legs))
    found = await proof(database)
    assert (found.transactions, found.entries, found.is_balanced) == (1, 4, True)
    assert {line.code: line.balance_minor for line in found.balances} == {
        HELD.code: 8548,
        "fees": 52,
        "sales": 8600,
    }


async def test_the_largest_amounts_add_up(database: Database) -> None:
    await put(database, *(fact(number, MAX_MINOR) for number in range(1, 101)))
    balances = {line.code: line.balance_minor for line in (await proof(database)).balances}
    assert balances["sales"] == 100 * MAX_MINOR


async def test_posted_amounts_are_paged_by_reference(database: Database) -> None:
    await put(database, *(fact(number, number) for number in range(1, 1206)))
    async with database.reading() as reader:
        found = [line async for line in posted_amounts(reader, MERCHANT, CAPTURE)]
        assert [line async for line in posted_amounts(reader, MERCHANT, CAPTURE_SURPLUS)] == []
        assert [line async for line in posted_amounts(reader, OTHER, CAPTURE)] == []
    assert found == [(UUID(int=number), "CNY", number) for number in range(1, 1206)]


CODES = ("a", "b", "c", "d")
LEGS = st.tuples(
    st.permutations(CODES).map(lambda codes: tuple(codes[:2])),
    st.integers(1, MAX_MINOR),
    st.sampled_from(["CNY", "JPY"]),
)
BOOKS = st.lists(st.lists(LEGS, min_size=1, max_size=4), max_size=8)


def leg_of(told: tuple[tuple[str, str], int, str]) -> Leg:
    (debit, credit), minor, currency = told
    return Leg(Account(debit, currency, "debit"), Account(credit, currency, "debit"), Money(minor, currency))


async def balances_of(database: Database, serial: int, book: list[list[tuple[tuple[str, str], int, str]]]) -> Proof:
    """Post a book under a merchant of its own and prove it."""
    merchant_id = UUID(int=serial << 64)
    postings = [
        Posting("any", UUID(int=number), NOW, tuple(leg_of(told) for told in legs)) for number, legs in enumerate(book)
    ]
    await put(database, *postings, merchant_id=merchant_id)
    return await proof(database, merchant_id)


def test_any_postings_balance_and_equal_a_plain_sum(database_urls: Urls, app_role: str | None) -> None:
    """Whatever is posted, every transaction balances, and each account holds what a sum in memory says."""
    serials = iter(range(1, 10_000))

    @settings(max_examples=40, deadline=None)
    @given(BOOKS)
    def holds(book: list[list[tuple[tuple[str, str], int, str]]]) -> None:
        async def story() -> Proof:
            database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role))
            try:
                return await balances_of(database, next(serials), book)
            finally:
                await database.close()

        found = run_apart(story())
        expected: Counter[tuple[str, str]] = Counter()
        for (debit, credit), minor, currency in (told for legs in book for told in legs):
            expected[debit, currency] += minor
            expected[credit, currency] -= minor
        assert {(line.code, line.currency): line.balance_minor for line in found.balances} == dict(expected)
        assert found.is_balanced
        assert found.unbalanced == ()
        assert found.transactions == len(book)
        assert found.entries == 2 * sum(len(legs) for legs in book)

    holds()
