"""The workbench's input read into what was signed: strict about nothing, raising never. Must not know: causes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate, DuplicateExtension, InvalidVersion, load_pem_x509_certificate

from shunfu.channels.alipay.codec import CHARSETS, canonical, split_reply
from shunfu.channels.alipay.der import CERTIFICATES_MAX, read_certificates
from shunfu.channels.alipay.rest import SCHEME, to_sign
from shunfu.channels.alipay.settings import parse_private_key, parse_public_key
from shunfu.channels.alipay.values import parse_china_time
from shunfu.gateway.reading import parse_object
from shunfu.gateway.workbench import Source

_STAMP = re.compile(r"timestamp=([0-9]{13})(?:,|$)", re.ASCII)
_MS = re.compile(r"[0-9]{13}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_CIPHERTEXT = re.compile(r"[0-9A-Za-z+/]{20,}={0,2}", re.ASCII)
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_MS_FROM = 1e11
"""A number of seconds beyond this would be millennia away: it counts milliseconds."""
_ALIASES = {"response": "reply", "notify": "notification"}
_HEADERS = {
    "alipay-timestamp": "timestamp",
    "alipay-nonce": "nonce",
    "alipay-signature": "signature",
    "alipay-sn": "serial",
    "alipay-app-auth-token": "app_auth_token",
    "authorization": "authorization",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What the input says. `to_sign` is what is signed by the rule, `readings` every text that counts as genuine.

    `lines` are a REST message's, `node` a reply's node as it came, `sealed` a ciphertext in it.
    """

    to_sign: str
    signature: str = ""
    sign_type: str = "RSA2"
    charset: str = "utf-8"
    serial: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    node: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    sealed: str = field(default="", repr=False)
    also: tuple[str, ...] = field(default=(), repr=False)
    sent_ms: int = 0
    is_alipays: bool = False

    @property
    def readings(self) -> tuple[str, ...]:
        """The texts of which one must be signed."""
        return (self.to_sign, *self.also)


def text_of(source: Source, *names: str) -> str:
    """The first of these that is a text; empty when none is."""
    return next((value for name in names if isinstance(value := source.get(name), str)), "")


def read_message(source: Source) -> Message | str:
    """What was, or is to be, signed; or the reason's name: the input has too little, or what no encoding can write."""
    source = _with_headers(source)
    kind, params = text_of(source, "kind"), _params(source)
    match _ALIASES.get(kind, kind):
        case "request":
            message = _request(source, params)
        case "client":
            message = _client(source, params)
        case "notification":
            form = params if params is not None else _pairs(text_of(source, "body"))
            message = _notified(source, form) if form else None
        case "reply":
            body = _body(source)
            message = _rest_reply(source, body) if text_of(source, "nonce") else _reply(source, body)
        case _:
            message = None
    return message if isinstance(message, str) else message if message and _is_writable(message) else "input"


def read_sealed(source: Source) -> str:
    """The ciphertext of whichever kind of message this is, or one that stands alone; empty when there is none."""
    for kind in (source.get("kind"), "reply", "client", "request"):
        message = read_message({**source, "kind": kind})
        if isinstance(message, Message) and message.sealed:
            return message.sealed
    alone = (text_of(source, "ciphertext") or text_of(source, "body")).strip().strip('"')
    return alone if _CIPHERTEXT.fullmatch(alone) else ""


def read_now(source: Source) -> datetime | str | None:
    """`now` as Unix seconds (or milliseconds), or an ISO time with its offset; the reason's name when it is neither."""
    value = source.get("now")
    if value is None:
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return "now"
        return moment if moment.tzinfo else "now"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "now"
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MS_FROM else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "now"


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """A key that may verify; with its certificate, and those given along with it, when it came in one."""

    key: RSAPublicKey
    chain: tuple[Certificate, ...] = ()


def holders(source: Source) -> dict[str, Holder]:
    """Public keys by serial number, `""` for the one without; a private key stands for its public half."""
    found: dict[str, Holder] = {}
    keys, pairs = source.get("keys"), [("", source.get("key"))]
    if isinstance(keys, dict):
        pairs += [(str(name), key) for name, key in cast("Mapping[object, object]", keys).items()]
    for name, value in pairs:
        if isinstance(value, str) and value:
            private, text = parse_private_key(value), _armoured(value)
            key = private.public_key() if private else parse_public_key(value) or parse_public_key(text)
            if key is not None:
                found[name or _serial(text)] = Holder(key, read_chain(text))
    return found


