"""The shapes of runs and breaks on the wire, with their limits and examples. Pydantic lives at the edge only."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

NOTE_TEXT = r"^[^\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069]*$"
"""One line: no control characters, no line separators, nothing that turns the direction of writing."""

Kind = Literal["missing_here", "missing_there", "amount", "status", "fee", "duplicate", "crossing_midnight"]
State = Literal["OPEN", "PROPOSED", "APPROVED", "REPAIRED", "ACCEPTED", "RESOLVED"]
Deed = Literal["apply_payment", "apply_refund", "ask_payment", "ask_refund", "close_refund", "none"]


class Strict(BaseModel):
    """A request body: unknown members are errors."""

    model_config = ConfigDict(extra="forbid")


class RunIn(Strict):
    """Which day to reconcile, of which channel; which account only where there are several."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "channel_name", "date": "2026-11-27"}]}
    )

    channel: StrictStr = Field(pattern=r"^[a-z0-9_]{1,32}$")
    date: date
    account: StrictStr | None = Field(default=None, max_length=64, description="acc_…")
    fee_permyriad: StrictInt | None = Field(
        default=None, ge=0, le=10_000, description="The agreed fee in hundredths of a percent, to compare fees with."
    )


class NoteIn(Strict):
    """Why a difference may stand."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "渠道客服已确认，次日更正"}]})

    note: StrictStr = Field(min_length=1, max_length=500, pattern=NOTE_TEXT)


class EmptyIn(Strict):
    """Nothing: an empty object, or no body at all."""


class TallyOut(BaseModel):
    """Lines of a kind and what they add up to, in minor units."""

    lines: int
    amount_minor: int
    fee_minor: int


class CountOut(BaseModel):
    """How many breaks of a kind there are, and by how much they let the two sides differ."""

    count: int
    difference_minor: int


class EquationOut(BaseModel):
    """Statement net = ledger net + breaks + others; what is left is unexplained, and then a fault of ours."""

    currency: str
    statement_gross_minor: int
    statement_fee_minor: int
    other_minor: int
    statement_net_minor: int
    ledger_captured_minor: int
    ledger_refunded_minor: int
    ledger_fee_minor: int
    ledger_net_minor: int
    differences: dict[str, int]
    unexplained_minor: int


class PostedOut(BaseModel):
    """What this run has posted to the ledger."""

    fee_minor: int
    settled_minor: int


class FundsOut(BaseModel):
    """The channel's statement of funds."""

    lines: int
    withdrawn_minor: int
    balance_minor: int | None


class SummaryOut(BaseModel):
    """What a finished run compared and found."""

    lines: int
    payments: TallyOut
    refunds: TallyOut
    others: TallyOut
    breaks: dict[Kind, CountOut]
    open_breaks: int
    equation: EquationOut
    posted: PostedOut
    funds: FundsOut | None
    funds_note: str | None


class RunOut(BaseModel):
    """One comparison of an account's day."""

    id: str
    account: str
    channel: str
    date: str
    state: Literal["WAITING", "RUNNING", "DONE", "FAILED"]
    reason: str | None
    requested_by: str
    fee_permyriad: int | None
    requested_at: str
    started_at: str | None
    ended_at: str | None
    summary: SummaryOut | None


class RunPage(BaseModel):
    """A page of runs, newest first."""

    items: list[RunOut]
    next_cursor: str | None


class OursOut(BaseModel):
    """Our side: a payment or a refund."""

    kind: Literal["payment", "refund"]
    id: str
    state: str
    amount_minor: int
    currency: str
    channel_no: str | None
    happened_at: str | None
    is_this_account: bool
    expected_fee_minor: int | None


class TheirsOut(BaseModel):
    """The statement's side: a line, or several that say one number."""

    amount_minor: int
    fee_minor: int
    currency: str
    state: str
    is_settled: bool
    happened_at: str | None
    channel_no: str
    line_no: int
    lines: int
    date: str | None


class AdviceOut(BaseModel):
    """What can be done about a break: a repair, or in words what a person must do."""

    deed: Deed
    words: dict[str, str]


class BreakOut(BaseModel):
    """Something that does not reconcile."""

    id: str
    account: str
    channel: str
    date: str
    kind: Kind
    subject_kind: Literal["payment", "refund", "number", "movement"]
    subject: str
    state: State
    difference_minor: int
    currency: str
    ours: OursOut | None
    theirs: TheirsOut | None
    proposal: AdviceOut | None
    proposed_by: str | None
    decided_by: str | None
    note: str | None
    opened_run: str
    last_run: str
    found_at: str
    repaired_at: str | None


class BreakWithAdvice(BreakOut):
    """A break and what can be done about it now."""

    advice: AdviceOut


class BreakPage(BaseModel):
    """A page of breaks, newest first."""

    items: list[BreakOut]
    next_cursor: str | None


class ChangeOut(BaseModel):
    """A state before and after; after is null where only the channel's answer will tell."""

    what: str
    before: str
    after: str | None


class LegOut(BaseModel):
    """A transfer that the ledger would get."""

    debit: str
    credit: str
    amount_minor: int
    currency: str


class PreviewOut(BaseModel):
    """What the repair would do. Nothing has been written."""

    id: str
    deed: Deed
    words: dict[str, str]
    changes: list[ChangeOut]
    ledger: list[LegOut]
    alarm: str | None
