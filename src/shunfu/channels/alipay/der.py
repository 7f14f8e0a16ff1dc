"""Certificates read by their DER bytes: issuer, serial, signature algorithm, key, and Alipay's serial numbers of them.

Alipay's file of roots has one certificate with a malformed algorithm field, which `cryptography` refuses; the file must
be read all the same. So this reads the few fields that count and no more. It verifies nothing.
Must not know: settings, files. Source: opendocs "公钥证书", the SN rule as Alipay's own SDKs compute it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

RSA_FAMILY = "1.2.840.113549.1.1"
CERTIFICATES_MAX = 32

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([0-9A-Za-z+/=\s]*)-----END CERTIFICATE-----")
_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
}
_CHARSETS = {0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_INTEGER, _OID, _SEQUENCE, _VERSION = 0x02, 0x06, 0x30, 0xA0


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What Alipay's rules need of a certificate. `issuer` is in reverse of encoding order: `CN=..,OU=..,O=..,C=..`."""

    issuer: str
    serial: int
    signature_oid: str
    public_key_der: bytes

    @property
    def sn(self) -> str:
        """Alipay's serial number of it: MD5 in hex of the issuer and the decimal serial number."""
        return hashlib.md5(f"{self.issuer}{self.serial}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class _Part:
    tag: int
    value: bytes
    whole: bytes


def read_certificates(pem: str) -> tuple[CertificateFacts, ...]:
    """Every certificate of a PEM text in order, at most 32; raises ValueError on none and on malformed ones."""
    found: list[CertificateFacts] = []
    for match in _PEM.finditer(pem):
        try:
            found.append(_read(b64decode("".join(match.group(1).split()), validate=True)))
        except (ValueError, IndexError, StopIteration):
            raise ValueError("a certificate is malformed") from None
    if not 0 < len(found) <= CERTIFICATES_MAX:
        raise ValueError("there is no certificate, or there are too many")
    return tuple(found)


def root_sn(certificates: tuple[CertificateFacts, ...]) -> str:
    """The serial number of a file of roots: those signed by RSA, joined with `_` (SM2 ones are skipped)."""
    return "_".join(one.sn for one in certificates if one.signature_oid.startswith(RSA_FAMILY))


def _read(der: bytes) -> CertificateFacts:
    certificate = next(_parts(der))
    body, algorithm = list(_parts(certificate.value))[:2]
    fields = [part for part in _parts(body.value) if part.tag != _VERSION]
    serial, _, issuer, _, _, key = fields[:6]
    oid = next(_parts(algorithm.value))
    if serial.tag != _INTEGER or oid.tag != _OID or key.tag != _SEQUENCE:
        raise ValueError("a certificate is malformed")
    return CertificateFacts(
        issuer=_name(issuer.value),
        serial=int.from_bytes(serial.value, "big", signed=True),
        signature_oid=_dotted(oid.value),
        public_key_der=key.whole,
    )


def _parts(der: bytes) -> Iterator[_Part]:
    at = 0
    while at < len(der):
        length, begin = der[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise ValueError("a certificate is malformed")
            length, begin = int.from_bytes(der[begin : begin + count], "big"), begin + count
        if begin + length > len(der):
            raise ValueError("a certificate is malformed")
        yield _Part(der[at], der[begin : begin + length], der[at : begin + length])
        at = begin + length


def _name(der: bytes) -> str:
    names = ["+".join(_attribute(one.value) for one in _parts(rdn.value)) for rdn in _parts(der)]
    return ",".join(reversed(names))


def _attribute(der: bytes) -> str:
    oid, value = list(_parts(der))[:2]
    dotted = _dotted(oid.value)
    return f"{_NAMES.get(dotted, dotted)}={value.value.decode(_CHARSETS.get(value.tag, 'utf-8'))}"


def _dotted(der: bytes) -> str:
    numbers, value = [min(der[0] // 40, 2)], 0
    numbers.append(der[0] - 40 * numbers[0])
    for byte in der[1:]:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))
