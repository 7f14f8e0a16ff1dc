"""Recovery codes: ten that each stand in for the second factor once. Pure.

A code has 80 random bits, so that SHA-256 is enough to keep it (NIST 800-63B, look-up secrets: 5.1.2).
"""

from __future__ import annotations

import re

from shunfu.kernel.ids import ALPHABET
from shunfu.merchants.model import hash_secret

CODES = 10
CODE_BYTES = 10
_SHAPE = re.compile(rf"[{ALPHABET}]{{16}}")


def write_code(entropy: bytes) -> str:
    """`7K2M-9QXD-3TVB-80EH`: sixteen characters without I, L, O and U."""
    assert len(entropy) == CODE_BYTES
    number = int.from_bytes(entropy, "big")
    text = "".join(ALPHABET[number >> 5 * place & 31] for place in range(16))
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def read_code(typed: str) -> str | None:
    """The characters of a typed code, or None: small letters, gaps, and what looks alike are forgiven."""
    plain = re.sub(r"[\s-]", "", typed).upper().translate(str.maketrans("ILO", "110"))
    return plain if _SHAPE.fullmatch(plain) else None


def hash_code(plain: str) -> bytes:
    """What is kept of a code."""
    return hash_secret(plain)
