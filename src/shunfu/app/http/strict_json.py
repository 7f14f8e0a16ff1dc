"""One strict reading of JSON bodies: UTF-8, no duplicate keys, no NaN, depth 32, 64-bit integers, storable text.

Parsers that disagree are an attack surface (ASVS 1.5.3), so every body under /v1 is read by this function alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias, cast

from shunfu.kernel.errors import FieldError, InvalidField, MalformedBody

DEPTH_MAX = 32
INT64_MAX = (1 << 63) - 1
INT64_MIN = -(1 << 63)
DIGITS_MAX = 400
Walk: TypeAlias = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class _Repeated:
    """Stands where an object repeated a key, until the walk can say where that is."""

    key: str


def parse(body: bytes) -> object:
    """The JSON value of a body. Raises MalformedBody or InvalidField, naming the field where there is one."""
    try:
        value = cast(
            "object",
            json.loads(
                body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_bounded_integer
            ),
        )
    except UnicodeDecodeError as error:
        raise MalformedBody(errors=(FieldError("", "not_utf8"),)) from error
    except RecursionError as error:
        raise MalformedBody(errors=(FieldError("", "too_deep"),)) from error
    except ValueError as error:
        raise MalformedBody(errors=(FieldError("", "not_json"),)) from error
    _check(value, "", 0)
    return value


def _object(pairs: list[tuple[str, object]]) -> object:
    found: dict[str, object] = {}
    for key, value in pairs:
        found[key] = _Repeated(key) if key in found else value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _bounded_integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError("a number of too many digits")
    return int(digits)


def _check(value: object, pointer: str, depth: int) -> None:
    """Walk the value; complain with an RFC 6901 pointer."""
    if depth >= DEPTH_MAX and isinstance(value, dict | list):
        raise MalformedBody(errors=(FieldError(pointer, "too_deep"),))
    match value:
        case _Repeated():
            raise MalformedBody(errors=(FieldError(pointer, "duplicate_key"),))
        case dict():
            for key, member in cast("dict[str, object]", value).items():
                _check_text(key, pointer)
                _check(member, f"{pointer}/{_escaped(key)}", depth + 1)
        case list():
            for index, member in enumerate(cast("list[object]", value)):
                _check(member, f"{pointer}/{index}", depth + 1)
        case str():
            _check_text(value, pointer)
        case int() | float():
            _check_number(value, pointer)
        case _:
            return


def _check_number(value: float, pointer: str) -> None:
    """64-bit integers, and no `1e999`, which Python reads as infinity."""
    is_whole = isinstance(value, int)
    if value > (INT64_MAX if is_whole else sys.float_info.max):
        raise InvalidField(errors=(FieldError(pointer, "too_large"),))
    if value < (INT64_MIN if is_whole else -sys.float_info.max):
        raise InvalidField(errors=(FieldError(pointer, "too_small"),))


def _check_text(text: str, pointer: str) -> None:
    """PostgreSQL holds neither NUL nor lone surrogates; nor should a log."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
        raise InvalidField(errors=(FieldError(pointer, "bad_text"),))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")[:100]
