"""Breaks repaired: proposed, looked at, approved by another, carried out once, and never by setting a state."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from db.support import sql
from reconcile.desk import BEGIN, DAY, NOON, Desk, Paid, Refunded, make_desk
from shunfu.db import Database, Query
from shunfu.gateway.evidence import NotFound, NotPaid, Unknown
from shunfu.gateway.evidence import Paid as PaidEvidence
from shunfu.gateway.refund import RefundClosed, RefundProcessing, RefundSucceeded
from shunfu.kernel.errors import NotFoundHere, StateConflict
from shunfu.kernel.money import Money
from shunfu.ledger import prove
from shunfu.merchants import read_audit
from shunfu.reconcile import (
    Break,
    Word,
    accept_break,
    approve_repair,
    preview_repair,
    propose_repair,
    read_break,
)

CLERK, CHIEF = "key_clerk", "key_chief"


async def only_break(desk: Desk, *lines: Any, day: Any = DAY) -> Break:
    """The one break of a day with these lines."""
    desk.say(*lines, day=day)
    await desk.run(day)
    (found,) = await desk.breaks(day)
    return found


def word(desk: Desk, found: Break, subject: str, note: str | None = None) -> Word:
    return Word(desk.merchant_id, found.break_id, subject, note)


async def repaired(desk: Desk, found: Break) -> Break:
    """Propose and approve."""
    await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    return await approve_repair(desk.house.reconcile, word(desk, found, CHIEF))


async def state_of(desk: Desk, one: Paid | Refunded) -> str:
    table, key = ("payments", "payment_id") if isinstance(one, Paid) else ("refunds", "refund_id")
    ident = one.payment_id if isinstance(one, Paid) else one.refund_id
    ((state,),) = await desk.sql(f"SELECT state FROM {table} WHERE {key} = $1", ident)
    return str(state)


async def recipes(desk: Desk) -> list[str]:
    return [str(recipe) for (recipe,) in await desk.sql("SELECT recipe FROM transfers ORDER BY transfer_id")]


def confirmed(desk: Desk, paid: Paid) -> PaidEvidence:
    """What the channel says of a payment that it knows to be paid."""
    amount = Money(paid.amount_minor, "CNY")
    return PaidEvidence(amount, desk.channel_account, desk.channel_app, f"42{paid.number}", paid.at)


async def nothing_is_open(desk: Desk) -> None:
    """The next run agrees, the equation holds and the books balance."""
    run = await desk.run()
    summary: Any = run.summary
    assert summary["open_breaks"] == 0
    assert summary["equation"]["unexplained_minor"] == 0
    async with desk.house.database.reading() as reader:
        assert (await prove(reader, desk.merchant_id)).is_balanced


async def test_a_payment_missing_here_is_paid_on_the_statements_word(desk: Desk) -> None:
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    done = await repaired(desk, found)
    assert (done.state.value, done.note) == ("REPAIRED", "Carried out.")
    assert (done.proposed_by, done.decided_by) == (CLERK, CHIEF)
    assert await state_of(desk, paid) == "CAPTURED"
    assert await recipes(desk) == ["capture"]
    assert await desk.sql("SELECT door, kind, state_before FROM payment_evidence") == [("statement", "paid", "PENDING")]
    await nothing_is_open(desk)
    assert [one.state.value for one in await desk.breaks()] == ["REPAIRED"]


async def test_a_closed_payment_that_was_paid_is_surplus_and_refunds_itself(desk: Desk) -> None:
    paid = await desk.paid("CLOSED")
    found = await only_break(desk, paid.line())
    assert found.kind.value == "status"
    assert (await repaired(desk, found)).state.value == "REPAIRED"
    assert await recipes(desk) == ["capture_surplus"]
    assert await desk.sql("SELECT name FROM events WHERE name = 'SurplusCaptured'") == [("SurplusCaptured",)]
    await nothing_is_open(desk)


async def test_a_refund_missing_here_is_given_back_on_the_statements_word(desk: Desk) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000, "PROCESSING")
    found = await only_break(desk, paid.line(), back.line())
    assert (await repaired(desk, found)).state.value == "REPAIRED"
    assert await state_of(desk, back) == "SUCCEEDED"
    assert await desk.sql("SELECT refunded_minor, refund_reserved_minor FROM payments") == [(1000, 0)]
    assert await recipes(desk) == ["capture", "refund"]
    await nothing_is_open(desk)


async def test_a_missing_line_changes_nothing_the_channel_is_asked(desk: Desk) -> None:
    paid = await desk.paid()
    found = await only_break(desk)
    desk.told.payments[paid.number] = confirmed(desk, paid)
    done = await repaired(desk, found)
    assert desk.told.questions == [paid.number]
    assert (done.state.value, await state_of(desk, paid)) == ("REPAIRED", "CAPTURED")
    await nothing_is_open(desk)
    assert [one.state.value for one in await desk.breaks()] == ["REPAIRED"], "the same again needs nobody again"


async def test_when_the_channel_denies_a_payment_the_break_is_open_again_and_alarms(desk: Desk) -> None:
    paid = await desk.paid()
    found = await only_break(desk)
    desk.told.payments[paid.number] = NotPaid("NOTPAY")
    done = await repaired(desk, found)
    assert done.state.value == "OPEN"
    assert done.note == "The channel's own answer contradicts our books. Look at the timeline."
    assert await state_of(desk, paid) == "CAPTURED"
    assert ("PaymentAlarmed",) in await desk.sql("SELECT name FROM events")


async def test_a_refund_that_the_statement_lacks_is_asked_about(desk: Desk) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000)
    found = await only_break(desk, paid.line())
    amount = Money(1000, "CNY")
    for answer, state in (
        (RefundProcessing(f"50{back.number}"), "OPEN"),
        (RefundSucceeded(amount, f"50{back.number}", back.at), "REPAIRED"),
    ):
        desk.told.refunds[back.number] = answer
        assert (await repaired(desk, found)).state.value == state
    assert await state_of(desk, back) == "SUCCEEDED"


async def test_without_an_answer_the_repair_waits_and_the_job_asks_again(desk: Desk) -> None:
    paid = await desk.paid()
    found = await only_break(desk)
    desk.told.payments[paid.number] = Unknown("time-out")
    assert (await repaired(desk, found)).state.value == "APPROVED"
    desk.clock.advance(61)
    await desk.house.drain()
    assert (await desk.breaks())[0].state.value == "APPROVED"
    desk.told.payments[paid.number] = confirmed(desk, paid)
    desk.clock.advance(301)
    await desk.house.drain()
    assert (await desk.breaks())[0].state.value == "REPAIRED"


async def test_after_a_crash_between_approval_and_deed_the_job_carries_it_out(desk: Desk) -> None:
    """The process dies once the approval is committed: the job that was committed with it does the rest."""
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    text = "UPDATE reconcile_breaks SET state = 'APPROVED', decided_by = 'key_chief'"
    await _as_app(desk, text)
    await _as_app(
        desk, _REPAIR_JOB, desk.merchant_id, desk.house.source.new_id(), str(found.break_id), desk.clock.now()
    )
    await desk.house.drain()
    assert await state_of(desk, paid) == "CAPTURED"
    assert (await desk.breaks())[0].state.value == "REPAIRED"


_REPAIR_JOB = (
    "INSERT INTO jobs (merchant_id, id, kind, key, args, run_at, max_attempts, created_at) "
    "VALUES ($1, $2, 'reconcile.repair', $3, '{}', $4, 10, $4)"
)


async def _as_app(desk: Desk, text: str, *args: object) -> None:
    await desk.house.database.transact(lambda tx: tx.execute(Query("test", text, "test"), *args))


async def test_twenty_approvals_at_once_have_one_effect(desk: Desk) -> None:
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line(fee_minor=17))
    await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    words = [word(desk, found, f"key_{place}") for place in range(20)]
    answers = await asyncio.gather(*(approve_repair(desk.house.reconcile, one) for one in words))
    assert {one.state.value for one in answers} <= {"APPROVED", "REPAIRED"}
    assert await recipes(desk) == ["fee", "capture"]
    assert await desk.sql("SELECT count(*) FROM payment_evidence") == [(1,)]
    assert len({one.decided_by for one in answers}) == 1
    desk.clock.advance(61)
    await desk.house.drain()
    assert await desk.sql("SELECT count(*) FROM payment_evidence") == [(1,)]


async def test_a_repair_that_is_carried_out_twice_is_carried_out_once(desk: Desk) -> None:
    """What another door has brought meanwhile is no second capture."""
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    await _as_app(desk, "UPDATE reconcile_breaks SET state = 'APPROVED', decided_by = 'key_chief'")
    for _ in range(2):
        await _as_app(desk, "UPDATE reconcile_breaks SET state = 'APPROVED', repaired_at = NULL")
        job = (desk.merchant_id, desk.house.source.new_id(), str(desk.house.source.new_id()), desk.clock.now())
        await _as_app(
            desk, _REPAIR_JOB.replace("$3", f"'{found.break_id}'").replace("$4", "$3"), job[0], job[1], job[3]
        )
        await desk.house.drain()
        await _as_app(desk, "DELETE FROM jobs WHERE kind = 'reconcile.repair'")
    assert await recipes(desk) == ["capture"]
    assert (await desk.breaks())[0].state.value == "REPAIRED"


async def test_whoever_proposed_cannot_approve(desk: Desk) -> None:
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    with pytest.raises(StateConflict, match="Nothing is proposed"):
        await approve_repair(desk.house.reconcile, word(desk, found, CHIEF))
    first = await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    assert await propose_repair(desk.house.reconcile, word(desk, found, CLERK)) == first
    with pytest.raises(StateConflict, match="another key must"):
        await approve_repair(desk.house.reconcile, word(desk, found, CLERK))
    with pytest.raises(StateConflict, match="PROPOSED"):
        await propose_repair(desk.house.reconcile, word(desk, found, CHIEF))
    assert await state_of(desk, paid) == "PENDING"


async def test_what_nobody_can_repair_by_itself_says_what_to_do_and_is_accepted_with_a_note(desk: Desk) -> None:
    paid = await desk.paid()
    found = await only_break(desk, paid.line(), paid.line(channel_transaction_no="4299"))
    _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
    assert advice.deed == "none"
    assert "渠道商户后台" in advice.words.zh
    assert "the shopper may have paid twice" in advice.words.en
    with pytest.raises(StateConflict, match="paid twice"):
        await propose_repair(desk.house.reconcile, word(desk, found, CLERK))
    accepted = await accept_break(desk.house.reconcile, word(desk, found, CHIEF, "已在渠道后台退款"))
    assert (accepted.state.value, accepted.note) == ("ACCEPTED", "已在渠道后台退款")
    await nothing_is_open(desk)
    assert [one.state.value for one in await desk.breaks()] == ["ACCEPTED"]
    with pytest.raises(StateConflict, match="ACCEPTED"):
        await accept_break(desk.house.reconcile, word(desk, found, CLERK, "another note"))


async def test_an_amount_that_differs_is_not_taken_for_paid(desk: Desk) -> None:
    """The statement names another amount of a pending payment: no deed, for the guard would refuse it."""
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line(amount_minor=1))
    assert found.kind.value == "missing_here"
    _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
    assert advice.deed == "none"


async def test_a_preview_says_what_would_change_and_writes_nothing(desk: Desk) -> None:
    paid, closed = await desk.paid("PENDING"), await desk.paid("CLOSED")
    whole = await desk.paid()
    back = await desk.refunded(whole, 1000, "PROCESSING")
    gone = await desk.paid()
    desk.say(paid.line(), closed.line(), whole.line(), back.line())
    await desk.run()
    tables = ("payments", "refunds", "transfers", "events", "payment_evidence", "refund_evidence", "reconcile_breaks")
    before = [await desk.sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    seen = {}
    for found in await desk.breaks():
        preview = await preview_repair(desk.house.reconcile, desk.merchant_id, found.break_id)
        legs = preview.posting.legs if preview.posting else ()
        told = [(leg.debit.code.split(":")[0], leg.credit.code.split(":")[0], leg.amount.minor) for leg in legs]
        changes = [(one.what, one.before, one.after) for one in preview.changes]
        seen[found.subject.text] = (preview.proposal.deed, changes, told, preview.alarm)
    assert seen == {
        paid.number: (
            "apply_payment",
            [("payment", "PENDING", "CAPTURED"), ("order", "OPEN", "PAID")],
            [("channel_receivable", "sales", paid.amount_minor)],
            None,
        ),
        closed.number: (
            "apply_payment",
            [("payment", "CLOSED", "CAPTURED"), ("order", "CLOSED", "CLOSED")],
            [("channel_receivable", "owed_to_shoppers", closed.amount_minor)],
            "surplus",
        ),
        back.number: (
            "apply_refund",
            [("refund", "PROCESSING", "SUCCEEDED")],
            [("sales", "channel_receivable", 1000)],
            None,
        ),
        gone.number: ("ask_payment", [("payment", "CAPTURED", None)], [], None),
    }
    assert [await desk.sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables] == before
    assert desk.told.questions == []


async def test_each_step_is_in_the_audit_log(desk: Desk) -> None:
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    await repaired(desk, found)
    async with desk.house.database.reading() as reader:
        rows = await read_audit(reader, desk.merchant_id, 100)
    told = [(row.entry.actor, row.entry.action) for row in reversed(rows) if row.entry.action.startswith("break.")]
    assert told == [(CLERK, "break.proposed"), (CHIEF, "break.approved"), (CHIEF, "break.repaired")]


async def test_another_merchants_break_is_nowhere(desk: Desk) -> None:
    paid = await desk.paid("PENDING")
    found = await only_break(desk, paid.line())
    other = await make_desk(desk.house.database)
    for work in (
        read_break(other.house.reconcile, other.merchant_id, found.break_id),
        preview_repair(other.house.reconcile, other.merchant_id, found.break_id),
        propose_repair(other.house.reconcile, word(other, found, CLERK)),
        approve_repair(other.house.reconcile, word(other, found, CHIEF)),
        accept_break(other.house.reconcile, word(other, found, CHIEF, "note")),
    ):
        with pytest.raises(NotFoundHere):
            await work
    assert await other.breaks() == []


@pytest.fixture
async def absent(database: Database) -> tuple[Desk, Paid, Refunded]:
    """A channel that took a refund, then does not know it, and shows it on neither day's statement."""
    desk = await make_desk(database, refund_absence_hours=24)
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000, "PROCESSING", at=NOON)
    desk.say(paid.line())
    await desk.run()
    assert await desk.breaks() == [], "on its own day it may still come"
    desk.clock.instant = BEGIN + timedelta(hours=48 + 12)
    return desk, paid, back


