"""Evidence to JSON values and back: how rooms store it and hand it to each other in events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias, assert_never, cast

from shunfu.gateway.evidence import (
    Accepted,
    Closed,
    Evidence,
    Invoke,
    InvokeKind,
    NotFound,
    NotPaid,
    Paid,
    Refused,
    RefusedReason,
    Unknown,
)
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.money import Money

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


def invoke_to_json(invoke: Invoke) -> dict[str, Json]:
    """The client's data for the payment sheet, as it is stored and rendered."""
    return {
        "kind": invoke.kind,
        "params": dict(invoke.params),
        "expires_at": rfc3339(invoke.expires_at),
        "sandbox_url": invoke.sandbox_url,
    }


def invoke_from_json(body: Mapping[str, Json]) -> Invoke:
    """The inverse of `invoke_to_json`."""
    return Invoke(
        kind=cast("InvokeKind", body["kind"]),
        params=cast("dict[str, str]", body["params"]),
        expires_at=datetime.fromisoformat(cast("str", body["expires_at"])),
        sandbox_url=cast("str | None", body["sandbox_url"]),
    )


def evidence_to_json(evidence: Evidence) -> dict[str, Json]:
    """Evidence with its kind. The payment sheet's parameters are left out: they are no fact about money."""
    match evidence:
        case Accepted():
            return {"kind": "accepted"}
        case Refused(reason, channel_code):
            return {"kind": "refused", "reason": reason, "channel_code": channel_code}
        case Unknown(why):
            return {"kind": "unknown", "why": why}
        case NotPaid(channel_state):
            return {"kind": "not_paid", "channel_state": channel_state}
        case Closed(channel_state):
            return {"kind": "closed", "channel_state": channel_state}
        case NotFound(channel_code):
            return {"kind": "not_found", "channel_code": channel_code}
        case Paid():
            return {
                "kind": "paid",
                "amount_minor": evidence.amount.minor,
                "currency": evidence.amount.currency,
                "account": evidence.account,
                "app": evidence.app,
                "channel_transaction_no": evidence.channel_transaction_no,
                "happened_at": rfc3339(evidence.happened_at),
            }
        case _:
            assert_never(evidence)


def evidence_from_json(body: Mapping[str, Json]) -> Evidence:
    """The inverse of `evidence_to_json`, for the kinds that a notification can bring (never Accepted)."""
    text = {name: value for name, value in body.items() if isinstance(value, str)}
    match body["kind"]:
        case "paid":
            amount = Money(cast("int", body["amount_minor"]), text["currency"])
            happened_at = datetime.fromisoformat(text["happened_at"])
            return Paid(amount, text["account"], text["app"], text["channel_transaction_no"], happened_at)
        case "refused":
            return Refused(cast("RefusedReason", text["reason"]), text["channel_code"])
        case "not_paid":
            return NotPaid(text["channel_state"])
        case "closed":
            return Closed(text["channel_state"])
        case "not_found":
            return NotFound(text["channel_code"])
        case "unknown":
            return Unknown(text["why"])
        case other:
            raise AssertionError(f"no evidence is called {other!r}")
