"""What every route needs from the edge: its caller, the id that makes a retry find its work, and how a time is read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BeforeValidator, Field

from shunfu.kernel.caller import Caller
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import parse_public

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc3339(value: object) -> datetime:
    if not isinstance(value, str) or RFC3339.fullmatch(value) is None:
        raise ValueError("bad_format")
    return datetime.fromisoformat(value.upper())


Moment = Annotated[
    datetime,
    BeforeValidator(_rfc3339, json_schema_input_type=str),
    Field(json_schema_extra={"format": "date-time", "examples": ["2026-11-22T14:32:00+08:00"]}),
]
"""A time in a request body, with its zone (RFC 3339)."""


async def _caller(request: Request) -> Caller:  # async: FastAPI runs plain functions in a thread
    return cast("Caller", request.state.caller)


async def _resource_id(request: Request) -> UUID:
    return cast("UUID", request.state.resource_id)


CallerArgument = Annotated[Caller, Depends(_caller)]
"""The caller, identified once at the edge."""

ResourceId = Annotated[UUID, Depends(_resource_id)]
"""The id for what this POST makes; a retry with the same Idempotency-Key gets the same one."""


def path_id(prefix: str, text: str) -> UUID:
    """The id that a public text in a path names. Raises NotFoundHere: what is no id belongs to nobody."""
    value = parse_public(prefix, text)
    if value is None:
        raise NotFoundHere
    return value