def read_chain(text: str) -> tuple[Certificate, ...]:
    """The certificates that can be read: Alipay's file of roots has one that the library refuses."""
    found: list[Certificate] = []
    for part in _armoured(text).split(_END)[:-1][:CERTIFICATES_MAX]:
        try:
            found.append(load_pem_x509_certificate((part + _END).encode("utf-8", "replace")))
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension):
            continue
    return tuple(found)


def read_roots(source: Source) -> tuple[Certificate, ...] | None:
    """The certificates of `roots`, one text or several; none at all when one of the texts has none; None if absent."""
    value = source.get("roots")
    if value is None:
        return None
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    chains = [read_chain(text) if isinstance(text, str) else () for text in texts]
    return tuple(one for chain in chains for one in chain) if all(chains) else ()


def _armoured(text: str) -> str:
    return text if "-----" in text else f"{_BEGIN}\n{text.strip()}\n{_END}\n"


def _serial(text: str) -> str:
    try:
        return read_certificates(text)[0].sn
    except ValueError:
        return ""


def _with_headers(source: Source) -> Source:
    """With what stands in `headers` and not beside it, and numbers of a timestamp as text."""
    value = source.get("headers")
    headers = cast("Mapping[object, object]", value if isinstance(value, dict) else {})
    named = {_HEADERS[str(name).lower()]: one for name, one in headers.items() if str(name).lower() in _HEADERS}
    whole = {**named, **source}
    stamp = whole.get("timestamp")
    return {**whole, "timestamp": str(stamp)} if isinstance(stamp, int) and stamp < 10**15 else whole


def _body(source: Source) -> str:
    """`body` as it came; an object is one that was parsed before."""
    value = source.get("body")
    return _written(cast("object", value)) if isinstance(value, dict) else value if isinstance(value, str) else ""


def _request(source: Source, params: dict[str, str] | None) -> Message | None:
    body, is_rest = text_of(source, "body"), any(text_of(source, one) for one in ("authorization", "auth_string"))
    if params is None and not is_rest and not text_of(source, "nonce"):
        query = text_of(source, "url").partition("?")[2]
        params = {**(_pairs(query) or {}), **((_pairs(body) or {}) if "=" in body and body[:1] != "{" else {})}
    if params is None:
        return _rest_request(source, body)
    if not params:
        return None
    sent_at = parse_china_time(params.get("timestamp"))
    message = _of_params(source, params)
    return replace(message, sent_ms=int(sent_at.timestamp() * 1000)) if sent_at else message


def _client(source: Source, params: dict[str, str] | None) -> Message | None:
    body = _body(source)
    if params is not None and "response" in params:
        return _phone(source, _written(params))
    if params is None and "=" in body and body[:1] not in {"{", '"'}:
        params = _pairs(body)
    return _phone(source, body) if params is None else _of_params(source, params)


def _params(source: Source) -> dict[str, str] | None:
    """`params` as an object of texts, or written as a query."""
    value = source.get("params", source.get("orderStr"))
    if isinstance(value, str) and "=" in value:
        return _pairs(value)
    if not isinstance(value, dict) or not value:
        return None
    return {str(name): _written(one) for name, one in cast("Mapping[object, object]", value).items()}


def _written(value: object) -> str:
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    )


def _pairs(text: str) -> dict[str, str] | None:
    first = dict(_parsed(text, "latin-1"))
    charset = CHARSETS.get(first.get("charset", "utf-8").lower(), "utf-8")
    return dict(_parsed(text, charset)) or None


def _parsed(text: str, charset: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, encoding=charset, errors="replace", max_num_fields=500)
    except ValueError:
        return []


def _kind_of(source: Source, params: Mapping[str, str]) -> tuple[str, str]:
    """The signature's kind and the charset: as told, else as the message says, else today's."""
    sign_type = text_of(source, "sign_type") or params.get("sign_type", "")
    charset = (text_of(source, "charset") or params.get("charset", "")).lower()
    return sign_type if sign_type == "RSA" else "RSA2", charset if charset in CHARSETS else "utf-8"


