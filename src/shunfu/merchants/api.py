"""What every route needs from the edge: the caller that was identified, and the id that makes a retry find its work."""

from __future__ import annotations

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request

from shunfu.kernel.caller import Caller
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import parse_public


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
