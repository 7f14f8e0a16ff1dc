"""What every channel promises about payments: placing, asking, closing. Must not know: any channel's words."""

from __future__ import annotations

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR, BASE_URL
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, NotPaid, Paid, Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Answer, NoReply, Reply
from shunfu.gateway.port import Scene
from shunfu.gateway.sandbox.values import DEEDS
from shunfu.kernel.money import Money


def _accepted_prepay_gives_invoke(rig: AnyRig, scene: Scene) -> None:
    _, evidence = rig.place(scene)
    assert isinstance(evidence, Accepted), evidence
    invoke = evidence.invoke
    assert invoke.kind == scene.invoke
    assert invoke.params
    assert all(type(name) is str and type(value) is str for name, value in invoke.params.items())
    assert invoke.expires_at > rig.now
    assert rig.channel.sandbox_url(rig.settings) == BASE_URL
    assert (invoke.sandbox_url or "").startswith(f"{BASE_URL}/"), "the sheet is at the sandbox"
    if invoke.kind == "qr":
        assert invoke.params.get("code_url"), "a QR code's address is code_url, whatever the channel calls it"


def _opened_sheet_shows_the_order(rig: AnyRig, scene: Scene) -> None:
    number, evidence = rig.place(scene)
    sheet = rig.open(evidence)
    assert sheet.condition == "payable", sheet
    assert sheet.order is not None
    assert (sheet.order.number, sheet.order.amount_minor) == (number, AMOUNT_MINOR)
    for deed in DEEDS:
        if deed != "pay":
            rig.shop(number, deed)
            assert isinstance(rig.query(number), NotPaid), deed


def _same_number_twice_is_one_order(rig: AnyRig, scene: Scene) -> None:
    number, first = rig.place(scene)
    _, second = rig.place(scene)
    assert isinstance(first, Accepted), first
    assert isinstance(second, Accepted), second
    rig.open(second)
    assert rig.pay(number)
    assert not rig.pay(number), "one number was paid twice"
    orders = rig.sandbox.verbs.list_orders(rig.stage.state)
    assert [order.number for order in orders] == [number]


def _other_numbers_are_other_orders(rig: AnyRig, scene: Scene) -> None:
    number, first = rig.place(scene, 1)
    other, second = rig.place(scene, 2)
    rig.open(first)
    rig.open(second)
    assert rig.pay(number)
    assert isinstance(rig.query(other), NotPaid)


def _order_sent_is_not_lost(rig: AnyRig, scene: Scene) -> None:
    if scene.is_local:
        return
    prepay = rig.prepay(scene)
    flow = rig.channel.verbs.prepay(rig.settings, prepay, rig.moment())
    lost = rig.run(flow, lambda request: _drop(rig.answer(request)))
    assert isinstance(lost, Unknown), lost
    _, again = rig.place(scene)
    assert isinstance(again, Accepted), "after a lost reply the same number must be acceptable again"


def _local_order_is_not_found_before_it_is_opened(rig: AnyRig, scene: Scene) -> None:
    number, evidence = rig.place(scene)
    if scene.is_local:
        assert isinstance(rig.query(number), NotFound)
        rig.open(evidence)
    assert isinstance(rig.query(number), NotPaid)


def _paid_in_each_scene_is_our_money(rig: AnyRig, scene: Scene) -> None:
    is_our_money(rig, rig.query(rig.paid(scene)), scene)


def _number_never_sent_is_not_found(rig: AnyRig) -> None:
    assert isinstance(rig.query(rig.number()), NotFound)


def _paid_number_is_not_accepted_again(rig: AnyRig) -> None:
    number = rig.paid()
    _, again = rig.place()
    assert not isinstance(again, Accepted | Refused), again
    is_our_money(rig, rig.query(number))


def _payment_leaves_the_fee_in_the_balance(rig: AnyRig) -> None:
    before = rig.sandbox.verbs.balance_minor(rig.stage.state)
    rig.paid()
    gained = rig.sandbox.verbs.balance_minor(rig.stage.state) - before
    assert AMOUNT_MINOR * 0.99 <= gained < AMOUNT_MINOR, gained


def _closed_cannot_be_paid(rig: AnyRig) -> None:
    number, _ = rig.place()
    assert isinstance(rig.close(number), Closed)
    assert not rig.pay(number)
    assert isinstance(rig.query(number), Closed)
    assert isinstance(rig.close(number), Closed | Unknown)


