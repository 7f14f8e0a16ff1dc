"""What every channel promises about notifications: only what the channel signed, now, about our money, is genuine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.payments import is_our_money
from shunfu.gateway.contract.rig import message_of
from shunfu.gateway.evidence import Paid, Unknown
from shunfu.gateway.faults import NOTIFICATION_TWISTS, Faults
from shunfu.gateway.port import Genuine, Message, Spurious

FORGED = tuple(
    name for name in NOTIFICATION_TWISTS if name not in {"wrong_amount", "wrong_merchant", "stale_timestamp"}
)


def _notification_verifies_and_matches(rig: AnyRig) -> None:
    number = rig.paid()
    read = rig.read(rig.notify(number))
    assert isinstance(read, Genuine), read
    assert read.number == number
    assert read.external_id
    is_our_money(rig, read.evidence)


def _notification_says_what_the_query_says(rig: AnyRig) -> None:
    number = rig.paid()
    read = rig.read(rig.notify(number))
    assert isinstance(read, Genuine), read
    assert read.evidence == rig.query(number)


def _resent_notification_keeps_its_id(rig: AnyRig) -> None:
    number = rig.paid()
    first, second = rig.read(rig.notify(number)), rig.read(rig.notify(number))
    assert isinstance(first, Genuine), first
    assert isinstance(second, Genuine), second
    assert first.external_id == second.external_id


def _two_messages_are_told_apart(rig: AnyRig) -> None:
    """Another payment's message has another id, and another nonce where the channel sends one."""
    first, second = rig.read(rig.notify(rig.paid(serial=1))), rig.read(rig.notify(rig.paid(serial=2)))
    assert isinstance(first, Genuine), first
    assert isinstance(second, Genuine), second
    assert first.external_id != second.external_id
    assert not first.nonce or first.nonce != second.nonce


def _refused_notification_comes_again(rig: AnyRig) -> None:
    rig.paid()
    (first,) = rig.due()
    reply = rig.channel.verbs.answer_notification("refused")
    rig.settle(first, reply.status, reply.body)
    rig.advance(max(rig.sandbox.waits_seconds))
    (second,) = rig.due()
    reply = rig.channel.verbs.answer_notification("accepted")
    rig.settle(second, reply.status, reply.body)
    rig.advance(10 * 86400)
    assert rig.due() == (), "an accepted notification came again"


def _silence_is_answered_by_the_whole_schedule(rig: AnyRig) -> None:
    rig.paid()
    sent = 0
    while rig.stage.post.waiting:
        for delivery in rig.due():
            sent += 1
            rig.settle(delivery, 0)
        rig.advance(max(rig.sandbox.waits_seconds))
    assert sent == len(rig.sandbox.waits_seconds) + 1


def _forged_notifications_are_spurious_and_resent(rig: AnyRig) -> None:
    number = rig.paid()
    for twist in FORGED:
        assert isinstance(rig.read(rig.notify(number, twist)), Spurious), twist
    accepted = rig.channel.verbs.answer_notification("accepted")
    rig.fault(Faults(bad_signature=1))
    (forged,) = rig.due() or (None,)
    if forged is not None:
        rig.settle(forged, accepted.status, accepted.body)
        assert rig.stage.post.waiting, "a forged notification counts as accepted"


def _altered_money_is_never_ours(rig: AnyRig) -> None:
    """The channel itself signs another amount or another merchant: the values must be there for the guard to see."""
    number = rig.paid()
    honest = rig.query(number)
    assert isinstance(honest, Paid)
    for twist in ("wrong_amount", "wrong_merchant"):
        read = rig.read(rig.notify(number, twist))
        if isinstance(read, Genuine):
            told = read.evidence
            is_seen = isinstance(told, Unknown) or (
                isinstance(told, Paid)
                and (told.amount, told.account, told.app) != (honest.amount, honest.account, honest.app)
            )
            assert is_seen, twist


