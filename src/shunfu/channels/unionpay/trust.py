"""Whom to trust: the certificate that travels in a UnionPay message, proven up to the root that we hold.

The key that verifies a message comes with the message, so everything hangs on this: who issued it, that it is
UnionPay's own by its common name, and that it is valid now. Must not know: messages, HTTP, clocks.
Sources: UnionPay ACP SDK 5.1.0 (CertUtil: verifyCertificate, the third part of the common name).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

UNIONPAY_NAME = "中国银联股份有限公司"
"""The third part of the signer's common name, split at `@`: whose certificate it is."""

MIDDLES_MAX = 3
_PEM_LENGTH_MAX = 16_384
_HASHES = frozenset({"sha1", "sha256", "sha384", "sha512"})
_BITS_MIN = 2048
_MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
"""What `cryptography` raises over certificates that somebody spoiled."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """PEM texts of the roots we trust and of the certificates between, and the names that a signer may have."""

    roots: tuple[str, ...] = field(repr=False)
    middles: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = (UNIONPAY_NAME,)


@dataclass(frozen=True, slots=True, eq=False)
class Signer:
    """A proven signer: its key, its name, and when the whole chain is valid (the dates are the caller's to compare)."""

    key: RSAPublicKey = field(repr=False)
    common_name: str
    begins_at: datetime
    ends_at: datetime

    def is_valid_at(self, now: datetime) -> bool:
        """Whether every certificate of the chain is within its dates."""
        return self.begins_at <= now <= self.ends_at


class Untrusted(ValueError):
    """The certificate is malformed, not issued under our roots, or not UnionPay's."""


@lru_cache(maxsize=64)
def prove(pem: str, anchors: Anchors) -> Signer:
    """The signer behind this certificate. Raises Untrusted; dates are not judged here, so that the answer keeps."""
    try:
        return _prove(pem, anchors)
    except Untrusted:
        raise
    except _MALFORMED:
        raise Untrusted("the certificate is malformed") from None


def _prove(pem: str, anchors: Anchors) -> Signer:
    leaf = _load(pem)
    chain = _climb(leaf, anchors)
    common_name = _common_name(leaf)
    parts = common_name.split("@")
    if len(parts) < 3 or parts[2] not in anchors.names:
        raise Untrusted("the certificate's common name is not UnionPay's")
    begins_at = max(one.not_valid_before_utc for one in chain)
    ends_at = min(one.not_valid_after_utc for one in chain)
    return Signer(_rsa(leaf), common_name, begins_at, ends_at)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed this certificate.

    By hand, over the bytes that were signed: `verify_directly_issued_by` refuses SHA1WithRSA, which CFCA still uses.
    """
    digest = certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or digest is None or digest.name not in _HASHES:
        return False
    try:
        _rsa(issuer).verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _climb(leaf: x509.Certificate, anchors: Anchors) -> list[x509.Certificate]:
    """From the leaf up to one of the roots, both included."""
    roots, middles = [_load(pem) for pem in anchors.roots], [_load(pem) for pem in anchors.middles]
    chain = [leaf]
    for _ in range(MIDDLES_MAX + 1):
        root = next((one for one in roots if is_issued_by(chain[-1], one)), None)
        if root is not None:
            return [*chain, root]
        middle = next((one for one in middles if _may_issue(one) and is_issued_by(chain[-1], one)), None)
        if middle is None or middle in chain:
            break
        chain.append(middle)
    raise Untrusted("the certificate is not issued under our root")


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _load(pem: str) -> x509.Certificate:
    if len(pem) > _PEM_LENGTH_MAX or pem.count("-----BEGIN ") != 1:
        raise Untrusted("not one PEM certificate")
    return x509.load_pem_x509_certificate(pem.encode())


def _rsa(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _BITS_MIN:
        raise Untrusted("the certificate's key is not RSA of 2048 bits or more")
    return key


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = found[0].value if len(found) == 1 else ""
    return value if isinstance(value, str) else ""
