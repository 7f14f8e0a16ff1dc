"""A sandbox on its stage: its state, its clock, the faults to come, and what it still has to tell the merchant.

Pure: every function takes a stage, the present and 32 random bytes, and gives the next stage. The host owns sockets and
the file. Must not know: which channels exist, how a message is signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.sandbox import post as posts
from shunfu.gateway.sandbox.chance import take_reply_fault
from shunfu.gateway.sandbox.post import Post
from shunfu.gateway.sandbox.values import Act, At, Call, Delivery, Faults, Outcome, Pace, RefundEnd, Sheet, Step
from shunfu.gateway.sandbox.verbs import Sandbox

S = TypeVar("S")
NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Stage(Generic[S]):
    """One sandbox with everything that it needs to run; `timers` are due moments (business time, Unix ms) by name."""

    sandbox: Sandbox[S]
    state: S
    pace: Pace = field(default_factory=Pace)
    faults: Faults = field(default_factory=Faults)
    post: Post = field(default_factory=Post)
    timers: Mapping[str, int] = field(default_factory=dict[str, int])

    def at(self, now: datetime, entropy: bytes = NOTHING) -> At:
        """The sandbox's moment at this one of the wall clock."""
        return At(now, int(now.timestamp() * 1000) + self.pace.offset_ms, entropy)


@dataclass(frozen=True, slots=True)
class Told(Generic[S]):
    """The stage after a call and the reply, None when the connection is to be dropped without one.

    The host holds the reply back for `wait_seconds`.
    """

    stage: Stage[S]
    reply: Reply | None
    wait_seconds: float = 0.0


def create(sandbox: Sandbox[S], now: datetime, entropy: bytes) -> Stage[S]:
    """A new merchant at this sandbox."""
    return Stage(sandbox, sandbox.verbs.create_state(now, entropy))


def answer(stage: Stage[S], request: Request, now: datetime, entropy: bytes) -> Told[S]:
    """Answer one request on the wire, with the next reply fault to come."""
    at, wait_seconds = stage.at(now, entropy), stage.faults.reply_slow_seconds / stage.pace.speed
    faults, twist = take_reply_fault(stage.faults, request, at)
    stage = replace(stage, faults=faults)
    if twist == "gateway_error":
        return Told(stage, _bad_gateway(), wait_seconds)
    found = stage.sandbox.verbs.answer(stage.state, Call(request, at, twist, stage.faults))
    if found.faults is not None:
        stage = replace(stage, faults=found.faults)
    stage = _take(stage, found.step, at)
    if twist == "gateway_error_after":
        return Told(stage, _bad_gateway(), wait_seconds)
    is_lost = found.is_lost or twist == "reply_lost"
    return Told(stage, None if is_lost else found.reply, wait_seconds)


def open_sheet(stage: Stage[S], fields: Mapping[str, str], now: datetime) -> Sheet:
    """What the payment sheet finds for the client's invoke data."""
    return stage.sandbox.verbs.open_sheet(stage.state, fields, stage.at(now))


def act(stage: Stage[S], deed: Act, now: datetime, entropy: bytes) -> tuple[Stage[S], Sheet]:
    """Carry out the shopper's deed; its notifications have the deed's faults."""
    at = stage.at(now, entropy)
    step, sheet = stage.sandbox.verbs.act(stage.state, deed, at)
    letters = tuple(replace(letter, faults=deed.faults) for letter in step.letters)
    return _take(stage, replace(step, letters=letters), at), sheet


def end_refund(stage: Stage[S], number: str, end: RefundEnd, at: At) -> Stage[S] | None:
    """End a refund that is going on; None when there is none or the channel has no such end."""
    step = stage.sandbox.verbs.end_refund(stage.state, number, end, at)
    return None if step is None else _take(stage, step, at)


def take_step(stage: Stage[S], step: Step[S], at: At) -> Stage[S]:
    """The stage after a step that a channel's own extra brought about."""
    return _take(stage, step, at)


def ring_due(stage: Stage[S], now: datetime, entropy: bytes) -> Stage[S]:
    """The stage after every timer whose time has come."""
    at = stage.at(now, entropy)
    for name, due_ms in sorted(stage.timers.items(), key=lambda item: (item[1], item[0])):
        if due_ms <= at.business_ms:
            stage = _ring(stage, name, at)
    return stage


