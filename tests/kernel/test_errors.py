"""The table of problems is the contract: exactly these codes with these statuses, each once, each with a message."""

import re

import pytest

from shunfu.kernel.caller import Caller
from shunfu.kernel.errors import (
    PROBLEMS,
    Fault,
    FieldError,
    Forbidden,
    InvalidField,
    Refusal,
    SetupFault,
    ShunfuError,
    TransientFault,
)
from shunfu.kernel.ids import PLATFORM

CONTRACT = {
    "malformed_body": 400,
    "idempotency_key_missing": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "sign_in_unavailable": 404,
    "method_not_allowed": 405,
    "request_in_flight": 409,
    "state_conflict": 409,
    "payment_unknown": 409,
    "order_not_open": 409,
    "amount_changed": 409,
    "offer_gone": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_field": 422,
    "idempotency_key_reused": 422,
    "channel_refused": 422,
    "amount_exceeds_refundable": 422,
    "refund_not_allowed": 422,
    "method_unavailable": 422,
    "login_code_refused": 422,
    "contact_missing": 422,
    "rate_limited": 429,
    "internal": 500,
    "channel_fault": 502,
    "platform_unavailable": 503,
    "overloaded": 503,
}


def test_codes_and_statuses_are_the_contract() -> None:
    assert {kind.code: kind.status for kind in PROBLEMS} == CONTRACT


def test_each_code_stands_once() -> None:
    assert len({kind.code for kind in PROBLEMS}) == len(PROBLEMS) == len(set(PROBLEMS))


def test_no_refusal_is_missing_from_the_table() -> None:
    own = {kind for kind in Refusal.__subclasses__() if kind.__module__ == "shunfu.kernel.errors"}
    assert own == set(PROBLEMS)


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.code)
def test_a_problem_says_one_line(kind: type[Refusal]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    message = str(kind())
    assert message == (kind.__doc__ or "").strip()
    assert message.endswith(".")
    assert "\n" not in message


def test_a_refusal_carries_fields_and_members() -> None:
    refusal = InvalidField("Wrong.", errors=(FieldError("/amount_minor", "too_small"),), members={"order": "ord_1"})
    assert str(refusal) == "Wrong."
    assert refusal.errors == (FieldError("/amount_minor", "too_small"),)
    assert refusal.members == {"order": "ord_1"}
    assert InvalidField().members == {}
    assert InvalidField().errors == ()


@pytest.mark.parametrize(("kind", "is_retryable"), [(Fault, False), (SetupFault, False), (TransientFault, True)])
def test_only_a_passing_fault_is_tried_again(kind: type[Fault], *, is_retryable: bool) -> None:
    assert kind.is_retryable is is_retryable
    assert not issubclass(kind, Refusal)
    assert issubclass(kind, ShunfuError)


def test_a_caller_must_have_the_capability() -> None:
    caller = Caller(PLATFORM, "api_key", "key_1", frozenset({"orders:read"}), is_live=False)
    caller.must("orders:read")
    for capability in ("orders:write", "orders", "orders:read ", ""):
        with pytest.raises(Forbidden):
            caller.must(capability)
