"""The sandbox's keys: the merchant's, the platform certificate's and the public key's. Must not know: orders, codec.

Everything drawn comes out of the entropy that the caller gives, but for one thing: OpenSSL makes RSA keys with its own
randomness and takes no seed. So two calls with one entropy differ in their keys and agree in all else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
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

from shunfu.channels.wechatpay.reading import JsonObject


@dataclass(frozen=True, slots=True)
class Material:
    """One merchant account with everybody's keys as texts (PEM), as the state file keeps them."""

    mchid: str
    appid: str
    api_v3_key: str = field(repr=False)
    merchant_serial: str
    merchant_private_key: str = field(repr=False)
    merchant_certificate: str = field(repr=False)
    platform_serial: str
    platform_private_key: str = field(repr=False)
    platform_certificate: str = field(repr=False)
    public_key_id: str
    public_key_private_key: str = field(repr=False)
    public_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The material with its keys parsed: what the sandbox signs and verifies with."""

    material: Material
    merchant: RSAPublicKey = field(repr=False)
    platform: RSAPrivateKey = field(repr=False)
    public: RSAPrivateKey = field(repr=False)
    effective_at: datetime
    expires_at: datetime

    def signer(self, key_id: str) -> RSAPrivateKey:
        """The private key behind one of the two `Wechatpay-Serial` values."""
        return self.public if key_id == self.material.public_key_id else self.platform


def parse_keys(material: Material) -> Keys:
    """Keys ready for use; raises ValueError when a text is no key."""
    certificate = x509.load_pem_x509_certificate(material.platform_certificate.encode())
    merchant = x509.load_pem_x509_certificate(material.merchant_certificate.encode()).public_key()
    if not isinstance(merchant, RSAPublicKey):
        raise ValueError("the merchant certificate is not RSA")  # noqa: TRY004
    return Keys(
        material=material,
        merchant=merchant,
        platform=_load(material.platform_private_key),
        public=_load(material.public_key_private_key),
        effective_at=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
    )


def read_material(source: JsonObject) -> Material:
    """Material from a JSON object; raises ValueError unless every member is there as text."""
    values = {item.name: source.get(item.name) for item in fields(Material)}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if len(texts) != len(values):
        raise ValueError("the sandbox's keys are incomplete")
    return Material(**texts)


def create_material(now: datetime, entropy: bytes) -> Material:
    """A new merchant with three fresh RSA-2048 keys (OpenSSL draws them); the rest comes from 32 random bytes."""
    merchant, platform, public = (generate_private_key(65537, 2048) for _ in range(3))
    mchid = f"19{_drawn(entropy, 'mchid') % 10**8:08d}"
    merchant_certificate = _certificate(merchant, f"Sandbox merchant {mchid}", _drawn(entropy, "merchant"), now)
    platform_certificate = _certificate(platform, "Tenpay.com sign (sandbox)", _drawn(entropy, "platform"), now)
    return Material(
        mchid=mchid,
        appid=f"wx{_drawn(entropy, 'appid'):064x}"[:18],
        api_v3_key=f"{_drawn(entropy, 'api_v3_key'):064x}"[:32],
        merchant_serial=_serial(merchant_certificate),
        merchant_private_key=_private_pem(merchant),
        merchant_certificate=_certificate_pem(merchant_certificate),
        platform_serial=_serial(platform_certificate),
        platform_private_key=_private_pem(platform),
        platform_certificate=_certificate_pem(platform_certificate),
        public_key_id=f"PUB_KEY_ID_01{mchid}{now:%Y%m%d}{_drawn(entropy, 'public') % 10**10:010d}",
        public_key_private_key=_private_pem(public),
        public_key=public.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def _drawn(entropy: bytes, label: str) -> int:
    return int.from_bytes(sha256(entropy + label.encode()).digest(), "big")


def _load(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a sandbox key is not RSA")  # noqa: TRY004
    return key


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
