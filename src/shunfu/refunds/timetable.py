"""When a refund is asked about, and when a person should know. Source: docs/states.md, section Janitor.

It never gives up and never decides: only what the channel answers does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shunfu.refunds.model import Refund, RefundState

STEPS_SECONDS = (60.0, 600.0, 1800.0)
HOURLY_SECONDS = 3600.0
HOURLY_UNTIL = timedelta(days=1)
DAILY_SECONDS = 86400.0
UNKNOWN_ALARM = timedelta(minutes=30)
OVERDUE_ALARM = timedelta(days=3)


def next_visit(refund: Refund, now: datetime, divisor: float) -> datetime:
    """When to send or ask again: after 1, 10 and 30 minutes, hourly for a day, then daily, for ever.

    `divisor` shortens every wait. A refund that must not be sent yet is visited when it may be.
    """
    if refund.state in {RefundState.SENDING, RefundState.UNKNOWN} and refund.send_after > now:
        return refund.send_after
    tries = max(refund.asks, refund.sends - 1)
    if tries < len(STEPS_SECONDS):
        wait = STEPS_SECONDS[tries]
    else:
        wait = HOURLY_SECONDS if now - refund.created_at < HOURLY_UNTIL else DAILY_SECONDS
    return now + timedelta(seconds=wait / divisor)


def overdue_alarm(refund: Refund, now: datetime, divisor: float) -> str | None:
    """The alarm for a refund that takes too long: unknown for half an hour, or open for three days."""
    age = (now - refund.created_at) * divisor
    if refund.state is RefundState.UNKNOWN and age >= UNKNOWN_ALARM:
        return "refund_unknown_too_long"
    return "refund_too_long" if refund.is_open and age >= OVERDUE_ALARM else None
