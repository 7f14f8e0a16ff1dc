"""The janitor's timetable: when to ask the channel about a payment that is not final, and how.

It never gives up and never decides: only what the channel answers does. Source: docs/states.md, section Janitor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shunfu.payments.model import Order, OrderState, Payment, PaymentState

StepSeconds = tuple[float, ...]
UNSETTLED_STEPS: StepSeconds = (5, 15, 30, 60, 120, 300, 600, 1800)
HOURLY = 3600.0
ALARM_SECONDS = 1800.0
PENDING_STEP = 300.0
AskKind = Literal["query", "close"]


@dataclass(frozen=True, slots=True)
class Pace:
    """The janitor's speed. `divisor` shortens every wait.

    `pending_seconds`, if set, asks about pending payments at that steady rate.
    """

    divisor: float = 1.0
    pending_seconds: float | None = None


def ask_kind(payment: Payment, order: Order, now: datetime) -> AskKind:
    """Close at the channel what should not be paid any more; else query."""
    is_over = now >= order.expires_at or order.state is OrderState.CLOSING
    return "close" if is_over and payment.state is PaymentState.PENDING else "query"


def next_ask(payment: Payment, order: Order, now: datetime, pace: Pace) -> datetime:
    """When to ask the channel about a live payment again. Never gives up: hourly in the end."""
    if payment.state in {PaymentState.SENDING, PaymentState.UNKNOWN}:
        steps = UNSETTLED_STEPS
        wait = steps[payment.asks] if payment.asks < len(steps) else HOURLY
        return now + timedelta(seconds=wait / pace.divisor)
    if order.state is OrderState.CLOSING:
        return now + timedelta(seconds=PENDING_STEP / 5 / pace.divisor)
    if pace.pending_seconds is not None:
        return now + timedelta(seconds=pace.pending_seconds)
    first = payment.created_at + timedelta(seconds=PENDING_STEP / pace.divisor)
    hourly = now + timedelta(seconds=HOURLY / pace.divisor)
    return min(moment for moment in (first, order.expires_at, payment.deadline, hourly) if moment > now)


def is_early(payment: Payment, order: Order, now: datetime, pace: Pace) -> bool:
    """Whether a pending payment of an open order is too young to ask about: its notification is on the way."""
    if payment.state is not PaymentState.PENDING or order.state is not OrderState.OPEN:
        return False
    wait = pace.pending_seconds or PENDING_STEP / pace.divisor
    return now < min(payment.created_at + timedelta(seconds=wait), order.expires_at)


def is_overdue(payment: Payment, now: datetime, pace: Pace) -> bool:
    """Whether a payment has been SENDING or UNKNOWN so long that a person should know."""
    is_unsettled = payment.state in {PaymentState.SENDING, PaymentState.UNKNOWN}
    return is_unsettled and (now - payment.created_at).total_seconds() >= ALARM_SECONDS / pace.divisor
