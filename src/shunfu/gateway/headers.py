"""Which headers of a message are kept as evidence, and how: bounded, without credentials, fit for the database.

One rule for both directions: what channels send us and what we send them. Must not know: who keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

HEADERS_MAX = 40
NAME_CHARACTERS = 64
VALUE_CHARACTERS = 512
ALL_CHARACTERS = 8192
"""Of all kept headers of one message together: a timeline of them stays readable."""

_CREDENTIAL = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{1,39}) ")
_IS_PUBLIC = re.compile(r"signature|nonce|serial|timestamp|request-?id", re.IGNORECASE)


def kept_headers(headers: Iterable[tuple[str, str]], scrub: Callable[[str], str]) -> dict[str, str]:
    """A bounded copy by lower-case name. Of credentials only the scheme stays; other values pass the channel's `scrub`.

    Signatures, nonces and serial numbers are no secrets and stay as they are: they are what proves the message.
    """
    kept: dict[str, str] = {}
    room = ALL_CHARACTERS
    for name, value in headers:
        told = storable(name)[:NAME_CHARACTERS].lower(), _kept(name, value, scrub)
        room -= len(told[0]) + len(told[1])
        if room < 0 or len(kept) == HEADERS_MAX:
            break
        kept[told[0]] = told[1]
    return kept


def _kept(name: str, value: str, scrub: Callable[[str], str]) -> str:
    if _CREDENTIAL.search(name):
        scheme = _SCHEME.match(value)
        return f"{scheme[1]} ***" if scheme else "***"
    text = storable(value)
    return (text if _IS_PUBLIC.search(name) else scrub(text))[:VALUE_CHARACTERS]


def storable(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
