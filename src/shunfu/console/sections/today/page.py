"""The first page as HTML: what moved today, how well each method works, and what needs a person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shunfu.checkout.kit import Say, clock_text, either
from shunfu.console.kit import Chip, Frame, Label, plain_chip, render, scene_text, second_text, state_chip, templates
from shunfu.console.model import Alarm, Hours, MethodRate, Sum, Today, TroubledJob, rate_permille, rate_text
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import SHANGHAI, amount_text


@dataclass(frozen=True, slots=True)
class RateRow:
    """A method with how many of its payments ended with money; `permille` is the bar's length of 1000."""

    name: str
    captured: int
    ended: int
    permille: int
    text: str


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """An alarm, ready to show."""

    chip: Chip
    href: str
    text: str
    amount: str
    state: str
    at: str


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job, ready to show."""

    chip: Chip
    kind: str
    text: str
    error: str


@dataclass(frozen=True, slots=True)
class HourLine:
    """An hour's two sums, in words and as numbers in major units; empty where the hour has not been."""

    clock: str
    today: str
    today_value: str
    yesterday: str
    yesterday_value: str


def render_today(frame: Frame, today: Today, label: Label) -> str:
    """The page for the visitor's merchant, as HTML."""
    return render(frame, "today.html", "today", title=frame.say("console.today"), **_figures(frame, today, label))


def render_figures(frame: Frame, today: Today, label: Label) -> str:
    """What moves on that page, as HTML."""
    shown: dict[str, object] = {"say": frame.say, "is_sandbox": frame.visitor.mode == "test", "visitor": frame.visitor}
    return templates().get_template("figures.html").render(shown | _figures(frame, today, label))


def _figures(frame: Frame, today: Today, label: Label) -> dict[str, object]:
    say = frame.say
    return {
        "heading": _heading(say, today),
        "as_of": _as_of(say, today),
        "live": say("console.live", clock=today.now.astimezone(SHANGHAI).strftime("%H:%M:%S")),
        "today": today,
        "captured": _main(today.captured),
        "refunded": _main(today.refunded),
        "captured_more": _rest(say, today.captured),
        "refunded_more": _rest(say, today.refunded),
        "success": _success(say, today.methods),
        "unknown_since": clock_text(today.unknown_since, today.now) if today.unknown_since else None,
        "rates": [_rate(frame, one, label) for one in today.methods],
        "alarms": [_alarm(say, one) for one in today.alarms],
        "jobs": [_job(say, one) for one in today.jobs],
        "waiting_chip": state_chip(say, "refund", "REQUESTED"),
        "hours": _hours(today.hours),
    }


def _hours(hours: Hours) -> list[HourLine]:
    lines: list[HourLine] = []
    for hour, (today, yesterday) in enumerate(zip(hours.today, hours.yesterday, strict=True)):
        one, other = Money(today, hours.currency), Money(yesterday, hours.currency)
        has_been = hour <= hours.now_hour
        told = (amount_text(one), one.major()) if has_been else ("—", "")
        lines.append(HourLine(f"{hour:02}:00", *told, amount_text(other), other.major()))
    return lines


def _heading(say: Say, today: Today) -> str:
    match today.concerns:
        case 0:
            return say("console.calm")
        case 1:
            return say("console.concern")
        case count:
            return say("console.concerns", count=count)


def _as_of(say: Say, today: Today) -> str:
    there = today.now.astimezone(SHANGHAI)
    day = say(
        "console.day",
        month=there.month,
        month_name=say(f"console.month.{there.month}"),
        day=there.day,
        weekday=say(f"console.weekday.{there.weekday()}"),
    )
    return say("console.as_of", day=day, clock=there.strftime("%H:%M"))


def _main(sums: Sequence[Sum]) -> Sum:
    return sums[0] if sums else Sum(0, Money(0, "CNY"))


def _rest(say: Say, sums: Sequence[Sum]) -> list[str]:
    """The currencies beside the main one."""
    return [say("console.more_sum", amount=amount_text(one.amount), times=one.times) for one in sums[1:]]


@dataclass(frozen=True, slots=True)
class _Success:
    text: str
    note: str


def _success(say: Say, methods: Sequence[MethodRate]) -> _Success:
    captured, ended = sum(one.captured for one in methods), sum(one.ended for one in methods)
    if not ended:
        return _Success("—", say("console.success.none"))
    told = say("console.success.of", captured=f"{captured:,}", ended=f"{ended:,}")
    return _Success(rate_text(rate_permille(captured, ended)), told)


def _rate(frame: Frame, one: MethodRate, label: Label) -> RateRow:
    permille = rate_permille(one.captured, one.ended)
    name = scene_text(frame.say, frame.word(label(one.channel)), one.scene)
    return RateRow(name, one.captured, one.ended, permille, rate_text(permille))


def _alarm(say: Say, one: Alarm) -> AlarmLine:
    prefix = "pay" if one.kind == "payment" else "rfd"
    return AlarmLine(
        chip=plain_chip(say(f"console.alarm.{one.kind}"), "alert", "warn"),
        href=f"/console/{one.kind}s/{public(prefix, one.subject_id)}",
        text=either(say, f"console.alarm.{one.alarm}", "console.alarm.other"),
        amount=amount_text(one.amount),
        state=say(f"console.state.{one.kind}.{one.state}"),
        at=second_text(one.raised_at),
    )


def _job(say: Say, one: TroubledJob) -> JobLine:
    is_dead = one.state == "dead"
    state = "dead" if is_dead else "waiting"
    chip = plain_chip(say(f"console.job.{state}"), "x" if is_dead else "clock", "bad" if is_dead else "warn")
    text = say(f"console.job.{state}.text", attempts=one.attempts, at=second_text(one.run_at))
    return JobLine(chip, one.kind, text, one.error[:200])
