"""One merchant account at WeChat Pay: credentials parsed once, keys ready to use. Must not know: orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from shunfu.gateway.expiry import Expiry, certificate_expiries
from shunfu.kernel.secret import Secret

NAME = "wechatpay"
DEFAULT_BASE_URL = "https://api.mch.weixin.qq.com"
DEFAULT_BACKUP_URL = "https://api2.mch.weixin.qq.com"
DEFAULT_PLATFORM_URL = "https://api.weixin.qq.com"
DEFAULT_AUTHORIZE_URL = "https://open.weixin.qq.com"
OFFICIAL_SCENE = "jsapi"
"""WeChat's own browser: the one scene whose orders name the official account."""
REAL_BASE_URLS = frozenset(
    {DEFAULT_BASE_URL, "https://api2.mch.weixin.qq.com", "https://api.wechatpay.cn", "https://api2.wechatpay.cn"}
)

_KNOWN = frozenset(
    {
        "base_url",
        "backup_url",
        "platform_url",
        "mchid",
        "appid",
        "app_secret",
        "official_appid",
        "official_secret",
        "merchant_serial",
        "merchant_private_key",
        "merchant_certificate",
        "api_v3_key",
        "platform_serial",
        "platform_certificate",
        "public_key_id",
        "public_key",
    }
)
_MCHID = re.compile(r"[0-9]{8,32}", re.ASCII)
_APPID = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII)
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,40}", re.ASCII)
_PUBLIC_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_PUBLIC_KEY_ID = re.compile(r"PUB_KEY_ID_[0-9A-Za-z]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """A merchant's account. `wechat_keys` holds WeChat's verifying keys by `Wechatpay-Serial`, both kinds at once.

    `wechat_serial` is the one we name in requests, so that replies are signed with it, and encrypt sensitive fields
    for. `backup_urls` are other hosts of the same service. `platform_url` and `app_secret` are for login by the open
    platform (api.weixin.qq.com), `official_appid` and `official_secret` the official account's (公众号) that is bound
    to the merchant: WeChat's own browser pays through it. `authorize_url` is where that browser tells who looks.
    """

    base_url: str
    backup_urls: tuple[str, ...]
    platform_url: str
    authorize_url: str
    mchid: str
    appid: str
    merchant_serial: str
    wechat_serial: str
    wechat_keys: Mapping[str, RSAPublicKey] = field(repr=False)
    merchant_private_key: RSAPrivateKey = field(repr=False)
    api_v3_key: Secret[bytes] = field(repr=False)
    app_secret: Secret[str] | None = field(repr=False)
    official_appid: str | None = None
    official_secret: Secret[str] | None = field(default=None, repr=False)

    def appid_in(self, scene: str) -> str:
        """The application that an order of this scene names."""
        return self.official_appid if scene == OFFICIAL_SCENE and self.official_appid else self.appid


def load(credentials: Mapping[str, str]) -> Settings:
    """Settings from texts (PEM for keys). Raises ValueError with one sentence on anything missing or malformed."""
    extra = sorted(set(credentials) - _KNOWN)
    if extra:
        raise ValueError(f"WeChat Pay has no credential named {extra[0]}.")
    serial = _take(credentials, "merchant_serial", _SERIAL).upper()
    private_key = _private_key(_present(credentials, "merchant_private_key"))
    _check_merchant_certificate(credentials, serial, private_key)
    keys = _wechat_keys(credentials)
    base_url = _base_url(credentials.get("base_url") or DEFAULT_BASE_URL, "base_url")
    secret = credentials.get("app_secret")
    official_appid, official_secret = _official(credentials)
    return Settings(
        base_url=base_url,
        backup_urls=_backup_urls(credentials.get("backup_url"), base_url),
        platform_url=_platform_url(credentials.get("platform_url"), base_url),
        authorize_url=DEFAULT_AUTHORIZE_URL if base_url in REAL_BASE_URLS else base_url,
        mchid=_take(credentials, "mchid", _MCHID),
        appid=_take(credentials, "appid", _APPID),
        merchant_serial=serial,
        wechat_serial=next(iter(keys)),
        wechat_keys=keys,
        merchant_private_key=private_key,
        api_v3_key=_api_v3_key(_present(credentials, "api_v3_key")),
        app_secret=Secret(secret) if secret else None,
        official_appid=official_appid,
        official_secret=official_secret,
    )


def sandbox_url(settings: Settings) -> str | None:
    """The origin of the sandbox that the account talks to; None on WeChat Pay's own hosts over https."""
    return None if settings.base_url in REAL_BASE_URLS else settings.base_url


def expiries(credentials: Mapping[str, str]) -> tuple[Expiry, ...]:
    """The ends of the certificates that the account has."""
    return certificate_expiries(credentials, ("merchant_certificate", "platform_certificate"))


def _present(credentials: Mapping[str, str], name: str) -> str:
    value = credentials.get(name)
    if not value:
        raise ValueError(f"The WeChat Pay credential {name} is missing.")
    return value


def _take(credentials: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    value = _present(credentials, name).strip()
    if shape.fullmatch(value) is None:
        raise ValueError(f"The WeChat Pay credential {name} does not look like one.")
    return value


def _official(credentials: Mapping[str, str]) -> tuple[str | None, Secret[str] | None]:
    """The official account: both members or neither."""
    names = ("official_appid", "official_secret")
    if not any(credentials.get(name) for name in names):
        return None, None
    return _take(credentials, names[0], _APPID), Secret(_present(credentials, names[1]))


def _backup_urls(given: str | None, base_url: str) -> tuple[str, ...]:
    """The backup host given, or WeChat Pay's own for its main host; none where it is the main host itself."""
    default = DEFAULT_BACKUP_URL if base_url == DEFAULT_BASE_URL else ""
    backup_url = _base_url(given, "backup_url") if given else default
    return (backup_url,) if backup_url and backup_url != base_url else ()


def _platform_url(given: str | None, base_url: str) -> str:
    """Where to log shoppers in: WeChat's own host, but never a real host for an account at a sandbox."""
    if given:
        return _base_url(given, "platform_url")
    return DEFAULT_PLATFORM_URL if base_url in REAL_BASE_URLS else base_url


def _base_url(text: str, name: str) -> str:
    wrong = ValueError(f"The WeChat Pay credential {name} must be like https://api.mch.weixin.qq.com, without a path.")
    text = text.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong from None
    is_plain = text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc and text.isascii()
    if not (is_plain and has_port and parts.hostname and parts.scheme in {"http", "https"}):
        raise wrong
    return text


def _api_v3_key(text: str) -> Secret[bytes]:
    if len(text) != 32 or not text.isascii():
        raise ValueError("The WeChat Pay credential api_v3_key must be exactly 32 ASCII characters.")
    return Secret(text.encode())


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("The WeChat Pay credential merchant_private_key is not an unencrypted PEM key.") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("The WeChat Pay credential merchant_private_key must be RSA of 2048 bits or more.")
    return key


def _certificates(pem: str, name: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError(f"The WeChat Pay credential {name} is not a PEM certificate.") from None


def _check_merchant_certificate(credentials: Mapping[str, str], serial: str, key: RSAPrivateKey) -> None:
    pem = credentials.get("merchant_certificate")
    if not pem:
        return
    certificate = _certificates(pem, "merchant_certificate")[0]
    if certificate.serial_number != int(serial, 16):
        raise ValueError("The WeChat Pay credential merchant_serial is not the serial number of merchant_certificate.")
    if certificate.public_key() != key.public_key():
        raise ValueError("The WeChat Pay credential merchant_certificate belongs to another private key.")


def _rsa(key: object, name: str) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError(f"The WeChat Pay credential {name} must hold an RSA key of 2048 bits or more.")
    return key


def _wechat_keys(credentials: Mapping[str, str]) -> Mapping[str, RSAPublicKey]:
    """Every key of WeChat's that we hold, the one to name in requests first: public keys before certificates."""
    keys: dict[str, RSAPublicKey] = {}
    if credentials.get("public_key_id") or credentials.get("public_key"):
        keys |= _public_keys(_present(credentials, "public_key_id"), _present(credentials, "public_key"))
    if credentials.get("platform_serial") or credentials.get("platform_certificate"):
        given = _take(credentials, "platform_serial", _SERIAL) if credentials.get("platform_serial") else ""
        keys |= _platform_keys(given.upper(), _present(credentials, "platform_certificate"))
    if not keys:
        raise ValueError("WeChat Pay needs public_key_id and public_key, or platform_certificate, or both.")
    return keys


def _public_keys(ids: str, pems: str) -> dict[str, RSAPublicKey]:
    """One public key, or several: ids apart by spaces or commas, and as many PEM blocks in the same order."""
    names, blocks = ids.replace(",", " ").split(), _PUBLIC_PEM.findall(pems)
    if not names or any(_PUBLIC_KEY_ID.fullmatch(name) is None for name in names):
        raise ValueError("The WeChat Pay credential public_key_id does not look like one.")
    if len(names) != len(blocks):
        raise ValueError("The WeChat Pay credential public_key is not a PEM public key for each public_key_id.")
    return dict(zip(names, (_public_key(block) for block in blocks), strict=True))


def _platform_keys(given: str, pems: str) -> dict[str, RSAPublicKey]:
    """The platform certificates by the serials that they carry; the one named comes first, else the newest."""
    found = _certificates(pems, "platform_certificate")
    found.sort(key=lambda one: one.not_valid_before_utc, reverse=True)
    keys = {f"{one.serial_number:X}": _rsa(one.public_key(), "platform_certificate") for one in found}
    if not given:
        return keys
    named = keys.pop(f"{int(given, 16):X}", None)
    if named is None:
        raise ValueError("The WeChat Pay credential platform_serial is not the serial number of platform_certificate.")
    return {given: named, **keys}


def _public_key(pem: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("The WeChat Pay credential public_key is not a PEM public key.") from None
    return _rsa(key, "public_key")