async def test_a_refund_that_the_channel_never_made_is_closed_by_a_person(absent: tuple[Desk, Paid, Refunded]) -> None:
    desk, _, back = absent
    after = DAY + timedelta(days=1)
    found = await only_break(desk, day=after)
    assert (found.kind.value, found.subject.text, found.difference_minor) == ("missing_there", back.number, 0)
    desk.told.refunds[back.number] = NotFound("34")
    _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
    assert advice.deed == "ask_refund", "first it is asked"
    assert (await repaired(desk, found)).state.value == "OPEN"
    assert await state_of(desk, back) == "PROCESSING", "the channel's not knowing alone closes nothing"
    _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
    assert advice.deed == "close_refund"
    preview = await preview_repair(desk.house.reconcile, desk.merchant_id, found.break_id)
    assert [(one.what, one.before, one.after) for one in preview.changes] == [("refund", "PROCESSING", "CLOSED")]
    done = await repaired(desk, found)
    assert (done.state.value, await state_of(desk, back)) == ("REPAIRED", "CLOSED")
    assert await desk.sql("SELECT refunded_minor, refund_reserved_minor FROM payments") == [(0, 0)]
    evidence = await desk.sql(
        "SELECT door, kind, body->>'channel_state' FROM refund_evidence ORDER BY evidence_id DESC"
    )
    assert evidence[0] == ("statement", "closed", "absent from the statement")


