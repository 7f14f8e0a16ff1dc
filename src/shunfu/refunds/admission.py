"""May this refund be asked for? Decided under the order's lock. Source: docs/states.md; each channel's capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shunfu.gateway.port import Capabilities
from shunfu.kernel.errors import AmountExceedsRefundable, RefundNotAllowed, Refusal, StateConflict
from shunfu.payments import Payment, PaymentState
from shunfu.refunds.model import Refund, RefundState


@dataclass(frozen=True, slots=True)
class Admitted:
    """The refund may be made: in this state, and sent no earlier than this."""

    state: RefundState
    send_after: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish to refund so many minor units; automatic ones need nobody's approval."""

    amount_minor: int
    is_automatic: bool
    approval_above_minor: int


def admit(
    payment: Payment, others: Sequence[Refund], capabilities: Capabilities, asked: tuple[Ask, datetime]
) -> Admitted | Refusal:
    """May the refund be made? `others` are the payment's refunds, `asked` the wish and the present."""
    ask, now = asked
    left = payment.refundable
    if payment.state is not PaymentState.CAPTURED or left is None or payment.captured_at is None:
        return StateConflict("This payment has not been paid, so there is nothing to refund.")
    if ask.amount_minor > left.minor:
        return AmountExceedsRefundable(members={"refundable_minor": str(left.minor)})
    if now - payment.captured_at > timedelta(days=capabilities.refund_days):
        return RefundNotAllowed(f"The channel takes refunds for {capabilities.refund_days} days after the payment.")
    if sum(other.state is not RefundState.REJECTED for other in others) >= capabilities.refunds_max:
        return RefundNotAllowed(f"The channel takes at most {capabilities.refunds_max} refunds of one payment.")
    needs_approval = not ask.is_automatic and ask.amount_minor > ask.approval_above_minor
    state = RefundState.REQUESTED if needs_approval else RefundState.SENDING
    return Admitted(state, earliest_send(others, capabilities.refund_gap_seconds, now))


def earliest_send(others: Sequence[Refund], gap_seconds: int, now: datetime) -> datetime:
    """Now, or the channel's gap after the latest send of the payment's other refunds, made or planned."""
    made = [other.last_sent_at for other in others if other.last_sent_at is not None]
    planned = [other.send_after for other in others if other.is_open and not other.sends]
    return max([now, *(moment + timedelta(seconds=gap_seconds) for moment in (*made, *planned))])


def earliest_resend(others: Sequence[Refund], gap_seconds: int, now: datetime) -> datetime:
    """Now, or the channel's gap after the latest send of the payment's other refunds that was made."""
    made = [other.last_sent_at for other in others if other.last_sent_at is not None]
    return max([now, *(moment + timedelta(seconds=gap_seconds) for moment in made)])


def may_decide(refund: Refund, subject: str) -> Refusal | None:
    """Only a waiting refund is decided about, and by another person than the one who asked for it."""
    if refund.state is not RefundState.REQUESTED:
        return StateConflict("This refund does not wait for approval.")
    if refund.requested_by == subject:
        return StateConflict("Whoever asked for a refund above the limit cannot approve it; another key must.")
    return None
