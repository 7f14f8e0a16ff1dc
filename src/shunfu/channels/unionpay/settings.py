"""One merchant account at UnionPay: credentials parsed once, keys ready to use. Must not know: orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificate

from shunfu.channels.unionpay.trust import UNIONPAY_NAME, Anchors
from shunfu.gateway.expiry import Expiry, certificate_expiries
from shunfu.kernel.secret import Secret

NAME = "unionpay"
DEFAULT_BASE_URL = "https://gateway.95516.com"
DEFAULT_OPEN_URL = "https://open.95516.com"
FILE_URLS = {
    DEFAULT_BASE_URL: "https://filedownload.95516.com/",
    "https://gateway.test.95516.com": "https://filedownload.test.95516.com/",
}
"""Where statements are fetched, by gateway: UnionPay's own two, the real one and its test environment."""

_KNOWN = frozenset(
    {
        "base_url",
        "file_url",
        "mer_id",
        "cert_id",
        "merchant_private_key",
        "merchant_certificate",
        "root_certificate",
        "middle_certificate",
        "signer_name",
        "secure_key",
        "sign_method",
        "app_id",
        "app_secret",
        "symmetric_key",
        "open_url",
    }
)
_MER_ID = re.compile(r"[0-9A-Za-z]{15}", re.ASCII)
_CERT_ID = re.compile(r"[0-9]{1,49}", re.ASCII)
_METHOD = re.compile(r"01|11|12", re.ASCII)
_APP_ID = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
_TRIPLE_DES = re.compile(r"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{48})", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """A merchant's account. `sign_method` signs our requests, and only what is signed by it is believed.

    `anchors` and `private_key` are for method 01 (RSA), `secure_key` for 11 (SHA-256) and 12 (SM3); None where absent.
    The last four are the 云闪付 application's, empty or None where there is none.
    """

    base_url: str
    file_url: str
    mer_id: str
    sign_method: str
    cert_id: str
    private_key: RSAPrivateKey | None = field(repr=False)
    anchors: Anchors | None = field(repr=False)
    secure_key: Secret[str] | None = field(repr=False)
    open_url: str
    app_id: str = ""
    app_secret: Secret[str] | None = field(default=None, repr=False)
    symmetric_key: Secret[bytes] | None = field(default=None, repr=False)


def load(credentials: Mapping[str, str]) -> Settings:
    """Settings from texts (PEM for keys). Raises ValueError with one sentence on anything missing or malformed."""
    extra = sorted(set(credentials) - _KNOWN)
    if extra:
        raise ValueError(f"UnionPay has no credential named {extra[0]}.")
    base_url = _origin(credentials, "base_url", DEFAULT_BASE_URL)
    method = _take(credentials, "sign_method", _METHOD) if credentials.get("sign_method") else "01"
    private_key = _private_key(credentials, is_needed=method == "01")
    secure_key = credentials.get("secure_key", "")
    if method != "01" and not secure_key:
        raise ValueError(f"The UnionPay credential secure_key is missing; sign_method {method} signs with it.")
    return Settings(
        base_url=base_url,
        file_url=_file_url(credentials, base_url),
        mer_id=_take(credentials, "mer_id", _MER_ID),
        sign_method=method,
        cert_id=_cert_id(credentials, private_key),
        private_key=private_key,
        anchors=_anchors(credentials, is_needed=method == "01"),
        secure_key=Secret(secure_key) if secure_key else None,
        open_url=_origin(credentials, "open_url", DEFAULT_OPEN_URL),
        app_id=_take(credentials, "app_id", _APP_ID) if credentials.get("app_id") else "",
        app_secret=Secret(credentials["app_secret"]) if credentials.get("app_secret") else None,
        symmetric_key=_symmetric_key(credentials),
    )


def sandbox_url(settings: Settings) -> str | None:
    """The origin of the sandbox that the account talks to; None on UnionPay's own hosts, its test environment too."""
    return None if settings.base_url in FILE_URLS else settings.base_url


def expiries(credentials: Mapping[str, str]) -> tuple[Expiry, ...]:
    """The ends of the certificates that the account has."""
    return certificate_expiries(credentials, ("merchant_certificate", "middle_certificate", "root_certificate"))


def _present(credentials: Mapping[str, str], name: str) -> str:
    value = credentials.get(name)
    if not value:
        raise ValueError(f"The UnionPay credential {name} is missing.")
    return value


def _take(credentials: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    value = _present(credentials, name).strip()
    if shape.fullmatch(value) is None:
        raise ValueError(f"The UnionPay credential {name} does not look like one.")
    return value


def _address(text: str, name: str) -> str:
    wrong = ValueError(f"The UnionPay credential {name} must be a plain http or https address.")
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong from None
    is_plain = text == f"{parts.scheme}://{parts.netloc}{parts.path}" and "@" not in parts.netloc and text.isascii()
    if not (is_plain and has_port and parts.hostname and parts.scheme in {"http", "https"}):
        raise wrong
    return text


def _origin(credentials: Mapping[str, str], name: str, default: str) -> str:
    text = _address((credentials.get(name) or default).strip().rstrip("/"), name)
    if urlsplit(text).path:
        raise ValueError(f"The UnionPay credential {name} must be like {default}, without a path.")
    return text


def _file_url(credentials: Mapping[str, str], base_url: str) -> str:
    default = FILE_URLS.get(base_url, f"{base_url}/filedownload/")
    return _address((credentials.get("file_url") or default).strip(), "file_url")


def _private_key(credentials: Mapping[str, str], *, is_needed: bool) -> RSAPrivateKey | None:
    if not is_needed and not credentials.get("merchant_private_key"):
        return None
    pem = _present(credentials, "merchant_private_key")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("The UnionPay credential merchant_private_key is not an unencrypted PEM key.") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("The UnionPay credential merchant_private_key must be RSA of 2048 bits or more.")
    return key


def _certificate(credentials: Mapping[str, str], name: str) -> Certificate:
    try:
        return load_pem_x509_certificate(_present(credentials, name).encode())
    except ValueError as error:
        missing = not credentials.get(name)
        raise error if missing else ValueError(f"The UnionPay credential {name} is not a PEM certificate.") from None


def _cert_id(credentials: Mapping[str, str], key: RSAPrivateKey | None) -> str:
    """The decimal serial number of the signing certificate: given, or read from the certificate itself."""
    if key is None:
        return ""
    certificate = _certificate(credentials, "merchant_certificate") if credentials.get("merchant_certificate") else None
    if certificate is not None and certificate.public_key() != key.public_key():
        raise ValueError("The UnionPay credential merchant_certificate belongs to another private key.")
    if certificate is not None and not credentials.get("cert_id"):
        return str(certificate.serial_number)
    cert_id = _take(credentials, "cert_id", _CERT_ID)
    if certificate is not None and certificate.serial_number != int(cert_id):
        raise ValueError("The UnionPay credential cert_id is not the decimal serial number of merchant_certificate.")
    return cert_id


def _anchors(credentials: Mapping[str, str], *, is_needed: bool) -> Anchors | None:
    if not is_needed and not credentials.get("root_certificate"):
        return None
    for name in ("root_certificate", "middle_certificate"):
        _certificate(credentials, name)
    names = (credentials.get("signer_name") or UNIONPAY_NAME,)
    return Anchors((credentials["root_certificate"],), (credentials["middle_certificate"],), names)


def _symmetric_key(credentials: Mapping[str, str]) -> Secret[bytes] | None:
    if not credentials.get("symmetric_key"):
        return None
    key = bytes.fromhex(_take(credentials, "symmetric_key", _TRIPLE_DES))
    return Secret(key + key[:8] if len(key) == 16 else key)
