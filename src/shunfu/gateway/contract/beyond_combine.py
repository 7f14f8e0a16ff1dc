"""What a channel with combined orders promises: all parts or none, each with its own money."""

from __future__ import annotations

from datetime import timedelta

from shunfu.gateway.combine import Combined, CombinedReport, CombineVerbs, Part
from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import NOTIFY_URL, NOW, RETURN_URL
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, NotPaid, Paid, Unknown
from shunfu.gateway.flow import Answer, NoReply
from shunfu.kernel.money import Money

AMOUNTS = (8600, 1200)


def combined(rig: AnyRig, scene_index: int = 0) -> Combined:
    """A combined order of two parts."""
    scene = rig.channel.scenes[scene_index]
    parts = tuple(Part(rig.number(11 + i), Money(fen, "CNY"), f"山行咖啡 {i}") for i, fen in enumerate(AMOUNTS))
    return Combined(
        number=rig.number(10),
        scene=scene.name,
        parts=parts,
        payer=rig.payer if scene.needs_payer else None,
        expires_at=NOW + timedelta(minutes=15),
        notify_url=NOTIFY_URL,
        return_url=RETURN_URL,
        client_ip="203.0.113.7",
    )


def _combined_is_paid_all_at_once(rig: AnyRig) -> None:
    for index in range(len(rig.channel.scenes)):
        before = rig.stage
        _pay_whole(rig, combined(rig, index))
        rig.stage = before


def _combined_notification_tells_every_part(rig: AnyRig) -> None:
    whole = _paid(rig)
    heard = [one for one in rig.heard() if one.parts]
    assert len(heard) == 1, "one notification tells of all parts"
    assert heard[0].evidence is None, "a combined order is no single payment"
    _are_ours(rig, whole, heard[0].parts)


def _part_is_no_single_payment(rig: AnyRig) -> None:
    whole = _paid(rig)
    for part in whole.parts:
        assert isinstance(rig.query(part.number), NotFound | Unknown), "the single query sees a part"


def _part_is_refunded_alone(rig: AnyRig) -> None:
    whole = _paid(rig)
    rig.advance(120)
    rig.refund(rig.a_refund(whole.parts[0].number, 100))
    rig.advance(4 * 86400)
    rig.due()
    _are_ours(rig, whole, _report(rig, whole.number).parts)


def _combined_closed_cannot_be_paid(rig: AnyRig) -> None:
    whole = combined(rig)
    assert isinstance(_place(rig, whole), Accepted)
    told = rig.run(_verbs(rig).close_combined(rig.settings, whole, rig.moment()))
    assert isinstance(told, Closed), told
    assert not rig.pay(whole.number)
    assert all(isinstance(one, Closed) for _, one in _report(rig, whole.number).parts)


def _combined_paid_is_not_closed(rig: AnyRig) -> None:
    whole = _paid(rig)
    told = rig.run(_verbs(rig).close_combined(rig.settings, whole, rig.moment()))
    assert not isinstance(told, Closed | NotFound), told
    _are_ours(rig, whole, _report(rig, whole.number).parts)


def _combined_never_sent_is_not_found(rig: AnyRig) -> None:
    told = rig.run(_verbs(rig).query_combined(rig.settings, rig.number(10), rig.moment()))
    assert isinstance(told, NotFound), told


def _combined_sent_is_not_lost(rig: AnyRig) -> None:
    whole = combined(rig)
    flow = _verbs(rig).prepay_combined(rig.settings, whole, rig.moment())
    assert isinstance(rig.run(flow, lambda request: _drop(rig.answer(request))), Unknown)
    assert isinstance(_place(rig, whole), Accepted), "after a lost reply the same number must be acceptable again"


ONCE = (
    _combined_is_paid_all_at_once,
    _combined_notification_tells_every_part,
    _part_is_no_single_payment,
    _part_is_refunded_alone,
    _combined_closed_cannot_be_paid,
    _combined_paid_is_not_closed,
    _combined_never_sent_is_not_found,
    _combined_sent_is_not_lost,
)


def _verbs(rig: AnyRig) -> CombineVerbs[object]:
    assert rig.channel.combine is not None
    return rig.channel.combine


def _place(rig: AnyRig, whole: Combined) -> Evidence:
    return rig.run(_verbs(rig).prepay_combined(rig.settings, whole, rig.moment()))


def _pay_whole(rig: AnyRig, whole: Combined) -> None:
    """Placed, opened, paid and found paid."""
    placed = _place(rig, whole)
    assert isinstance(placed, Accepted), placed
    assert all(isinstance(one, NotPaid) for _, one in _report(rig, whole.number).parts)
    assert rig.open(placed).condition == "payable"
    assert rig.pay(whole.number)
    assert not rig.pay(whole.number), "a combined order was paid twice"
    _are_ours(rig, whole, _report(rig, whole.number).parts)


def _paid(rig: AnyRig) -> Combined:
    whole = combined(rig)
    assert isinstance(_place(rig, whole), Accepted)
    assert rig.pay(whole.number)
    return whole


def _report(rig: AnyRig, number: str) -> CombinedReport:
    told = rig.run(_verbs(rig).query_combined(rig.settings, number, rig.moment()))
    assert isinstance(told, CombinedReport), told
    return told


def _are_ours(rig: AnyRig, whole: Combined, parts: tuple[tuple[str, Evidence], ...]) -> None:
    identity = rig.channel.identity(rig.settings)
    assert [number for number, _ in parts] == [part.number for part in whole.parts]
    for (_, evidence), part in zip(parts, whole.parts, strict=True):
        assert isinstance(evidence, Paid), evidence
        assert evidence.amount == part.amount, "each part has its own money"
        assert (evidence.account, evidence.app) == (identity.account, identity.app_in(whole.scene))


def _drop(answer: Answer) -> NoReply:
    del answer
    return NoReply("the reply was lost", was_sent=True)
