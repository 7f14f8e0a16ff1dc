"""Refunds: the transition table, and the decisions that follow from it. Source: docs/states.md, section Refund.

A refund's number never changes, and its reservation is released only on the channel's own word that nothing will be
paid. Must not know: SQL, the network, clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Literal
from uuid import UUID

from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.kernel.money import Money


class RefundState(StrEnum):
    """Where one refund stands."""

    REQUESTED = "REQUESTED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    PROCESSING = "PROCESSING"
    ABNORMAL = "ABNORMAL"
    CLOSED = "CLOSED"
    REFUSED = "REFUSED"
    REJECTED = "REJECTED"
    SUCCEEDED = "SUCCEEDED"


OPEN = frozenset({RefundState.SENDING, RefundState.UNKNOWN, RefundState.PROCESSING, RefundState.ABNORMAL})
"""States in which the channel still has something to say."""

RESERVING = OPEN | {RefundState.REQUESTED}
"""States in which the amount is reserved on the payment's row."""

NOT_FOUND_GAP = timedelta(minutes=5)
"""How far apart two "not found" after a refusal must be: longer than anything we sent can be under way."""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of one payment going back. `total` is what the payment captured.

    `sends` counts how often the request was begun and may have arrived. `is_over`: it came although nothing was left.
    """

    merchant_id: UUID
    refund_id: UUID
    payment_id: UUID
    order_id: UUID
    channel: str
    account_id: UUID
    channel_account: str
    channel_transaction_no: str
    amount: Money
    total: Money
    reason: str
    notify_url: str
    is_surplus: bool
    is_automatic: bool
    state: RefundState
    requested_by: str
    send_after: datetime
    created_at: datetime
    decided_by: str | None = None
    refused_reason: str | None = None
    channel_refund_no: str | None = None
    sends: int = 0
    asks: int = 0
    is_over: bool = False
    last_sent_at: datetime | None = None
    not_found_at: datetime | None = None
    redirected_at: datetime | None = None
    succeeded_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the channel still has something to say."""
        return self.state in OPEN


class Then(Enum):
    """What a cell asks for besides its state."""

    NOTHING = "nothing"
    REFUSE = "refuse"
    NOT_YET = "not_yet"
    NOT_FOUND = "not_found"
    RELEASE = "release"
    SETTLE = "settle"
    SETTLE_LATE = "settle_late"
    IF_REDIRECTED = "if_redirected"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the next state (None: no change, kept as evidence), whether it alarms, and what else follows."""

    to: RefundState | None = None
    then: Then = Then.NOTHING
    is_alarm: bool = False


_S = RefundState
_KEEP, _KEEP_ALARM = Cell(), Cell(is_alarm=True)
_PROCESSING = Cell(_S.PROCESSING)
_ABNORMAL = Cell(_S.ABNORMAL, is_alarm=True)
_CLOSED = Cell(_S.CLOSED, Then.RELEASE)
_SUCCEEDED = Cell(_S.SUCCEEDED, Then.SETTLE)
_LATE = Cell(_S.SUCCEEDED, Then.SETTLE_LATE, is_alarm=True)
_NOT_FOUND = Cell(then=Then.NOT_FOUND)

_ENDED_WITHOUT_MONEY: dict[type[RefundEvidence], Cell] = {
    RefundAccepted: _KEEP_ALARM,
    RefundNotYet: _KEEP,
    Refused: _KEEP,
    Unknown: _KEEP,
    NotFound: _KEEP,
    RefundProcessing: _KEEP_ALARM,
    RefundAbnormal: _KEEP_ALARM,
    RefundSucceeded: _LATE,
    RefundClosed: _KEEP,
}

TABLE: dict[RefundState, dict[type[RefundEvidence], Cell]] = {
    # Never sent, as far as we know: only a database restored to before the send can hear of it.
    _S.REQUESTED: {
        RefundAccepted: Cell(_S.PROCESSING, is_alarm=True),
        RefundNotYet: _KEEP,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotFound: _KEEP,
        RefundProcessing: Cell(_S.PROCESSING, is_alarm=True),
        RefundAbnormal: _ABNORMAL,
        RefundSucceeded: Cell(_S.SUCCEEDED, Then.SETTLE, is_alarm=True),
        RefundClosed: Cell(_S.CLOSED, Then.RELEASE, is_alarm=True),
    },
    _S.SENDING: {
        RefundAccepted: _PROCESSING,
        RefundNotYet: Cell(then=Then.NOT_YET),
        Refused: Cell(then=Then.REFUSE),
        Unknown: Cell(_S.UNKNOWN),
        NotFound: _NOT_FOUND,
        RefundProcessing: _PROCESSING,
        RefundAbnormal: _ABNORMAL,
        RefundSucceeded: _SUCCEEDED,
        RefundClosed: _CLOSED,
    },
    _S.UNKNOWN: {
        RefundAccepted: _PROCESSING,
        RefundNotYet: _KEEP,
        Refused: Cell(then=Then.REFUSE),
        Unknown: _KEEP,
        NotFound: _NOT_FOUND,
        RefundProcessing: _PROCESSING,
        RefundAbnormal: _ABNORMAL,
        RefundSucceeded: _SUCCEEDED,
        RefundClosed: _CLOSED,
    },
    _S.PROCESSING: {
        RefundAccepted: _KEEP,
        RefundNotYet: _KEEP,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotFound: _KEEP_ALARM,
        RefundProcessing: _KEEP,
        RefundAbnormal: _ABNORMAL,
        RefundSucceeded: _SUCCEEDED,
        RefundClosed: _CLOSED,
    },
    _S.ABNORMAL: {
        RefundAccepted: _PROCESSING,
        RefundNotYet: _KEEP,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotFound: _KEEP_ALARM,
        RefundProcessing: Cell(_S.PROCESSING, Then.IF_REDIRECTED),
        RefundAbnormal: _KEEP,
        RefundSucceeded: _SUCCEEDED,
        RefundClosed: _CLOSED,
    },
    _S.CLOSED: _ENDED_WITHOUT_MONEY,
    _S.REFUSED: _ENDED_WITHOUT_MONEY,
    _S.REJECTED: _ENDED_WITHOUT_MONEY,
    _S.SUCCEEDED: {
        RefundAccepted: _KEEP,
        RefundNotYet: _KEEP,
        Refused: _KEEP,
        Unknown: _KEEP,
        NotFound: _KEEP,
        RefundProcessing: _KEEP,
        RefundAbnormal: _KEEP,
        RefundSucceeded: Cell(then=Then.COMPARE),
        RefundClosed: _KEEP,
    },
}
"""Every state and every kind of evidence; a test walks all 81 cells."""

Reservation = Literal["stays", "released", "settled", "settled_late"]
"""What becomes of the amount reserved: nothing, free again, given back, or given back although none was reserved."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What evidence leads to: the new refund, what becomes of the reservation, an alarm, and whether to send again."""

    refund: Refund
    reservation: Reservation = "stays"
    alarm: str | None = None
    must_send_again: bool = False


