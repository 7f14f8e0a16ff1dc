"""The address that channels post to. Raw body in, the channel's own reply out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.gateway.port import Message
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import parse_public
from shunfu.notifications.model import Address
from shunfu.notifications.usecases import NotificationTools, receive


def make_router(tools: NotificationTools) -> APIRouter:
    """The router with POST /notifications/{channel}/{merchant}/{account}."""
    router = APIRouter()

    @router.post("/notifications/{channel}/{merchant}/{account}", include_in_schema=False)
    async def notification(channel: str, merchant: str, account: str, request: Request) -> Response:
        """Verify, keep and answer one message of a channel."""
        merchant_id, account_id = parse_public("mer", merchant), parse_public("acc", account)
        if merchant_id is None or account_id is None:
            raise NotFoundHere
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
        message = Message(headers, await request.body())
        received = await receive(tools, Address(channel, merchant_id, account_id), message)
        request.state.outcome = f"{received.judgement.verdict}:{received.judgement.reason}"
        request.state.is_genuine = received.is_genuine
        return Response(received.reply.body, received.reply.status, received.reply.headers)

    return router
