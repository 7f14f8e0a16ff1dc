"""How checkout feels, as HTML: funnel, timings against their targets, what happened on the way, day by day. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from shunfu.checkout.kit import Say, either
from shunfu.console.kit import Chip, Fact, FormField, Frame, Label, plain_chip, render, scene_text
from shunfu.console.model import rate_permille, rate_text
from shunfu.telemetry import MEASURES, STEPS, UNASKED, Choices, Day, Funnel, Measure, Slice, Timing

PATH = "/console/experience"
SPANS = ("1", "7", "28", "90")
"""So many days may be looked at, today included."""
SPAN = "7"
KINDS = ("method", "system", "host", "host_version", "version")
VISITS_MIN = 30
"""Of fewer visits a percentile says more about chance than about us."""
TELLING = """\
POST /v1/telemetry
{
  "checkout": "…",
  "visit": "Zr8v1Qp3T0aYkL5uWc2eMg",
  "seq": 0,
  "consent": true,
  "sample": 1,
  "app": {"version": "1.0.0", "host": "web", "system": "harmony", "network": "5g"},
  "events": [{"name": "open", "at_ms": 0}, {"name": "first_screen", "at_ms": 420}]
}"""


@dataclass(frozen=True, slots=True)
class Experience:
    """What there is to show of a slice, all of one moment. `counts`: of what nothing was stored, by reason."""

    asked: Slice
    span: str
    funnel: Funnel
    timings: Mapping[str, Timing]
    days: Sequence[Day]
    choices: Choices
    counts: Mapping[str, int]

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are set, besides the days."""
        told = {kind: getattr(self.asked, kind) for kind in KINDS}
        return {kind: value for kind, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of the funnel: how many came so far, of those who opened, and how many of the step before were lost."""

    name: str
    visits: str
    permille: int
    rate: str
    lost: str


@dataclass(frozen=True, slots=True)
class TimingLine:
    """A measure's percentiles, and how it stands to its target."""

    name: str
    p50: str
    p75: str
    p95: str
    visits: str
    target: str
    chip: Chip | None


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day, in words and as numbers for the drawing."""

    day: str
    visits: int
    paid: int
    rate: str
    first_screen: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the large figures above."""

    name: str
    text: str
    note: str


def render_experience(frame: Frame, seen: Experience, label: Label) -> str:
    """The page for the visitor's merchant, as HTML."""
    say = frame.say
    return render(
        frame,
        "experience.html",
        "experience",
        title=say("console.experience"),
        path=PATH,
        filters=_filters(frame, seen, label),
        export_query=f"?{urlencode({'days': seen.span, **seen.chosen})}",
        is_empty=not seen.funnel.visits,
        is_filtered=bool(seen.chosen),
        telling=TELLING,
        figures=_figures(say, seen),
        steps=_steps(say, seen.funnel),
        timings=[line for one in MEASURES if (line := _timing(say, one, seen.timings.get(one.name)))],
        facts=_facts(say, seen),
        days=[_day(one) for one in _every_day(seen)],
    )


def value_text(say: Say, measure: Measure, value: int) -> str:
    """`812 ms`, `1.24 s`, a plain number, or the thousandths of `cls` as a score."""
    if measure.unit == "count":
        return f"{value:,}"
    if measure.unit == "milli":
        return f"{value // 1000}.{value % 1000:03}"
    if value < 1000:
        return say("console.experience.milliseconds", value=value)
    return say("console.experience.seconds", value=f"{value // 1000}.{value % 1000 // 10:02}")


def _filters(frame: Frame, seen: Experience, label: Label) -> list[FormField]:
    say = frame.say
    spans = [(span, say(f"console.experience.days.{span}")) for span in SPANS]
    fields = [FormField("days", say("console.experience.days"), seen.span, options=spans)]
    for kind in KINDS:
        chosen = seen.chosen.get(kind, "")
        values = list(seen.choices.get(kind, ()))
        values += [chosen] if chosen and chosen not in values else []
        options = [("", say("console.all")), *((value, _choice(frame, kind, value, label)) for value in values)]
        fields.append(FormField(kind, say(f"console.experience.by.{kind}"), chosen, options=options))
    return fields


def _choice(frame: Frame, kind: str, value: str, label: Label) -> str:
    """What a value is called: by our own words where we have some, else as the client told it."""
    if kind == "method":
        channel, _, scene = value.partition("/")
        return scene_text(frame.say, frame.word(label(channel)), scene)
    if kind == "system":
        return either(frame.say, f"console.experience.system.{value}", "console.experience.system.other")
    return value


def _figures(say: Say, seen: Experience) -> list[Figure]:
    funnel, by_name = seen.funnel, {one.name: one for one in MEASURES}
    shown = [
        Figure(say("console.experience.visits"), f"{funnel.visits:,}", say("console.experience.visits.note")),
        Figure(say("console.experience.paid_rate"), _rate(funnel.paid, funnel.visits), f"{funnel.paid:,}"),
    ]
    for name, percentile in (("first_screen", 75), ("taps", 50)):
        measure, timing = by_name[name], seen.timings.get(name)
        text = value_text(say, measure, timing.p75 if percentile == 75 else timing.p50) if timing else "—"
        shown.append(Figure(say(f"console.experience.figure.{name}"), text, _target(say, measure)))
    return shown


def _steps(say: Say, funnel: Funnel) -> list[StepLine]:
    lines: list[StepLine] = []
    before = funnel.visits
    for name, visits in zip(STEPS, funnel.steps, strict=True):
        permille = rate_permille(visits, funnel.visits) if funnel.visits else 0
        lost = f"−{before - visits:,}" if before > visits else "—"
        text = say(f"console.experience.step.{name}")
        lines.append(StepLine(text, f"{visits:,}", permille, rate_text(permille), lost))
        before = visits
    return lines


def _timing(say: Say, measure: Measure, timing: Timing | None) -> TimingLine | None:
    if timing is None:
        return None
    return TimingLine(
        name=say(f"console.experience.measure.{measure.name}"),
        p50=value_text(say, measure, timing.p50),
        p75=value_text(say, measure, timing.p75),
        p95=value_text(say, measure, timing.p95),
        visits=f"{timing.visits:,}",
        target=_target(say, measure),
        chip=_verdict(say, measure, timing),
    )


def _target(say: Say, measure: Measure) -> str:
    if measure.target is None:
        return "—"
    value = value_text(say, measure, measure.target)
    return say("console.experience.target.of", percentile=measure.percentile, value=value)


def _verdict(say: Say, measure: Measure, timing: Timing) -> Chip | None:
    if measure.target is None:
        return None
    if timing.visits < VISITS_MIN:
        return plain_chip(say("console.experience.few"), "clock", "")
    if timing.at(measure.percentile) <= measure.target:
        return plain_chip(say("console.experience.met"), "check", "ok")
    return plain_chip(say("console.experience.missed"), "alert", "warn")


def _facts(say: Say, seen: Experience) -> list[Fact]:
    funnel = seen.funnel
    rates = (
        ("changed", funnel.changed, funnel.ready),
        ("unknown", funnel.unknown, funnel.pay_tap),
        ("failed", funnel.failed, funnel.pay_tap),
        ("cancelled", funnel.cancelled, funnel.pay_tap),
        ("recovered", funnel.recovered, funnel.cancelled),
    )
    facts = [
        Fact(say(f"console.experience.rate.{name}"), f"{_rate(some, every)} · {some:,} / {every:,}")
        for name, some, every in rates
    ]
    unasked = seen.counts.get(UNASKED, 0)
    left_out = sum(times for reason, times in seen.counts.items() if reason != UNASKED)
    facts.append(Fact(say("console.experience.unasked"), f"{unasked:,}"))
    facts.append(Fact(say("console.experience.left_out"), f"{left_out:,}"))
    return facts


def _rate(some: int, every: int) -> str:
    return rate_text(rate_permille(some, every)) if every else "—"


def _every_day(seen: Experience) -> list[Day]:
    """From the first day with a visit to the last that was asked for, those without one too."""
    told = {one.day: one for one in seen.days}
    if not told:
        return []
    first = min(told)
    every = [first + timedelta(days=place) for place in range((seen.asked.last_day - first).days + 1)]
    return [told.get(day, Day(day, 0, 0, None)) for day in every]


def _day(one: Day) -> DayLine:
    told = "—" if one.first_screen_ms is None else f"{one.first_screen_ms:,}"
    return DayLine(one.day.isoformat(), one.visits, one.paid, _rate(one.paid, one.visits), told)
