"""Alipay's REST protocol (v3) in bytes and values: sign, build, read. Must not know: states, clocks.

Source: opendocs "OpenAPI v3 协议". Errors come unsigned with 4xx or 5xx: what a 4xx says is hearsay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from shunfu.channels.alipay.codec import (
    Ask,
    Distrust,
    Hearsay,
    Said,
    compact,
    decrypt,
    encrypt,
    is_signed,
    said_of,
    sign,
)
from shunfu.channels.alipay.settings import Settings
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import parse_object, text_at

SCHEME = "ALIPAY-SHA256withRSA"
WINDOW_SECONDS = 600
"""How far Alipay's clock and ours may be apart; what is older was kept by somebody."""
GET_METHODS = frozenset({"alipay.data.dataservice.bill.downloadurl.query", "alipay.user.certify.open.query"})

_STAMP = re.compile(r"[0-9]{13}", re.ASCII)
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}", re.ASCII)


def build_request(settings: Settings, ask: Ask, moment: Moment) -> Request:
    """A signed REST request; the path and query are signed exactly as they travel, and so is the body."""
    target, content = f"/v3/{ask.method.replace('.', '/')}", {**ask.biz, **ask.beside}
    is_get = ask.method in GET_METHODS
    if is_get:
        target += f"?{urlencode({name: str(value) for name, value in content.items()})}"
    body = "" if is_get else compact(content)
    headers = [("Accept", "application/json"), ("User-Agent", "shunfu"), ("alipay-request-id", moment.nonce[:32])]
    if settings.encrypts and settings.aes_key and body:
        body = encrypt(settings.aes_key.reveal(), body.encode())
        headers += [("alipay-encrypt-type", "AES"), ("Content-Type", "text/plain")]
    elif body:
        headers.append(("Content-Type", "application/json"))
    if settings.root_cert_sn:
        headers.append(("alipay-root-cert-sn", settings.root_cert_sn))
    method = "GET" if is_get else "POST"
    headers.append(("Authorization", authorization(settings, (method, target, body), moment)))
    return Request(method, settings.endpoint + target, tuple(headers), body.encode())


def authorization(settings: Settings, parts: tuple[str, str, str], moment: Moment) -> str:
    """The Authorization header for a method, a target and a body."""
    serial = f",app_cert_sn={settings.app_cert_sn}" if settings.app_cert_sn else ""
    timestamp = int(moment.now.timestamp() * 1000)
    auth = f"app_id={settings.app_id}{serial},nonce={moment.nonce},timestamp={timestamp}"
    return f"{SCHEME} {auth},sign={sign(settings.app_private_key, to_sign(auth, *parts))}"


def to_sign(*lines: str) -> str:
    """The lines that are signed, each ended by LF."""
    return "".join(f"{line}\n" for line in lines)


def read_reply(settings: Settings, reply: Reply, now: datetime) -> Said | Hearsay | Distrust:
    """What was said: a verified 200 as it stands, an error by its code, as hearsay when it is not signed."""
    is_proven = "alipay-signature" in reply.headers or reply.status < 400
    if is_proven:
        distrust = verify(settings, reply.headers, reply.body, now)
        if distrust:
            return distrust
    if reply.status == 200:
        return _open(settings, reply)
    code = text_at(parse_object(reply.body) or {}, "code", _CODE)
    if code is None or not 400 <= reply.status < 500 or reply.status == 429:
        return Distrust(f"HTTP {reply.status} {code or ''}".strip())
    said = Said(str(reply.status), code, {})
    return said if is_proven else Hearsay(said)


def verify(settings: Settings, headers: Mapping[str, str], body: bytes, now: datetime) -> Distrust | None:
    """None when Alipay signed exactly these bytes within the last ten minutes; headers by lower-case name."""
    found = [headers.get(f"alipay-{name}", "") for name in ("timestamp", "nonce", "signature")]
    if not all(found):
        return Distrust("signature headers are missing")
    timestamp, nonce, signature = found
    key = settings.alipay_keys.get(headers.get("alipay-sn", ""))
    if key is None:
        return Distrust("alipay-sn is not a certificate we hold")
    message = f"{timestamp}\n{nonce}\n".encode("utf-8", "replace") + body + b"\n"
    if not is_signed(key, message, signature):
        return Distrust("signature does not match")
    is_now = _STAMP.fullmatch(timestamp) and abs(now.timestamp() - int(timestamp) / 1000) <= WINDOW_SECONDS
    return None if is_now else Distrust("alipay-timestamp is not of the last ten minutes")


def _open(settings: Settings, reply: Reply) -> Said | Distrust:
    text: bytes | None = reply.body
    if settings.aes_key and not reply.body.startswith(b"{"):
        text = decrypt(settings.aes_key.reveal(), reply.body.decode("latin-1"))
    node = parse_object(text or b"")
    return Distrust("reply is malformed") if node is None else said_of(node, "10000")