def _of_params(source: Source, params: dict[str, str]) -> Message:
    sign_type, charset = _kind_of(source, params)
    sealed = params.get("biz_content", "") if params.get("encrypt_type") else ""
    return Message(
        to_sign=canonical(params),
        signature=text_of(source, "signature", "sign") or params.get("sign", ""),
        sign_type=sign_type,
        charset=charset,
        params=params,
        sealed=sealed,
    )


def _notified(source: Source, params: dict[str, str]) -> Message:
    sign_type, charset = _kind_of(source, params)
    return Message(
        to_sign=canonical(params, ("sign", "sign_type")),
        signature=text_of(source, "signature", "sign") or params.get("sign", ""),
        sign_type=sign_type,
        charset=charset,
        params=params,
        also=(canonical(params),),
        is_alipays=True,
    )


def _reply(source: Source, body: str) -> Message | str:
    """The whole reply, or a node's text alone with its signature beside it."""
    if not body:
        return "input"
    members, name = split_reply(body.strip()) or {}, text_of(source, "node", "name").replace(".", "_")
    wanted = [name, f"{name}_response"] if name else [one for one in members if one.endswith("_response")]
    raw = next((members[one] for one in wanted if one in members), "")
    if not raw and members.get("sign"):
        return "no_node"
    node = raw or body
    sign_type, charset = _kind_of(source, {})
    return Message(
        to_sign=node,
        signature=text_of(source, "signature", "sign") or _string(members.get("sign", "")),
        sign_type=sign_type,
        charset=charset,
        serial=text_of(source, "alipay_cert_sn", "serial") or _string(members.get("alipay_cert_sn", "")),
        node=node,
        sealed=_string(node),
        is_alipays=True,
    )


def _phone(source: Source, body: str) -> Message | None:
    parts = parse_object(body.encode("utf-8", "replace")) or {}
    inner = text_of(parts, "response")
    if inner.startswith("{"):
        parts = parse_object(inner.encode("utf-8", "replace")) or {}
    sealed = text_of(parts, "response")
    if not sealed:
        return None
    sign_type, charset = _kind_of(source, {"sign_type": text_of(parts, "sign_type")})
    return Message(
        to_sign=f'"{sealed}"',
        signature=text_of(source, "signature", "sign") or text_of(parts, "sign"),
        sign_type=sign_type,
        charset=charset,
        node=f'"{sealed}"',
        sealed=sealed,
        is_alipays=True,
    )


def _rest_request(source: Source, body: str) -> Message | None:
    method, url = text_of(source, "method"), text_of(source, "url")
    auth, _, signature = text_of(source, "authorization").removeprefix(f"{SCHEME} ").rpartition(",sign=")
    auth = auth or text_of(source, "auth_string") or _auth_string(source)
    if not (method and url and auth):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    target, token = parts.path + (f"?{parts.query}" if parts.query else ""), text_of(source, "app_auth_token")
    stamp = _STAMP.search(auth)
    return Message(
        to_sign=to_sign(auth, method, target, body, *([token] if token else [])),
        signature=text_of(source, "signature", "sign") or signature,
        body=body,
        sealed=body if not body.startswith("{") else "",
        sent_ms=int(stamp.group(1)) if stamp else 0,
    )


def _auth_string(source: Source) -> str:
    names = ("app_id", "app_cert_sn", "nonce", "timestamp")
    has_all = all(text_of(source, name) for name in names if name != "app_cert_sn")
    return ",".join(f"{name}={text_of(source, name)}" for name in names if text_of(source, name)) if has_all else ""


def _rest_reply(source: Source, body: str) -> Message | None:
    stamp, nonce = text_of(source, "timestamp"), text_of(source, "nonce")
    if not stamp:
        return None
    return Message(
        to_sign=to_sign(stamp, nonce, body),
        signature=text_of(source, "signature", "sign"),
        serial=text_of(source, "alipay_sn", "serial"),
        body=body,
        sealed=body if not body.startswith("{") else "",
        sent_ms=int(stamp) if _MS.fullmatch(stamp) else 0,
        is_alipays=True,
    )


def _string(raw: str) -> str:
    """A JSON string's value; empty when it is something else."""
    try:
        value: object = json.loads(raw) if raw.startswith('"') else ""
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _is_writable(message: Message) -> bool:
    try:
        message.to_sign.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
