"""One merchant account at Alipay: credentials parsed once, keys ready to use. Must not know: trades."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from shunfu.channels.alipay.der import CertificateFacts, read_certificates, root_sn
from shunfu.gateway.expiry import Expiry, certificate_expiries
from shunfu.kernel.secret import Secret

NAME = "alipay"
DEFAULT_GATEWAY_URL = "https://openapi.alipay.com/gateway.do"
REAL_ORIGINS = frozenset({"https://openapi.alipay.com", "https://openapi-sandbox.dl.alipaydev.com"})
"""Alipay's own hosts; its developers' environment is Alipay's too, and no stand-in of ours."""

Protocol = Literal["v2", "v3"]

_KNOWN = frozenset(
    {
        "gateway_url",
        "endpoint",
        "app_id",
        "seller_id",
        "app_private_key",
        "alipay_public_key",
        "aes_key",
        "app_cert",
        "alipay_cert",
        "alipay_root_cert",
        "protocol",
        "op_app_id",
        "content_encryption",
        "mode",
        "app_id_cert",
        "app_cert_private_key",
    }
)
_OTHER_APP = {"app_id_cert": "app_id", "app_cert_private_key": "app_private_key"}
"""One application has one mode: who has two may give the certificate one's own names beside the other's."""
_CERTIFICATES = ("app_cert", "alipay_cert", "alipay_root_cert")
_APP_ID = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
_SELLER_ID = re.compile(r"2088[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """A merchant's application. `alipay_keys` holds Alipay's verifying keys by `alipay_cert_sn`.

    With a plain public key the one key's name is empty, and so are both serial numbers. `op_app_id` is the mini-program
    that shows the cashier. `encrypts`: what we send is encrypted, beside what is always read so.
    """

    gateway_url: str
    endpoint: str
    app_id: str
    seller_id: str
    op_app_id: str
    protocol: Protocol
    app_cert_sn: str
    root_cert_sn: str
    encrypts: bool
    alipay_keys: Mapping[str, RSAPublicKey] = field(repr=False)
    app_private_key: RSAPrivateKey = field(repr=False)
    aes_key: Secret[bytes] | None = field(repr=False)


def load(credentials: Mapping[str, str]) -> Settings:
    """Settings from texts. Raises ValueError with one sentence on anything missing or malformed.

    Keys are PEM or bare base64, PKCS#1 or PKCS#8; certificates PEM. Certificates alone are the account's mode; with a
    public key beside them `mode` says which counts, `key` or `certificate`, the key unless told otherwise.
    """
    extra = sorted(set(credentials) - _KNOWN)
    if extra:
        raise ValueError(f"Alipay has no credential named {extra[0]}.")
    credentials = _in_its_mode(credentials)
    gateway_url = _address(credentials.get("gateway_url") or DEFAULT_GATEWAY_URL, "gateway_url", "/gateway.do")
    endpoint = _address(credentials.get("endpoint") or _origin(gateway_url), "endpoint", "")
    private_key = _private_key(_present(credentials, "app_private_key"))
    aes_key = _aes_key(credentials["aes_key"]) if credentials.get("aes_key") else None
    app_sn, root = _serials(credentials, private_key)
    app_id = _take(credentials, "app_id", _APP_ID)
    return Settings(
        gateway_url=gateway_url,
        endpoint=endpoint,
        app_id=app_id,
        seller_id=_take(credentials, "seller_id", _SELLER_ID),
        op_app_id=_take(credentials, "op_app_id", _APP_ID) if credentials.get("op_app_id") else app_id,
        protocol=_protocol(credentials.get("protocol") or "v2"),
        app_cert_sn=app_sn,
        root_cert_sn=root,
        encrypts=_encrypts(credentials.get("content_encryption") or "", aes_key),
        alipay_keys=_alipay_keys(credentials),
        app_private_key=private_key,
        aes_key=aes_key,
    )


def sandbox_url(settings: Settings) -> str | None:
    """The origin of the sandbox that the account talks to; None on Alipay's own hosts over https."""
    origin = _origin(settings.gateway_url)
    return None if origin in REAL_ORIGINS else origin


def expiries(credentials: Mapping[str, str]) -> tuple[Expiry, ...]:
    """The ends of the certificates, in certificate mode alone. Alipay's roots are trusted as given."""
    return certificate_expiries(_in_its_mode(credentials), ("app_cert", "alipay_cert"))


def parse_private_key(text: str) -> RSAPrivateKey | None:
    """An RSA private key of 2048 bits or more in PEM or bare base64, PKCS#1 or PKCS#8, or None."""
    try:
        key = load_der_private_key(_der(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= 2048 else None


def parse_public_key(text: str) -> RSAPublicKey | None:
    """An RSA public key of 2048 bits or more in PEM or bare base64, or that of a PEM certificate, or None."""
    try:
        is_certificate = "BEGIN CERTIFICATE" in text
        return rsa_key(read_certificates(text)[0].public_key_der if is_certificate else _der(text))
    except (ValueError, binascii.Error):
        return None


def rsa_key(der: bytes) -> RSAPublicKey | None:
    """The RSA public key of 2048 bits or more in these DER bytes, or None."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= 2048 else None


def parse_aes_key(text: str) -> bytes | None:
    """The 16 bytes of an AES key written in base64, or None."""
    try:
        key = b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == 16 else None


def _der(text: str) -> bytes:
    """Without armour: the consoles hand out bare base64, and tools put either kind's name on it."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return b64decode("".join(line for line in lines if not line.startswith("-----")), validate=True)


def _present(credentials: Mapping[str, str], name: str) -> str:
    value = credentials.get(name)
    if not value:
        raise ValueError(f"The Alipay credential {name} is missing.")
    return value


def _take(credentials: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    value = _present(credentials, name).strip()
    if shape.fullmatch(value) is None:
        raise ValueError(f"The Alipay credential {name} does not look like one.")
    return value


def _address(text: str, name: str, path: str) -> str:
    wrong = ValueError(f"The Alipay credential {name} must be like https://openapi.alipay.com{path}.")
    text = text.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong from None
    is_plain = text == f"{parts.scheme}://{parts.netloc}{path}" and "@" not in parts.netloc and text.isascii()
    if not (is_plain and has_port and parts.hostname and parts.scheme in {"http", "https"}):
        raise wrong
    return text


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _protocol(text: str) -> Protocol:
    if text == "v2" or text == "v3":  # noqa: PLR1714 - so that the type is narrowed
        return text
    raise ValueError("The Alipay credential protocol must be v2 or v3.")


def _encrypts(text: str, aes_key: Secret[bytes] | None) -> bool:
    if text not in {"", "AES"}:
        raise ValueError("The Alipay credential content_encryption must be AES or left out.")
    if text and aes_key is None:
        raise ValueError("The Alipay credential content_encryption needs aes_key.")
    return bool(text)


def _private_key(text: str) -> RSAPrivateKey:
    key = parse_private_key(text)
    if key is None:
        raise ValueError("The Alipay credential app_private_key is not an unencrypted RSA key of 2048 bits or more.")
    return key


def _aes_key(text: str) -> Secret[bytes]:
    key = parse_aes_key(text)
    if key is None:
        raise ValueError("The Alipay credential aes_key must be the base64 of 16 bytes.")
    return Secret(key)


def _in_its_mode(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """The credentials of the one mode that counts."""
    has_certificates_alone = "alipay_public_key" not in credentials and any(map(credentials.get, _CERTIFICATES))
    mode = credentials.get("mode") or ("certificate" if has_certificates_alone else "key")
    if mode not in {"key", "certificate"}:
        raise ValueError("The Alipay credential mode must be key or certificate.")
    dropped = {*_CERTIFICATES, *_OTHER_APP} if mode == "key" else {"alipay_public_key"}
    kept = {name: value for name, value in credentials.items() if name not in dropped}
    other = {ours: kept[name] for name, ours in _OTHER_APP.items() if kept.get(name)}
    return {**kept, **other}


def _certificates(credentials: Mapping[str, str], name: str) -> tuple[CertificateFacts, ...]:
    try:
        return read_certificates(_present(credentials, name))
    except ValueError:
        raise ValueError(f"The Alipay credential {name} is not a PEM certificate.") from None


def _is_by_certificate(credentials: Mapping[str, str]) -> bool:
    given = [name for name in _CERTIFICATES if credentials.get(name)]
    if given and len(given) < len(_CERTIFICATES):
        raise ValueError("Alipay's certificate mode needs app_cert, alipay_cert and alipay_root_cert.")
    return bool(given)


def _serials(credentials: Mapping[str, str], private_key: RSAPrivateKey) -> tuple[str, str]:
    if not _is_by_certificate(credentials):
        return "", ""
    ours = _certificates(credentials, "app_cert")[0]
    if rsa_key(ours.public_key_der) != private_key.public_key():
        raise ValueError("The Alipay credential app_cert belongs to another private key.")
    root = root_sn(_certificates(credentials, "alipay_root_cert"))
    if not root:
        raise ValueError("The Alipay credential alipay_root_cert has no RSA certificate in it.")
    return ours.sn, root


def _alipay_keys(credentials: Mapping[str, str]) -> Mapping[str, RSAPublicKey]:
    if not _is_by_certificate(credentials):
        key = parse_public_key(_present(credentials, "alipay_public_key"))
        if key is None:
            raise ValueError("The Alipay credential alipay_public_key is not an RSA public key of 2048 bits or more.")
        return {"": key}
    keys: dict[str, RSAPublicKey] = {}
    for one in _certificates(credentials, "alipay_cert"):
        key = rsa_key(one.public_key_der)
        if key is None:
            raise ValueError("The Alipay credential alipay_cert must hold RSA keys of 2048 bits or more.")
        keys[one.sn] = key
    return keys
