"""The sandbox's keys: the merchant's, two platform certificates' and the public key's. Must not know: orders, codec.

Everything drawn comes out of the entropy that the caller gives, but for one thing: OpenSSL makes RSA keys with its own
randomness and takes no seed. So two calls with one entropy differ in their keys and agree in all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Material:
    """One merchant account with everybody's keys as texts (PEM), as the state file keeps them.

    The `next_` ones are the platform certificate that follows the first; for a while both are valid.
    """

    mchid: str
    appid: str
    app_secret: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    merchant_serial: str
    merchant_private_key: str = field(repr=False)
    merchant_certificate: str = field(repr=False)
    platform_serial: str
    platform_private_key: str = field(repr=False)
    platform_certificate: str = field(repr=False)
    next_platform_serial: str
    next_platform_private_key: str = field(repr=False)
    next_platform_certificate: str = field(repr=False)
    public_key_id: str
    public_key_private_key: str = field(repr=False)
    public_key: str = field(repr=False)

    @property
    def official_appid(self) -> str:
        """The official account that is bound to the same merchant; states of older versions have it too."""
        return f"wx{sha256(f'official {self.appid}'.encode()).hexdigest()[:16]}"

    @property
    def official_secret(self) -> str:
        """Its secret."""
        return sha256(f"official {self.app_secret}".encode()).hexdigest()[:32]

    @property
    def appids(self) -> tuple[str, str]:
        """Every application that is bound to the merchant."""
        return self.appid, self.official_appid


@dataclass(frozen=True, slots=True)
class PlatformCertificate:
    """One certificate as `/v3/certificates` tells of it."""

    serial: str
    pem: str
    effective_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The material with its keys parsed: what the sandbox signs and verifies with. `private` is by key id."""

    material: Material
    merchant: RSAPublicKey = field(repr=False)
    private: Mapping[str, RSAPrivateKey] = field(repr=False)
    certificates: tuple[PlatformCertificate, ...] = field(repr=False)

    def signer(self, key_id: str) -> RSAPrivateKey:
        """The private key behind one of the `Wechatpay-Serial` values; the platform certificate's for any other."""
        return self.private.get(key_id) or self.private[self.material.platform_serial]


@lru_cache(maxsize=64)
def parse_keys(material: Material) -> Keys:
    """Keys ready for use, parsed once for each material; raises ValueError when a text is no key."""
    merchant = x509.load_pem_x509_certificate(material.merchant_certificate.encode()).public_key()
    if not isinstance(merchant, RSAPublicKey):
        raise ValueError("the merchant certificate is not RSA")  # noqa: TRY004 - a damaged state is one kind of error
    private = {
        material.public_key_id: material.public_key_private_key,
        material.platform_serial: material.platform_private_key,
        material.next_platform_serial: material.next_platform_private_key,
    }
    certificates = (material.platform_certificate, material.next_platform_certificate)
    return Keys(
        material=material,
        merchant=merchant,
        private={key_id: _load(pem) for key_id, pem in private.items()},
        certificates=tuple(_told(pem) for pem in certificates),
    )


def create_material(now: datetime, entropy: bytes) -> Material:
    """A new merchant with four fresh RSA-2048 keys (OpenSSL draws them); the rest comes from 32 random bytes."""
    merchant, platform, following, public = (generate_private_key(65537, 2048) for _ in range(4))
    mchid = f"19{_drawn(entropy, 'mchid') % 10**8:08d}"
    merchant_certificate = _certificate(merchant, f"Sandbox merchant {mchid}", _drawn(entropy, "merchant"), now)
    platform_certificate = _certificate(platform, "Tenpay.com sign (sandbox)", _drawn(entropy, "platform"), now)
    next_certificate = _certificate(following, "Tenpay.com sign (sandbox)", _drawn(entropy, "next"), now)
    return Material(
        mchid=mchid,
        appid=f"wx{_drawn(entropy, 'appid'):064x}"[:18],
        app_secret=f"{_drawn(entropy, 'app_secret'):064x}"[:32],
        api_v3_key=f"{_drawn(entropy, 'api_v3_key'):064x}"[:32],
        merchant_serial=_serial(merchant_certificate),
        merchant_private_key=_private_pem(merchant),
        merchant_certificate=_certificate_pem(merchant_certificate),
        platform_serial=_serial(platform_certificate),
        platform_private_key=_private_pem(platform),
        platform_certificate=_certificate_pem(platform_certificate),
        next_platform_serial=_serial(next_certificate),
        next_platform_private_key=_private_pem(following),
        next_platform_certificate=_certificate_pem(next_certificate),
        public_key_id=f"PUB_KEY_ID_01{mchid}{now:%Y%m%d}{_drawn(entropy, 'public') % 10**10:010d}",
        public_key_private_key=_private_pem(public),
        public_key=public.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def _drawn(entropy: bytes, label: str) -> int:
    return int.from_bytes(sha256(entropy + label.encode()).digest(), "big")


def _load(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a sandbox key is not RSA")  # noqa: TRY004 - a damaged state is one kind of error
    return key


def _told(pem: str) -> PlatformCertificate:
    found = x509.load_pem_x509_certificate(pem.encode())
    return PlatformCertificate(_serial(found), pem, found.not_valid_before_utc, found.not_valid_after_utc)


def _private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:040X}"


def _certificate(key: RSAPrivateKey, name: str, number: int, now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com Root CA (sandbox)")])
    serial = number % (1 << 156) | 1 << 156
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(now - timedelta(days=1))
    return builder.not_valid_after(now + timedelta(days=5 * 365)).sign(key, SHA256())
