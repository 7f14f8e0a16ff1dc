"""What a channel with profit sharing promises: every share has its own end, and no money is counted twice."""

from __future__ import annotations

from dataclasses import replace

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR
from shunfu.gateway.evidence import Accepted, NotFound
from shunfu.gateway.refund import RefundNotYet
from shunfu.gateway.sharing import (
    Receiver,
    ReceiverKept,
    Share,
    ShareBack,
    ShareBackReport,
    Sharing,
    SharingAnswer,
    SharingReport,
    SharingVerbs,
    Unfreezing,
    Unsplit,
)
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

RECEIVER = Receiver("merchant", "1900000118", Secret("山行咖啡供应商"), custom_relation="供应商")
LONG_ENOUGH_SECONDS = 600


def sharing(rig: AnyRig, transaction_no: str, fen: int, serial: int = 20) -> Sharing:
    """An order to share so much with the receiver; what is left stays frozen."""
    share = Share(RECEIVER, Money(fen, "CNY"), "分给供应商")
    return Sharing(rig.number(serial), transaction_no, (share,), unfreezes_rest=False)


def back(rig: AnyRig, fen: int, serial: int = 30) -> ShareBack:
    """So much of the first sharing order to be taken back."""
    return ShareBack(rig.number(serial), rig.number(20), RECEIVER.account, Money(fen, "CNY"), "用户退款")


def unfreezing(rig: AnyRig, transaction_no: str) -> Unfreezing:
    """The rest to the merchant."""
    return Unfreezing(rig.number(40), transaction_no, "解冻全部剩余资金")


def _share_comes_to_its_end(rig: AnyRig) -> None:
    order = sharing(rig, _paid(rig), 1000)
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    taken = _share(rig, order)
    assert isinstance(taken, SharingReport), taken
    again = _share(rig, order)
    assert isinstance(again, SharingReport), again
    assert again.channel_sharing_no == taken.channel_sharing_no
    done = _after(rig, order)
    assert done.is_finished
    assert [(share.end, share.amount, share.account) for share in done.shares] == [
        ("succeeded", Money(1000, "CNY"), RECEIVER.account)
    ]
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) == before - 1000, "the same number shared twice"


def _share_of_unknown_receiver_moves_nothing(rig: AnyRig) -> None:
    transaction_no = _paid(rig)
    kept = rig.run(_verbs(rig).remove_receiver(rig.settings, RECEIVER, rig.moment()))
    assert isinstance(kept, ReceiverKept), kept
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    told = _share(rig, sharing(rig, transaction_no, 1000))
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    assert not isinstance(told, SharingReport) or all(share.end != "succeeded" for share in told.shares)
    assert rig.sandbox.verbs.balance_minor(rig.stage.state) == before


def _more_than_may_be_shared_moves_nothing(rig: AnyRig) -> None:
    transaction_no = _paid(rig)
    order = sharing(rig, transaction_no, AMOUNT_MINOR)
    assert not isinstance(_share(rig, order), SharingReport)
    told = rig.run(_verbs(rig).query_sharing(rig.settings, order, rig.moment()))
    assert isinstance(told, NotFound), told


def _unsplit_falls_with_each_share(rig: AnyRig) -> None:
    transaction_no = _paid(rig)
    before = _unsplit(rig, transaction_no)
    _share(rig, sharing(rig, transaction_no, 700))
    assert _unsplit(rig, transaction_no) == before - 700


def _unfrozen_can_no_longer_be_shared(rig: AnyRig) -> None:
    transaction_no = _paid(rig)
    told = rig.run(_verbs(rig).unfreeze(rig.settings, unfreezing(rig, transaction_no), rig.moment()))
    assert isinstance(told, SharingReport), told
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    assert _unsplit(rig, transaction_no) == 0
    assert not isinstance(_share(rig, sharing(rig, transaction_no, 100)), SharingReport)


def _shared_money_is_taken_back_before_it_is_refunded(rig: AnyRig) -> None:
    transaction_no = _paid(rig)
    order = sharing(rig, transaction_no, 1000)
    _share(rig, order)
    _after(rig, order)
    refund = rig.a_refund(rig.number(), AMOUNT_MINOR)
    assert isinstance(rig.refund(refund), RefundNotYet), "what was shared was refunded too"
    asked = back(rig, 1000)
    told = rig.run(_verbs(rig).take_back(rig.settings, asked, rig.moment()))
    assert isinstance(told, ShareBackReport), told
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    done = rig.run(_verbs(rig).query_take_back(rig.settings, asked, rig.moment()))
    assert isinstance(done, ShareBackReport), done
    assert (done.end, done.amount) == ("succeeded", Money(1000, "CNY"))
    assert not isinstance(rig.refund(refund), RefundNotYet)


ONCE = (
    _share_comes_to_its_end,
    _share_of_unknown_receiver_moves_nothing,
    _more_than_may_be_shared_moves_nothing,
    _unsplit_falls_with_each_share,
    _unfrozen_can_no_longer_be_shared,
    _shared_money_is_taken_back_before_it_is_refunded,
)


def _verbs(rig: AnyRig) -> SharingVerbs[object]:
    assert rig.channel.sharing is not None
    return rig.channel.sharing


def _paid(rig: AnyRig) -> str:
    """The channel's number of a payment that may be shared, long enough ago, with the receiver known."""
    prepay = replace(rig.prepay(rig.channel.scenes[0]), is_shared=True)
    placed = rig.run(rig.channel.verbs.prepay(rig.settings, prepay, rig.moment()))
    assert isinstance(placed, Accepted), placed
    assert rig.pay(prepay.number)
    kept = rig.run(_verbs(rig).add_receiver(rig.settings, RECEIVER, rig.moment()))
    assert isinstance(kept, ReceiverKept), kept
    rig.advance(LONG_ENOUGH_SECONDS)
    orders = rig.sandbox.verbs.list_orders(rig.stage.state)
    return next(order.transaction_no for order in orders if order.number == prepay.number)


def _share(rig: AnyRig, order: Sharing) -> SharingAnswer:
    return rig.run(_verbs(rig).share(rig.settings, order, rig.moment()))


def _after(rig: AnyRig, order: Sharing) -> SharingReport:
    rig.advance(LONG_ENOUGH_SECONDS)
    rig.due()
    told = rig.run(_verbs(rig).query_sharing(rig.settings, order, rig.moment()))
    assert isinstance(told, SharingReport), told
    return told


def _unsplit(rig: AnyRig, transaction_no: str) -> int:
    told = rig.run(_verbs(rig).query_unsplit(rig.settings, transaction_no, rig.moment()))
    assert isinstance(told, Unsplit), told
    return told.amount.minor
