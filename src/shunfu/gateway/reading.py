"""Reads what came from outside without ever raising: strict JSON, digits, times. Must not know: what the values mean.

RFC 8259 leaves duplicate names, NaN and depth open; two readers that differ there can be played against each other,
so all three are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn, TypeAlias, cast

JsonObject: TypeAlias = Mapping[str, object]

MAX_BYTES = 1 << 20
MAX_DEPTH = 24

_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def parse_object(body: bytes) -> JsonObject | None:
    """The JSON object in these bytes (UTF-8, at most 1 MiB, 24 deep, no duplicate names, no NaN), or None."""
    if len(body) > MAX_BYTES:
        return None
    try:
        value: object = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    is_sound = isinstance(value, dict) and _is_sound(cast("object", value), MAX_DEPTH)
    return cast("JsonObject", value) if is_sound else None


def parse_timestamp(text: str) -> int | None:
    """Unix seconds written in 1 to 12 ASCII digits, or None."""
    return int(text) if _DIGITS.fullmatch(text) else None


def parse_time(value: object) -> datetime | None:
    """An RFC 3339 time with its offset, with or without a fraction, in UTC, or None."""
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def text_at(source: JsonObject, name: str, pattern: re.Pattern[str]) -> str | None:
    """The text under this name when the whole of it fits the pattern, else None."""
    value = source.get(name)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def integer_at(source: JsonObject, name: str) -> int | None:
    """The integer under this name, else None; true, 1.0 and "1" are not integers."""
    value = source.get(name)
    return value if type(value) is int else None


def object_at(source: JsonObject, name: str) -> JsonObject:
    """The object under this name, else an empty one."""
    value = source.get(name)
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_sound(value: object, depth: int) -> bool:
    """Not too deep, and no lone surrogate that could not be written again."""
    match value:
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case dict():
            members = cast("dict[str, object]", value).items()
            return depth > 0 and all(_is_sound(k, depth) and _is_sound(v, depth - 1) for k, v in members)
        case list():
            return depth > 0 and all(_is_sound(item, depth - 1) for item in cast("list[object]", value))
        case _:
            return True
