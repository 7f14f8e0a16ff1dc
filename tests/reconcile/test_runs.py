"""A run from its beginning to its end: twice, after a crash, with a damaged or a changed statement, and two at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconcile.desk import BEGIN, DAMAGED, DAY, NEXT_MORNING, NOON, SLOW, Desk, statement
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.statement import NoStatement, StatementNotReady
from shunfu.kernel.errors import StateConflict, TransientFault
from shunfu.ledger import prove
from shunfu.reconcile import Run, RunState, Supply, reconcile_day

TRADE, FUNDS = (DAY, "trade"), (DAY, "funds")


async def counts(desk: Desk) -> tuple[object, ...]:
    """How many statements, lines, breaks, ledger transfers there are."""
    tables = ("statements", "statement_lines", "reconcile_breaks", "transfers")
    return tuple([(await desk.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in tables])


async def events(desk: Desk) -> list[str]:
    """The alarms of this room, in order."""
    rows = await desk.sql("SELECT body->>'alarm' FROM events WHERE body ? 'run_id' ORDER BY id")
    return [str(alarm) for (alarm,) in rows]


async def fees(desk: Desk) -> list[tuple[object, ...]]:
    """What was posted besides captures and refunds: recipe, amount, and whether the fees' account was debited."""
    return await desk.sql(
        "SELECT t.recipe, t.amount_minor, d.code NOT LIKE 'channel_receivable:%' FROM transfers t JOIN accounts d "
        "ON d.merchant_id = t.merchant_id AND d.account_id = t.debit_account_id "
        "WHERE t.recipe IN ('fee', 'settlement') ORDER BY t.transfer_id"
    )


async def assert_books_balance(desk: Desk) -> None:
    async with desk.house.database.reading() as reader:
        assert (await prove(reader, desk.merchant_id)).is_balanced


async def test_the_same_run_twice_adds_nothing(desk: Desk) -> None:
    paid, missing = await desk.paid(), await desk.paid()
    desk.say(paid.line(fee_minor=17), paid.line(number="SHOP-1", channel_transaction_no="1"))
    first = await desk.run()
    before, kept = await counts(desk), await desk.breaks()
    second = await desk.run()
    assert (first.state, second.state) == (RunState.DONE, RunState.DONE)
    assert second.run_id != first.run_id
    assert await counts(desk) == before
    again = await desk.breaks()
    assert [(one.break_id, one.opened_run_id) for one in again] == [(one.break_id, first.run_id) for one in kept]
    assert await fees(desk) == [("fee", 17, True)]
    assert await events(desk) == ["reconcile_breaks"]
    assert missing.number in {one.subject.text for one in kept}
    await assert_books_balance(desk)


async def test_a_file_that_is_packed_anew_is_the_same_statement(desk: Desk) -> None:
    """Some channels write into the file when it was exported: only its lines count."""
    paid = await desk.paid()
    desk.say(paid.line())
    await desk.run()
    file = desk.told.statements[TRADE]
    desk.told.statements[TRADE] = replace(file, content=file.content + b"\n")
    await desk.run()
    assert (await counts(desk))[:2] == (2, 1)
    assert await events(desk) == []


async def test_a_statement_that_comes_back_different_is_one_more_and_calls_a_person(desk: Desk) -> None:
    """Its fees are corrected by the difference, under a reference of its own; and back again."""
    paid = await desk.paid()
    for fee_minor in (17, 20, 17, 17):
        desk.say(paid.line(fee_minor=fee_minor))
        run = await desk.run()
        summary: Any = run.summary
        assert summary["equation"]["ledger_fee_minor"] == fee_minor
        assert summary["equation"]["unexplained_minor"] == 0
    assert await fees(desk) == [("fee", 17, True), ("fee", 3, True), ("fee", 3, False)]
    assert await desk.sql("SELECT count(*) FROM statements WHERE kind = 'trade'") == [(2,)]
    assert await events(desk) == ["statement_changed"]
    await assert_books_balance(desk)


async def test_without_fetching_the_statement_of_the_last_good_run_is_taken(desk: Desk) -> None:
    paid = await desk.paid()
    for fee_minor in (17, 20, 17):
        desk.say(paid.line(fee_minor=fee_minor))
        last = await desk.run()
    desk.told.statements.clear()
    again = await desk.run(supply=Supply(is_fetched=False))
    assert (again.state, again.statement_id) == (RunState.DONE, last.statement_id)
    assert len(await fees(desk)) == 3


