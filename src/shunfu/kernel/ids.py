"""128-bit identifiers that sort by time, and their public form: a prefix and 26 Crockford characters.

The layout is UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, 12 bits that count inside a millisecond where
the maker keeps order (section 6.2, method 1), then random bits that the caller supplies.
Must not know: where the clock and the random bits come from.
"""

from __future__ import annotations

import re
from uuid import UUID

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford base 32: no I, L, O or U."""

PLATFORM = UUID(int=0)
"""The nil uuid: rows that belong to the installation and to no merchant."""

_PYTHONS = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""To the digits that int() reads in base 32: a statement has a million ids, and a loop takes four times as long."""
_SHAPE = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


SEQUENCE_MAX = 0xFFF
"""How many ids one maker can put in order inside a millisecond, less one."""


def make_id(now_milliseconds: int, entropy: bytes, sequence: int | None = None) -> UUID:
    """A UUIDv7 from Unix milliseconds, at least 10 random bytes, and the place in its millisecond, if it has one."""
    assert 0 <= now_milliseconds < 1 << 48
    assert len(entropy) >= 10
    assert sequence is None or 0 <= sequence <= SEQUENCE_MAX
    random_bits = int.from_bytes(entropy[:10], "big")
    high = (random_bits >> 62) & 0xFFF if sequence is None else sequence
    low = random_bits & ((1 << 62) - 1)
    return UUID(int=now_milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def encode(value: UUID) -> str:
    """The 26 Crockford characters of an id, most significant first."""
    number = value.int
    characters: list[str] = []
    for _ in range(26):
        characters.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(characters))


def decode(text: str) -> UUID | None:
    """The id that 26 Crockford characters write, or None when they write none."""
    if _SHAPE.fullmatch(text) is None:
        return None
    return UUID(int=int(text.translate(_PYTHONS), 32))


def public(prefix: str, value: UUID) -> str:
    """`ord_` and the like in front of the 26 characters."""
    return f"{prefix}_{encode(value)}"


def parse_public(prefix: str, text: str) -> UUID | None:
    """The id behind a public text with this prefix, or None."""
    head, _, tail = text.partition("_")
    return decode(tail) if head == prefix else None
