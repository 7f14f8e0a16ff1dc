"""Alipay's gateway.do protocol (v2) in bytes and values: sign, verify, encrypt, build, read.

A request is signed over its raw values, a reply over its node's exact text, a notification over its decoded values.
Must not know: states, clocks.
Sources: opendocs "如何签名", "如何验签", "接口内容加密方式".
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote_plus, unquote_to_bytes, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.padding import PKCS7

from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.values import china_time
from shunfu.gateway.flow import Request
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import MAX_BYTES, JsonObject, parse_object

SIGN_TYPES = ("RSA2", "RSA")
CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}
FIELDS_MAX = 200

_BARE_METHODS = frozenset({"alipay.system.oauth.token"})
_IN_URL = frozenset(
    {"app_id", "method", "format", "charset", "sign_type", "sign", "timestamp", "version", "notify_url", "return_url"}
    | {"auth_token", "app_cert_sn", "alipay_root_cert_sn"}
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: the method's name, what goes into biz_content, and what stands beside it (`notify_url`, `code`)."""

    method: str
    biz: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    beside: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What Alipay answered, proven to be Alipay's. `code` is 10000 on success, empty where the node has none."""

    code: str
    sub_code: str
    node: JsonObject = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the call was carried out; what came of it is in the node."""
        return self.code == "10000" and not self.sub_code

    @property
    def named(self) -> str:
        """The most telling code of the two."""
        return self.sub_code or self.code


@dataclass(frozen=True, slots=True)
class Hearsay:
    """An error that came without a signature: perhaps Alipay's, perhaps anybody's."""

    said: Said


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a message from Alipay cannot be trusted."""

    reason: str


def canonical(params: Mapping[str, str], without: Iterable[str] = ("sign",)) -> str:
    """The text that is signed: non-empty parameters but those, sorted by name, `k=v` joined with `&`, not encoded."""
    left_out = set(without)
    return "&".join(f"{k}={v}" for k, v in sorted(params.items()) if v != "" and k not in left_out)


def sign(key: RSAPrivateKey, text: str, charset: str = "utf-8", sign_type: str = "RSA2") -> str:
    """Base64 of RSA (PKCS#1 v1.5) with SHA-256 (`RSA2`) or SHA-1 (`RSA`) over the text in that charset."""
    return b64encode(key.sign(text.encode(charset), PKCS1v15(), _hash(sign_type))).decode()


def is_signed(key: RSAPublicKey, message: bytes, signature: str, sign_type: str = "RSA2") -> bool:
    """Whether this key signed exactly these bytes; a signature that is not canonical base64 never did."""
    try:
        raw = b64decode(signature, validate=True)
        key.verify(raw, message, PKCS1v15(), _hash(sign_type))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return b64encode(raw).decode() == signature


def _hash(sign_type: str) -> HashAlgorithm:
    return SHA1() if sign_type == "RSA" else SHA256()  # noqa: S303 - what the older scheme is; only read, never chosen


def encrypt(key: bytes, text: bytes) -> str:
    """AES-128-CBC with PKCS#7 and an IV of zero bytes (Alipay's rule), base64."""
    padder, encryptor = PKCS7(128).padder(), Cipher(AES(key), CBC(bytes(16))).encryptor()
    padded = padder.update(text) + padder.finalize()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(key: bytes, text: str) -> bytes | None:
    """The plaintext of `encrypt`, or None. It proves nothing: verify the signature over the ciphertext first."""
    try:
        sealed = b64decode(text, validate=True)
        decryptor, unpadder = Cipher(AES(key), CBC(bytes(16))).decryptor(), PKCS7(128).unpadder()
        padded = decryptor.update(sealed) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except (ValueError, binascii.Error):
        return None


def signed_params(settings: Settings, ask: Ask, moment: Moment) -> dict[str, str]:
    """Every parameter of a call with its signature; biz_content encrypted first where the settings say so."""
    params = {
        "app_id": settings.app_id,
        "method": ask.method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": china_time(moment.now),
        "version": "1.0",
        **ask.beside,
    }
    if settings.app_cert_sn:
        params |= {"app_cert_sn": settings.app_cert_sn, "alipay_root_cert_sn": settings.root_cert_sn}
    if ask.biz:
        text = compact(ask.biz)
        if settings.encrypts and settings.aes_key:
            params["encrypt_type"], text = "AES", encrypt(settings.aes_key.reveal(), text.encode())
        params["biz_content"] = text
    params = {name: value for name, value in params.items() if value}
    return {**params, "sign": sign(settings.app_private_key, canonical(params))}


def build_request(settings: Settings, ask: Ask, moment: Moment) -> Request:
    """A signed POST: what every method has in the address, the method's own in the form, as Alipay's SDKs do."""
    params = signed_params(settings, ask, moment)
    common = {name: value for name, value in params.items() if name in _IN_URL}
    rest = {name: value for name, value in params.items() if name not in _IN_URL}
    headers = (
        ("Content-Type", "application/x-www-form-urlencoded;charset=utf-8"),
        ("User-Agent", "shunfu"),
        ("alipay-request-id", moment.nonce[:32]),
    )
    return Request("POST", f"{settings.gateway_url}?{urlencode(common)}", headers, urlencode(rest).encode())


