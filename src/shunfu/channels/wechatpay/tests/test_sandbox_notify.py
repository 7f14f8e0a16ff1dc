"""The sandbox's notifications: schedule, faults, keys, clock; and its state through a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shunfu.channels.wechatpay import CHANNEL, sandbox
from shunfu.channels.wechatpay.sandbox import next_due_seconds, open_sheet, set_clock, settle
from shunfu.channels.wechatpay.sandbox.notify import WAITS_SECONDS
from shunfu.channels.wechatpay.sandbox.state import milliseconds
from shunfu.channels.wechatpay.tests.rig import NONCE, NUMBER, Rig, keys, message_of
from shunfu.channels.wechatpay.tests.wire_calls import token_of
from shunfu.gateway.evidence import NotPaid, Paid
from shunfu.gateway.port import Genuine, Spurious
from shunfu.gateway.sandbox import Delivery, Faults, Outcome


def read(rig: Rig, delivery: Delivery) -> Genuine | Spurious:
    return CHANNEL.verbs.read_notification(rig.settings, message_of(delivery), rig.now)


def paid_rig(faults: Faults | None = None, mode: str = "both") -> Rig:
    rig = Rig(mode)
    rig.prepay()
    rig.shop(faults=faults)
    return rig


def outcome(rig: Rig, delivery: Delivery, status: int) -> None:
    result = Outcome(status, "refused" if status else "no answer", milliseconds(rig.now), 3)
    rig.state = settle(rig.state, delivery, result, rig.now)


def test_schedule_is_the_published_one() -> None:
    """Sixteen tries, each signed afresh under the same id, at the published distances; then silence."""
    rig, seen, waits = paid_rig(), list[Genuine](), list[float]()
    for _ in range(16):
        (delivery,) = rig.due()
        message = read(rig, delivery)
        assert isinstance(message, Genuine)
        seen.append(message)
        outcome(rig, delivery, 500)
        waits.append(next_due_seconds(rig.state, rig.now) or 0)
        assert rig.due() == ()
        rig.advance(waits[-1])
    assert tuple(waits) == (*WAITS_SECONDS, 0)
    assert sum(WAITS_SECONDS) == 24 * 3600 + 4 * 60
    assert next_due_seconds(rig.state, rig.now) is None
    assert len({one.external_id for one in seen}) == 1
    assert len({one.nonce for one in seen}) == 16


@pytest.mark.parametrize(
    ("status", "is_done"), [(200, True), (204, True), (201, False), (302, False), (400, False), (0, False)]
)
def test_which_answers_end_it(status: int, is_done: bool) -> None:
    rig = paid_rig()
    outcome(rig, rig.due()[0], status)
    assert (next_due_seconds(rig.state, rig.now) is None) == is_done
    assert rig.state.sendings[-1].status == status


def test_host_that_never_tells_the_outcome_loses_nothing() -> None:
    rig = paid_rig()
    rig.due()
    assert next_due_seconds(rig.state, rig.now) == 20


def test_late_outcome_of_an_earlier_try_changes_nothing() -> None:
    rig = paid_rig()
    (first,) = rig.due()
    rig.advance(20)
    (second,) = rig.due()
    outcome(rig, second, 200)
    outcome(rig, first, 500)
    assert next_due_seconds(rig.state, rig.now) is None


def test_lost_notifications() -> None:
    rig = paid_rig(Faults(lose=1))
    assert rig.due() == ()
    assert rig.state.sendings[-1].outcome == "lost"
    rig.advance(15)
    assert len(rig.due()) == 1
    forever = paid_rig(Faults(lose=-1))
    for _ in range(20):
        assert forever.due() == ()
        forever.advance(6 * 3600)
    assert next_due_seconds(forever.state, forever.now) is None


def test_duplicate_is_two_messages_of_one_id() -> None:
    rig = paid_rig(Faults(duplicate=1))
    first, second = (read(rig, delivery) for delivery in rig.due())
    assert isinstance(first, Genuine)
    assert isinstance(second, Genuine)
    assert first.external_id == second.external_id
    assert first.nonce != second.nonce


def test_delayed_notification() -> None:
    rig = paid_rig(Faults(delay_seconds=30))
    assert rig.due() == ()
    assert next_due_seconds(rig.state, rig.now) == 30
    rig.advance(30)
    assert len(rig.due()) == 1


@pytest.mark.parametrize(("faults", "is_probe"), [(Faults(signtest=1), True), (Faults(bad_signature=1), False)])
def test_forged_first_then_genuine(faults: Faults, is_probe: bool) -> None:
    """A merchant that accepts the forgery is not let off: the genuine message follows all the same."""
    rig = paid_rig(faults)
    (forged,) = rig.due()
    message = read(rig, forged)
    assert isinstance(message, Spurious)
    assert message.is_probe == is_probe
    outcome(rig, forged, 200)
    rig.advance(15)
    (genuine,) = rig.due()
    assert isinstance(read(rig, genuine), Genuine)


def test_faults_of_the_sandbox_are_counted_over_all_orders() -> None:
    rig = Rig()
    rig.state = replace(rig.state, faults=Faults(lose=1))
    rig.prepay()
    rig.shop()
    assert rig.due() == ()
    assert rig.state.faults.lose == 0


def test_which_key_signs() -> None:
    material = keys().material
    assert message_of(paid_rig(mode="cert").due()[0]).headers["wechatpay-serial"] == material.platform_serial
    assert message_of(paid_rig(mode="public_key").due()[0]).headers["wechatpay-serial"] == material.public_key_id
    for chosen, expected in (("cert", material.platform_serial), ("public_key", material.public_key_id)):
        rig = Rig(notify_key=chosen)  # pyright: ignore[reportArgumentType]
        rig.prepay()
        rig.shop()
        assert message_of(rig.due()[0]).headers["wechatpay-serial"] == expected
    rig = Rig(notify_key="alternate")
    rig.prepay()
    rig.shop()
    serials: list[str] = []
    for _ in range(2):
        (delivery,) = rig.due()
        serials.append(message_of(delivery).headers["wechatpay-serial"])
        outcome(rig, delivery, 500)
        rig.advance(15)
    assert set(serials) == {material.platform_serial, material.public_key_id}


def test_faster_clock_shortens_waits_and_leaves_signatures_alone() -> None:
    rig = paid_rig()
    outcome(rig, rig.due()[0], 500)
    rig.state = set_clock(rig.state, 20, 0, rig.now)
    assert next_due_seconds(rig.state, rig.now) == 0.75
    rig.advance(1)
    (delivery,) = rig.due()
    assert isinstance(read(rig, delivery), Genuine)
    outcome(rig, delivery, 500)
    assert next_due_seconds(rig.state, rig.now) == 0.75


def test_jumping_ahead_makes_things_due_and_expires_orders() -> None:
    rig = paid_rig()
    outcome(rig, rig.due()[0], 500)
    rig.state = set_clock(rig.state, 1, 7200, rig.now)
    (delivery,) = rig.due()
    assert isinstance(read(rig, delivery), Genuine)
    other = Rig()
    params = token_of(other.prepay())
    other.state = set_clock(other.state, 1, 7200, other.now)
    assert open_sheet(other.state, params, other.now).condition == "expired"
    assert isinstance(other.query(), NotPaid)


def test_redelivery() -> None:
    rig = paid_rig()
    first = message_of(rig.due()[0])
    again = rig.notify()
    assert first != again
    assert sandbox.redeliver(rig.state, "unknown", rig.now) is None
    unpaid = Rig()
    unpaid.prepay()
    assert sandbox.redeliver(unpaid.state, NUMBER, unpaid.now) is None


def test_state_survives_a_restart() -> None:
    rig = paid_rig(Faults(signtest=2))
    outcome(rig, rig.due()[0], 500)
    rig.state = replace(rig.state, faults=Faults(lose=-1, delay_seconds=2.5), notify_key="alternate", speed=20.0)
    text = sandbox.write_state(rig.state)
    rig.state = sandbox.read_state(text)
    assert sandbox.write_state(rig.state) == text
    assert isinstance(rig.query(), Paid)
    assert NONCE not in text


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"format":2}', '{"format":1}', "\x00"])
def test_damaged_state_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        sandbox.read_state(text)


def test_damaged_order_is_a_value_error() -> None:
    rig = paid_rig()
    text = sandbox.write_state(rig.state)
    with pytest.raises(ValueError, match="damaged"):
        sandbox.read_state(text.replace('"token_ms"', '"token_seconds"'))


def test_state_does_not_print_keys() -> None:
    text = repr(Rig().state)
    assert "PRIVATE" not in text
    assert keys().material.api_v3_key not in text
