"""What is put on the workbench: a message's parts and the time, read without ever raising.

Members: `kind`, `method`, `url`, `timestamp`, `nonce`, `body`, `serial`, `signature`, `mchid`; `authorization` in place
of a request's signature and its parts, `headers` (Wechatpay-*) in place of a reply's; for `client` `appid` and either
`package` (mini-program, JSAPI) or `prepay_id` (app), or the object handed to the client as it is. Must not know: keys,
what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from shunfu.gateway.workbench import Source

KINDS: Mapping[str, str] = {
    **{kind: kind for kind in ("request", "reply", "notification", "client")},
    "response": "reply",
    "notify": "notification",
}
_AUTHORIZATION = re.compile(r'(mchid|nonce_str|signature|timestamp|serial_no)="([^"]*)"')
_NAMES = {"nonce_str": "nonce", "serial_no": "serial"}
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_LONGEST = 1 << 53
_MEMBERS = (
    "method", "url", "timestamp", "nonce", "body", "serial", "signature", "mchid", "appid", "package", "prepay_id",
)  # fmt: skip
_CLIENT_NAMES: Mapping[str, str] = {
    "appId": "appid", "timeStamp": "timestamp", "nonceStr": "nonce", "paySign": "signature",
    "noncestr": "nonce", "prepayid": "prepay_id", "sign": "signature", "partnerid": "mchid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """A message's parts as texts, empty where they are not given. `target` is path and query of the address."""

    kind: str
    method: str = ""
    url: str = ""
    timestamp: str = ""
    nonce: str = ""
    body: str = ""
    serial: str = ""
    signature: str = ""
    mchid: str = ""
    appid: str = ""
    package: str = ""
    prepay_id: str = ""

    @property
    def target(self) -> str:
        """What is signed of the address: path and query exactly as sent, without the host."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return self.url
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are signed, each of which is ended by a line feed."""
        match self.kind:
            case "request":
                return (self.method.upper(), self.target, self.timestamp, self.nonce, self.body)
            case "client":
                return (self.appid, self.timestamp, self.nonce, self.package or self.prepay_id)
            case _:
                return (self.timestamp, self.nonce, self.body)

    @property
    def missing(self) -> tuple[str, ...]:
        """The members that this kind of message needs and has not; a body may be empty."""
        needed = {
            "request": ("method", "url", "timestamp", "nonce"),
            "client": ("appid", "timestamp", "nonce"),
        }.get(self.kind, ("timestamp", "nonce"))
        missing = tuple(name for name in needed if not getattr(self, name))
        is_bare = self.kind == "client" and not (self.package or self.prepay_id)
        return (*missing, "package") if is_bare else missing


def read_parts(source: Source) -> Parts | str:
    """The parts, or the name of the member that is not what it must be."""
    kind = source.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return "kind"
    whole = _as_handed(source) if KINDS[kind] == "client" else source
    given: dict[str, str] = {"kind": KINDS[kind]}
    for name in _MEMBERS:
        value = _as_text(whole.get(name))
        if value is None:
            return name
        given[name] = value
    given |= _from_authorization(source) | _from_headers(source)
    for name, text in given.items():
        if not _is_writable(text) or (name != "body" and not text.isprintable()):
            return name
    return Parts(**given)


def read_now(source: Source) -> float | str | None:
    """`now` as Unix seconds, given as a number, digits or an ISO 8601 time; None when not given; else the member."""
    value = source.get("now")
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < _LONGEST else "now"
    if not isinstance(value, str):
        return "now"
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.timestamp() if moment.tzinfo else "now"
    except (ValueError, OverflowError):
        return "now"


def _as_text(value: object) -> str | None:
    """A text or a number as it would be written; None for anything else."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return None
        case int() if abs(value) < _LONGEST:
            return str(value)
        case float() if math.isfinite(value) and value.is_integer() and abs(value) < _LONGEST:
            return str(int(value))
        case _:
            return None


def _as_handed(source: Source) -> Source:
    """The client's object by our names, whether its members are here or under `params`; an app's has `prepayid`."""
    params = source.get("params")
    found = dict(source) | (cast("dict[str, object]", params) if isinstance(params, dict) else {})
    for theirs, ours in _CLIENT_NAMES.items():
        if theirs in found:
            found.setdefault(ours, found[theirs])
    if found.get("prepay_id") and found.get("package") == "Sign=WXPay":
        found["package"] = None
    return found


def _from_authorization(source: Source) -> dict[str, str]:
    value = source.get("authorization")
    found = _AUTHORIZATION.finditer(value) if isinstance(value, str) else ()
    return {_NAMES.get(one[1], one[1]): one[2] for one in found}


def _from_headers(source: Source) -> dict[str, str]:
    headers = source.get("headers")
    given = cast("dict[object, object]", headers) if isinstance(headers, dict) else {}
    lower = {str(name).lower(): _as_text(value) for name, value in given.items()}
    found = {name: lower.get(f"wechatpay-{name}") for name in ("timestamp", "nonce", "serial", "signature")}
    return {name: value for name, value in found.items() if value}


def _is_writable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