def query_string(params: Mapping[str, str]) -> str:
    """Parameters as `k=v` with encoded values, in their order: an order string, or the query of a page's address."""
    return "&".join(f"{name}={quote_plus(value)}" for name, value in params.items())


def split_reply(text: str) -> dict[str, str] | None:
    """The members of a reply's outermost object, each value as the exact text it has; None unless it is one object.

    Works by a JSON scan, so that a node that holds the word `"sign"`, escapes or other spacing stays whole.
    """
    if len(text) > MAX_BYTES or not text.startswith("{"):
        return None
    scan, at, members = json.JSONDecoder(), 1, dict[str, str]()
    try:
        while True:
            at = _after_space(text, at)
            name, at = _scan(scan, text, at)
            begin = _after_space(text, _after(text, at, ":"))
            _, at = _scan(scan, text, begin)
            if not isinstance(name, str) or name in members:
                return None
            members[name] = text[begin:at]
            at = _after_space(text, at)
            if text[at : at + 1] != ",":
                return members if text[at:] in {"}", "}\n", "}\r\n"} else None
            at += 1
    except (ValueError, RecursionError):
        return None


def _scan(scan: json.JSONDecoder, text: str, at: int) -> tuple[object, int]:
    return cast("tuple[object, int]", scan.raw_decode(text, at))


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\t", "\r", "\n"}:
        at += 1
    return at


def _after(text: str, at: int, mark: str) -> int:
    at = _after_space(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} expected")
    return at + 1


def read_reply(settings: Settings, method: str, body: bytes) -> Said | Distrust:
    """What the gateway said, if Alipay signed exactly that node. An unsigned node is never believed."""
    try:
        members = split_reply(body.decode("utf-8"))
    except UnicodeDecodeError:
        members = None
    names = (f"{method.replace('.', '_')}_response", "error_response")
    raw = next((members[name] for name in names if name in members), None) if members else None
    if members is None or raw is None:
        return Distrust("reply is malformed")
    signature, serial = (_text(members.get(name, '""')) for name in ("sign", "alipay_cert_sn"))
    if not signature:
        node = parse_object(raw.encode()) or {}
        return Distrust(f"reply is not signed: {str(node.get('sub_code', node.get('code', '')))[:64]}")
    key = settings.alipay_keys.get(serial)
    if key is None:
        return Distrust("alipay_cert_sn is not a certificate we hold")
    if not is_signed(key, raw.encode("utf-8"), signature):
        return Distrust("signature does not match")
    # The authorisation's node has no code; every other one that lacks it has not said that it worked.
    is_bare = method in _BARE_METHODS and names[0] in members
    return _open_node(settings, raw, "10000" if is_bare else "")


def _open_node(settings: Settings, raw: str, code: str) -> Said | Distrust:
    text: bytes | None = raw.encode()
    if raw.startswith('"'):
        text = decrypt(settings.aes_key.reveal(), _text(raw)) if settings.aes_key else None
        if text is None:
            return Distrust("reply does not decrypt; is the AES key the one in the console?")
    node = parse_object(text or b"")
    return Distrust("node is malformed") if node is None else said_of(node, code)


def said_of(node: JsonObject, default_code: str = "") -> Said:
    """A node with its codes; the default is for one that has none, and overrules nothing."""
    code, sub_code = node.get("code", default_code), node.get("sub_code", "")
    return Said(str(code)[:64], str(sub_code)[:128], node)


def _text(raw: str) -> str:
    """A JSON string's value; empty when it is something else."""
    try:
        value: object = json.loads(raw)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def parse_form(body: bytes) -> dict[str, str] | None:
    """A posted form in the charset that it names itself, each part decoded exactly once; None if malformed."""
    if len(body) > MAX_BYTES or body.count(b"&") >= FIELDS_MAX:
        return None
    pairs = [part.partition(b"=") for part in body.split(b"&") if part]
    decoded = [(_percent(name), _percent(value)) for name, _, value in pairs]
    charset = CHARSETS.get(dict(decoded).get(b"charset", b"utf-8").decode("latin-1").lower())
    if charset is None or len(dict(decoded)) != len(decoded):
        return None
    try:
        return {name.decode(charset): value.decode(charset) for name, value in decoded}
    except UnicodeDecodeError:
        return None


def _percent(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def verify_params(settings: Settings, params: Mapping[str, str]) -> Distrust | None:
    """None when Alipay signed these decoded parameters, by the rule V1 (without `sign_type`) or V2 (with it).

    No parameter is passed over because we do not know it: new ones are signed too.
    """
    sign_type, signature = params.get("sign_type", ""), params.get("sign", "")
    charset = CHARSETS.get(params.get("charset", "utf-8").lower())
    if sign_type not in SIGN_TYPES or not signature or charset is None:
        return Distrust("sign or sign_type is missing")
    for without in (("sign", "sign_type"), ("sign",)):
        message = canonical(params, without).encode(charset, "replace")
        if any(is_signed(key, message, signature, sign_type) for key in settings.alipay_keys.values()):
            return None
    return Distrust("signature does not match")


def compact(value: Mapping[str, object]) -> str:
    """JSON without spaces, other alphabets as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
