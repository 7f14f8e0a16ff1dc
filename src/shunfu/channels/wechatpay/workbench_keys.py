"""The keys that are put on the workbench: one, several by serial or in a list, in any armour, read without raising.

Must not know: messages, or why a signature does not hold.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from shunfu.gateway.workbench import Source

Key: TypeAlias = RSAPrivateKey | RSAPublicKey


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys given: one for any serial, those by serial, and a list's; `broken` names texts that are no RSA key."""

    any: Key | None = None
    by_serial: Mapping[str, Key] = field(default_factory=dict[str, Key])
    listed: tuple[Key, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def named(self) -> Mapping[str, Key]:
        """Every key with the name it has in the input."""
        listed = {f"keys[{index}]": key for index, key in enumerate(self.listed)}
        return {**self.by_serial, **listed, **({"key": self.any} if self.any else {})}

    def find(self, serial: str) -> tuple[Key, ...]:
        """The keys that may be meant: the serial's, else the one for any, else a list's; without a serial, all."""
        wanted = _plain(serial)
        same = tuple(key for name, key in self.by_serial.items() if wanted and _plain(name) == wanted)
        if same:
            return same
        if self.any:
            return (self.any,)
        return self.listed if self.listed or wanted else tuple(self.by_serial.values())


def read_keys(source: Source) -> KeyRing:
    """Every key given, as PEM, as base64 without armour, or inside a certificate."""
    broken: list[str] = []
    one = _take_key(source.get("key"), "key", broken)
    many = source.get("keys")
    if isinstance(many, list):
        rows = enumerate(cast("list[object]", many))
        listed = [_take_key("" if row is None else row, f"keys[{index}]", broken) for index, row in rows]
        return KeyRing(one, {}, tuple(key for key in listed if key), tuple(broken))
    if isinstance(many, str):
        return KeyRing(one or _take_key(many, "keys", broken), broken=tuple(broken))
    if many is not None and not isinstance(many, dict):
        broken.append("keys")
    by_serial = dict(_by_serial(cast("dict[object, object]", many) if isinstance(many, dict) else {}, broken))
    return KeyRing(one, by_serial, broken=tuple(broken))


def opened_signature(key: Key, signature: bytes) -> bytes | None:
    """The SHA-256 digest that this key's owner signed, whatever the text was; None when another key signed."""
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    try:
        return public.recover_data_from_signature(signature, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return None


def load_key(text: str) -> Key | None:
    """An RSA key, private or public, in PEM or in base64 without armour; a certificate is its public key."""
    blocks: list[bytes] = [text.encode("utf-8", "replace")]
    loaders = _PEM
    if "-----BEGIN" not in text:
        try:
            blocks = [b64decode("".join(text.split()), validate=True)]
        except (binascii.Error, ValueError):
            return None
        loaders = _DER
    for load in loaders:
        try:
            key = load(blocks[0])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey | RSAPublicKey):
            return key
    return None


def _by_serial(many: Mapping[object, object], broken: list[str]) -> Iterator[tuple[str, Key]]:
    for serial, text in many.items():
        key = _take_key(text, f"keys.{serial}", broken)
        if key is not None:
            yield str(serial), key


def _plain(serial: str) -> str:
    """A serial without what tools write differently: case, colons, blanks, leading zeros."""
    return serial.strip().replace(":", "").upper().lstrip("0")


def _take_key(value: object, name: str, broken: list[str]) -> Key | None:
    if value is None:
        return None
    key = load_key(value) if isinstance(value, str) else None
    if key is None:
        broken.append(name)
    return key


_Loader: TypeAlias = Callable[[bytes], object]
_PEM: tuple[_Loader, ...] = (
    lambda pem: load_pem_private_key(pem, password=None),
    load_pem_public_key,
    lambda pem: load_pem_x509_certificate(pem).public_key(),
)
_DER: tuple[_Loader, ...] = (
    lambda der: load_der_private_key(der, password=None),
    load_der_public_key,
    lambda der: load_der_x509_certificate(der).public_key(),
)
