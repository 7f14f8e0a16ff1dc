"""The checkout over HTTP: one JSON answer with an ETag for clients, and the hosted page that needs no script."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Annotated, TypeAlias, cast
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shunfu.checkout.kit import Language, security_policy, with_query
from shunfu.checkout.model import SheetResult
from shunfu.checkout.pages import content_security_policy, render_invalid, render_page
from shunfu.checkout.schemas import CheckoutOut, CheckoutPaymentIn, render_checkout
from shunfu.checkout.usecases import Visit, pay_from_checkout, view_checkout
from shunfu.kernel.errors import MalformedBody, Refusal, Unauthenticated
from shunfu.kernel.signing import Signer
from shunfu.merchants import identify_checkout
from shunfu.merchants.api import CallerArgument, ResourceId
from shunfu.payments import Payment, PaymentTools
from shunfu.payments.render import render_payment
from shunfu.payments.schemas import PaymentOut

Once: TypeAlias = Callable[[UUID, str, str, Callable[[UUID], Awaitable[str]]], Awaitable[str]]
"""`once(merchant, path, key, work)` runs `work(resource_id)` once and repeats its text; from the edge."""

SHEET_PATH = "/sandbox/sheet"
"""A sandbox's own sheet takes our return address in its query; a channel's page was told it in the signed order."""
METHOD = re.compile(r"[a-z0-9_]{1,32}/[a-z0-9_]{1,32}")
TokenPath = Annotated[str, Path(alias="checkout_token", max_length=100)]


@dataclass(frozen=True, slots=True)
class CheckoutApi:
    """What the routes need."""

    tools: PaymentTools
    signer: Signer
    once: Once


def make_router(api: CheckoutApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1/checkout routes for clients."""
    router = APIRouter(prefix="/v1", route_class=route_class, tags=["checkout"])

    @router.get("/checkout/{checkout_token}", operation_id="read_checkout", response_model=CheckoutOut)
    async def read(
        request: Request,
        caller: CallerArgument,
        token: TokenPath,
        result: Annotated[str | None, Query(max_length=10)] = None,
    ) -> Response:
        """Order, methods and payment in one answer. Send If-None-Match to learn cheaply that nothing changed."""
        caller.must("checkout:read")
        visit = Visit(caller.merchant_id, _order_id(request), token, sheet_result=_sheet_result(result))
        return _with_etag(request, render_checkout(await view_checkout(api.tools, visit)))

    @router.post("/checkout/{checkout_token}/payments", status_code=201, operation_id="pay_from_checkout")
    async def pay(
        request: Request, caller: CallerArgument, payment_id: ResourceId, token: TokenPath, body: CheckoutPaymentIn
    ) -> PaymentOut:
        """Start a payment of the token's order, or get the pending one again with fresh invoke data."""
        caller.must("checkout:pay")
        visit = Visit(caller.merchant_id, _order_id(request), token, client_ip=_client_ip(request))
        return render_payment(await pay_from_checkout(api.tools, visit, body.method, body.payer, payment_id))

    return router


def make_page_router(api: CheckoutApi) -> APIRouter:
    """The hosted page: GET /c/{token}, POST /c/{token}/pay."""
    router = APIRouter(include_in_schema=False)

    @router.get("/c/{token}")
    async def page(request: Request, token: str) -> Response:
        """The checkout or the result, whichever the order's state asks for."""
        language = language_of(request)
        try:
            visit = _visit(api, token, request.query_params.get("result"))
        except Unauthenticated:
            return _page(render_invalid(language), security_policy(), 404)
        view = await view_checkout(api.tools, visit)
        html = render_page(view, language, api.tools.source.nonce())
        return _page(html, content_security_policy(view), 200)

    @router.post("/c/{token}/pay")
    async def pay(request: Request, token: str) -> Response:
        """One tap: start the payment, then lead to the sheet, or back to the page that shows the code."""
        home = with_query(f"/c/{token}", lang=language_of(request))
        visit = replace(_visit(api, token, None), client_ip=_client_ip(request), return_url=api.tools.public_url + home)
        try:
            form = await request.form(max_fields=10, max_files=0)
        except UnicodeError as error:  # a character set that cannot be one
            raise MalformedBody from error
        method, key = str(form.get("method", ""))[:80], str(form.get("idempotency_key", ""))
        if METHOD.fullmatch(method) is None:
            method = ""

        async def work(payment_id: UUID) -> str:
            try:
                payment = await pay_from_checkout(api.tools, visit, method, None, payment_id)
            except Refusal:
                return home  # the page reads the order's state and says what happened
            return _next(payment, api.tools.public_url + home) or home

        try:
            target = await api.once(visit.merchant_id, f"/c/{visit.order_id}/pay/{method}", key, work)
        except Refusal:
            target = home
        return RedirectResponse(target, 303)

    return router


def language_of(request: Request) -> Language:
    """`?lang=`, else Accept-Language, else Chinese."""
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "en" if asked.strip().lower().startswith("en") else "zh-CN"


def _visit(api: CheckoutApi, token: str, result: str | None) -> Visit:
    caller, order_id = identify_checkout(api.signer, token, api.tools.now())
    return Visit(caller.merchant_id, order_id, token, client="web", sheet_result=_sheet_result(result))


def _sheet_result(text: str | None) -> SheetResult | None:
    return cast("SheetResult", text) if text in {"ok", "cancel", "fail"} else None


def _order_id(request: Request) -> UUID:
    return cast("UUID", request.state.order_id)


def _next(payment: Payment, back: str) -> str | None:
    """Where the shopper goes after the tap: the channel's page or a sandbox's sheet, or None to stay (a code)."""
    invoke = payment.invoke
    if invoke is None or invoke.kind == "qr":
        return None
    if invoke.sandbox_url is not None and urlsplit(invoke.sandbox_url).path == SHEET_PATH:
        return with_query(invoke.sandbox_url, **{"return": back})
    return invoke.sandbox_url or (invoke.params.get("url") if invoke.kind == "redirect" else None)


def _client_ip(request: Request) -> str | None:
    """The address that the request came from, when it is one."""
    try:
        return str(ip_address(request.client.host)) if request.client else None
    except ValueError:
        return None


def _with_etag(request: Request, content: CheckoutOut) -> Response:
    body = content.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _page(html: str, policy: str, status: int) -> Response:
    return HTMLResponse(html, status, headers={"content-security-policy": policy, "cache-control": "no-store"})