def _close_of_paid_is_not_closed(rig: AnyRig) -> None:
    number = rig.paid()
    assert not isinstance(rig.close(number), Closed | NotFound)
    is_our_money(rig, rig.query(number))


def _close_of_unknown_number_is_not_closed(rig: AnyRig) -> None:
    assert isinstance(rig.close(rig.number()), NotFound | Unknown)


def _expired_order_cannot_be_paid(rig: AnyRig) -> None:
    number, _ = rig.place()
    rig.advance(rig.channel.capabilities.order_seconds_max + 86400)
    rig.due()
    assert not rig.pay(number)
    assert isinstance(rig.query(number), Closed | NotPaid | NotFound)


def _book_of_amounts_is_kept(rig: AnyRig) -> None:
    """gateway/scenario.py: the same amounts choose the same outcomes at every channel."""
    for serial, (amount_minor, kind) in enumerate({9901: Refused, 9902: Unknown, 9903: Unknown, 9904: Unknown}.items()):
        _, evidence = rig.place(serial=serial, amount_minor=amount_minor)
        assert isinstance(evidence, kind), (amount_minor, evidence)
    lost = rig.number(2)
    assert isinstance(rig.query(lost), NotPaid), "99.03: the order is there, only the reply was lost"
    assert isinstance(rig.query(rig.number(1)), NotFound), "99.02: no order exists"
    poor, _ = rig.place(serial=5, amount_minor=9905)
    assert not rig.pay(poor)
    assert isinstance(rig.query(poor), NotPaid)
    alone, _ = rig.place(serial=6, amount_minor=9906)
    rig.due()
    assert isinstance(rig.query(alone), Paid), "99.06: paid with no shopper"
    closing, _ = rig.place(serial=7, amount_minor=9907)
    rig.advance(61)
    rig.due()
    assert not rig.pay(closing)


def _faults_are_unknown_and_pass(rig: AnyRig) -> None:
    """A storm of errors never reads as a success or a refusal, and when it is over all is as it was."""
    names = ("reply_lost", "gateway_error", "gateway_error_after", "system_error", "too_many")
    names += ("reply_signtest", "reply_bad_signature")
    number, evidence = rig.place(serial=50)
    assert isinstance(evidence, Accepted), evidence
    for name in names:
        rig.fault_once(name)
        assert isinstance(rig.query(number), Unknown), name
        assert rig.stage.faults == Faults(), f"{name} is not used up"
        assert isinstance(rig.query(number), NotPaid), f"after {name}"
    for serial, name in enumerate(names, 60):
        rig.fault_once(name)
        lost, evidence = rig.place(serial=serial)
        assert isinstance(evidence, Unknown), (name, evidence)
        assert isinstance(rig.query(lost), NotPaid | NotFound), name


def is_our_money(rig: AnyRig, evidence: Evidence | None, scene: Scene | None = None) -> None:
    """The contract's amount was paid to this account, in the first scene unless told otherwise."""
    identity = rig.channel.identity(rig.settings)
    assert isinstance(evidence, Paid), evidence
    assert evidence.amount == Money(AMOUNT_MINOR, "CNY")
    assert (evidence.account, evidence.app) == (
        identity.account,
        identity.app_in((scene or rig.channel.scenes[0]).name),
    )
    assert evidence.channel_transaction_no
    assert evidence.happened_at.tzinfo is not None
    assert abs((evidence.happened_at - rig.now).total_seconds()) < 60


def _drop(answer: Answer) -> Answer:
    assert isinstance(answer, Reply)
    return NoReply("the reply was lost", was_sent=True)


BY_SCENE = (
    _accepted_prepay_gives_invoke,
    _opened_sheet_shows_the_order,
    _same_number_twice_is_one_order,
    _other_numbers_are_other_orders,
    _order_sent_is_not_lost,
    _local_order_is_not_found_before_it_is_opened,
    _paid_in_each_scene_is_our_money,
)
ONCE = (
    _number_never_sent_is_not_found,
    _paid_number_is_not_accepted_again,
    _payment_leaves_the_fee_in_the_balance,
    _expired_order_cannot_be_paid,
    _book_of_amounts_is_kept,
    _faults_are_unknown_and_pass,
)
CLOSING = (_closed_cannot_be_paid, _close_of_paid_is_not_closed, _close_of_unknown_number_is_not_closed)
