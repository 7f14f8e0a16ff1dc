"""Webhook endpoints and messages over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, page, shown
from shunfu.console.forms import is_line
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.model import PAGE_ROWS
from shunfu.console.sections.webhooks.page import (
    OVERLAPS,
    PATH,
    Hooks,
    render_endpoint,
    render_message,
    render_secret,
    render_webhooks,
)
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.merchants.api import path_id
from shunfu.webhooks import (
    NewEndpoint,
    NewSecret,
    Replay,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    read_message,
    read_newest,
    replay_message,
    rotate_secret,
)

READ = frozenset({"webhooks:read"})
ENDPOINTS_SHOWN = 100
TYPES_MAX = 32
_PLACE = re.compile(r"[0-9]{1,18}")


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of webhooks."""
    _add_reading(router, tools)
    _add_making(router, tools)
    _add_switching(router, tools)


SECTION = Section(
    MenuEntry("webhooks", PATH, "console.webhooks", "link", READ, "console.group.setup"),
    add_routes,
)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/webhooks")
    async def webhooks(request: Request) -> Response:
        """Endpoints, and messages, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            endpoints = await list_endpoints(tools.webhooks, merchant_id, FIRST, ENDPOINTS_SHOWN)
            before = request.query_params.get("before", "")
            place = int(before) if _PLACE.fullmatch(before) else None
            told = await read_newest(tools.webhooks, merchant_id, place, PAGE_ROWS + 1)
            older = told[PAGE_ROWS - 1].message.place if len(told) > PAGE_ROWS else None
            return render_webhooks(frame, Hooks(endpoints, told[:PAGE_ROWS], older, sorted(tools.webhooks.event_types)))

        return await shown(tools, request, READ, draw)

    @router.get("/webhooks/endpoints/{endpoint_id}")
    async def endpoint(request: Request, endpoint_id: str) -> Response:
        """One endpoint and its health."""

        async def draw(_: Request, frame: Frame) -> str:
            where = frame.visitor.caller.merchant_id, path_id("whk", endpoint_id)
            return render_endpoint(frame, await read_endpoint(tools.webhooks, where), tools.webhooks.now())

        return await shown(tools, request, READ, draw)

    @router.get("/webhooks/messages/{message_id}")
    async def message(request: Request, message_id: str) -> Response:
        """One message, how it fared, and every try."""

        async def draw(_: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            told, tries = await read_message(tools.webhooks, merchant_id, path_id("evt", message_id))
            endpoints = await list_endpoints(tools.webhooks, merchant_id, FIRST, ENDPOINTS_SHOWN)
            return render_message(frame, told, tries, endpoints)

        return await shown(tools, request, READ, draw)


def _add_making(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/webhooks/endpoints")
    async def create(request: Request) -> Response:
        """Register an endpoint, and show its secret this once."""

        async def act(asked: Asked) -> Response:
            caller, fields = asked.visitor.caller, asked.fields
            endpoint_id, description = asked.made_id(tools), fields.get("description", "").strip()
            types = tuple(dict.fromkeys(re.findall(r"[a-z_.*]+", fields.get("event_types", ""))))[:TYPES_MAX]
            if endpoint_id is None or not types or (description and not is_line(description, 80)):
                raise InvalidField(errors=(FieldError("/event_types", "required"),))
            url = fields.get("url", "").strip()
            wish = NewEndpoint(caller.merchant_id, endpoint_id, url, types, description, caller.subject)
            return page(render_secret(asked.frame(tools), await create_endpoint(tools.webhooks, wish)), 201)

        return await acted(tools, request, Guard("webhooks:write", PATH, is_grave=True), act)

    @router.post("/webhooks/endpoints/{endpoint_id}/rotate")
    async def rotate(request: Request, endpoint_id: str) -> Response:
        """Make a new secret, and show it this once."""

        async def act(asked: Asked) -> Response:
            caller, secret_id = asked.visitor.caller, asked.made_id(tools)
            seconds = asked.fields.get("old_valid_seconds", "")
            where = caller.merchant_id, path_id("whk", endpoint_id)
            is_first = secret_id == where[1]  # an endpoint's first secret has its id, and was shown
            if secret_id is None or is_first or seconds not in dict(OVERLAPS):
                raise InvalidField(errors=(FieldError("/old_valid_seconds", "not_valid"),))
            wish = NewSecret(where, secret_id, timedelta(seconds=int(seconds)), caller.subject)
            return page(render_secret(asked.frame(tools), await rotate_secret(tools.webhooks, wish)), 201)

        guard = Guard("webhooks:write", f"{PATH}/endpoints/{endpoint_id}", is_grave=True)
        return await acted(tools, request, guard, act)


def _add_switching(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/webhooks/endpoints/{endpoint_id}/enable")
    async def enable(request: Request, endpoint_id: str) -> Response:
        """Switch an endpoint on; what waited for it is sent now."""
        back = f"{PATH}/endpoints/{endpoint_id}"

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            where = caller.merchant_id, path_id("whk", endpoint_id)
            await enable_endpoint(tools.webhooks, where, actor=caller.subject)
            return Done(back, "endpoint_enabled")

        return await acted(tools, request, Guard("webhooks:write", back), act)

    @router.post("/webhooks/endpoints/{endpoint_id}/disable")
    async def disable(request: Request, endpoint_id: str) -> Response:
        """Switch an endpoint off."""
        back = f"{PATH}/endpoints/{endpoint_id}"

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            where = caller.merchant_id, path_id("whk", endpoint_id)
            await disable_endpoint(tools.webhooks, where, actor=caller.subject)
            return Done(back, "endpoint_disabled")

        return await acted(tools, request, Guard("webhooks:write", back), act)

    @router.post("/webhooks/messages/{message_id}/replay")
    async def replay(request: Request, message_id: str) -> Response:
        """Send a message once more to every endpoint that wants it."""
        back = f"{PATH}/messages/{message_id}"

        async def act(asked: Asked) -> Done:
            caller = asked.visitor.caller
            wish = Replay(caller.merchant_id, path_id("evt", message_id), actor=caller.subject)
            await replay_message(tools.webhooks, wish)
            return Done(back, "replayed")

        return await acted(tools, request, Guard("webhooks:write", back), act)
