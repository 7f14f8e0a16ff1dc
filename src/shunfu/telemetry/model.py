"""What clients tell of a visit to the checkout, what of it is kept, and what the figures are called. Pure.

Must not know: who the shopper is, what is bought, HTTP, SQL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from shunfu.kernel.plain import SHANGHAI

EventName = Literal[
    "open",
    "first_screen",
    "ready",
    "method_change",
    "pay_tap",
    "sheet",
    "ok",
    "cancel",
    "unknown",
    "paid",
    "failed",
    "result_view",
    "vital",
]
System = Literal["ios", "android", "harmony", "windows", "macos", "linux", "other"]
Network = Literal["wifi", "5g", "4g", "3g", "2g", "offline", "unknown"]
Reason = Literal["at_ms", "duration_ms", "taps", "fields", "vital"]
"""The member of an event that nobody can believe."""

Step = Literal["open", "first_screen", "ready", "pay_tap", "sheet", "paid", "result_view"]
STEPS: tuple[Step, ...] = ("open", "first_screen", "ready", "pay_tap", "sheet", "paid", "result_view")
"""The funnel. A visit counts at a step when it told of that step or of a later one, so the funnel never grows."""

VITALS = frozenset({"lcp", "inp", "cls"})
UNASKED: Literal["no_consent"] = "no_consent"
"""The reason under which visits are counted that agreed to nothing else."""

EVENTS_MAX = 50
SEQ_MAX = 999
VISIT_MS_MAX = 24 * 3600 * 1000
"""A visit lasts a day at most: what is later was told by a wrong clock."""
TAPS_MAX = 1000
FIELDS_MAX = 1000
VITAL_MAX = 600_000
WEIGHT_MAX = 1000
DAYS_MAX = 400
PROVES: Mapping[EventName, int] = {
    "first_screen": 2,
    "ready": 3,
    "method_change": 3,
    "pay_tap": 4,
    "sheet": 5,
    "ok": 5,
    "cancel": 5,
    "unknown": 5,
    "failed": 5,
    "paid": 6,
}
"""Which step of the funnel an event proves; any other proves that the visit was opened."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened `at_ms` milliseconds after the visit began.

    `measure` is the event's own duration in milliseconds, or a vital's value: milliseconds, thousandths for `cls`.
    `taps` and `fields` are how often the shopper has tapped and typed so far.
    """

    name: EventName
    at_ms: int
    measure: int | None = None
    method: str = ""
    taps: int | None = None
    fields: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Where the visit happens: our client's version, its host with version, the system, device and network."""

    version: str
    host: str
    host_version: str
    system: System
    system_version: str
    device: str
    network: Network


@dataclass(frozen=True, slots=True)
class Batch:
    """Part `seq` of what one visit tells. `weight`: for so many visits it stands, one in so many is drawn."""

    visit: str
    seq: int
    weight: int
    client: Client
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What some events of a visit amount to; a visit is its parts folded, in any order.

    `step` is the furthest of the funnel that they prove, 1 (open) to 6 (paid). Times are milliseconds after the visit
    began: of the last tap on pay, and the first of everything else. `method` is the last one named, at `method_ms`; -1:
    none was.
    """

    step: int = 1
    has_result: bool = False
    has_changed: bool = False
    has_unknown: bool = False
    has_failed: bool = False
    method: str = ""
    method_ms: int = -1
    taps: int | None = None
    fields: int | None = None
    first_screen_ms: int | None = None
    ready_ms: int | None = None
    tap_ms: int | None = None
    cancel_ms: int | None = None
    paid_ms: int | None = None
    lcp_ms: int | None = None
    inp_ms: int | None = None
    cls_milli: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The events of a batch that are believed, and how many are not, by reason."""

    kept: tuple[Event, ...]
    left_out: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch as it came in: what its believed events amount to, what was left out, and when its visit began."""

    batch: Batch
    part: Part
    left_out: Mapping[Reason, int]
    day: date


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: how many events were stored by it, and how many it had that are not believed."""

    taken: int
    left_out: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class Slice:
    """Which visits are looked at: days in China, both included, and a value for each thing to tell them apart by."""

    merchant_id: UUID
    first_day: date
    last_day: date
    method: str | None = None
    system: str | None = None
    host: str | None = None
    host_version: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        assert 0 <= (self.last_day - self.first_day).days < DAYS_MAX, "days are bounded and in order"


