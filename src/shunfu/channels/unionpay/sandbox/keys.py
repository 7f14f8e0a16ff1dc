"""The sandbox's keys: the merchant's, and UnionPay's root, intermediate and signer. Must not know: orders, codec.

Everything drawn comes out of the entropy that the caller gives, but for one thing: OpenSSL makes RSA keys with its own
randomness and takes no seed. So two calls with one entropy differ in their keys and agree in all else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

YEARS = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class Material:
    """One merchant account with everybody's keys as texts (PEM), as the state file keeps them.

    The signer's certificates have CRLF line ends and no last one, as UnionPay sends them. `expired` is the signer's of
    years ago, `stranger` one of the same names under a root that nobody trusts.
    """

    mer_id: str
    cert_id: str
    merchant_private_key: str = field(repr=False)
    merchant_certificate: str = field(repr=False)
    root_certificate: str = field(repr=False)
    root_private_key: str = field(repr=False)
    middle_certificate: str = field(repr=False)
    middle_private_key: str = field(repr=False)
    signer_certificate: str = field(repr=False)
    signer_private_key: str = field(repr=False)
    expired_certificate: str = field(repr=False)
    stranger_certificate: str = field(repr=False)
    stranger_private_key: str = field(repr=False)
    secure_key: str = field(repr=False)
    app_id: str
    app_secret: str = field(repr=False)
    symmetric_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The material's keys parsed: what the sandbox signs and verifies with."""

    merchant: RSAPublicKey = field(repr=False)
    signer: RSAPrivateKey = field(repr=False)
    stranger: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Issued:
    """Who is certified, by whom, under which serial number, from when to when."""

    subject: x509.Name
    issuer: x509.Name
    serial: int
    begins_at: datetime
    ends_at: datetime
    is_authority: bool = False


@lru_cache(maxsize=16)
def parse_keys(material: Material) -> Keys:
    """Keys ready for use; raises ValueError when a text is no key."""
    merchant = x509.load_pem_x509_certificate(material.merchant_certificate.encode()).public_key()
    if not isinstance(merchant, RSAPublicKey):
        raise ValueError("the merchant certificate is not RSA")  # noqa: TRY004 - a damaged state is one kind of error
    return Keys(merchant, _load(material.signer_private_key), _load(material.stranger_private_key))


def create_material(now: datetime, entropy: bytes) -> Material:
    """A new merchant with fresh RSA-2048 keys (OpenSSL draws them); the rest comes from 32 random bytes."""
    merchant, root, middle, signer, stranger = (generate_private_key(65537, 2048) for _ in range(5))
    mer_id = f"777290058{_drawn(entropy, 'mer_id') % 10**6:06d}"
    begins_at, ends_at = now - timedelta(days=1), now + YEARS
    top, between = _name("Sandbox CS CA"), _name("Sandbox ACS OCA1")
    unionpay = _name(f"041@83100000{_drawn(entropy, 'signer') % 10**8:08d}@中国银联股份有限公司@00016495")

    def serial(label: str) -> int:
        return 6 * 10**10 + _drawn(entropy, label) % 10**10

    shop = _Issued(_name(f"041@{mer_id}@Sandbox merchant@00000001"), between, serial("merchant"), begins_at, ends_at)
    leaf = _Issued(unionpay, between, serial("leaf"), begins_at, ends_at)
    above = _Issued(top, top, serial("root"), now - 2 * YEARS, ends_at, is_authority=True)
    inner = _Issued(between, top, serial("middle"), now - 2 * YEARS, ends_at, is_authority=True)
    old = _Issued(unionpay, between, serial("old"), now - YEARS, now - timedelta(days=30))
    return Material(
        mer_id=mer_id,
        cert_id=str(shop.serial),
        merchant_private_key=_private_pem(merchant),
        merchant_certificate=_certificate(shop, merchant, middle),
        root_certificate=_certificate(above, root, root),
        root_private_key=_private_pem(root),
        middle_certificate=_certificate(inner, middle, root),
        middle_private_key=_private_pem(middle),
        signer_certificate=_carried(_certificate(leaf, signer, middle)),
        signer_private_key=_private_pem(signer),
        expired_certificate=_carried(_certificate(old, signer, middle)),
        stranger_certificate=_carried(_certificate(leaf, stranger, stranger)),
        stranger_private_key=_private_pem(stranger),
        secure_key=f"{_drawn(entropy, 'secure_key'):064x}"[:32],
        app_id=f"{_drawn(entropy, 'app_id'):064x}"[:32],
        app_secret=f"{_drawn(entropy, 'app_secret'):064x}"[:32],
        symmetric_key=f"{_drawn(entropy, 'symmetric_key'):064x}"[:48],
    )


def _drawn(entropy: bytes, label: str) -> int:
    return int.from_bytes(sha256(entropy + label.encode()).digest(), "big")


def _load(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a sandbox key is not RSA")  # noqa: TRY004 - a damaged state is one kind of error
    return key


def _private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _carried(pem: str) -> str:
    return pem.strip().replace("\n", "\r\n")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(issued: _Issued, key: RSAPrivateKey, issuer_key: RSAPrivateKey) -> str:
    builder = x509.CertificateBuilder().subject_name(issued.subject).issuer_name(issued.issuer)
    builder = builder.public_key(key.public_key()).serial_number(issued.serial)
    builder = builder.not_valid_before(issued.begins_at).not_valid_after(issued.ends_at)
    builder = builder.add_extension(x509.BasicConstraints(ca=issued.is_authority, path_length=None), critical=True)
    return builder.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM).decode()
