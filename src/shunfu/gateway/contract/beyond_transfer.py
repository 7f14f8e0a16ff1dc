"""What a channel with transfers promises: one number is one transfer, and money that does not arrive comes back."""

from __future__ import annotations

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR, NOTIFY_URL
from shunfu.gateway.evidence import NotFound, Unknown
from shunfu.gateway.flow import Answer, NoReply
from shunfu.gateway.transfer import (
    Transfer,
    TransferEvidence,
    TransferFailed,
    TransferProcessing,
    TransferReport,
    TransferSucceeded,
    TransferVerbs,
    TransferWaiting,
)
from shunfu.kernel.money import Money

FEN = 500
EXPIRED_SECONDS = 2 * 86400


def transfer(rig: AnyRig, fen: int = FEN) -> Transfer:
    """A transfer to the shopper, for the first purpose that there is."""
    purpose, names = next(iter(_verbs(rig).list_purposes().items()))
    reports = tuple((name, "新会员有礼") for name in names)
    return Transfer(rig.number(50), purpose, rig.payer, Money(fen, "CNY"), "新会员有礼", reports, NOTIFY_URL)


def _transfer_is_confirmed_by_the_shopper(rig: AnyRig) -> None:
    before = _rich(rig)
    waiting = _send(rig)
    assert isinstance(waiting, TransferWaiting), waiting
    assert waiting.params, "the client cannot open the confirmation"
    assert rig.open_sheet(waiting.params).condition == "payable"
    assert isinstance(_query(rig), TransferWaiting)
    assert rig.pay(rig.number(50))
    assert not rig.pay(rig.number(50)), "one transfer was confirmed twice"
    done = _query(rig)
    assert isinstance(done, TransferSucceeded), done
    assert done.amount == Money(FEN, "CNY")
    assert _balance(rig) == before - FEN
    found = rig.run(_verbs(rig).find_transfer(rig.settings, done.channel_transfer_no, rig.moment()))
    assert found == TransferReport(rig.number(50), done)
    assert [one.about for one in rig.heard() if one.about] == [done.channel_transfer_no]


def _transfer_sent_is_not_lost(rig: AnyRig) -> None:
    before = _rich(rig)
    flow = _verbs(rig).transfer(rig.settings, transfer(rig), rig.moment())
    assert isinstance(rig.run(flow, lambda request: _drop(rig.answer(request))), Unknown)
    again = _send(rig)
    assert isinstance(again, TransferWaiting), "the same number again is the same transfer"
    assert again.params
    assert rig.pay(rig.number(50))
    assert _balance(rig) == before - FEN, "one number was paid out twice"


def _same_transfer_number_with_another_amount_is_unknown(rig: AnyRig) -> None:
    _rich(rig)
    _send(rig)
    told = rig.run(_verbs(rig).transfer(rig.settings, transfer(rig, FEN + 1), rig.moment()))
    assert isinstance(told, Unknown), told


def _transfer_without_money_is_unknown_and_not_there(rig: AnyRig) -> None:
    _rich(rig)
    told = rig.run(_verbs(rig).transfer(rig.settings, transfer(rig, 10 * AMOUNT_MINOR), rig.moment()))
    assert isinstance(told, Unknown), told
    assert isinstance(_query(rig), NotFound)


def _transfer_not_confirmed_comes_back(rig: AnyRig) -> None:
    before = _rich(rig)
    _send(rig)
    assert _balance(rig) == before - FEN
    rig.advance(EXPIRED_SECONDS)
    rig.due()
    told = _query(rig)
    assert isinstance(told, TransferFailed), told
    assert not rig.pay(rig.number(50))
    assert _balance(rig) == before, "the money of a failed transfer did not come back"


def _transfer_cancelled_comes_back(rig: AnyRig) -> None:
    before = _rich(rig)
    _send(rig)
    asked = rig.run(_verbs(rig).cancel_transfer(rig.settings, rig.number(50), rig.moment()))
    assert isinstance(asked, TransferProcessing | TransferFailed), asked
    assert not rig.pay(rig.number(50)), "a transfer was confirmed while it was cancelled"
    rig.advance(600)
    rig.due()
    assert isinstance(_query(rig), TransferFailed)
    assert _balance(rig) == before


def _confirmed_transfer_is_not_cancelled(rig: AnyRig) -> None:
    _rich(rig)
    _send(rig)
    assert rig.pay(rig.number(50))
    asked = rig.run(_verbs(rig).cancel_transfer(rig.settings, rig.number(50), rig.moment()))
    assert not isinstance(asked, TransferFailed | NotFound), asked
    rig.advance(600)
    rig.due()
    assert isinstance(_query(rig), TransferSucceeded)


ONCE = (
    _transfer_is_confirmed_by_the_shopper,
    _transfer_sent_is_not_lost,
    _same_transfer_number_with_another_amount_is_unknown,
    _transfer_without_money_is_unknown_and_not_there,
    _transfer_not_confirmed_comes_back,
    _transfer_cancelled_comes_back,
    _confirmed_transfer_is_not_cancelled,
)


def _verbs(rig: AnyRig) -> TransferVerbs[object]:
    assert rig.channel.transfers is not None
    return rig.channel.transfers


def _rich(rig: AnyRig) -> int:
    """What the merchant has after a payment."""
    rig.paid()
    return _balance(rig)


def _balance(rig: AnyRig) -> int:
    return rig.sandbox.verbs.balance_minor(rig.stage.state)


def _send(rig: AnyRig) -> TransferEvidence:
    return rig.run(_verbs(rig).transfer(rig.settings, transfer(rig), rig.moment()))


def _query(rig: AnyRig) -> TransferEvidence:
    return rig.run(_verbs(rig).query_transfer(rig.settings, rig.number(50), rig.moment()))


def _drop(answer: Answer) -> NoReply:
    del answer
    return NoReply("the reply was lost", was_sent=True)