async def test_what_went_to_the_bank_is_posted_once(desk: Desk) -> None:
    paid = await desk.paid()
    out = paid.line(kind="withdrawal", number="", amount_minor=-2000, balance_minor=783, state="提现")
    desk.say(paid.line(fee_minor=17), funds=(paid.line(balance_minor=2800), out))
    for _ in range(2):
        run = await desk.run()
        summary: Any = run.summary
        assert summary["funds"] == {"lines": 2, "withdrawn_minor": 2000, "balance_minor": 783}
        assert summary["equation"]["unexplained_minor"] == 0
        assert summary["breaks"] == {}
    assert await fees(desk) == [("fee", 17, True), ("settlement", 2000, True)]
    bank = await desk.sql("SELECT code FROM accounts WHERE code LIKE 'bank:%'")
    assert bank == [(f"bank:wechatpay:{desk.channel_account}",)]


async def test_a_damaged_statement_leaves_no_half_of_its_lines(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(*[paid.line()] * 6000, DAMAGED)
    for _ in range(3):
        run = await desk.run()
        assert run.state is RunState.FAILED
        assert run.reason == "The statement of trade is damaged: a row has not as many cells as the header."
    assert await counts(desk) == (0, 0, 0, 1)
    assert await events(desk) == ["reconcile_failed"]
    desk.say(paid.line())
    mended = await desk.run()
    assert (mended.state, mended.run_id, mended.attempt) == (RunState.DONE, run.run_id, 4)
    assert (await counts(desk))[:2] == (2, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "nul\0"},
        {"number": "tab\t"},
        {"number": "two\nlines"},
        {"number": "\\N"},
        {"channel_transaction_no": "\\."},
        {"state": "bell\x07"},
        {"state": "x" * 2000},
        {"happened_at": BEGIN.replace(year=1)},
        {"currency": "USD"},
    ],
)
async def test_what_cannot_be_kept_is_damage(desk: Desk, changes: dict[str, Any]) -> None:
    paid = await desk.paid()
    desk.say(paid.line(), paid.line(**changes))
    run = await desk.run()
    assert run.state is RunState.FAILED
    assert "damaged" in str(run.reason)
    assert (await counts(desk))[:2] == (0, 0)


async def test_a_day_without_a_statement_is_reconciled_with_none(desk: Desk) -> None:
    desk.told.statements[TRADE] = desk.told.statements[FUNDS] = NoStatement("NO_STATEMENT_EXIST")
    assert (await desk.run()).state is RunState.DONE
    paid = await desk.paid()
    run = await desk.run()
    assert run.state is RunState.DONE
    assert await desk.kinds() == [("missing_there", "payment", "OPEN", -paid.amount_minor)]
    assert (await counts(desk))[:2] == (2, 0)


async def test_before_its_hour_the_channel_is_not_asked(desk: Desk) -> None:
    desk.clock.instant = BEGIN + timedelta(hours=24 + 9)
    run = await desk.run()
    assert run.state is RunState.WAITING
    assert run.reason == "The statement of 2026-11-21 is there from 2026-11-22T02:00:00.000Z."
    assert await events(desk) == []
    desk.clock.instant = NEXT_MORNING
    desk.say()
    later = await desk.run()
    assert (later.state, later.run_id) == (RunState.DONE, run.run_id)


async def test_what_keeps_a_statement_back_is_told_apart(desk: Desk) -> None:
    for answer, state, word in (
        (StatementNotReady("STATEMENT_CREATING"), RunState.WAITING, "STATEMENT_CREATING"),
        (Refused("not_permitted", "NO_AUTH"), RunState.FAILED, "NO_AUTH"),
        (Unknown("time-out"), RunState.FAILED, "time-out"),
    ):
        desk.told.statements[TRADE] = answer
        run = await desk.run()
        assert run.state is state
        assert word in str(run.reason)