async def test_a_refund_that_was_asked_for_long_ago_and_sent_just_now_is_not_closed(
    absent: tuple[Desk, Paid, Refunded],
) -> None:
    """It waited for its approval: the channel has had it for an hour, and its money may be on its way."""
    desk, _, back = absent
    sent_at = desk.clock.now() - timedelta(hours=1)
    statement = sql("UPDATE refunds SET last_sent_at = $1")
    await desk.house.database.transact(lambda tx: tx.execute(statement, sent_at))
    found = await only_break(desk, day=DAY + timedelta(days=1))
    desk.told.refunds[back.number] = NotFound("34")
    await repaired(desk, found)
    assert await advised(desk, found) == "ask_refund", "the channel's not knowing proves nothing yet"
    assert (await repaired(desk, found)).state.value == "OPEN"
    assert await state_of(desk, back) == "PROCESSING"
    desk.clock.instant += timedelta(hours=23)
    assert await advised(desk, found) == "close_refund"


async def advised(desk: Desk, found: Break) -> str | None:
    _, advice = await read_break(desk.house.reconcile, desk.merchant_id, found.break_id)
    return advice.deed


async def test_a_refund_that_turns_up_at_the_last_moment_is_not_closed(absent: tuple[Desk, Paid, Refunded]) -> None:
    desk, _, back = absent
    after = DAY + timedelta(days=1)
    found = await only_break(desk, day=after)
    desk.told.refunds[back.number] = NotFound("34")
    await repaired(desk, found)
    desk.told.refunds[back.number] = RefundSucceeded(Money(1000, "CNY"), "50", desk.clock.now())
    done = await repaired(desk, found)
    assert (done.state.value, await state_of(desk, back)) == ("REPAIRED", "SUCCEEDED")


async def test_a_refund_that_the_channel_closed_itself_needs_no_person(absent: tuple[Desk, Paid, Refunded]) -> None:
    desk, _, back = absent
    found = await only_break(desk, day=DAY + timedelta(days=1))
    desk.told.refunds[back.number] = RefundClosed("CLOSED")
    done = await repaired(desk, found)
    assert (done.state.value, await state_of(desk, back)) == ("REPAIRED", "CLOSED")


async def test_where_absence_proves_nothing_no_refund_is_looked_for(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.refunded(paid, 1000, "PROCESSING")
    desk.say(paid.line())
    await desk.run()
    desk.clock.instant = BEGIN + timedelta(hours=48 + 12)
    after = DAY + timedelta(days=1)
    desk.say(day=after)
    await desk.run(after)
    assert await desk.breaks(after) == []
