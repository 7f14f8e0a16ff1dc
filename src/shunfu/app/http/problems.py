"""Errors as RFC 9457 problem documents: a stable type, a status, the wrong fields, and no internals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import TypeAlias, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from shunfu.kernel.errors import (
    PROBLEMS,
    BodyTooLarge,
    FieldError,
    InternalProblem,
    InvalidField,
    MalformedBody,
    MethodNotAllowed,
    NotFoundHere,
    Overloaded,
    RateLimited,
    Refusal,
    TransientFault,
    UnsupportedMediaType,
)

LOG = structlog.stdlib.get_logger("http")
MEDIA_TYPE = "application/problem+json"
BY_STATUS: dict[int, type[Refusal]] = {
    400: MalformedBody,
    404: NotFoundHere,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
}
CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "int_type": "not_integer",
    "int_parsing": "not_integer",
    "int_from_float": "not_integer",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    "string_type": "not_text",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "string_pattern_mismatch": "bad_format",
    "literal_error": "not_supported",
    "list_type": "not_list",
    "too_long": "too_long",
    "model_attributes_type": "not_object",
    "value_error": "bad_format",
    "int_parsing_size": "too_large",
}
"""Pydantic's error types to our stable codes."""

PageFor: TypeAlias = Callable[[Request, Refusal], Response | None]
"""A page for whoever reads pages at this address; None: a problem document."""


def headers_of(refusal: Refusal) -> dict[str, str]:
    """What the header of an answer says of a refusal: how to authenticate, when to come again, which limit it was.

    RateLimit and RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers.
    """
    told = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    if isinstance(refusal, RateLimited) and refusal.pause is not None:
        pause, wait = refusal.pause, max(1, ceil(refusal.pause.wait_seconds))
        told["RateLimit-Policy"] = f'"{pause.limit}";q={pause.quota};w=60'
        return told | {"Retry-After": str(wait), "RateLimit": f'"{pause.limit}";r=0;t={wait}'}
    is_passing = refusal.status in {429, 503} or refusal.code == "request_in_flight"
    return told | ({"Retry-After": "1"} if is_passing else {})


def problem(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    """The problem document of a refusal."""
    kind = type(refusal)
    content: dict[str, object] = {
        "type": f"/problems/{kind.code}",
        "title": (kind.__doc__ or "").strip(),
        "status": kind.status,
        "detail": str(refusal),
        "errors": [{"pointer": error.pointer, "code": error.code} for error in refusal.errors],
        **refusal.members,
    }
    return JSONResponse(content, kind.status, {**headers_of(refusal), **(headers or {})}, MEDIA_TYPE)


def refusal_for(error: Exception) -> Refusal | None:
    """The refusal that an exception becomes on the wire, or None for a bug."""
    match error:
        case Refusal():
            return error
        case RequestValidationError():
            return InvalidField(errors=_field_errors(cast("Sequence[dict[str, object]]", error.errors())))
        case TransientFault():
            return Overloaded()
        case ClientDisconnect():  # nobody is there to read it; it only must not pass for a bug
            return MalformedBody()
        case HTTPException():
            return BY_STATUS.get(error.status_code, InternalProblem)()
        case _:
            return None


def _field_errors(errors: Sequence[dict[str, object]]) -> tuple[FieldError, ...]:
    found: list[FieldError] = []
    for error in errors[:20]:
        location = cast("tuple[str | int, ...]", error["loc"])[1:]
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')[:100]}" for part in location)
        found.append(FieldError(pointer, CODES.get(str(error["type"]), "not_valid")))
    return tuple(found)


def answer_for(error: Exception) -> Response:
    """The response to an exception; a bug is logged with its traceback and answered as `internal`."""
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    return problem(_told(error), headers)


def _told(error: Exception) -> Refusal:
    """What is said outside of an exception; what is not said is logged."""
    refusal = refusal_for(error)
    if refusal is None:
        LOG.error("bug", error=type(error).__name__, exc_info=error)
        return InternalProblem()
    if isinstance(error, TransientFault):
        LOG.warning("transient_fault", error=type(error).__name__, detail=str(error))
    return refusal


def no_page(_: Request, __: Refusal) -> None:
    """Nobody reads pages here."""


def install(app: FastAPI, page_for: PageFor = no_page) -> None:
    """Replace FastAPI's own error answers by ours: a page where people look, else a problem document."""

    async def handle(request: Request, error: Exception) -> Response:
        page = page_for(request, refusal_for(error) or InternalProblem())
        if page is None:
            return answer_for(error)
        _told(error)
        return page

    for kind in (Refusal, TransientFault, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, handle)


def describe(code: str) -> type[Refusal] | None:
    """The problem of that code, or None."""
    return next((kind for kind in PROBLEMS if kind.code == code), None)
