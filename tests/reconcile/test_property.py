"""Random books, statements made of them, random damage: exactly that is found, and after repair nothing is open."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.support import run_apart
from reconcile.desk import BEGIN, NOON, Desk, Paid, Refunded, make_desk
from shunfu.db import Database, PoolSettings, Urls
from shunfu.gateway.evidence import Paid as PaidEvidence
from shunfu.gateway.refund import RefundSucceeded
from shunfu.gateway.statement import StatementLine
from shunfu.kernel.ids import encode
from shunfu.kernel.money import Money
from shunfu.ledger import prove
from shunfu.reconcile import Word, accept_break, approve_repair, propose_repair, read_break

FATES = (
    *("agrees", "waits on both sides", "pending here", "closed here", "missing there", "another amount", "twice"),
    *("another transaction", "the evening before", "revoked there", "a wrong fee"),
)
BACK_FATES = ("agrees", "going on here", "ended here", "missing there", "another amount", "twice", "going on there")
STATES = {"waits on both sides": "PENDING", "pending here": "PENDING", "closed here": "CLOSED"}
FOUND: dict[str, str] = {
    "pending here": "missing_here",
    "closed here": "status",
    "missing there": "missing_there",
    "another amount": "amount",
    "twice": "duplicate",
    "another transaction": "duplicate",
    "the evening before": "crossing_midnight",
    "revoked there": "status",
    "a wrong fee": "fee",
    "going on here": "missing_here",
    "ended here": "status",
    "going on there": "status",
}
"""The break that each fate must be found as; those that are not here must not be found."""

PAYMENTS = st.lists(st.tuples(st.sampled_from(FATES), st.integers(100, 5000)), max_size=8)
REFUNDS = st.lists(st.sampled_from(BACK_FATES), max_size=5)
STRANGERS = st.integers(0, 3)


def line_of(paid: Paid, fate: str) -> list[StatementLine]:
    """What the statement says of a payment with this fate."""
    line = paid.line(fee_minor=0)
    match fate:
        case "waits on both sides" | "missing there":
            return []
        case "another amount":
            return [paid.line(amount_minor=paid.amount_minor + 7)]
        case "twice":
            return [line, paid.line(channel_transaction_no=f"43{paid.number}")]
        case "another transaction":
            return [paid.line(channel_transaction_no=f"43{paid.number}")]
        case "revoked there":
            return [paid.line(is_settled=False, state="REVOKED")]
        case "a wrong fee":
            return [paid.line(fee_minor=-1)]
        case _:
            return [line]


def line_of_back(back: Refunded, fate: str) -> list[StatementLine]:
    """What the statement says of a refund with this fate."""
    match fate:
        case "missing there":
            return []
        case "another amount":
            return [back.line(amount_minor=-back.amount_minor - 1)]
        case "twice":
            return [back.line(), back.line()]
        case "going on there":
            return [back.line(is_settled=False, state="PROCESSING")]
        case _:
            return [back.line()]


async def fill(desk: Desk, payments: list[tuple[str, int]], refunds: list[str], strangers: int) -> list[StatementLine]:
    """Books with these fates, what the channel would answer, and the statement's lines."""
    lines: list[StatementLine] = []
    for fate, amount_minor in payments:
        at = BEGIN - timedelta(minutes=5) if fate == "the evening before" else NOON
        paid = await desk.paid(STATES.get(fate, "CAPTURED"), at, amount_minor=amount_minor)
        amount = Money(amount_minor, "CNY")
        evidence = PaidEvidence(amount, desk.channel_account, desk.channel_app, f"42{paid.number}", at)
        desk.told.payments[paid.number] = evidence
        lines += line_of(paid, fate)
    for fate in refunds:
        paid = await desk.paid()
        state = {"going on here": "PROCESSING", "ended here": "CLOSED"}.get(fate, "SUCCEEDED")
        back = await desk.refunded(paid, 1000, state)
        desk.told.refunds[back.number] = RefundSucceeded(Money(1000, "CNY"), f"50{back.number}", NOON)
        lines += [paid.line(), *line_of_back(back, fate)]
    stranger = Paid(desk.house.source.new_id(), 4200, NOON)
    numbers = [encode(desk.house.source.new_id()) if place % 2 else f"SHOP-{place}" for place in range(strangers)]
    return [*lines, *(stranger.line(number=number, channel_transaction_no=number) for number in numbers)]


async def repair_all(desk: Desk) -> None:
    """Whatever can be repaired is; the rest is accepted."""
    for found in await desk.breaks(state="OPEN"):
        _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
        clerk = Word(desk.merchant_id, found.break_id, "key_clerk")
        chief = Word(desk.merchant_id, found.break_id, "key_chief", "looked up")
        if advice.deed == "none":
            await accept_break(desk.house.reconcile, chief)
            continue
        await propose_repair(desk.house.reconcile, clerk)
        done = await approve_repair(desk.house.reconcile, chief)
        assert done.state.value == "REPAIRED", (found.kind, done.note)


async def story(database: Database, payments: list[tuple[str, int]], refunds: list[str], strangers: int) -> None:
    desk = await make_desk(database)
    desk.say(*await fill(desk, payments, refunds, strangers))
    expected = Counter(FOUND[fate] for fate in [*(fate for fate, _ in payments), *refunds] if fate in FOUND)
    expected["missing_here"] += strangers
    run = await desk.run()
    summary: Any = run.summary
    assert summary is not None, run.reason
    assert summary["equation"]["unexplained_minor"] == 0
    assert {kind: told["count"] for kind, told in summary["breaks"].items()} == dict(+expected)
    assert summary["open_breaks"] == sum(expected.values()) - expected["crossing_midnight"]
    await repair_all(desk)
    for _ in range(2):
        run = await desk.run()
        summary = run.summary
        assert summary["open_breaks"] == 0, await desk.kinds()
        assert summary["equation"]["unexplained_minor"] == 0
    async with database.reading() as reader:
        assert (await prove(reader, desk.merchant_id)).is_balanced


def test_exactly_the_damage_is_found_and_after_repair_nothing_is_open(database_urls: Urls, app_role: Any) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(PAYMENTS, REFUNDS, STRANGERS)
    def holds(payments: list[tuple[str, int]], refunds: list[str], strangers: int) -> None:
        async def told() -> None:
            database = await Database.connect(PoolSettings(database_urls.app_url, role=app_role))
            try:
                await story(database, payments, refunds, strangers)
            finally:
                await database.close()

        run_apart(told())

    holds()
