"""What the sandbox tells the merchant: events as letters, and letters signed as notifications. Must not know: sockets.

The stage owns the schedule. Source: pay.weixin.qq.com "支付成功回调通知": 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/
3h/6h/6h after each failure; HTTP 200 or 204 within 5 seconds is success; a resend has the same id and all else new.
A letter's content is `{create_time, original_type, summary, plaintext}`; it is sealed and signed afresh for each try.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Signing, seal, signature_headers
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox.values import At, Letter, Outcome

MINUTE, HOUR = 60.0, 3600.0
WAITS_SECONDS = (
    *(15.0, 15.0, 30.0, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE),
    *(HOUR, 3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR),
)
TIMEOUT_SECONDS = 5.0

_AMOUNTS = frozenset(
    {"total", "payer_total", "refund", "payer_refund", "total_amount", "payer_amount", "transfer_amount"}
)
_MERCHANTS = frozenset({"mchid", "mch_id", "combine_mchid"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `number` is the order's (by which testers find it), `kind` the `event_type`.

    `key` is the WeChat key that the merchant's request named. `amount_minor` is looked up in the book of amounts.
    """

    kind: str
    number: str
    url: str
    original_type: str
    summary: str
    plaintext: Mapping[str, object]
    amount_minor: int = 0
    key: str = ""


def tell(event: Event, at: At) -> tuple[Letter, ...]:
    """The event as a letter; none when the merchant gave no address for it."""
    if not event.url:
        return ()
    content = {
        "create_time": at.beijing.isoformat(timespec="seconds"),
        "original_type": event.original_type,
        "summary": event.summary,
        "plaintext": event.plaintext,
    }
    text = json.dumps(content, ensure_ascii=False)
    letter_id = str(UUID(bytes=at.draw("letter", event.kind, event.number)[:16], version=4))
    return (Letter(letter_id, event.number, event.kind, event.url, text, event.amount_minor, event.key),)


def write_letter(state: State, letter: Letter, twist: str, at: At) -> Request:
    """The letter sealed and signed now; `twist` is what shall be wrong with it, or empty."""
    content = cast("dict[str, object]", json.loads(letter.content))
    original_type = str(content["original_type"])
    plaintext = json.dumps(_twisted(content["plaintext"], twist), ensure_ascii=False, separators=(",", ":"))
    envelope = {
        "id": letter.id,
        "create_time": content["create_time"],
        "resource_type": "encrypt-resource",
        "event_type": letter.kind,
        "summary": content["summary"],
        "resource": {"original_type": original_type, **seal(state.keys, plaintext, original_type, at.entropy)},
    }
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    signed_at = at.now - timedelta(hours=1) if twist == "stale_timestamp" else at.now
    signing = Signing(state.keys, _key_id(state, letter, at), signed_at, at.entropy)
    headers = forge(signature_headers(body, signing), twist, at)
    sent = {"content-type": "application/json", "request-id": f"{at.draw('request').hex()[:32]}-0"}
    names = tuple((name.title(), value) for name, value in (sent | headers).items())
    return Request("POST", letter.url, names, body, TIMEOUT_SECONDS)


def is_heard(outcome: Outcome) -> bool:
    """HTTP 200 or 204, whatever the body says."""
    return outcome.status in {200, 204}


def forge(headers: Mapping[str, str], twist: str, at: At) -> dict[str, str]:
    """Signature headers of a notification or a reply with what shall be wrong in them."""
    noise = b64encode(b"".join(at.draw("forged", i) for i in range(8))).decode()
    match twist:
        case "bad_signature" | "reply_bad_signature":
            return {**headers, "wechatpay-signature": noise}
        case "signtest" | "reply_signtest":
            return {**headers, "wechatpay-signature": f"WECHATPAY/SIGNTEST/{noise}"}
        case "wrong_serial":
            return {**headers, "wechatpay-serial": at.draw("serial").hex().upper()[:40]}
        case _:
            return dict(headers)


def _twisted(plaintext: object, twist: str) -> object:
    """The plaintext with another amount or another merchant in it, wherever it names one."""
    match plaintext:
        case dict():
            members = cast("dict[str, object]", plaintext)
            return {name: _twisted_member(name, value, twist) for name, value in members.items()}
        case list():
            return [_twisted(item, twist) for item in cast("list[object]", plaintext)]
        case _:
            return plaintext


def _twisted_member(name: str, value: object, twist: str) -> object:
    if twist == "wrong_amount" and name in _AMOUNTS and type(value) is int:
        return value + 1
    if twist == "wrong_merchant" and name in _MERCHANTS and isinstance(value, str):
        return f"{int(value) ^ 1}" if value.isdecimal() else "1900000109"
    return _twisted(value, twist)


def _key_id(state: State, letter: Letter, at: At) -> str:
    """Which WeChat key signs: as set, else the one that the request or the last one named, else the certificate."""
    material = state.material
    match state.notify_key:
        case "public_key":
            return material.public_key_id
        case "cert":
            return material.platform_serial
        case "rotated":
            return material.next_platform_serial
        case "alternate":
            return (material.public_key_id, material.platform_serial)[at.draw("alternate")[0] % 2]
        case _:
            return letter.key or state.named_key or material.platform_serial
