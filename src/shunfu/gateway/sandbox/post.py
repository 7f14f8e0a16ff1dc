"""The notifications of a sandbox: what waits, when it is due, with which fault it goes, and the log of what went.

Must not know: how a message is signed, what makes an answer good, sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from shunfu.gateway.sandbox.chance import take_notification_fault
from shunfu.gateway.sandbox.values import At, Delivery, Faults, Letter, Notification, Outcome, Sending
from shunfu.gateway.scenario import letter_faults

SENDINGS_KEPT = 1000
LETTERS_KEPT = 5000
HELD_SECONDS = 60
HARMLESS = frozenset({"", "duplicate"})
"""Faults with which a notification still counts as accepted."""
DELAY_SECONDS_MAX = 30 * 86400

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """Letters by id, those that wait by id, and the log of deliveries, oldest first."""

    letters: Mapping[str, Letter] = field(default_factory=dict[str, Letter])
    waiting: Mapping[str, Notification] = field(default_factory=dict[str, Notification])
    sendings: tuple[Sending, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a channel tries again: the waits after each try, its time-out, and how fast waits pass."""

    waits_seconds: tuple[float, ...]
    timeout_seconds: float
    speed: float


@dataclass(frozen=True, slots=True)
class Posted:
    """One copy of a letter that goes out now. `twist` is what the channel shall forge, `fault` what the log says."""

    letter: Letter
    attempt: int
    copy: int
    fault: str
    twist: str


def announce(post: Post, faults: Faults, letter: Letter, when: tuple[int, float]) -> tuple[Post, Faults]:
    """The post with a new letter due, later when a fault delays it; `when` is business time (ms) and speed."""
    at_ms, speed = when
    by_book = letter_faults(letter.amount_minor)
    letter = replace(letter, faults=_joined(letter.faults, by_book))
    delay = max(faults.delay_seconds, letter.faults.delay_seconds)
    is_held, due_ms = False, at_ms + int(min(delay, DELAY_SECONDS_MAX) * 1000 / speed)
    if letter.faults.reorder or faults.reorder:
        is_held, due_ms = True, due_ms + int(HELD_SECONDS * 1000 / speed)
        if not letter.faults.reorder:
            faults = replace(faults, reorder=faults.reorder - 1 if faults.reorder > 0 else faults.reorder)
        letter = replace(letter, faults=replace(letter.faults, reorder=0))
    letters = _newest({**post.letters, letter.id: letter}, LETTERS_KEPT)
    waiting = {**post.waiting, letter.id: Notification(letter, due_ms, is_held=is_held)}
    return replace(post, letters=letters, waiting=waiting), faults


def take_due(post: Post, faults: Faults, schedule: Schedule, at: At) -> tuple[Post, Faults, tuple[Posted, ...]]:
    """What goes out now, with the next tries already in the post, should no outcome ever be told."""
    posted: list[Posted] = []
    for one in sorted(post.waiting.values(), key=lambda one: (one.due_ms, one.letter.id)):
        if one.due_ms <= at.business_ms:
            draw = at.draw("fault", one.letter.id, one.attempts)
            own, faults, fault = take_notification_fault(one.letter.faults, faults, draw)
            letter, attempt = replace(one.letter, faults=own), one.attempts + 1
            went = replace(one, letter=letter, attempts=attempt, is_held=False)
            grace_seconds = 0 if fault == "lose" else schedule.timeout_seconds
            post = _released(_later(post, went, schedule, (at.business_ms, grace_seconds)), at.business_ms, letter.id)
            if fault == "lose":
                post = _logged(post, _lost(letter, attempt, at))
            else:
                twist = "" if fault in HARMLESS else fault
                copies = 2 if fault == "duplicate" else 1
                posted += [Posted(letter, attempt, copy, fault, twist) for copy in range(copies)]
    return post, faults, tuple(posted)


def settle(post: Post, delivery: Delivery, outcome: Outcome) -> Post:
    """The post with the outcome in its log; nothing more to send when the word on it is `accepted`."""
    letter = post.letters.get(delivery.notification_id)
    line = Sending(
        delivery.notification_id, delivery.number, delivery.attempt, outcome.sent_ms, delivery.fault,
        letter.kind if letter else "", outcome.status, outcome.reason, outcome.took_ms,
    )  # fmt: skip
    post = _logged(post, line)
    return _without(post, delivery.notification_id) if outcome.reason == "accepted" else post


def wait_again(post: Post, delivery: Delivery, schedule: Schedule, at: At) -> Post:
    """The post with the next try counted from the moment of the refusal."""
    one = post.waiting.get(delivery.notification_id)
    if one is None or one.attempts != delivery.attempt:
        return post
    return _later(post, one, schedule, (at.business_ms, 0))


def send_again(post: Post, number: str, at_ms: int) -> Post | None:
    """An order's letters due now, each with its schedule begun anew; None when it has none."""
    found = {
        key: Notification(replace(one, faults=Faults()), at_ms)
        for key, one in post.letters.items()
        if one.number == number
    }
    return replace(post, waiting={**post.waiting, **found}) if found else None


def _later(post: Post, one: Notification, schedule: Schedule, when: tuple[int, float]) -> Post:
    """The post with the next try due by the schedule, or with none after the last."""
    at_ms, grace_seconds = when
    if one.attempts > len(schedule.waits_seconds):
        return _without(post, one.letter.id)
    wait_ms = max(1, int(schedule.waits_seconds[one.attempts - 1] / schedule.speed * 1000))
    due = replace(one, due_ms=at_ms + wait_ms + int(grace_seconds * 1000))
    return replace(post, waiting={**post.waiting, one.letter.id: due})


def _released(post: Post, at_ms: int, but: str) -> Post:
    """Once another letter has gone, those that were held to go after it may go."""
    if not any(one.is_held for key, one in post.waiting.items() if key != but):
        return post
    freed = {
        key: replace(one, is_held=False, due_ms=at_ms + 1) if one.is_held and key != but else one
        for key, one in post.waiting.items()
    }
    return replace(post, waiting=freed)


def _lost(letter: Letter, attempt: int, at: At) -> Sending:
    sent_ms = int(at.now.timestamp() * 1000)
    return Sending(letter.id, letter.number, attempt, sent_ms, "lose", letter.kind, outcome="lost")


def _logged(post: Post, line: Sending) -> Post:
    return replace(post, sendings=(*post.sendings, line)[-SENDINGS_KEPT:])


def _without(post: Post, key: str) -> Post:
    return replace(post, waiting={name: one for name, one in post.waiting.items() if name != key})


def _newest(found: Mapping[str, T], kept: int) -> Mapping[str, T]:
    return found if len(found) <= kept else dict(list(found.items())[-kept:])


def _joined(own: Faults, by_book: Faults) -> Faults:
    """A deed's own faults; the book of amounts speaks only when the deed has none."""
    return by_book if own == Faults() else own
