"""The envelope that every stored secret is in: AES-256-GCM under a data key, bound to the place where it is stored.

Format version 1, a JSON object: `v` format version, `k` id of the key that sealed it, `n` nonce (12 bytes), `c`
ciphertext with its 16-byte tag, `a` associated data, bytes in URL-safe base 64. The associated data is
`merchant|table|column|row|version`; the reader says what it expects, so that a row copied elsewhere does not open.
Pure: nonce and keys are arguments. Source: NIST SP 800-38D; docs/adr/0007.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shunfu.kernel.errors import Fault
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import from_text, to_text

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12


class EnvelopeBroken(Fault):
    """A stored secret does not open: wrong key file, or the row was changed or moved."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value is stored; part of what the seal covers."""

    merchant_id: UUID
    table: str
    column: str
    row_id: UUID

    def text(self) -> str:
        """The associated data: `merchant|table|column|row|version`."""
        return f"{self.merchant_id}|{self.table}|{self.column}|{self.row_id}|{VERSION}"


@dataclass(frozen=True, slots=True)
class Key:
    """A symmetric key and the id that envelopes name it by."""

    key_id: UUID
    value: Secret[bytes]


def seal(key: Key, place: Place, plaintext: bytes, nonce: bytes) -> dict[str, str | int]:
    """Seal bytes for one place with a fresh 12-byte nonce."""
    assert len(nonce) == NONCE_BYTES
    ciphertext = AESGCM(key.value.reveal()).encrypt(nonce, plaintext, place.text().encode())
    return {"v": VERSION, "k": str(key.key_id), "n": to_text(nonce), "c": to_text(ciphertext), "a": place.text()}


def sealing_key_id(envelope: Mapping[str, object]) -> UUID:
    """The id of the key that an envelope was sealed with. Raises EnvelopeBroken when it names none."""
    try:
        return UUID(str(envelope["k"]))
    except (KeyError, ValueError) as error:
        raise EnvelopeBroken from error


def unseal(key: Key, place: Place, envelope: Mapping[str, object]) -> bytes:
    """Open an envelope that is stored at `place`. Raises EnvelopeBroken for anything but the genuine one."""
    nonce, ciphertext = from_text(str(envelope.get("n"))), from_text(str(envelope.get("c")))
    is_ours = envelope.get("v") == VERSION and envelope.get("a") == place.text()
    if not is_ours or envelope.get("k") != str(key.key_id) or nonce is None or ciphertext is None:
        raise EnvelopeBroken
    try:
        return AESGCM(key.value.reveal()).decrypt(nonce, ciphertext, place.text().encode())
    except (InvalidTag, ValueError) as error:
        raise EnvelopeBroken from error
