"""Telemetry over HTTP: who sends is named in the body, because a beacon sends no header of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from fastapi.routing import APIRoute

from shunfu.kernel.errors import Unauthenticated
from shunfu.kernel.ids import parse_public, public
from shunfu.kernel.signing import Signer
from shunfu.merchants import get_merchant, identify_checkout
from shunfu.telemetry.schemas import BatchIn, TakenOut, read_batch, render_taken
from shunfu.telemetry.usecases import TelemetryTools, count_unasked, take_batch

PATH = "/v1/telemetry"


@dataclass(frozen=True, slots=True)
class TelemetryApi:
    """What the route needs. `count` counts a sender (merchant, subject) and raises RateLimited."""

    tools: TelemetryTools
    signer: Signer
    count: Callable[[UUID, str], None]


def make_router(api: TelemetryApi, route_class: type[APIRoute]) -> APIRouter:
    """POST /v1/telemetry."""
    router = APIRouter(route_class=route_class, tags=["telemetry"])

    @router.post(PATH, status_code=202, operation_id="tell_telemetry")
    async def tell(body: BatchIn) -> TakenOut:
        """Tell what happened in a visit, in parts. Any number of times: a part is taken once, by `visit` and `seq`."""
        merchant_id, subject = await _sender(api, body)
        api.count(merchant_id, subject)
        batch = read_batch(body)
        if body.consent:
            return render_taken(await take_batch(api.tools, merchant_id, batch))
        await count_unasked(api.tools, merchant_id, batch)
        return TakenOut(taken=0, left_out={})

    return router


async def _sender(api: TelemetryApi, body: BatchIn) -> tuple[UUID, str]:
    """Whose visit it is, and who is counted for it. Raises Unauthenticated."""
    merchant_id = parse_public("mer", body.merchant) if body.merchant else None
    if body.checkout is not None:
        caller, _ = identify_checkout(api.signer, body.checkout, api.tools.source.now())
        if body.merchant is not None and merchant_id != caller.merchant_id:
            raise Unauthenticated("This payment link belongs to another merchant.")
        return caller.merchant_id, caller.subject
    if merchant_id is not None:
        async with api.tools.database.glancing() as reader:
            if await get_merchant(reader, merchant_id) is not None:
                return merchant_id, public("mer", merchant_id)
    raise Unauthenticated("Name a checkout token, or a merchant that there is.")