@dataclass(frozen=True, slots=True)
class Funnel:
    """Visits, weighted, by the steps that they reached, and by what happened on the way."""

    visits: int = 0
    first_screen: int = 0
    ready: int = 0
    pay_tap: int = 0
    sheet: int = 0
    paid: int = 0
    result_view: int = 0
    changed: int = 0
    cancelled: int = 0
    recovered: int = 0
    unknown: int = 0
    failed: int = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """How many reached each of STEPS."""
        return (
            self.visits,
            self.first_screen,
            self.ready,
            self.pay_tap,
            self.sheet,
            self.paid,
            self.result_view,
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with percentiles. `target`: the most that its `percentile` may be; None where none is set."""

    name: str
    unit: Literal["ms", "count", "milli"]
    percentile: Literal[50, 75, 95] = 75
    target: int | None = None


MEASURES: tuple[Measure, ...] = (
    Measure("first_screen", "ms", 75, 1200),
    Measure("ready", "ms"),
    Measure("pay", "ms"),
    Measure("checkout", "ms", 50, 20_000),
    Measure("taps", "count", 50, 1),
    Measure("fields", "count", 50, 0),
    Measure("lcp", "ms", 75, 2500),
    Measure("inp", "ms", 75, 200),
    Measure("cls", "milli", 75, 100),
)
"""Our own targets, stricter than the platforms'; lcp, inp and cls are web.dev's "good" (Core Web Vitals)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Percentiles of one measure, in its unit, of so many visits (weighted)."""

    measure: str
    visits: int
    p50: int
    p75: int
    p95: int

    def at(self, percentile: Literal[50, 75, 95]) -> int:
        """One of the percentiles."""
        return {50: self.p50, 75: self.p75, 95: self.p95}[percentile]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a slice: visits, paid ones, and the first screen's 75th percentile where one was told of."""

    day: date
    visits: int
    paid: int
    first_screen_ms: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """The funnel of one day by everything that visits are told apart by."""

    day: date
    method: str
    system: str
    host: str
    host_version: str
    version: str
    funnel: Funnel


Choices = Mapping[str, Sequence[str]]
"""By method, system, host, host_version and version: the values that were met, the most frequent first."""


def judge(events: Iterable[Event]) -> Judged:
    """Part what can be believed from what cannot: clocks jump, counters overflow, and anybody can send."""
    kept: list[Event] = []
    left_out: Counter[Reason] = Counter()
    for event in events:
        reason = doubt(event)
        if reason is None:
            kept.append(event)
        else:
            left_out[reason] += 1
    return Judged(tuple(kept), dict(left_out))


def doubt(event: Event) -> Reason | None:
    """Why an event is not believed, or None."""
    if not 0 <= event.at_ms <= VISIT_MS_MAX:
        return "at_ms"
    if event.name == "vital":
        is_one = event.code in VITALS and event.measure is not None and 0 <= event.measure <= VITAL_MAX
        return None if is_one else "vital"
    if event.measure is not None and not 0 <= event.measure <= VISIT_MS_MAX:
        return "duration_ms"
    if event.taps is not None and not 0 <= event.taps <= TAPS_MAX:
        return "taps"
    if event.fields is not None and not 0 <= event.fields <= FIELDS_MAX:
        return "fields"
    return None


def day_of(moment: datetime) -> date:
    """The day in China."""
    return moment.astimezone(SHANGHAI).date()


def day_begun(now: datetime, events: Sequence[Event]) -> date:
    """The day on which a visit began whose batch arrives now: by our clock, and how long it says to have lasted."""
    return day_of(now - timedelta(milliseconds=max((event.at_ms for event in events), default=0)))


def fold(events: Sequence[Event]) -> Part:
    """What a batch's believed events amount to."""
    names: set[EventName] = {event.name for event in events}
    named = [(event.at_ms, event.method) for event in events if event.method]
    method_ms, method = max(named, default=(-1, ""), key=lambda one: one[0])
    return Part(
        step=max((PROVES.get(name, 1) for name in names), default=1),
        has_result="result_view" in names,
        has_changed="method_change" in names,
        has_unknown="unknown" in names,
        has_failed="failed" in names,
        method=method,
        method_ms=method_ms,
        taps=_most(event.taps for event in events),
        fields=_most(event.fields for event in events),
        first_screen_ms=_first(events, "first_screen"),
        ready_ms=_first(events, "ready"),
        tap_ms=_most(event.at_ms for event in events if event.name == "pay_tap"),
        cancel_ms=_first(events, "cancel"),
        paid_ms=_first(events, "paid"),
        lcp_ms=_vital(events, "lcp"),
        inp_ms=_vital(events, "inp"),
        cls_milli=_vital(events, "cls"),
    )


def _first(events: Sequence[Event], name: EventName) -> int | None:
    return min((event.at_ms for event in events if event.name == name), default=None)


def _vital(events: Sequence[Event], code: str) -> int | None:
    return _most(event.measure for event in events if event.name == "vital" and event.code == code)


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def first_kept_day(now: datetime, days: int) -> date:
    """The first day of those that are kept: `days` of them, today included."""
    return day_of(now) - timedelta(days=days - 1)
