"""Webhook endpoints and messages over HTTP: parse, use-case, render."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import parse_public
from shunfu.kernel.signing import Signer
from shunfu.merchants.api import CallerArgument, ResourceId, path_id
from shunfu.webhooks.render import render_attempts, render_endpoint, render_message, render_shown
from shunfu.webhooks.schemas import (
    EndpointIn,
    EndpointOut,
    EndpointPage,
    EndpointWithSecret,
    MessageOut,
    MessagePage,
    MessageWithAttempts,
    ReplayIn,
    RotateIn,
    SwitchIn,
)
from shunfu.webhooks.store import Where
from shunfu.webhooks.usecases import (
    After,
    NewEndpoint,
    NewSecret,
    Replay,
    WebhookTools,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    read_feed,
    read_message,
    replay_message,
    rotate_secret,
)

EndpointPath = Annotated[str, Path(alias="endpoint_id", examples=["whk_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
MessagePath = Annotated[str, Path(alias="message_id", examples=["evt_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
AfterQuery = Annotated[
    str,
    Query(
        max_length=64,
        pattern=r"^(latest|[0-9]{1,18}|evt_[0-9A-Z]{26})$",
        description="Where to go on: see the page's `next_after`, a message's id, or `latest`.",
    ),
]
BOUND = "webhook_endpoints"


@dataclass(frozen=True, slots=True)
class WebhooksApi:
    """What the routes need: the use-cases' tools and the cursor's signer."""

    tools: WebhookTools
    signer: Signer


def make_router(api: WebhooksApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of webhooks."""
    router = APIRouter(prefix="/v1", route_class=route_class, tags=["webhooks"])
    _add_making(router, api)
    _add_switching(router, api)
    _add_endpoint_reading(router, api)
    _add_messages(router, api)
    return router


def _add_making(router: APIRouter, api: WebhooksApi) -> None:
    @router.post("/webhook_endpoints", status_code=201, operation_id="create_webhook_endpoint")
    async def create(
        caller: CallerArgument, endpoint_id: ResourceId, body: EndpointIn, response: Response
    ) -> EndpointWithSecret:
        """Register an endpoint. The secret that signs its messages is in this answer and in no other."""
        caller.must("webhooks:write")
        wish = NewEndpoint(
            caller.merchant_id, endpoint_id, body.url, tuple(body.event_types), body.description, caller.subject
        )
        shown = await create_endpoint(api.tools, wish)
        response.headers["cache-control"] = "no-store"
        return render_shown(shown, api.tools.now())

    @router.post("/webhook_endpoints/{endpoint_id}/rotate", operation_id="rotate_webhook_secret")
    async def rotate(
        caller: CallerArgument, secret_id: ResourceId, endpoint: EndpointPath, body: RotateIn, response: Response
    ) -> EndpointWithSecret:
        """Get a new secret. Messages are signed by the old one too until `old_valid_seconds` are over."""
        caller.must("webhooks:write")
        wish = NewSecret(_where(caller, endpoint), secret_id, timedelta(seconds=body.old_valid_seconds), caller.subject)
        shown = await rotate_secret(api.tools, wish)
        response.headers["cache-control"] = "no-store"
        return render_shown(shown, api.tools.now())


def _add_switching(router: APIRouter, api: WebhooksApi) -> None:
    @router.post("/webhook_endpoints/{endpoint_id}/enable", operation_id="enable_webhook_endpoint")
    async def enable(caller: CallerArgument, endpoint: EndpointPath, body: SwitchIn | None = None) -> EndpointOut:
        """Switch an endpoint on. What waited for it when it was switched off is sent now."""
        del body  # read only to refuse unknown members
        caller.must("webhooks:write")
        switched = await enable_endpoint(api.tools, _where(caller, endpoint), actor=caller.subject)
        return render_endpoint(switched, api.tools.now())

    @router.post("/webhook_endpoints/{endpoint_id}/disable", operation_id="disable_webhook_endpoint")
    async def disable(caller: CallerArgument, endpoint: EndpointPath, body: SwitchIn | None = None) -> EndpointOut:
        """Switch an endpoint off. Later messages are not kept for it; replay them if it needs them."""
        del body
        caller.must("webhooks:write")
        switched = await disable_endpoint(api.tools, _where(caller, endpoint), actor=caller.subject)
        return render_endpoint(switched, api.tools.now())


def _add_endpoint_reading(router: APIRouter, api: WebhooksApi) -> None:
    @router.get("/webhook_endpoints", operation_id="list_webhook_endpoints")
    async def page(
        caller: CallerArgument,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=128)] = None,
    ) -> EndpointPage:
        """List endpoints, newest first."""
        caller.must("webhooks:read")
        before = read_cursor(api.signer, caller.merchant_id, BOUND, cursor)
        found = await list_endpoints(api.tools, caller.merchant_id, before, limit + 1)
        items, is_more = found[:limit], len(found) > limit
        last = write_cursor(api.signer, caller.merchant_id, BOUND, items[-1].endpoint_id) if is_more else None
        now = api.tools.now()
        return EndpointPage(items=[render_endpoint(endpoint, now) for endpoint in items], next_cursor=last)

    @router.get("/webhook_endpoints/{endpoint_id}", operation_id="read_webhook_endpoint")
    async def read(caller: CallerArgument, endpoint: EndpointPath) -> EndpointOut:
        """Read an endpoint and its health."""
        caller.must("webhooks:read")
        return render_endpoint(await read_endpoint(api.tools, _where(caller, endpoint)), api.tools.now())


def _add_messages(router: APIRouter, api: WebhooksApi) -> None:
    @router.get("/webhook_messages", operation_id="list_webhook_messages")
    async def page(
        caller: CallerArgument, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: AfterQuery = "0"
    ) -> MessagePage:
        """Read the feed of messages, oldest first, with how each fared. Nothing is left out between two pages."""
        caller.must("webhooks:read")
        feed = await read_feed(api.tools, caller.merchant_id, _after(after), limit)
        return MessagePage(items=[render_message(told) for told in feed.items], next_after=str(feed.place))

    @router.get("/webhook_messages/{message_id}", operation_id="read_webhook_message")
    async def read(caller: CallerArgument, message: MessagePath) -> MessageWithAttempts:
        """Read a message, how it fared and every try."""
        caller.must("webhooks:read")
        return render_attempts(*await read_message(api.tools, caller.merchant_id, path_id("evt", message)))

    @router.post("/webhook_messages/{message_id}/replay", operation_id="replay_webhook_message")
    async def replay(caller: CallerArgument, message: MessagePath, body: ReplayIn | None = None) -> MessageOut:
        """Send a message once more, with the same id and body: a receiver that had it will know."""
        caller.must("webhooks:write")
        named = body.endpoint_id if body else None
        endpoint_id = path_id("whk", named) if named is not None else None
        wish = Replay(caller.merchant_id, path_id("evt", message), endpoint_id, caller.subject)
        return render_message(await replay_message(api.tools, wish))


def _where(caller: Caller, endpoint: str) -> Where:
    return caller.merchant_id, path_id("whk", endpoint)


def _after(text: str) -> After:
    if text == "latest":
        return "latest"
    if text.isdigit():
        return int(text)
    message_id = parse_public("evt", text)
    if message_id is None:
        raise InvalidField(errors=(FieldError("/after", "not_valid"),))
    return message_id
