"""What the reconcile room tells: each calls a person, so each has the stable code of an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.kernel.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BreaksFound(Event):
    """A run found breaks that nobody has dealt with. `day` is the channel's, YYYY-MM-DD."""

    run_id: UUID
    account_id: UUID
    day: str
    breaks: int
    alarm: str = "reconcile_breaks"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementChanged(Event):
    """A day's statement came back with other lines than before."""

    run_id: UUID
    account_id: UUID
    day: str
    statement_id: UUID
    alarm: str = "statement_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """A day could not be reconciled; `reason` is one sentence."""

    run_id: UUID
    account_id: UUID
    day: str
    reason: str
    alarm: str = "reconcile_failed"
