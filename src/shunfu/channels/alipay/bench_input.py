"""The workbench's input read into what was signed: strict about nothing, raising never. Must not know: causes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shunfu.channels.alipay.codec import CHARSETS, canonical, split_reply
from shunfu.channels.alipay.der import read_certificates
from shunfu.channels.alipay.rest import SCHEME, to_sign
from shunfu.channels.alipay.settings import parse_private_key, parse_public_key
from shunfu.gateway.reading import parse_object
from shunfu.gateway.workbench import Source

_STAMP = re.compile(r"timestamp=([0-9]{13})(?:,|$)", re.ASCII)


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


def read_message(source: Source) -> Message | None:
    """What was, or is to be, signed; None when the input has too little, or what no encoding can write."""
    kind, body = text_of(source, "kind"), text_of(source, "body")
    params = _params(source)
    match kind:
        case "request" | "client" if params is not None:
            message = _of_params(source, params)
        case "request":
            message = _rest_request(source, body)
        case "notification":
            form = params if params is not None else (_pairs(body) if body else None)
            message = _notified(source, form) if form else None
        case "reply":
            message = _rest_reply(source, body) if text_of(source, "nonce") else _reply(source, body)
        case "client":
            message = _phone(source, body)
        case _:
            message = None
    return message if message and _is_writable(message) else None


def holders(source: Source) -> dict[str, RSAPublicKey]:
    """Public keys by serial number, `""` for the one without; a private key stands for its public half."""
    found: dict[str, RSAPublicKey] = {}
    keys, pairs = source.get("keys"), [("", source.get("key"))]
    if isinstance(keys, dict):
        pairs += [(str(name), key) for name, key in cast("Mapping[object, object]", keys).items()]
    for name, text in pairs:
        if isinstance(text, str) and text:
            private = parse_private_key(text)
            key = private.public_key() if private else parse_public_key(text)
            if key is not None:
                found[name or _serial(text)] = key
    return found


def _serial(text: str) -> str:
    try:
        return read_certificates(text)[0].sn
    except ValueError:
        return ""


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


def _reply(source: Source, body: str) -> Message | None:
    """The whole reply, or a node's text alone with its signature beside it."""
    if not body:
        return None
    members, name = split_reply(body.strip()) or {}, text_of(source, "node", "name")
    wanted = [name] if name else [one for one in members if one.endswith("_response")]
    raw = next((members[one] for one in wanted if one in members), "")
    if not raw and (name or members.get("sign")) and members.keys() & {"sign", name}:
        return None
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
    auth = auth or text_of(source, "auth_string")
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
        sent_ms=int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) == 13 else 0,
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
