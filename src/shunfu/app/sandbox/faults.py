"""Reads the faults that a tester asks for, strictly: from JSON, and from the control page's form.

Must not know: HTTP, which channels exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import cast

from shunfu.gateway.sandbox import Faults

ALWAYS = -1
COUNT_MAX = 1_000_000
ONLY_LENGTH_MAX = 200
SECONDS_MAX: Mapping[str, float] = {"delay_seconds": 30 * 86400, "reply_slow_seconds": 600, "chance": 1}
"""The largest value of each field that is no count."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "notifications": (
        "lose",
        "duplicate",
        "reorder",
        "delay_seconds",
        "signtest",
        "bad_signature",
        "stale_timestamp",
        "wrong_serial",
        "wrong_amount",
        "wrong_merchant",
    ),
    "replies": (
        "reply_lost",
        "gateway_error",
        "gateway_error_after",
        "system_error",
        "too_many",
        "reply_signtest",
        "reply_bad_signature",
        "reply_slow_seconds",
        "only",
    ),
    "refunds": ("refund_abnormal", "refund_closed"),
    "statements": ("rows_missing", "rows_extra", "rows_altered"),
    "all": ("chance",),
}
"""Every field of Faults in the order in which the page shows it; a test holds the two alike."""

COUNTS = frozenset(item.name for item in fields(Faults)) - SECONDS_MAX.keys() - {"only"}


def read_faults(now: Faults, raw: object) -> Faults | None:
    """The faults with the named ones replaced, or None when a name or a value is not one. Counts may be "always"."""
    if not isinstance(raw, dict):
        return None
    changes: dict[str, float | str] = {}
    for name, value in cast("dict[str, object]", raw).items():
        read = _read_one(name, value)
        if read is None:
            return None
        changes[name] = read
    return replace(now, **changes)  # pyright: ignore[reportArgumentType]  # _read_one has given each its type


def read_form(now: Faults, form: Mapping[str, str]) -> Faults | None:
    """The same from a form's texts, where an empty field is none to come; names of other fields are passed over."""
    told: dict[str, object] = {}
    for name, text in form.items():
        if name == "only":
            told[name] = text
        elif name in COUNTS or name in SECONDS_MAX:
            number = read_number(text.strip() or "0")
            if number is None:
                return None
            told[name] = number if name in SECONDS_MAX else _whole(number)
    return read_faults(now, told)


def read_number(text: str) -> float | None:
    """A plain decimal number of at most 12 characters from a form, or None."""
    is_plain = text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit() and len(text) <= 12
    return float(text) if is_plain else None


def _read_one(name: str, value: object) -> float | str | None:
    match value:
        case bool():
            return None
        case "always" if name in COUNTS:
            return ALWAYS
        case str() if name == "only" and len(value) <= ONLY_LENGTH_MAX and value.isprintable():
            return value
        case int() if name in COUNTS and ALWAYS <= value <= COUNT_MAX:
            return value
        case int() | float() if 0 <= value <= SECONDS_MAX.get(name, -1):
            return float(value)
        case _:
            return None


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number
