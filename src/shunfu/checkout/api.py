"""The checkout over HTTP for clients: one JSON answer with an ETag, and the tap."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Annotated, TypeAlias, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shunfu.checkout.kit import Language
from shunfu.checkout.model import SheetResult
from shunfu.checkout.render import render_checkout
from shunfu.checkout.schemas import CheckoutOut, CheckoutPaymentIn
from shunfu.checkout.usecases import CheckoutTools, Visit, Wish, pay_from_checkout, view_checkout
from shunfu.kernel.ids import parse_public
from shunfu.merchants.api import CallerArgument, ResourceId
from shunfu.payments.render import read_contact, render_payment
from shunfu.payments.schemas import PaymentOut
from shunfu.shoppers import Shopper

Once: TypeAlias = Callable[[UUID, str, str, Callable[[UUID], Awaitable[str]]], Awaitable[str]]
"""`once(merchant, path, key, work)` runs `work(resource_id)` once and repeats its text; from the edge."""

KIND = re.compile(r"[a-z_]{1,40}")
USER_AGENT_MAX = 512
VARY = "Accept-Language, User-Agent, Shunfu-Shopper"
IF_NONE_MATCH_MAX = 1000
TokenPath = Annotated[str, Path(alias="checkout_token", max_length=100)]
Opens = Annotated[
    str | None,
    Query(
        max_length=400,
        description="Kinds of invoke data that the client can open, with commas between; all when it is left out.",
        examples=["wechat_request_payment,qr"],
    ),
]
SessionHeader = Annotated[
    str | None, Header(alias="Shunfu-Shopper", description="A shopper's session; one that is none changes nothing.")
]


@dataclass(frozen=True, slots=True)
class CheckoutApi:
    """What the routes need."""

    tools: CheckoutTools
    once: Once


@dataclass(frozen=True, slots=True)
class _Asked:
    """The query of a reading: what can be opened, in which language, what the sheet said on its way back."""

    opens: frozenset[str] | None
    lang: Language | None
    result: SheetResult | None


async def _asked(
    opens: Opens = None,
    lang: Annotated[Language | None, Query()] = None,
    result: Annotated[str | None, Query(max_length=10)] = None,
) -> _Asked:  # async: FastAPI runs plain functions in a thread
    return _Asked(_kinds(opens), lang, sheet_result(result))


async def _visit(request: Request, caller: CallerArgument, token: TokenPath, session: SessionHeader = None) -> Visit:
    del session  # the edge has read it
    return Visit(
        merchant_id=caller.merchant_id,
        order_id=cast("UUID", request.state.order_id),
        token=token,
        client_ip=client_ip(request),
        user_agent=user_agent(request),
        shopper=cast("Shopper | None", request.state.shopper),
    )


VisitArgument = Annotated[Visit, Depends(_visit)]
AskedArgument = Annotated[_Asked, Depends(_asked)]


def make_router(api: CheckoutApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1/checkout routes for clients."""
    router = APIRouter(prefix="/v1", route_class=route_class, tags=["checkout"])

    @router.get("/checkout/{checkout_token}", operation_id="read_checkout", response_model=CheckoutOut)
    async def read(request: Request, caller: CallerArgument, visit: VisitArgument, asked: AskedArgument) -> Response:
        """Order, methods, offers, shopper and texts in one answer. If-None-Match learns that nothing changed."""
        caller.must("checkout:read")
        answer = await view_checkout(api.tools, replace(visit, opens=asked.opens, sheet_result=asked.result))
        return _with_etag(request, render_checkout(answer, asked.lang or language_of(request)))

    @router.post("/checkout/{checkout_token}/payments", status_code=201, operation_id="pay_from_checkout")
    async def pay(
        caller: CallerArgument, payment_id: ResourceId, visit: VisitArgument, body: CheckoutPaymentIn
    ) -> PaymentOut:
        """Start a payment of the token's order, or get the pending one again with fresh invoke data."""
        caller.must("checkout:pay")
        wish = Wish(
            method=body.method,
            payment_id=payment_id,
            payer=body.payer,
            offer_id=parse_public("off", body.offer) if body.offer else None,
            is_best="offer" not in body.model_fields_set,
            amount_minor=body.amount_minor,
            contact=read_contact(body.contact),
        )
        return render_payment(await pay_from_checkout(api.tools, visit, wish))

    return router


def language_of(request: Request) -> Language:
    """`?lang=`, else Accept-Language, else Chinese."""
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "en" if asked.strip().lower().startswith("en") else "zh-CN"


def sheet_result(text: str | None) -> SheetResult | None:
    """What the sheet said on its way back, or None for words that we do not know."""
    return cast("SheetResult", text) if text in {"ok", "cancel", "fail"} else None


def user_agent(request: Request) -> str:
    """What the browser says that it is, cut."""
    return request.headers.get("user-agent", "")[:USER_AGENT_MAX]


def client_ip(request: Request) -> str | None:
    """The address that the request came from, when it is one."""
    try:
        return str(ip_address(request.client.host)) if request.client else None
    except ValueError:
        return None


def _kinds(text: str | None) -> frozenset[str] | None:
    """The kinds in `opens`; words that cannot be one are passed over."""
    if text is None:
        return None
    return frozenset(part for one in text.split(",") if KIND.fullmatch(part := one.strip()))


def _known_tags(request: Request) -> set[str]:
    """What the client has already; a proxy that compresses makes a tag weak (RFC 9110, 8.8.3)."""
    told = request.headers.get("if-none-match", "")[:IF_NONE_MATCH_MAX]
    return {tag.strip().removeprefix("W/") for tag in told.split(",")}


def _with_etag(request: Request, content: CheckoutOut) -> Response:
    body = content.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    is_personal = content.shopper is not None or content.contact is not None
    kept = "no-store" if is_personal else "private, no-cache"
    headers = {"etag": etag, "cache-control": kept, "vary": VARY}
    if etag in _known_tags(request):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
