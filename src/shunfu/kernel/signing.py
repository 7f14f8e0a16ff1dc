"""Short texts that we sign and later believe: paging cursors and checkout tokens. HMAC-SHA-256, standard library only.

A purpose separates the uses, so that a cursor can never pass for a token (RFC 8725 section 3.12).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from shunfu.kernel.secret import Secret

TAG_BYTES = 16
"""The tag is cut to 128 bits, which NIST SP 800-107 allows for HMAC-SHA-256."""


def to_text(value: bytes) -> str:
    """URL-safe base 64 without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_text(text: str) -> bytes | None:
    """The bytes behind `to_text`, or None when the text is not exactly what `to_text` writes."""
    if not text.isascii():
        return None
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return value if to_text(value) == text else None


@dataclass(slots=True)
class Signer:
    """Signs texts under one key and believes what it or one of the older keys has signed.

    The one value here that changes: everybody who holds it must follow when the keys are changed under way.
    """

    key: Secret[bytes]
    older: tuple[Secret[bytes], ...] = ()

    def tag(self, purpose: str, text: str) -> str:
        """The tag of a text for one purpose, 22 URL-safe characters."""
        return _tag(self.key, purpose, text)

    def is_genuine(self, purpose: str, text: str, tag: str) -> bool:
        """Whether we made that tag; compared in constant time."""
        told = tag.encode("utf-8", "replace")
        return any(hmac.compare_digest(_tag(key, purpose, text).encode(), told) for key in (self.key, *self.older))

    def adopt(self, other: Signer) -> None:
        """Sign and believe as another does, from now on."""
        self.key, self.older = other.key, other.older


def _tag(key: Secret[bytes], purpose: str, text: str) -> str:
    message = f"{purpose}\0{text}".encode()
    return to_text(hmac.digest(key.reveal(), message, hashlib.sha256)[:TAG_BYTES])
