"""The stage on which every sandbox runs: schedule, faults, clock, keeping. The template's sandbox stands for all."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest

from shunfu.channels._template import CHANNEL, SANDBOX
from shunfu.channels._template.sandbox.state import State
from shunfu.channels._template.settings import Settings
from shunfu.gateway import scenario
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import NotPaid, Paid, Unknown
from shunfu.gateway.faults import HOST_TWISTS, NOTIFICATION_TWISTS, REPLY_TWISTS, Faults
from shunfu.gateway.flow import NoReply, Reply, Request
from shunfu.gateway.port import Genuine, Spurious
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.keeping import read_stage, write_stage
from shunfu.gateway.sandbox.till import fee_back, fee_of

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "sandbox.md"


@cache
def state() -> State:
    return SANDBOX.verbs.create_state(NOW, b"stage")


@pytest.fixture
def rig() -> Rig[Settings, State]:
    return Rig(CHANNEL, SANDBOX, state())


def test_every_fault_is_committed_by_somebody() -> None:
    """A field of Faults that no code reads would be a switch with no wire."""
    source = "".join(path.read_text("utf8") for path in (HOW_TO.parents[2] / "src/shunfu").rglob("*.py"))
    for item in fields(Faults):
        assert len(re.findall(rf"\b{item.name}\b", source)) > 1, item.name


def test_a_lost_reply_took_effect_and_a_gateway_error_did_not(rig: Rig[Settings, State]) -> None:
    rig.fault_once("reply_lost")
    number, evidence = rig.place(serial=1)
    assert isinstance(evidence, Unknown)
    assert isinstance(rig.query(number), NotPaid)
    rig.fault_once("gateway_error")
    _, evidence = rig.place(serial=2)
    assert isinstance(evidence, Unknown)
    assert len(rig.sandbox.verbs.list_orders(rig.stage.state)) == 1


def test_a_storm_lasts_until_it_is_called_off(rig: Rig[Settings, State]) -> None:
    number, _ = rig.place()
    rig.fault(Faults(gateway_error=-1))
    assert {type(rig.query(number)) for _ in range(20)} == {Unknown}
    rig.fault(Faults())
    assert isinstance(rig.query(number), NotPaid)


def test_only_restricts_reply_faults_by_address_and_body(rig: Rig[Settings, State]) -> None:
    number = rig.paid()
    rig.fault(Faults(gateway_error=1, only="/template/refunds"))
    assert isinstance(rig.query(number), Paid)
    assert isinstance(rig.refund(rig.a_refund(number, 100)), Unknown)
    assert rig.stage.faults.gateway_error == 0
    rig.fault(Faults(gateway_error=1, only=f'"payment":"{number}"'))
    assert isinstance(rig.query(number), Paid)
    assert isinstance(rig.refund(rig.a_refund(number, 100)), Unknown)


def test_slow_replies_wait_less_when_time_passes_faster(rig: Rig[Settings, State]) -> None:
    rig.stage = stages.set_clock(replace(rig.stage, faults=Faults(reply_slow_seconds=30)), 10, 0, rig.now)
    told = stages.answer(rig.stage, Request("GET", "http://x/template/payments/1", ()), rig.now, rig.entropy())
    assert told.wait_seconds == 3


def test_the_schedule_is_the_channels_counted_from_each_refusal(rig: Rig[Settings, State]) -> None:
    rig.paid()
    waits: list[float] = []
    while rig.stage.post.waiting:
        (delivery,) = rig.due()
        rig.advance(2)
        rig.settle(delivery, 500)
        wait = stages.next_due_seconds(rig.stage, rig.now)
        if wait is not None:
            waits.append(wait)
            rig.advance(wait)
    assert tuple(waits) == SANDBOX.waits_seconds


def test_waits_shrink_with_the_speed_and_again_when_it_changes(rig: Rig[Settings, State]) -> None:
    rig.stage = stages.set_clock(rig.stage, 10, 0, rig.now)
    rig.paid()
    (delivery,) = rig.due()
    rig.settle(delivery, 0)
    assert stages.next_due_seconds(rig.stage, rig.now) == pytest.approx(1.5)
    rig.stage = stages.set_clock(rig.stage, 1, 0, rig.now)
    assert stages.next_due_seconds(rig.stage, rig.now) == pytest.approx(15)
    rig.stage = stages.set_clock(rig.stage, 1, 14, rig.now)
    assert stages.next_due_seconds(rig.stage, rig.now) == pytest.approx(1)


def test_business_time_jumps_and_signatures_keep_real_time(rig: Rig[Settings, State]) -> None:
    number = rig.paid()
    rig.stage = stages.set_clock(rig.stage, 1, 30 * 86400, rig.now)
    assert isinstance(rig.read(rig.notify(number)), Genuine)
    other, _ = rig.place(serial=7)
    sheet = stages.open_sheet(rig.stage, {"code_url": f"template://pay/{other}"}, rig.now)
    assert sheet.condition == "expired"


def test_a_held_notification_goes_when_another_has_gone_or_after_a_minute(rig: Rig[Settings, State]) -> None:
    rig.fault(Faults(reorder=1))
    number = rig.paid()
    assert rig.due() == ()
    rig.advance(61)
    assert [one.number for one in rig.due()] == [number]


def test_a_deeds_faults_are_its_own(rig: Rig[Settings, State]) -> None:
    number, _ = rig.place(serial=1)
    rig.shop(number, "pay", Faults(bad_signature=1))
    other = rig.paid(serial=2)
    faults = {one.number: one.fault for one in rig.due()}
    assert faults == {number: "bad_signature", other: ""}


@pytest.mark.parametrize("twist", NOTIFICATION_TWISTS)
def test_a_forgery_is_followed_by_the_right_one(rig: Rig[Settings, State], twist: str) -> None:
    number = rig.paid()
    rig.fault_once(twist)
    (forged,) = rig.due()
    assert forged.fault == twist
    rig.settle(forged, 200, b"taken")
    rig.advance(20)
    (heard,) = rig.heard()
    assert heard.number == number
    assert rig.stage.post.waiting == {}


def test_chance_is_drawn_from_the_run_and_repeats_with_it() -> None:
    runs: list[list[str]] = []
    for _ in range(2):
        rig = Rig(CHANNEL, SANDBOX, state())
        rig.fault(Faults(chance=0.5))
        seen: list[str] = []
        for serial in range(40):
            number, evidence = rig.place(serial=serial)
            seen.append(type(evidence).__name__)
            if rig.pay(number):
                seen += [delivery.fault for delivery in rig.due()]
        runs.append(seen)
    assert runs[0] == runs[1]
    assert {"Unknown", "Accepted"} <= set(runs[0])
    assert set(runs[0]) & {"lose", *NOTIFICATION_TWISTS}


def test_the_whole_stage_is_kept(rig: Rig[Settings, State]) -> None:
    rig.fault(Faults(lose=-1, chance=0.25, only="x"))
    rig.stage = stages.set_clock(rig.stage, 3, 77, rig.now)
    number = rig.paid()
    rig.due()
    rig.refund(rig.a_refund(number, 100))
    again = read_stage(SANDBOX, write_stage(rig.stage))
    assert again == rig.stage
    assert again.timers
    assert again.post.sendings


def test_a_wrong_key_choice_is_an_error(rig: Rig[Settings, State]) -> None:
    with pytest.raises(ValueError, match="no notify key"):
        stages.switch_key(rig.stage, "public_key")


def test_redelivery_of_nothing_is_none(rig: Rig[Settings, State]) -> None:
    number, _ = rig.place()
    assert stages.redeliver(rig.stage, number, rig.now) is None


def test_a_notification_goes_bad_only_as_it_is_told(rig: Rig[Settings, State]) -> None:
    number = rig.paid()
    assert isinstance(rig.read(rig.notify(number)), Genuine)
    assert isinstance(rig.read(rig.notify(number, "wrong_serial")), Spurious)


def test_fees_come_back_whole_however_a_refund_is_split() -> None:
    for total in (1, 83, 100, 8600, 99_999):
        refunded, back = 0, 0
        for part in (total // 3, total // 4, total - total // 3 - total // 4):
            back += fee_back(total, refunded, part)
            refunded += part
        assert back == fee_of(total)


def test_the_twists_are_told_apart() -> None:
    names = [*HOST_TWISTS, *REPLY_TWISTS, *NOTIFICATION_TWISTS]
    assert len(names) == len(set(names))
    assert set(names) <= {item.name for item in fields(Faults)}


def test_the_how_to_has_the_book_of_amounts() -> None:
    text = HOW_TO.read_text("utf8")
    for amount_minor, found in {**scenario.PAYMENTS, **scenario.REFUNDS}.items():
        said = found.meaning["en"].rstrip(".")
        row = f"| {amount_minor // 100}.{amount_minor % 100:02d} | {said[0].lower()}{said[1:]} |"
        assert row in text, row


def test_no_reply_is_told_as_none(rig: Rig[Settings, State]) -> None:
    rig.fault_once("reply_lost")
    request = Request("GET", "http://x/template/payments/1", ())
    assert isinstance(rig.answer(request), NoReply)
    assert isinstance(rig.answer(request), Reply)
