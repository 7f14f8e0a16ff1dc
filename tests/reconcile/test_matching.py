"""Every way in which a statement and our books can differ, on both sides, found by PostgreSQL and judged once.

Whatever is wrong, the run ends in an equation in which nothing is left unexplained.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconcile.desk import BEGIN, DAY, NOON, Desk
from shunfu.kernel.ids import encode
from shunfu.reconcile import Run, RunState

OPEN, RESOLVED = "OPEN", "RESOLVED"
EVENING_BEFORE = BEGIN - timedelta(minutes=30)
NEXT_NIGHT = BEGIN + timedelta(hours=24, minutes=30)


async def assert_adds_up(run: Run) -> dict[str, Any]:
    assert run.state is RunState.DONE, run.reason
    summary: Any = run.summary
    assert summary["equation"]["unexplained_minor"] == 0, summary
    return summary


async def reconciled(desk: Desk, *lines: Any, fee_permyriad: int | None = None) -> list[tuple[str, str, str, int]]:
    """The breaks of a day with these lines."""
    desk.say(*lines)
    await assert_adds_up(await desk.run(fee_permyriad=fee_permyriad))
    return await desk.kinds()


async def test_what_agrees_is_no_break(desk: Desk) -> None:
    one, other = await desk.paid(), await desk.paid()
    back = await desk.refunded(one, 1000)
    assert await reconciled(desk, one.line(), other.line(), back.line()) == []


async def test_an_empty_day_has_no_break(desk: Desk) -> None:
    assert await reconciled(desk) == []


@pytest.mark.parametrize("state", ["SENDING", "UNKNOWN", "PENDING"])
async def test_a_payment_that_we_do_not_know_to_be_paid_is_missing_here(desk: Desk, state: str) -> None:
    paid = await desk.paid(state)
    assert await reconciled(desk, paid.line()) == [("missing_here", "payment", OPEN, paid.amount_minor)]


@pytest.mark.parametrize("state", ["SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL"])
async def test_a_refund_that_we_do_not_know_to_be_back_is_missing_here(desk: Desk, state: str) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000, state)
    assert await reconciled(desk, paid.line(), back.line()) == [("missing_here", "refund", OPEN, -1000)]


async def test_a_number_that_is_nobodys_is_missing_here(desk: Desk) -> None:
    paid = await desk.paid()
    ours_in_form = paid.line(number=encode(desk.house.source.new_id()), channel_transaction_no="4201")
    another_system = paid.line(number="SHOP-20261121-1", channel_transaction_no="4202")
    without = paid.line(number="", channel_transaction_no="4203")
    found = await reconciled(desk, paid.line(), ours_in_form, another_system, without)
    assert found == [("missing_here", "number", OPEN, paid.amount_minor)] * 3
    assert {one.subject.text for one in await desk.breaks()} == {ours_in_form.number, "SHOP-20261121-1", "4203"}


async def test_a_number_of_another_account_of_ours_is_missing_here(desk: Desk) -> None:
    elsewhere = await desk.paid(account_id=desk.house.source.new_id(), channel_account="1900000002")
    assert await reconciled(desk, elsewhere.line()) == [("missing_here", "payment", OPEN, elsewhere.amount_minor)]
    (found,) = await desk.breaks()
    assert found.ours is not None
    assert not found.ours.is_this_account


async def test_what_the_statement_lacks_is_missing_there(desk: Desk) -> None:
    paid, kept = await desk.paid(), await desk.paid()
    await desk.refunded(kept, 1000)
    assert await reconciled(desk, kept.line()) == [
        ("missing_there", "payment", OPEN, -paid.amount_minor),
        ("missing_there", "refund", OPEN, 1000),
    ]


async def test_amounts_differ(desk: Desk) -> None:
    paid, other = await desk.paid(), await desk.paid()
    back = await desk.refunded(other, 1000)
    lines = (paid.line(amount_minor=paid.amount_minor + 1), other.line(), back.line(amount_minor=-1001))
    assert await reconciled(desk, *lines) == [("amount", "payment", OPEN, 1), ("amount", "refund", OPEN, -1)]


@pytest.mark.parametrize("state", ["REFUSED", "CLOSED"])
async def test_a_payment_that_ended_here_and_was_paid_there_has_another_status(desk: Desk, state: str) -> None:
    paid = await desk.paid(state)
    assert await reconciled(desk, paid.line()) == [("status", "payment", OPEN, paid.amount_minor)]


@pytest.mark.parametrize("state", ["REFUSED", "CLOSED", "REJECTED"])
async def test_a_refund_that_ended_here_and_went_back_there_has_another_status(desk: Desk, state: str) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000, state)
    assert await reconciled(desk, paid.line(), back.line()) == [("status", "refund", OPEN, -1000)]


async def test_what_is_final_here_and_not_settled_there_has_another_status(desk: Desk) -> None:
    paid, other = await desk.paid(), await desk.paid()
    back = await desk.refunded(other, 1000)
    revoked = paid.line(state="REVOKED", is_settled=False)
    going_on = back.line(state="PROCESSING", is_settled=False)
    assert await reconciled(desk, revoked, other.line(), going_on) == [
        ("status", "payment", OPEN, -paid.amount_minor),
        ("status", "refund", OPEN, 1000),
    ]


async def test_a_refund_that_is_going_on_on_both_sides_is_no_break(desk: Desk) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000, "PROCESSING")
    assert await reconciled(desk, paid.line(), back.line(state="PROCESSING", is_settled=False)) == []


async def test_a_refund_that_is_listed_first_going_on_and_then_settled_is_no_break(desk: Desk) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000)
    lines = (paid.line(), back.line(state="PROCESSING", is_settled=False), back.line())
    assert await reconciled(desk, *lines) == []


async def test_a_fee_that_is_not_the_agreed_one(desk: Desk) -> None:
    right, dear, back = await desk.paid(amount_minor=2800), await desk.paid(amount_minor=2800), None
    back = await desk.refunded(right, 1400)
    lines = (right.line(fee_minor=17), dear.line(fee_minor=18), back.line(fee_minor=-9))
    assert await reconciled(desk, *lines, fee_permyriad=60) == [("fee", "payment", OPEN, 0)]
    (found,) = await desk.breaks()
    assert found.expected_fee_minor == 17
    assert await reconciled(desk, *lines) == [("fee", "payment", RESOLVED, 0)]


async def test_without_an_agreed_fee_only_an_impossible_one_is_a_break(desk: Desk) -> None:
    given, greedy, kept = await desk.paid(), await desk.paid(), await desk.paid()
    back, charged = await desk.refunded(kept, 1000), await desk.refunded(kept, 100)
    lines = (
        given.line(fee_minor=-1),
        greedy.line(fee_minor=greedy.amount_minor + 1),
        kept.line(fee_minor=kept.amount_minor),
        back.line(fee_minor=-1000),
        charged.line(fee_minor=1),
    )
    assert await reconciled(desk, *lines) == [
        ("fee", "payment", OPEN, 0),
        ("fee", "payment", OPEN, 0),
        ("fee", "refund", OPEN, 0),
    ]


async def test_a_channel_that_keeps_its_fee_at_a_refund_is_no_break(desk: Desk) -> None:
    paid = await desk.paid(amount_minor=2800)
    back = await desk.refunded(paid, 1400)
    assert await reconciled(desk, paid.line(fee_minor=17), back.line(), fee_permyriad=60) == []


async def test_one_number_twice_is_a_duplicate(desk: Desk) -> None:
    paid = await desk.paid()
    back = await desk.refunded(paid, 1000)
    lines = (paid.line(), paid.line(channel_transaction_no="4299"), back.line(), back.line(), back.line())
    assert await reconciled(desk, *lines) == [
        ("duplicate", "payment", OPEN, paid.amount_minor),
        ("duplicate", "refund", OPEN, -2000),
    ]
    payment, refund = await desk.breaks()
    assert payment.theirs is not None
    assert refund.theirs is not None
    assert (payment.theirs.lines, refund.theirs.lines) == (2, 3)
    assert "4299" in payment.theirs.channel_no


async def test_another_transaction_of_the_channel_than_ours_is_a_duplicate(desk: Desk) -> None:
    paid = await desk.paid()
    assert await reconciled(desk, paid.line(channel_transaction_no="4299")) == [("duplicate", "payment", OPEN, 0)]


async def test_an_unknown_number_twice_is_one_break_with_both_lines(desk: Desk) -> None:
    paid = await desk.paid()
    twice = paid.line(number="SHOP-1", amount_minor=500)
    assert await reconciled(desk, paid.line(), twice, twice) == [("missing_here", "number", OPEN, 1000)]


async def test_a_number_on_two_days_statements_is_a_duplicate_on_the_second(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(paid.line())
    assert (await desk.run()).state is RunState.DONE
    desk.clock.advance(86400)
    after = DAY + timedelta(days=1)
    desk.say(paid.line(), day=after)
    await assert_adds_up(await desk.run(after))
    assert await desk.kinds(after) == [("duplicate", "payment", OPEN, paid.amount_minor)]
    assert await desk.kinds() == []


async def test_what_both_sides_have_on_neighbouring_days_closes_by_itself(desk: Desk) -> None:
    early, late = await desk.paid(at=EVENING_BEFORE), await desk.paid(at=NEXT_NIGHT)
    back = await desk.refunded(early, 1000, at=EVENING_BEFORE)
    assert await reconciled(desk, early.line(), late.line(), back.line()) == [
        ("crossing_midnight", "payment", RESOLVED, early.amount_minor),
        ("crossing_midnight", "payment", RESOLVED, late.amount_minor),
        ("crossing_midnight", "refund", RESOLVED, -1000),
    ]


async def test_what_the_next_day_has_is_missing_until_that_day_is_there(desk: Desk) -> None:
    paid = await desk.paid(at=BEGIN + timedelta(hours=23, minutes=59))
    assert await reconciled(desk) == [("missing_there", "payment", OPEN, -paid.amount_minor)]
    desk.clock.advance(86400)
    after = DAY + timedelta(days=1)
    desk.say(paid.line(), day=after)
    await assert_adds_up(await desk.run(after))
    assert await desk.kinds(after) == [("crossing_midnight", "payment", RESOLVED, paid.amount_minor)]
    await assert_adds_up(await desk.run())
    assert await desk.kinds() == [
        ("crossing_midnight", "payment", RESOLVED, -paid.amount_minor),
        ("missing_there", "payment", RESOLVED, -paid.amount_minor),
    ]


async def test_what_moved_without_a_business_of_ours_is_one_break_a_word(desk: Desk) -> None:
    paid = await desk.paid()
    shared = paid.line(kind="other", number="", amount_minor=-300, state="分账")
    desk.say(
        paid.line(), shared, funds=(shared, shared, paid.line(kind="transfer", amount_minor=-50, state="商家转账"))
    )
    summary = await assert_adds_up(await desk.run())
    assert await desk.kinds() == [("missing_here", "movement", OPEN, 0)] * 3
    assert {one.subject.text for one in await desk.breaks()} == {"trade:分账", "funds:分账", "funds:商家转账"}
    assert summary["equation"]["other_minor"] == -300


async def test_surplus_money_is_ours_too(desk: Desk) -> None:
    surplus = await desk.paid(is_surplus=True)
    assert await reconciled(desk, surplus.line()) == []


async def test_lines_are_found_a_day_around_and_further(desk: Desk) -> None:
    """A settlement that comes a week late is still the same money."""
    paid = await desk.paid(at=NOON - timedelta(days=7))
    assert await reconciled(desk, paid.line()) == [("crossing_midnight", "payment", RESOLVED, paid.amount_minor)]
