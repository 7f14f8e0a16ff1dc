"""What the control API shows of orders, refunds, deliveries, sandboxes and the book of amounts, as JSON values.

Must not know: HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TypeAlias

from shunfu.app.sandbox.host import AnyStage
from shunfu.gateway.sandbox import Faults
from shunfu.gateway.sandbox.values import Notification, PlacedOrder, PlacedRefund, Sending
from shunfu.gateway.scenario import PAYMENTS, REFUNDS, Scenario
from shunfu.kernel.clock import rfc3339

Shown: TypeAlias = dict[str, object]


def moment(moment_ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC."""
    return rfc3339(datetime.fromtimestamp(moment_ms / 1000, UTC))


def order(channel: str, one: PlacedOrder) -> Shown:
    """An order; `paid_at` and `transaction_no` are null until it is paid."""
    return {
        "channel": channel,
        "order_no": one.number,
        "trade_type": one.trade_type,
        "state": one.state,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "description": one.description,
        "created_at": moment(one.created_ms),
        "expires_at": moment(one.expires_ms),
        "paid_at": moment(one.paid_ms) if one.paid_ms else None,
        "transaction_no": one.transaction_no or None,
        "notify_url": one.notify_url,
    }


def refund(channel: str, one: PlacedRefund) -> Shown:
    """A refund; `finished_at` is null while it goes on."""
    return {
        "channel": channel,
        "refund_no": one.number,
        "order_no": one.order_number,
        "state": one.state,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "transaction_no": one.transaction_no,
        "created_at": moment(one.created_ms),
        "finished_at": moment(one.finished_ms) if one.finished_ms else None,
    }


def sending(channel: str, one: Sending) -> Shown:
    """One line of the log of deliveries; `status` is null when no answer came."""
    return {
        "channel": channel,
        "order_no": one.number,
        "notification_id": one.notification_id,
        "kind": one.kind,
        "attempt": one.attempt,
        "sent_at": moment(one.sent_ms),
        "fault": one.fault or None,
        "status": one.status or None,
        "outcome": one.outcome,
        "took_ms": one.took_ms,
    }


def waiting(channel: str, one: Notification) -> Shown:
    """A notification still to come, due in business time."""
    return {
        "channel": channel,
        "order_no": one.letter.number,
        "notification_id": one.letter.id,
        "kind": one.letter.kind,
        "attempts": one.attempts,
        "due_at": moment(one.due_ms),
        "is_held": one.is_held,
    }


def sandbox(stage: AnyStage) -> Shown:
    """What a tester may ask of one sandbox."""
    about, verbs = stage.sandbox, stage.sandbox.verbs
    return {
        "channel": about.name,
        "label": dict(about.label),
        "merchant_no": verbs.merchant_no(stage.state),
        "notify_keys": list(about.notify_keys),
        "shopper": about.shopper,
        "login_code": about.login_code,
        "paths": list(about.paths),
        "balance_minor": verbs.balance_minor(stage.state),
        "notification_waits_seconds": list(about.waits_seconds),
        "notification_timeout_seconds": about.timeout_seconds,
    }


def scenarios() -> Shown:
    """The book of amounts: what each brings about, in both languages."""
    return {"payments": _book(PAYMENTS), "refunds": _book(REFUNDS)}


def _book(book: Mapping[int, Scenario]) -> list[Shown]:
    return [
        {
            "amount_minor": amount_minor,
            "twist": one.twist or None,
            "faults": named(one.faults),
            "meaning": dict(one.meaning),
        }
        for amount_minor, one in book.items()
    ]


def faults(by_channel: Mapping[str, Faults]) -> Shown:
    """The faults still to come: those that all have in common as they are, each channel's own where there are more."""
    every = [asdict(one) for one in by_channel.values()]
    flat: Shown = every[0] if all(one == every[0] for one in every) else {}
    return flat if len(every) == 1 else {**flat, "channels": dict(zip(by_channel, every, strict=True))}


def named(faults: Faults) -> dict[str, float | str]:
    """Only the faults that are to come, by name."""
    nothing = asdict(Faults())
    return {name: value for name, value in asdict(faults).items() if value != nothing[name]}
