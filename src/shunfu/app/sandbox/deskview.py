"""The control page's looks: what a sandbox has, does and shall do wrong, with a plain form for each deed.

Must not know: HTTP, how a deed is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar, get_args

from shunfu.app.sandbox.faults import COUNT_MAX, COUNTS, GROUPS, SECONDS_MAX
from shunfu.app.sandbox.host import AnyStage
from shunfu.app.sandbox.shown import named
from shunfu.checkout.kit import Language, either, environment, moment_text, security_policy, speaker
from shunfu.gateway.sandbox import Faults
from shunfu.gateway.sandbox.values import At, PlacedOrder, PlacedRefund, RefundEnd, Sending
from shunfu.gateway.scenario import PAYMENTS, REFUNDS, Scenario
from shunfu.kernel.money import Money

PATH = "/sandbox"
ROWS_MAX = 20
ADVANCES: Mapping[str, int] = {"hour": 3600, "day": 86400, "month": 30 * 86400}
"""The jumps that the page offers, in seconds."""

_HERE = Path(__file__).parent
_STYLE_SHEETS = (*(f"/sandbox/static/{name}" for name in ("tokens.css", "base.css")), "/sandbox/own/desk.css")
_CURRENCY = "CNY"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeskView:
    """One sandbox as its control page shows it. `others` are all sandboxes by name with their labels.

    `said` is the word for what was just done, `problem` a ready sentence on why it was not.
    """

    stage: AnyStage
    at: At
    others: Mapping[str, Mapping[str, str]]
    said: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _FaultField:
    """One field of the faults' form: `kind` is count, number or text."""

    name: str
    kind: str
    value: str
    most: float | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a list; `is_open`: not over yet, so that there is something to do about it."""

    number: str
    what: str
    money: Money | None = None
    is_open: bool = True


def content_security_policy() -> str:
    """The policy to send with the control page: its forms lead nowhere else, and it runs no script."""
    return security_policy()


def render_desk(view: DeskView, language: Language) -> str:
    """The control page as HTML."""
    say, stage = speaker(language, _HERE / "texts"), view.stage
    sandbox, verbs = stage.sandbox, stage.sandbox.verbs
    other: Language = "zh-CN" if language == "en" else "en"
    return (
        environment(_HERE / "templates")
        .get_template("desk.html")
        .render(
            say=say,
            language=language,
            title=say("desk.title"),
            brand=say("kit.brand"),
            style_sheets=_STYLE_SHEETS,
            is_sandbox=True,
            channel=sandbox.name,
            label=sandbox.label[language],
            tabs=[(name, label[language], _address(name, language)) for name, label in view.others.items()],
            here=_address(sandbox.name, language),
            other_language=_address(sandbox.name, other),
            merchant_no=verbs.merchant_no(stage.state),
            balance=Money(verbs.balance_minor(stage.state), _CURRENCY),
            clock=moment_text(view.at.beijing),
            speed=f"{stage.pace.speed:g}",
            advances=tuple(ADVANCES.items()),
            orders=[_order(one) for one in _newest(verbs.list_orders(stage.state))],
            refunds=[_refund(one) for one in _newest(verbs.list_refunds(stage.state))],
            ends=get_args(RefundEnd),
            waiting=_waiting(stage),
            sent=[_sent(one) for one in _newest(stage.post.sendings)],
            groups=_groups(stage.faults),
            faults_to_come=len(named(stage.faults)),
            notify_keys=sandbox.notify_keys,
            book=[("payment", _book(PAYMENTS, language)), ("refund", _book(REFUNDS, language))],
            said=either(say, f"desk.said.{view.said}", "desk.said.done") if view.said else "",
            problem=view.problem,
        )
    )


def _address(channel: str, language: Language) -> str:
    return f"{PATH}?channel={channel}&lang={language}"


def _newest(found: tuple[T, ...]) -> list[T]:
    return list(islice(reversed(found), ROWS_MAX))


def _time(moment_ms: int) -> str:
    return moment_text(datetime.fromtimestamp(moment_ms / 1000, UTC))


def _order(one: PlacedOrder) -> _Row:
    what = " · ".join(text for text in (one.state, one.trade_type, _time(one.created_ms)) if text)
    return _Row(one.number, what, Money(one.amount_minor, one.currency), is_open=one.paid_ms == 0)


def _refund(one: PlacedRefund) -> _Row:
    what = " · ".join((one.state, _time(one.created_ms)))
    return _Row(one.number, what, Money(one.amount_minor, one.currency), is_open=one.finished_ms == 0)


def _waiting(stage: AnyStage) -> list[_Row]:
    """The notifications still to come, the next one first; `what` is the channel's word and when it is due."""
    first = sorted(stage.post.waiting.values(), key=lambda one: one.due_ms)[:ROWS_MAX]
    return [_Row(one.letter.number, f"{one.letter.kind} · {_time(one.due_ms)}") for one in first]


def _sent(one: Sending) -> _Row:
    words = (one.kind, f"#{one.attempt}", _time(one.sent_ms), one.fault, one.outcome, str(one.status or ""))
    return _Row(one.number, " · ".join(word for word in words if word), is_open=one.outcome != "accepted")


def _groups(faults: Faults) -> list[tuple[str, list[_FaultField]]]:
    told = named(faults)
    return [(group, [_field(name, told.get(name, "")) for name in names]) for group, names in GROUPS.items()]


def _field(name: str, value: float | str) -> _FaultField:
    text = value if isinstance(value, str) else f"{value:g}"
    if name in COUNTS:
        return _FaultField(name, "count", text, COUNT_MAX)
    return (
        _FaultField(name, "number", text, SECONDS_MAX[name]) if name in SECONDS_MAX else _FaultField(name, "text", text)
    )


def _book(book: Mapping[int, Scenario], language: Language) -> list[tuple[Money, str]]:
    return [(Money(amount_minor, _CURRENCY), one.meaning[language]) for amount_minor, one in book.items()]