def advance(stage: Stage[S], now: datetime, entropy: bytes) -> tuple[Stage[S], tuple[Delivery, ...]]:
    """Ring what is due, then the notifications due now; their next tries are in the stage already."""
    stage, at = ring_due(stage, now, entropy), stage.at(now, entropy)
    post, faults, sendings = posts.take_due(stage.post, stage.faults, _schedule(stage), at)
    deliveries: list[Delivery] = []
    for sending in sendings:
        mark = replace(at, entropy=at.draw("letter", sending.letter.id, sending.attempt, sending.copy))
        request = stage.sandbox.verbs.write_letter(stage.state, sending.letter, sending.twist, mark)
        request = replace(request, timeout_seconds=stage.sandbox.timeout_seconds)
        letter = sending.letter
        deliveries.append(Delivery(letter.number, letter.id, sending.attempt, sending.fault, request))
    return replace(stage, post=post, faults=faults), tuple(deliveries)


def settle(stage: Stage[S], delivery: Delivery, outcome: Outcome, now: datetime) -> Stage[S]:
    """The stage after a delivery's outcome: done with when accepted, else due again by the channel's schedule."""
    is_heard = stage.sandbox.verbs.is_heard(outcome) and delivery.fault in posts.HARMLESS
    post = posts.settle(stage.post, delivery, replace(outcome, reason="accepted") if is_heard else outcome)
    if not is_heard:
        post = posts.wait_again(post, delivery, _schedule(stage), stage.at(now))
    return replace(stage, post=post)


def next_due_seconds(stage: Stage[S], now: datetime) -> float | None:
    """Seconds on the wall clock until something is due, 0 when it already is, None when nothing waits."""
    due = [*stage.timers.values(), *(one.due_ms for one in stage.post.waiting.values())]
    return max(0.0, (min(due) - stage.at(now).business_ms) / 1000) if due else None


def redeliver(stage: Stage[S], number: str, now: datetime) -> Stage[S] | None:
    """The stage with an order's notifications due now, their schedules begun anew; None when there was none."""
    post = posts.send_again(stage.post, number, stage.at(now).business_ms)
    return None if post is None else replace(stage, post=post)


def set_clock(stage: Stage[S], speed: float, advance_seconds: float, now: datetime) -> Stage[S]:
    """Another speed of waits from now on, after business time jumped by some seconds."""
    pace = Pace(speed, stage.pace.offset_ms + int(advance_seconds * 1000))
    ratio = stage.pace.speed / speed
    stage = replace(stage, pace=pace)
    at_ms = stage.at(now).business_ms
    timers = {name: _shrunk(due_ms, at_ms, ratio) for name, due_ms in stage.timers.items()}
    waiting = {key: replace(one, due_ms=_shrunk(one.due_ms, at_ms, ratio)) for key, one in stage.post.waiting.items()}
    return replace(stage, timers=timers, post=replace(stage.post, waiting=waiting))


def switch_key(stage: Stage[S], notify_key: str) -> Stage[S]:
    """The stage with notifications signed by another key; raises ValueError when the channel has no such choice."""
    if notify_key not in stage.sandbox.notify_keys:
        raise ValueError(f"there is no notify key {notify_key!r}")
    return replace(stage, state=stage.sandbox.verbs.switch_key(stage.state, notify_key))


def _take(stage: Stage[S], step: Step[S], at: At) -> Stage[S]:
    post, faults = stage.post, stage.faults
    for letter in step.letters:
        post, faults = posts.announce(post, faults, letter, (at.business_ms, stage.pace.speed))
    set_now = {timer.name: at.business_ms + int(timer.wait_seconds * 1000 / stage.pace.speed) for timer in step.timers}
    return replace(stage, state=step.state, post=post, faults=faults, timers={**stage.timers, **set_now})


def _ring(stage: Stage[S], name: str, at: At) -> Stage[S]:
    left = {key: due_ms for key, due_ms in stage.timers.items() if key != name}
    mark = replace(at, entropy=at.draw("timer", name))
    return _take(replace(stage, timers=left), stage.sandbox.verbs.ring(stage.state, name, mark), mark)


def _schedule(stage: Stage[S]) -> posts.Schedule:
    return posts.Schedule(stage.sandbox.waits_seconds, stage.sandbox.timeout_seconds, stage.pace.speed)


def _shrunk(due_ms: int, at_ms: int, ratio: float) -> int:
    return at_ms + int((due_ms - at_ms) * ratio) if due_ms > at_ms else due_ms


def _bad_gateway() -> Reply:
    page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
    return Reply(502, {"content-type": "text/html", "server": "nginx"}, page)
