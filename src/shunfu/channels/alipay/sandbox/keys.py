"""The sandbox's keys and certificates: made once, parsed when needed. Must not know: trades, the codec.

Everything drawn comes out of the entropy that the caller gives, but for one thing: OpenSSL makes RSA keys with its own
randomness and takes no seed.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from shunfu.channels.alipay.sandbox.state import Material

_SHORT = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
}


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The material with its keys parsed: to sign and verify with, and the serial numbers to expect."""

    app: rsa.RSAPrivateKey = field(repr=False)
    app_by_cert: rsa.RSAPrivateKey = field(repr=False)
    alipay: rsa.RSAPrivateKey = field(repr=False)
    app_cert_sn: str
    alipay_cert_sn: str
    root_cert_sn: str


@lru_cache(maxsize=64)
def parse_keys(material: Material) -> Keys:
    """Keys ready for use; raises ValueError when a text is no key."""
    roots = x509.load_pem_x509_certificates(material.alipay_root_cert.encode())
    rsa_roots = [root for root in roots if root.signature_algorithm_oid.dotted_string.startswith("1.2.840.113549.1.1")]
    return Keys(
        app=_load(material.app_private_key),
        app_by_cert=_load(material.app_cert_private_key),
        alipay=_load(material.alipay_private_key),
        app_cert_sn=_sn(x509.load_pem_x509_certificate(material.app_cert.encode())),
        alipay_cert_sn=_sn(x509.load_pem_x509_certificate(material.alipay_cert.encode())),
        root_cert_sn="_".join(_sn(root) for root in rsa_roots),
    )


def create_material(now: datetime, entropy: bytes) -> Material:
    """A new seller with two applications, their certificates under a root of the sandbox's own."""
    app, app_by_cert, alipay, root = (rsa.generate_private_key(65537, 2048) for _ in range(4))
    maker = _Maker(now, entropy, root)
    return Material(
        seller_id=f"2088{_digits(entropy, 'seller', 12)}",
        app_id=f"2021{_digits(entropy, 'app', 12)}",
        app_private_key=_private_pem(app),
        app_id_cert=f"2021{_digits(entropy, 'app_cert', 12)}",
        app_cert_private_key=_private_pem(app_by_cert),
        app_cert=maker.certificate(app_by_cert, "Sandbox merchant"),
        alipay_private_key=_private_pem(alipay),
        alipay_public_key=b64encode(
            alipay.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode(),
        alipay_cert=maker.certificate(alipay, "Sandbox Alipay"),
        alipay_root_cert=maker.roots(),
        aes_key=b64encode(_draw(entropy, "aes")[:16]).decode(),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes certificates under the sandbox's root. A second root is not RSA, as Alipay's file has SM2 ones."""

    now: datetime
    entropy: bytes = field(repr=False)
    root: rsa.RSAPrivateKey = field(repr=False)

    def certificate(self, key: rsa.RSAPrivateKey, name: str) -> str:
        return self._built(self._begun(name, key.public_key()).sign(self.root, SHA256()))

    def roots(self) -> str:
        other = ec.derive_private_key(int.from_bytes(_draw(self.entropy, "ec")[:16], "big") + 1, ec.SECP256R1())
        by_other = self._begun("Sandbox Root", other.public_key()).sign(other, SHA256())
        return self.certificate(self.root, "Sandbox Root") + self._built(by_other)

    def _begun(self, name: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        kind = type(key).__name__
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Sandbox Root"))
            .public_key(key)
            .serial_number(int.from_bytes(_draw(self.entropy, f"serial {name} {kind}")[:12], "big") | 1)
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=3650))
        )

    def _built(self, certificate: x509.Certificate) -> str:
        return certificate.public_bytes(Encoding.PEM).decode()


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shunfu 顺付"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _sn(certificate: x509.Certificate) -> str:
    """MD5 of the issuer, last part first, and the serial number in decimal."""
    parts = [f"{_SHORT[attribute.oid]}={attribute.value!s}" for attribute in certificate.issuer]
    text = ",".join(parts[::-1]) + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    """PKCS#1, the format that Alipay's own key tool writes by default for other languages than Java."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def _load(pem: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is not RSA")  # noqa: TRY004 - a damaged state is one kind of error
    return key


def _draw(entropy: bytes, label: str) -> bytes:
    return hashlib.sha256(entropy + label.encode()).digest()


def _digits(entropy: bytes, label: str, count: int) -> str:
    return f"{int.from_bytes(_draw(entropy, label), 'big'):078d}"[-count:]
