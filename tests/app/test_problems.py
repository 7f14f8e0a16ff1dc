"""Whatever happens becomes an RFC 9457 document of the contract's codes, and never tells what is inside."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from structlog.testing import capture_logs

from app.asgi import call
from shunfu.app.http.problems import answer_for, describe, install, problem
from shunfu.db import WriteConflict
from shunfu.kernel.errors import (
    PROBLEMS,
    FieldError,
    InvalidField,
    MalformedBody,
    Refusal,
    RequestInFlight,
    SetupFault,
    TransientFault,
)

CANARY = "canary-6b0a"


def read(error: Exception) -> dict[str, object]:
    answer = answer_for(error)
    assert answer.headers["content-type"] == "application/problem+json"
    found = json.loads(bytes(answer.body))
    assert found["status"] == answer.status_code
    assert CANARY not in bytes(answer.body).decode()
    return found


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.code)
def test_each_refusal_is_its_document(kind: type[Refusal]) -> None:
    assert read(kind()) == {
        "type": f"/problems/{kind.code}",
        "title": (kind.__doc__ or "").strip(),
        "status": kind.status,
        "detail": (kind.__doc__ or "").strip(),
        "errors": [],
    }
    assert describe(kind.code) is kind


def test_the_title_is_stable_and_the_detail_tells() -> None:
    found = read(InvalidField("Three days at most.", errors=(FieldError("/expires_at", "too_large"),)))
    assert found["title"] != found["detail"] == "Three days at most."
    assert found["errors"] == [{"pointer": "/expires_at", "code": "too_large"}]


def test_members_extend_the_document() -> None:
    assert read(MalformedBody(members={"payment": "pay_1"}))["payment"] == "pay_1"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TransientFault(CANARY), "overloaded"),
        (WriteConflict(CANARY), "overloaded"),
        (SetupFault(CANARY), "internal"),
        (ValueError(CANARY), "internal"),
        (AssertionError(CANARY), "internal"),
        (KeyError(CANARY), "internal"),
        (HTTPException(400, CANARY), "malformed_body"),
        (HTTPException(404, CANARY), "not_found"),
        (StarletteHTTPException(404, CANARY), "not_found"),
        (HTTPException(405, CANARY, {"Allow": "GET"}), "method_not_allowed"),
        (HTTPException(413, CANARY), "body_too_large"),
        (HTTPException(415, CANARY), "unsupported_media_type"),
        (HTTPException(500, CANARY), "internal"),
        (HTTPException(418, CANARY), "internal"),
    ],
)
def test_other_errors_are_a_code_and_no_more(error: Exception, code: str) -> None:
    with capture_logs():
        assert read(error)["type"] == f"/problems/{code}"


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.code)
def test_retry_after_where_trying_again_helps(kind: type[Refusal]) -> None:
    has_hint = kind.status in {429, 503} or kind is RequestInFlight
    assert ("retry-after" in answer_for(kind()).headers) is has_hint


def test_allow_is_passed_on() -> None:
    assert answer_for(HTTPException(405, headers={"Allow": "GET"})).headers["allow"] == "GET"
    assert problem(MalformedBody()).status_code == 400


def test_a_bug_is_logged_with_its_cause_and_a_fault_with_its_detail() -> None:
    with capture_logs() as logs:
        answer_for(ValueError(CANARY))
        answer_for(TransientFault(CANARY))
        answer_for(MalformedBody())
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("bug", "error"),
        ("transient_fault", "warning"),
    ]


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount_minor: StrictInt = Field(ge=1, le=100)


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    subject: str = Field(min_length=1, max_length=3, pattern="^[a-z]*$")
    items: list[Line] = Field(default_factory=list[Line], max_length=2)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/subject", "required"),
        ({"subject": 1}, "/subject", "not_text"),
        ({"subject": None}, "/subject", "not_text"),
        ({"subject": ""}, "/subject", "too_short"),
        ({"subject": "abcd"}, "/subject", "too_long"),
        ({"subject": "A"}, "/subject", "bad_format"),
        ({"subject": "a", "x/y~z": 1}, "/x~1y~0z", "unknown_field"),
        ({"subject": "a", "x" * 300: 1}, "/" + "x" * 100, "unknown_field"),
        ({"subject": "a", "items": {}}, "/items", "not_list"),
        ({"subject": "a", "items": [1]}, "/items/0", "not_object"),
        ({"subject": "a", "items": [{"amount_minor": 1}] * 3}, "/items", "too_long"),
        *(
            ({"subject": "a", "items": [{"amount_minor": 1}, {"amount_minor": value}]}, "/items/1/amount_minor", code)
            for value, code in (
                (0, "too_small"),
                (-1, "too_small"),
                (101, "too_large"),
                (1.5, "not_integer"),
                (1.0, "not_integer"),
                ("1", "not_integer"),
                ("１", "not_integer"),
                (True, "not_integer"),
                (None, "not_integer"),
            )
        ),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, object], pointer: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate(body, from_attributes=True)  # as FastAPI does
    errors = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    found = read(RequestValidationError(errors))
    assert found["type"] == "/problems/invalid_field"
    assert found["errors"] == [{"pointer": pointer, "code": code}]


def test_no_more_than_twenty_fields_are_named() -> None:
    errors = [{"type": "missing", "loc": ("body", str(number)), "msg": ""} for number in range(1000)]
    found = read(RequestValidationError(errors))
    assert len(found["errors"]) == 20


async def test_an_application_answers_with_ours() -> None:
    app = FastAPI()
    install(app)

    @app.get("/refuse")
    async def refuse() -> None:
        raise MalformedBody

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    assert (await call(app, "GET", "/refuse")).problem["type"] == "/problems/malformed_body"
    assert (await call(app, "GET", "/nowhere")).problem["type"] == "/problems/not_found"
    assert (await call(app, "POST", "/refuse")).problem["type"] == "/problems/method_not_allowed"
    assert (await call(app, "GET", "/number/x")).problem["errors"] == [{"pointer": "/number", "code": "not_integer"}]