def _changed_byte_is_spurious(rig: AnyRig) -> None:
    message = rig.notify(rig.paid())
    honest = rig.read(message)
    for position in range(0, len(message.body), max(1, len(message.body) // 64)):
        body = bytearray(message.body)
        body[position] ^= 1
        read = rig.read(replace(message, body=bytes(body)))
        assert isinstance(read, Spurious) or read == honest, position


def _stale_notification_is_spurious(rig: AnyRig) -> None:
    message = rig.notify(rig.paid())
    assert isinstance(rig.read(message, timedelta(days=2)), Spurious)
    assert isinstance(rig.read(message, -timedelta(days=2)), Spurious)


def _hostile_notifications_never_raise(rig: AnyRig) -> None:
    message = rig.notify(rig.paid())
    for body in (
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"id":NaN}',
        b"a=1&a=2",
        b"sign=%",
        message.body * 2,
    ):
        assert isinstance(rig.read(replace(message, body=body)), Spurious), body[:20]
        assert isinstance(rig.read(Message({}, body)), Spurious), body[:20]
    for value in ("", "\x00", "１７", "1e9", "-1", "9" * 400, "é", "\ud800", "=" * 5000):
        for name in message.headers:
            spoiled: Mapping[str, str] = {**message.headers, name: value}
            rig.read(replace(message, headers=spoiled))
    for cut in range(0, len(message.body), max(1, len(message.body) // 40)):
        assert isinstance(rig.read(replace(message, body=message.body[:cut])), Spurious), cut


def _answers_differ(rig: AnyRig) -> None:
    verbs = rig.channel.verbs
    accepted, distrusted = verbs.answer_notification("accepted"), verbs.answer_notification("distrusted")
    refused = verbs.answer_notification("refused")
    assert (accepted.status, accepted.body) != (refused.status, refused.body)
    assert (accepted.status, accepted.body) != (distrusted.status, distrusted.body)


def _every_key_choice_is_genuine(rig: AnyRig) -> None:
    """Whichever of its keys the channel signs with, and however often it changes: nothing genuine is refused."""
    number = rig.paid()
    for notify_key in (*rig.sandbox.notify_keys, *reversed(rig.sandbox.notify_keys)):
        state = rig.sandbox.verbs.switch_key(rig.stage.state, notify_key)
        rig.stage = replace(rig.stage, state=state)
        for _ in range(3):
            read = rig.read(rig.notify(number))
            assert isinstance(read, Genuine), (notify_key, read)


def _faults_of_delivery_are_committed(rig: AnyRig) -> None:
    rig.fault(Faults(duplicate=1))
    rig.paid(serial=1)
    twice = rig.due()
    assert len(twice) == 2
    assert len({one.notification_id for one in twice}) == 1
    rig.settle(twice[0], *_taken(rig))
    rig.fault(Faults(reorder=1))
    first, second = rig.paid(serial=2), rig.paid(serial=3)
    sent = [delivery.number for delivery in rig.due()]
    rig.advance(1)
    sent += [delivery.number for delivery in rig.due()]
    assert sent == [second, first]
    rig.fault(Faults(delay_seconds=30 * 86400))
    late = rig.paid(serial=4)
    assert late not in {delivery.number for delivery in rig.due()}
    rig.advance(30 * 86400 + 1)
    assert any(message_of(one).body and one.number == late for one in rig.due())


def _taken(rig: AnyRig) -> tuple[int, bytes]:
    reply = rig.channel.verbs.answer_notification("accepted")
    return reply.status, reply.body


ONCE = (
    _notification_verifies_and_matches,
    _notification_says_what_the_query_says,
    _resent_notification_keeps_its_id,
    _two_messages_are_told_apart,
    _refused_notification_comes_again,
    _silence_is_answered_by_the_whole_schedule,
    _forged_notifications_are_spurious_and_resent,
    _altered_money_is_never_ours,
    _changed_byte_is_spurious,
    _hostile_notifications_never_raise,
    _answers_differ,
    _faults_of_delivery_are_committed,
)
EXPIRING = (_stale_notification_is_spurious,)
SWITCHING = (_every_key_choice_is_genuine,)
