"""The timers beyond single payments: those whose names begin with `beyond/`. Must not know: the wire."""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.beyond.shared_rows import end_return, end_sharing
from shunfu.channels.wechatpay.sandbox.beyond.shipped import complete_by_itself, confirm_by_itself
from shunfu.channels.wechatpay.sandbox.beyond.transfer_ends import close_by_itself, end_cancel
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.sandbox.values import At, Step

_RINGERS = {
    "share": end_sharing,
    "return": end_return,
    "transfer-close": close_by_itself,
    "transfer-cancel": end_cancel,
    "ship-confirm": confirm_by_itself,
    "ship-complete": complete_by_itself,
}


def ring(state: State, timer: str, at: At) -> Step[State]:
    """A timer's time has come; nothing happens when it no longer applies."""
    _, _, rest = timer.partition("/")
    kind, _, number = rest.partition("/")
    ringer = _RINGERS.get(kind)
    return ringer(state, number, at) if ringer else Step(state)