def record(refund: Refund, evidence: RefundEvidence, now: datetime) -> Decision:
    """The one transition function behind reply, notification, query, redirection and statement."""
    if isinstance(evidence, RefundSucceeded) and evidence.amount != refund.amount:
        return Decision(refund, alarm="refund_mismatch")
    cell = TABLE[refund.state][type(evidence)]
    moved = replace(_named(refund, evidence), state=cell.to or refund.state)
    if isinstance(evidence, NotFound):
        return _not_found(moved, now) if cell.then is Then.NOT_FOUND else Decision(moved, alarm=_alarm_of(cell))
    moved = replace(moved, not_found_at=None)
    if isinstance(evidence, Refused) and cell.then is Then.REFUSE:
        return _refused(moved, evidence)
    if isinstance(evidence, RefundSucceeded):
        return _succeeded(refund, moved, cell, evidence)
    return _moved(refund, moved, cell)


def _moved(refund: Refund, moved: Refund, cell: Cell) -> Decision:
    """What a cell says that neither settles nor refuses."""
    alarm = _alarm_of(cell)
    match cell.then:
        case Then.NOT_YET:  # nothing of this send exists; if it was the only one, none does
            return Decision(replace(moved, sends=0 if refund.sends == 1 else refund.sends), alarm=alarm)
        case Then.IF_REDIRECTED:
            return Decision(moved if refund.redirected_at else refund, alarm=alarm)
        case Then.RELEASE:
            return Decision(moved, "released", alarm)
        case _:
            return Decision(moved, alarm=alarm)


def _succeeded(refund: Refund, moved: Refund, cell: Cell, evidence: RefundSucceeded) -> Decision:
    """Money went back: for the first time, or is it the same that we know of?"""
    if cell.then is Then.COMPARE:
        is_same = evidence.channel_refund_no == refund.channel_refund_no
        return Decision(refund, alarm=None if is_same else "second_refund_no")
    settled = replace(moved, succeeded_at=evidence.happened_at)
    return Decision(settled, "settled" if cell.then is Then.SETTLE else "settled_late", _alarm_of(cell))


def _alarm_of(cell: Cell) -> str | None:
    if not cell.is_alarm:
        return None
    if cell.to is RefundState.ABNORMAL:
        return "refund_abnormal"
    return "late_refund" if cell.then is Then.SETTLE_LATE else "unexpected_evidence"


def _named(refund: Refund, evidence: RefundEvidence) -> Refund:
    """The refund with the channel's own number of it, once the channel has told one."""
    told: str | None = getattr(evidence, "channel_refund_no", None)
    return replace(refund, channel_refund_no=refund.channel_refund_no or told or None)


def _refused(refund: Refund, evidence: Refused) -> Decision:
    """A listed "no" to the first send leaves nothing behind; to a later one it does not, and the query decides."""
    named = replace(refund, refused_reason=evidence.reason)
    if refund.state is RefundState.SENDING and refund.sends <= 1:
        return Decision(replace(named, state=RefundState.REFUSED), "released")
    return Decision(replace(named, state=RefundState.UNKNOWN))


def _not_found(refund: Refund, now: datetime) -> Decision:
    """What the channel does not know is sent again under its number.

    After the channel has refused it as well, two "not found" at least five minutes apart say that nothing of it exists.
    """
    if refund.refused_reason is None:
        return Decision(refund, must_send_again=True)
    if refund.not_found_at is None:
        return Decision(replace(refund, not_found_at=now))
    if now - refund.not_found_at >= NOT_FOUND_GAP:
        return Decision(replace(refund, state=RefundState.REFUSED), "released")
    return Decision(refund)
