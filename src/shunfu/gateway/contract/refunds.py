"""What every channel promises about refunds. Must not know: any channel's words, our refund states."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR
from shunfu.gateway.evidence import NotFound, Paid, Refused, Unknown
from shunfu.gateway.flow import Answer, NoReply, Reply
from shunfu.gateway.refund import (
    Refund,
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.kernel.money import Money

Taken: TypeAlias = RefundAccepted | RefundProcessing | RefundSucceeded
LONG_ENOUGH_SECONDS = 4 * 86400


def _refund_comes_to_its_end(rig: AnyRig) -> None:
    number = rig.paid()
    refund = _later(rig, number, 100)
    assert isinstance(rig.refund(refund), Taken)
    _is_done(rig, refund)
    assert isinstance(rig.query(number), Paid), "a refunded payment was paid all the same"


def _same_refund_twice_is_one(rig: AnyRig) -> None:
    number = rig.paid()
    refund = _later(rig, number, 100)
    first = rig.refund(refund)
    rig.advance(120)
    second = rig.refund(refund)
    assert isinstance(first, Taken), first
    assert isinstance(second, Taken), second
    _is_done(rig, refund)
    assert len(rig.sandbox.verbs.list_refunds(rig.stage.state)) == 1


def _refund_sent_is_not_lost(rig: AnyRig) -> None:
    number = rig.paid()
    refund = _later(rig, number, 100)
    flow = rig.channel.refunds.refund(rig.settings, refund, rig.moment())
    assert isinstance(rig.run(flow, lambda request: _drop(rig.answer(request))), Unknown)
    rig.advance(120)
    assert isinstance(rig.refund(refund), Taken), "after a lost reply the same number must be acceptable again"
    _is_done(rig, refund)
    assert len(rig.sandbox.verbs.list_refunds(rig.stage.state)) == 1


def _same_number_with_another_amount_moves_nothing_more(rig: AnyRig) -> None:
    number = rig.paid()
    refund = _later(rig, number, 100)
    rig.refund(refund)
    rig.advance(120)
    other = rig.refund(replace(refund, amount=Money(200, "CNY")))
    assert not isinstance(other, RefundAccepted | RefundSucceeded), other
    assert _refunded(rig) == 100


def _several_refunds_never_exceed_the_payment(rig: AnyRig) -> None:
    number = rig.paid()
    for serial, amount_minor in enumerate((5000, 3000, 600), 900):
        refund = _later(rig, number, amount_minor, serial)
        assert isinstance(rig.refund(refund), Taken), amount_minor
        _is_done(rig, refund)
    too_much = rig.refund(_later(rig, number, 1, 950))
    assert isinstance(too_much, Refused | Unknown), too_much
    assert _refunded(rig) == AMOUNT_MINOR
    assert isinstance(rig.query(number), Paid), "a payment that was refunded whole was paid all the same"


def _full_refund_gives_the_fee_back(rig: AnyRig) -> None:
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    number = rig.paid()
    rig.paid(serial=1)
    kept = rig.sandbox.verbs.balance_minor(rig.stage.state)
    refund = _later(rig, number, AMOUNT_MINOR)
    assert isinstance(rig.refund(refund), Taken)
    _is_done(rig, refund)
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) - before == (kept - before) // 2


def _refund_of_unpaid_moves_nothing(rig: AnyRig) -> None:
    number, _ = rig.place()
    refund = Refund(
        rig.number(900), number, "", Money(100, "CNY"), Money(AMOUNT_MINOR, "CNY"), "退货", "https://m.example/n"
    )
    assert isinstance(rig.refund(refund), Refused | Unknown | NotFound)
    assert rig.sandbox.verbs.list_refunds(rig.stage.state) == ()


def _refund_never_sent_is_not_done(rig: AnyRig) -> None:
    refund = _later(rig, rig.paid(), 100)
    assert isinstance(rig.query_refund(refund), NotFound | RefundProcessing | Unknown)


def _refund_notification_matches(rig: AnyRig) -> None:
    """Where a channel tells of refunds at all, what it tells is what the query says."""
    number = rig.paid()
    rig.heard()
    refund = _later(rig, number, 100)
    rig.refund(refund)
    rig.advance(LONG_ENOUGH_SECONDS)
    for heard in rig.heard():
        if heard.refund is not None:
            assert heard.refund.number == refund.number
            assert heard.refund.evidence == rig.query_refund(refund)


def _refunds_that_end_badly(rig: AnyRig) -> None:
    """By fault and by the book of amounts: abnormal and closed refunds never read as done."""
    number = rig.paid()
    kinds = RefundAbnormal | RefundClosed | Refused | RefundProcessing
    for serial, name in enumerate(("refund_abnormal", "refund_closed"), 900):
        rig.fault_once(name)
        refund = _later(rig, number, 100, serial)
        rig.refund(refund)
        assert getattr(rig.stage.faults, name) == 0, f"{name} is not used up"
        rig.advance(LONG_ENOUGH_SECONDS)
        rig.due()
        told = rig.query_refund(refund)
        assert isinstance(told, kinds), (name, told)
    assert _refunded(rig) == 0


def _book_of_amounts_is_kept_for_refunds(rig: AnyRig) -> None:
    number = rig.paid(amount_minor=100_000)
    rig.paid(amount_minor=100_000, serial=1)
    not_yet = rig.refund(_later(rig, number, 9923, 901))
    assert isinstance(not_yet, RefundNotYet), not_yet
    taken = _later(rig, number, 9924, 902)
    assert isinstance(rig.refund(taken), Unknown), "99.24: taken, and the reply says system error"
    _is_done(rig, taken)
    slow = _later(rig, number, 9925, 903)
    assert isinstance(rig.refund(slow), RefundAccepted | RefundProcessing)
    rig.advance(2 * 86400)
    rig.due()
    assert isinstance(rig.query_refund(slow), RefundProcessing)
    _is_done(rig, slow)
    for serial, amount_minor in ((904, 9921), (905, 9922)):
        bad = _later(rig, number, amount_minor, serial)
        rig.refund(bad)
        rig.advance(LONG_ENOUGH_SECONDS)
        rig.due()
        assert not isinstance(rig.query_refund(bad), RefundSucceeded), amount_minor


def _refund_faults_are_unknown(rig: AnyRig) -> None:
    number = rig.paid()
    for serial, name in enumerate(
        ("reply_lost", "gateway_error", "system_error", "too_many", "reply_bad_signature"), 900
    ):
        refund = _later(rig, number, 100, serial)
        rig.fault_once(name)
        told = rig.refund(refund)
        assert isinstance(told, Unknown | RefundNotYet), (name, told)
        rig.fault_once(name)
        assert isinstance(rig.query_refund(refund), Unknown), name


def _later(rig: AnyRig, number: str, amount_minor: int, serial: int = 900) -> Refund:
    """A refund asked for a while after whatever came before, for channels want some time between."""
    rig.advance(120)
    rig.due()
    return rig.a_refund(number, amount_minor, serial)


def _is_done(rig: AnyRig, refund: Refund) -> None:
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    told: RefundEvidence = rig.query_refund(refund)
    assert isinstance(told, RefundSucceeded), told
    assert told.amount == refund.amount
    assert told.happened_at.tzinfo is not None


def _refunded(rig: AnyRig) -> int:
    """What the channel gave back in all, told by its own balance after every refund came to its end."""
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    refunds = rig.sandbox.verbs.list_refunds(rig.stage.state)
    numbers = {one.number: one for one in refunds}
    done = 0
    for one in numbers.values():
        refund = rig.a_refund(one.order_number, one.amount_minor)
        told = rig.query_refund(replace(refund, number=one.number))
        done += one.amount_minor if isinstance(told, RefundSucceeded) else 0
    return done


def _drop(answer: Answer) -> Answer:
    assert isinstance(answer, Reply)
    return NoReply("the reply was lost", was_sent=True)


ONCE = (
    _refund_comes_to_its_end,
    _same_refund_twice_is_one,
    _refund_sent_is_not_lost,
    _same_number_with_another_amount_moves_nothing_more,
    _several_refunds_never_exceed_the_payment,
    _full_refund_gives_the_fee_back,
    _refund_of_unpaid_moves_nothing,
    _refund_never_sent_is_not_done,
    _refund_notification_matches,
    _refunds_that_end_badly,
    _book_of_amounts_is_kept_for_refunds,
    _refund_faults_are_unknown,
)
