"""What a channel with complaints promises: they are heard of, read, answered and settled."""

from __future__ import annotations

from datetime import timedelta

from shunfu.gateway.complaint import (
    Complaint,
    ComplaintAddress,
    ComplaintPage,
    ComplaintReply,
    ComplaintsAsked,
    ComplaintTaken,
    ComplaintVerbs,
    NegotiationPage,
)
from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR, NOTIFY_URL
from shunfu.gateway.evidence import NotFound
from shunfu.gateway.sandbox import stage as stages
from shunfu.kernel.money import Money

WORDS = "豆子潮了，要求退款"


def _complaint_is_heard_of_and_read(rig: AnyRig) -> None:
    number, complaint_id = _complain(rig)
    found = _ask(rig, complaint_id)
    assert (found.state, found.text, found.times) == ("pending", WORDS, 1)
    assert [(one.number, one.amount) for one in found.payments] == [(number, Money(AMOUNT_MINOR, "CNY"))]
    assert found.phone is not None, "the phone cannot be read"
    assert found.phone.reveal().isdecimal()
    assert found.phone.reveal() not in repr(found)
    assert WORDS not in repr(found), "a shopper's words are printed"


def _complaint_is_listed(rig: AnyRig) -> None:
    _, complaint_id = _complain(rig)
    day = (rig.now + timedelta(hours=8)).date()
    page = rig.run(_verbs(rig).list_complaints(rig.settings, ComplaintsAsked(day, day), rig.moment()))
    assert isinstance(page, ComplaintPage), page
    assert ([one.id for one in page.complaints], page.total) == ([complaint_id], 1)
    before = day - timedelta(days=1)
    empty = rig.run(_verbs(rig).list_complaints(rig.settings, ComplaintsAsked(before, before), rig.moment()))
    assert empty == ComplaintPage((), 0)


def _complaint_is_answered_and_settled(rig: AnyRig) -> None:
    _, complaint_id = _complain(rig)
    reply = ComplaintReply(complaint_id, "您好，已为您安排退款。")
    assert isinstance(rig.run(_verbs(rig).reply_complaint(rig.settings, reply, rig.moment())), ComplaintTaken)
    assert _ask(rig, complaint_id).state == "processing"
    settled = rig.run(_verbs(rig).complete_complaint(rig.settings, complaint_id, rig.moment()))
    assert isinstance(settled, ComplaintTaken), settled
    assert _ask(rig, complaint_id).state == "processed"
    history = rig.run(_verbs(rig).list_negotiation(rig.settings, complaint_id, rig.moment()))
    assert isinstance(history, NegotiationPage), history
    assert [step.speaker for step in history.steps] == ["merchant", "merchant", "shopper"]
    assert history.steps[-1].text == WORDS


def _shopper_complains_again(rig: AnyRig) -> None:
    number, complaint_id = _complain(rig)
    rig.run(_verbs(rig).complete_complaint(rig.settings, complaint_id, rig.moment()))
    rig.heard()
    rig.advance(60)
    _file(rig, number)
    found = _ask(rig, complaint_id)
    assert (found.times, found.is_waiting, found.state) == (2, True, "pending")
    assert [one.about for one in rig.heard()] == [complaint_id]


def _complaint_address_is_kept(rig: AnyRig) -> None:
    verbs, settings = _verbs(rig), rig.settings
    assert isinstance(rig.run(verbs.read_complaint_address(settings, rig.moment())), NotFound)
    for url in (NOTIFY_URL, f"{NOTIFY_URL}/other"):
        told = rig.run(verbs.set_complaint_address(settings, url, rig.moment()))
        assert told == ComplaintAddress(url), told
        assert rig.run(verbs.read_complaint_address(settings, rig.moment())) == ComplaintAddress(url)
    assert isinstance(rig.run(verbs.remove_complaint_address(settings, rig.moment())), ComplaintTaken)
    assert isinstance(rig.run(verbs.read_complaint_address(settings, rig.moment())), NotFound)


def _unknown_complaint_is_not_found(rig: AnyRig) -> None:
    assert isinstance(rig.run(_verbs(rig).query_complaint(rig.settings, "200201", rig.moment())), NotFound)


ONCE = (
    _complaint_is_heard_of_and_read,
    _complaint_is_listed,
    _complaint_is_answered_and_settled,
    _shopper_complains_again,
    _complaint_address_is_kept,
    _unknown_complaint_is_not_found,
)


def _verbs(rig: AnyRig) -> ComplaintVerbs[object]:
    assert rig.channel.complaints is not None
    return rig.channel.complaints


def _complain(rig: AnyRig) -> tuple[str, str]:
    """The number of a paid payment, and the complaint about it as its notification names it."""
    told = rig.run(_verbs(rig).set_complaint_address(rig.settings, NOTIFY_URL, rig.moment()))
    assert isinstance(told, ComplaintAddress), told
    number = rig.paid()
    rig.heard()
    _file(rig, number)
    heard = [one.about for one in rig.heard() if one.about]
    assert len(heard) == 1, "a complaint is told of once"
    return number, heard[0]


def _file(rig: AnyRig, number: str) -> None:
    assert rig.sandbox.file_complaint is not None
    at = rig.at()
    step = rig.sandbox.file_complaint(rig.stage.state, number, WORDS, at)
    assert step is not None, "the sandbox knows no such payment"
    rig.stage = stages.take_step(rig.stage, step, at)


def _ask(rig: AnyRig, complaint_id: str) -> Complaint:
    found = rig.run(_verbs(rig).query_complaint(rig.settings, complaint_id, rig.moment()))
    assert isinstance(found, Complaint), found
    return found
