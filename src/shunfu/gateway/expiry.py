"""When credentials end by a date that they carry themselves: what a channel's folder says of an account's texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import load_pem_x509_certificate

CERTIFICATES_MAX = 32
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Expiry:
    """A credential, by its name in the account's file, and the last instant at which it is good."""

    name: str
    not_after: datetime


def certificate_expiries(credentials: Mapping[str, str], names: tuple[str, ...]) -> tuple[Expiry, ...]:
    """The ends of the certificates under these names; a name that is absent or holds no readable one says nothing.

    Several under one name replace each other one after another, so the last end is the one that counts.
    """
    ends = {name: _ends(credentials.get(name) or "") for name in names}
    return tuple(Expiry(name, max(found)) for name, found in ends.items() if found)


def _ends(pems: str) -> list[datetime]:
    blocks = [block + _END for block in pems.split(_END)[:-1]][:CERTIFICATES_MAX]
    return [end for end in map(_end, blocks) if end is not None]


def _end(pem: str) -> datetime | None:
    try:
        return load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        return None  # whether a credential is well formed is for `load` to say
