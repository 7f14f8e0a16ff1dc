"""Offers over HTTP: parse, use-case, render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.clock import rfc3339
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.ids import public
from shunfu.kernel.signing import Signer
from shunfu.merchants.api import CallerArgument, ResourceId, path_id
from shunfu.offers.model import Offer, Terms
from shunfu.offers.schemas import EndIn, OfferIn, OfferOut, OfferPage, StateFilter
from shunfu.offers.usecases import NewOffer, OfferTools, create_offer, end_offer, list_offers, read_offer

OfferPath = Annotated[str, Path(alias="offer_id", examples=["off_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]


@dataclass(frozen=True, slots=True)
class OffersApi:
    """What the routes need: the use-cases' tools and the cursor's signer."""

    tools: OfferTools
    signer: Signer


def make_router(api: OffersApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of offers."""
    router = APIRouter(prefix="/v1", route_class=route_class, tags=["offers"])
    _add_making(router, api)
    _add_reading(router, api)
    return router


def _add_making(router: APIRouter, api: OffersApi) -> None:
    @router.post("/offers", status_code=201, operation_id="create_offer")
    async def create(caller: CallerArgument, offer_id: ResourceId, body: OfferIn) -> OfferOut:
        """Make an offer. The checkout shows the best one that an order can have, and takes it off."""
        caller.must("offers:write")
        return render_offer(await create_offer(api.tools, _new_offer(api, caller, offer_id, body)))

    @router.post("/offers/{offer_id}/end", operation_id="end_offer")
    async def end(caller: CallerArgument, offer: OfferPath, body: EndIn | None = None) -> OfferOut:
        """End an offer for good. Payments under way keep what they have taken off."""
        del body  # read only to refuse unknown members
        caller.must("offers:write")
        return render_offer(await end_offer(api.tools, caller.merchant_id, path_id("off", offer), caller.subject))


def _add_reading(router: APIRouter, api: OffersApi) -> None:
    @router.get("/offers", operation_id="list_offers")
    async def page(
        caller: CallerArgument,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=128)] = None,
        state: Annotated[StateFilter | None, Query()] = None,
    ) -> OfferPage:
        """List offers, newest first."""
        caller.must("offers:read")
        bound = f"offers|{state or ''}"
        before = read_cursor(api.signer, caller.merchant_id, bound, cursor)
        found = await list_offers(api.tools, caller.merchant_id, before, state=state, limit=limit + 1)
        items = found[:limit]
        is_more = len(found) > limit
        last = write_cursor(api.signer, caller.merchant_id, bound, items[-1].offer_id) if is_more else None
        return OfferPage(items=[render_offer(offer) for offer in items], next_cursor=last)

    @router.get("/offers/{offer_id}", operation_id="read_offer")
    async def read(caller: CallerArgument, offer: OfferPath) -> OfferOut:
        """Read an offer: its terms, and how often it is held and used."""
        caller.must("offers:read")
        return render_offer(await read_offer(api.tools, caller.merchant_id, path_id("off", offer)))


def _new_offer(api: OffersApi, caller: Caller, offer_id: UUID, body: OfferIn) -> NewOffer:
    terms = Terms(
        kind=body.kind,
        currency=body.currency,
        starts_at=body.starts_at or api.tools.source.now(),
        ends_at=body.ends_at,
        amount_minor=body.amount_minor,
        percent_bp=body.percent_bp,
        minimum_minor=body.minimum_minor,
        cap_minor=body.cap_minor,
        stock=body.stock,
        per_shopper_max=body.per_shopper_max,
    )
    return NewOffer(caller.merchant_id, offer_id, body.name, terms, caller.subject)


def render_offer(offer: Offer) -> OfferOut:
    """An offer's wire shape."""
    terms = offer.terms
    return OfferOut(
        id=public("off", offer.offer_id),
        name=offer.name,
        kind=terms.kind,
        amount_minor=terms.amount_minor,
        percent_bp=terms.percent_bp,
        minimum_minor=terms.minimum_minor,
        cap_minor=terms.cap_minor,
        currency=terms.currency,
        starts_at=rfc3339(terms.starts_at),
        ends_at=rfc3339(terms.ends_at),
        stock=terms.stock,
        per_shopper_max=terms.per_shopper_max,
        state=offer.state.value,
        held=offer.held,
        used=offer.used,
        created_at=rfc3339(offer.created_at),
        ended_at=rfc3339(offer.ended_at) if offer.ended_at else None,
    )
