"""Which fault comes next: the counted ones in their order, then those that chance draws. Must not know: channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import HOST_TWISTS, NOTIFICATION_TWISTS, REPLY_TWISTS, At, Faults

_REPLIES = (*HOST_TWISTS, *REPLY_TWISTS)
_NOTIFICATIONS = ("lose", *NOTIFICATION_TWISTS, "duplicate")


def take_reply_fault(faults: Faults, request: Request, at: At) -> tuple[Faults, str]:
    """The faults left and the one that this call's reply gets, or an empty text."""
    if faults.only and faults.only.encode() not in request.url.encode() + b"\n" + request.body:
        return faults, ""
    name = first_of(faults, _REPLIES)
    return (one_less(faults, name), name) if name else (faults, _by_chance(faults, _REPLIES, at.draw("reply fault")))


def take_notification_fault(own: Faults, common: Faults, entropy: bytes) -> tuple[Faults, Faults, str]:
    """The faults left of a letter and of all, and the one that it gets now: its own before the common ones."""
    for name in _NOTIFICATIONS:
        if getattr(own, name):
            return one_less(own, name), common, name
        if getattr(common, name):
            return own, one_less(common, name), name
    return own, common, _by_chance(common, _NOTIFICATIONS, entropy)


def first_of(faults: Faults, names: Iterable[str]) -> str:
    """The first of these faults that is still to come, or an empty text."""
    return next((name for name in names if getattr(faults, name)), "")


def one_less(faults: Faults, name: str) -> Faults:
    """That count one lower; -1 stays, for it means all to come."""
    left: int = getattr(faults, name)
    return faults if left < 0 else replace(faults, **{name: left - 1})


def _by_chance(faults: Faults, names: tuple[str, ...], entropy: bytes) -> str:
    is_hit = int.from_bytes(entropy[:4], "big") < faults.chance * (1 << 32)
    return names[entropy[4] % len(names)] if is_hit else ""
