"""Evidence that contradicts: old replies that come again, and words of a channel, rightly signed, that are not so.

No lie says that our money moved: nobody could find that out before the statement. Each says that it did not, or that some
other money did, which must not be taken for ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Message

if TYPE_CHECKING:
    from simulation.network import ChannelHost

WHEN = "2026-01-05T08:00:00.000+08:00"
PAID: dict[str, object] = {"paid_at": WHEN, "happened_at": WHEN, "channel_no": "TP2026010500001"}
PAYMENT_LIES: tuple[dict[str, object], ...] = (
    {"state": "WAITING"},
    {"state": "CLOSED"},
    {"state": "CLOSED"},
    {"code": "NOT_FOUND"},
    {"code": "RISK"},
    {"code": "STRANGE"},
    {"state": "STRANGE"},
    {"state": "PAID", "amount": 7, **PAID},
    {"state": "PAID", "merchant_no": "700000000001", **PAID},
)
REFUND_LIES: tuple[dict[str, object], ...] = (
    {"state": "WORKING"},
    {"state": "ABNORMAL"},
    {"state": "CLOSED"},
    {"code": "NOT_FOUND"},
    {"code": "RISK"},
    {"code": "NO_BALANCE"},
    {"code": "STRANGE"},
    {"state": "DONE", "amount": 7, "finished_at": WHEN},
)


def lie_in_reply(host: ChannelHost, request: Request, reply: Reply) -> Reply:
    """Another reply to this request: an older one, or one that says something else."""
    rng = host.world.chance.schedule
    host.lies += 1
    old = host.old_replies.get(f"{request.method} {request.url}")
    if old is not None and rng.random() < 0.4:
        return old
    is_refund = "/refunds" in request.url
    told: dict[str, Any] = json.loads(reply.body)
    number = told.get("number") or _number(request)
    lies = REFUND_LIES if is_refund else PAYMENT_LIES
    said: dict[str, object] = {
        "code": "OK",
        "number": number,
        "amount": told.get("amount", 1),
        "channel_no": "TR1",
        "merchant_no": host.stage.state.merchant_no,
    }
    is_first = request.method == "POST" and request.url.endswith(("/payments", "/refunds"))
    if is_first and not is_refund and rng.random() < 0.4:
        said["code_url"] = f"template://pay/{number}"
    elif is_first and rng.random() < 0.5:
        said["code"] = "RISK"
    elif request.url.endswith("/close") and rng.random() < 0.4:
        said["code"] = "NOT_FOUND"
    else:
        said |= lies[rng.randrange(len(lies))]
    return _signed_reply(host, said)


def _number(request: Request) -> str:
    """The number that a request is about."""
    if request.body:
        body: dict[str, Any] = json.loads(request.body)
        if isinstance(body.get("number"), str):
            return str(body["number"])
    parts = request.url.split("/")
    return parts[-2] if parts[-1] in {"close", "redirect"} else parts[-1]


def _signed_reply(host: ChannelHost, said: dict[str, object]) -> Reply:
    body = json.dumps(said).encode()
    headers = host.stage.sandbox.verbs._signature(host.stage.state, "REPLY", body, host.at())
    return Reply(200 if said["code"] == "OK" else 400, {"content-type": "application/json", **headers}, body)


def lying_notification(host: ChannelHost, number: str, payment_number: str | None, amount_minor: int) -> Message:
    """A notification about a payment, or about a refund of `payment_number`, that is signed and not so."""
    rng = host.world.chance.schedule
    host.lies += 1
    lies = PAYMENT_LIES if payment_number is None else REFUND_LIES
    said: dict[str, object] = {
        "code": "OK",
        "id": f"LIE{host.lies:06d}",
        "kind": "PAYMENT" if payment_number is None else "REFUND",
        "number": number,
        "amount": amount_minor,
        "channel_no": "TR1",
        "merchant_no": host.stage.state.merchant_no,
        **({} if payment_number is None else {"payment": payment_number}),
        **lies[rng.randrange(len(lies))],
    }
    body = json.dumps(said).encode()
    headers = host.stage.sandbox.verbs._signature(host.stage.state, "NOTIFY", body, host.at())
    return Message({**headers, "content-type": "application/json"}, body)