async def test_without_a_statement_of_funds_the_day_is_reconciled_all_the_same(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(paid.line())
    desk.told.statements[FUNDS] = Refused("not_permitted", "NO_AUTH")
    run = await desk.run()
    summary: Any = run.summary
    assert (run.state, summary["funds"], run.funds_statement_id) == (RunState.DONE, None, None)
    assert "NO_AUTH" in summary["funds_note"]
    desk.told.statements[FUNDS] = StatementNotReady("STATEMENT_CREATING")
    assert (await desk.run()).state is RunState.WAITING


async def test_a_break_that_is_gone_is_over_and_one_that_comes_back_is_open(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say()
    await desk.run()
    (found,) = await desk.breaks()
    desk.say(paid.line())
    desk.clock.advance(60)
    await desk.run()
    (over,) = await desk.breaks()
    assert (over.break_id, over.state.value) == (found.break_id, "RESOLVED")
    assert over.note == "A later run did not find it again."
    desk.say()
    desk.clock.advance(60)
    await desk.run()
    (again,) = await desk.breaks()
    assert (again.break_id, again.state.value, again.note) == (found.break_id, "OPEN", None)
    assert again.opened_run_id not in {found.opened_run_id, over.last_run_id}
    assert await events(desk) == ["reconcile_breaks", "statement_changed", "reconcile_breaks"]


async def test_more_differences_than_a_day_can_have_are_another_accounts_statement(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(*(paid.line(number=f"X{place}", channel_transaction_no=f"{place}") for place in range(10_001)))
    run = await desk.run()
    assert run.state is RunState.FAILED
    assert "not the statement of this account's day" in str(run.reason)
    assert (await counts(desk))[2:] == (0, 1)


@asynccontextmanager
async def held(desk: Desk) -> AsyncIterator[asyncio.Task[Run]]:
    """A run that is stuck in the middle of its statement until it is let go."""
    desk.told.hold.clear()
    task = asyncio.create_task(desk.run())
    await asyncio.to_thread(desk.told.reading.wait, 20)
    try:
        yield task
    finally:
        task.cancel()
        desk.told.hold.set()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_crash_in_the_middle_is_gone_on_with_from_the_beginning(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(*[paid.line(state=SLOW)] * 3)
    async with held(desk):
        pass
    assert await counts(desk) == (0, 0, 0, 1)
    ((run_id, state),) = await desk.sql("SELECT run_id, state FROM reconcile_runs")
    assert state == "RUNNING"
    with pytest.raises(StateConflict, match="being reconciled at this moment"):
        await desk.run()
    desk.clock.advance(121)
    run = await desk.run()
    assert (run.run_id, run.state, run.attempt) == (run_id, RunState.DONE, 2)
    assert await desk.kinds() == [("duplicate", "payment", "OPEN", 2 * paid.amount_minor)]
    assert (await counts(desk))[:3] == (2, 3, 1)


async def test_who_lost_the_lease_changes_nothing(desk: Desk) -> None:
    """The first holder was only slow: what it does afterwards is fenced off."""
    paid = await desk.paid()
    desk.say(paid.line(fee_minor=17, state=SLOW))
    async with held(desk) as slow:
        desk.clock.advance(121)
        quick = await desk.run(supply=Supply(statement(paid.line(fee_minor=17)).content))
        desk.told.hold.set()
        with pytest.raises(TransientFault, match="Somebody else goes on"):
            await slow
    assert quick.state is RunState.DONE
    assert await fees(desk) == [("fee", 17, True)]
    assert await desk.sql("SELECT count(*) FROM reconcile_runs") == [(1,)]


async def test_of_twenty_at_once_one_reconciles(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(paid.line(fee_minor=17), paid.line(number="SHOP-1"))
    wishes = [desk.wish() for _ in range(20)]
    answers = await asyncio.gather(
        *(reconcile_day(desk.house.reconcile, wish) for wish in wishes), return_exceptions=True
    )
    done = [one for one in answers if isinstance(one, Run)]
    assert done
    assert all(one.state is RunState.DONE for one in done)
    assert all(isinstance(one, Run | StateConflict | TransientFault) for one in answers)
    assert (await counts(desk))[:3] == (2, 2, 1)
    assert await fees(desk) == [("fee", 17, True)]


async def test_merchants_do_not_meet(desk: Desk, database: Any) -> None:
    """Another merchant's payment of that number, at an account of that name, is nobody here."""
    theirs = await desk.paid(at=NOON)
    other = await _side_of_another(desk)
    other.say(theirs.line())
    assert (await other.run()).state is RunState.DONE
    assert await other.kinds() == [("missing_here", "number", "OPEN", theirs.amount_minor)]
    assert await desk.breaks() == []


async def _side_of_another(desk: Desk) -> Desk:
    from reconcile.desk import make_desk

    return await make_desk(desk.house.database)
