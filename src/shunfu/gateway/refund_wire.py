"""Evidence about refunds to JSON values and back: how rooms store it and hand it to each other in events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never, cast

from shunfu.gateway.evidence import NotFound, Refused, RefusedReason, Unknown
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
    RefundSucceeded,
)
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.money import Money

_AT_CHANNEL: dict[str, type[RefundAccepted | RefundProcessing | RefundAbnormal]] = {
    "accepted": RefundAccepted,
    "processing": RefundProcessing,
    "abnormal": RefundAbnormal,
}
"""What the channel has and has numbered."""


def refund_evidence_to_json(evidence: RefundEvidence) -> dict[str, Json]:
    """Evidence with its kind."""
    match evidence:
        case RefundSucceeded(amount, number, happened_at):
            return {
                "kind": "succeeded",
                "amount_minor": amount.minor,
                "currency": amount.currency,
                "channel_refund_no": number,
                "happened_at": rfc3339(happened_at),
            }
        case RefundAccepted(number) | RefundProcessing(number) | RefundAbnormal(number):
            kind = next(kind for kind, type_ in _AT_CHANNEL.items() if type(evidence) is type_)
            return {"kind": kind, "channel_refund_no": number}
        case RefundNotYet(code) | NotFound(code):
            return {"kind": "not_yet" if isinstance(evidence, RefundNotYet) else "not_found", "channel_code": code}
        case Refused(reason, code):
            return {"kind": "refused", "reason": reason, "channel_code": code}
        case Unknown(why):
            return {"kind": "unknown", "why": why}
        case RefundClosed(state):
            return {"kind": "closed", "channel_state": state}
        case _:
            assert_never(evidence)


def refund_evidence_from_json(body: Mapping[str, Json]) -> RefundEvidence:
    """The inverse of `refund_evidence_to_json`."""
    text = {name: value for name, value in body.items() if isinstance(value, str)}
    match body["kind"]:
        case "succeeded":
            amount = Money(cast("int", body["amount_minor"]), text["currency"])
            return RefundSucceeded(amount, text["channel_refund_no"], datetime.fromisoformat(text["happened_at"]))
        case "accepted" | "processing" | "abnormal" as kind:
            return _AT_CHANNEL[kind](text["channel_refund_no"])
        case "not_yet":
            return RefundNotYet(text["channel_code"])
        case "not_found":
            return NotFound(text["channel_code"])
        case "refused":
            return Refused(cast("RefusedReason", text["reason"]), text["channel_code"])
        case "unknown":
            return Unknown(text["why"])
        case "closed":
            return RefundClosed(text["channel_state"])
        case other:
            raise AssertionError(f"no evidence about a refund is called {other!r}")
