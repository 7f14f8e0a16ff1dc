"""The HTTP server's application: every room's routes on one edge, the OpenAPI document, problem pages, health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from html import escape
from typing import cast
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import shunfu
from shunfu.app.http import problems
from shunfu.app.http.beacon import BeaconRoute
from shunfu.app.http.edge import EdgeTools, make_route_class
from shunfu.app.http.gates import Gates
from shunfu.app.http.idempotency import Idempotency, Scope
from shunfu.app.http.identifying import SIGN_IN_PATH, Identifier
from shunfu.app.http.limits import Bounds, Limits, hsts
from shunfu.app.http.origins import Origins
from shunfu.app.http.peers import Peers, Proxies
from shunfu.app.http.refusals import page_for
from shunfu.app.http.streams import Streams
from shunfu.app.http.turnstile import Turnstile, TurnstileTools
from shunfu.app.key_checks import list_every_expiry
from shunfu.app.providing import provider_of
from shunfu.app.settings import shown_settings
from shunfu.app.told import told_to_merchant
from shunfu.app.wiring import House
from shunfu.checkout import api as checkout_api
from shunfu.checkout.page_routes import make_page_router
from shunfu.checkout.pages import static_dir
from shunfu.checkout.store import Popular
from shunfu.checkout.usecases import CheckoutTools
from shunfu.console import api as console_api
from shunfu.console import sections
from shunfu.console.door_routes import make_door_router
from shunfu.console.doors import Doors
from shunfu.console.forms import Forms
from shunfu.kernel.errors import PROBLEMS, NotFoundHere, TransientFault
from shunfu.ledger import api as ledger_api
from shunfu.merchants.staff import Passwords, StaffTools
from shunfu.notifications import api as notifications_api
from shunfu.offers import api as offers_api
from shunfu.payments import api as payments_api
from shunfu.reconcile import api as reconcile_api
from shunfu.refunds import api as refunds_api
from shunfu.shoppers import api as shoppers_api
from shunfu.telemetry import api as telemetry_api
from shunfu.webhooks import api as webhooks_api

__all__ = ["build_api", "create_app", "openapi_document"]

DESCRIPTION = (
    "Orders and payments for mini programs. Amounts are integer minor units; times are RFC 3339, answered in UTC. "
    "Every POST but telemetry needs an Idempotency-Key; the same key and body get the same answer. "
    "Errors are RFC 9457 documents."
)


def create_app(house: House) -> ASGIApp:
    """The whole application, bounded: who asks, how long it may take, which sites may read, how often."""
    settings = house.settings
    gates = Gates.of(settings, house.source)
    tools = TurnstileTools(gates, house.ring.signer, house.source, page_for)
    counted = Turnstile(Streams(build_api(house, gates)), tools)
    bounds = Bounds(float(settings.whole("handling_seconds")), hsts(settings), house.watch)
    limited = Limits(Origins(counted, settings.cors_origins), house.source, bounds)
    return Peers(limited, Proxies(settings.trusted_proxies))


def build_api(house: House, gates: Gates | None = None) -> FastAPI:
    """Every route on one edge."""
    idempotency = Idempotency(house.database, house.source, house.payments.vault)
    counted = gates or Gates.of(house.settings, house.source)
    identifier = Identifier(house.database, house.source, house.ring.signer)
    edge_tools = EdgeTools(identifier, idempotency, counted)
    route_class = make_route_class(edge_tools)
    app = FastAPI(
        title="Shunfu 顺付",
        version=shunfu.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app, page_for)
    orders = payments_api.OrdersApi(house.payments, house.ring.signer, house.checkout_url, told_to_merchant)
    pages = checkout_api.CheckoutApi(_checkout_tools(house), _once(edge_tools.idempotency))
    app.include_router(payments_api.make_router(orders, route_class))
    app.include_router(offers_api.make_router(offers_api.OffersApi(house.offers, house.ring.signer), route_class))
    app.include_router(refunds_api.make_router(refunds_api.RefundsApi(house.refunds, house.ring.signer), route_class))
    reconcile = reconcile_api.ReconcileApi(house.reconcile, house.ring.signer)
    app.include_router(reconcile_api.make_router(reconcile, route_class))
    app.include_router(ledger_api.make_router(house.database, route_class))
    shoppers = shoppers_api.ShoppersApi(house.shoppers, partial(idempotency.forget, path=shoppers_api.PHONE_PATH))
    app.include_router(shoppers_api.make_router(shoppers, route_class))
    webhooks = webhooks_api.WebhooksApi(house.webhooks, house.ring.signer)
    app.include_router(webhooks_api.make_router(webhooks, route_class))
    telemetry = telemetry_api.TelemetryApi(house.telemetry, house.ring.signer, counted.pass_link)
    app.include_router(telemetry_api.make_router(telemetry, BeaconRoute))
    app.include_router(checkout_api.make_router(pages, route_class))
    app.include_router(make_page_router(pages))
    app.include_router(notifications_api.make_router(house.notifications))
    _add_console(app, house)
    app.mount("/static", StaticFiles(directory=static_dir()))
    _add_own_routes(app, house)
    app.openapi = lambda: openapi_document(app)  # pyright: ignore[reportAttributeAccessIssue]  # FastAPI's own seam
    return app


def _add_console(app: FastAPI, house: House) -> None:
    public_url = house.settings.public_url
    staff_tools = StaffTools(house.database, house.source, house.ring, Passwords(), house.found_sides, public_url)
    forms = Forms(house.ring.signer, public_url)
    doors = Doors(staff_tools, forms, sections.MENU, provider_of(house))
    tools = console_api.ConsoleTools(
        payments=house.payments,
        refunds=house.refunds,
        reconcile=house.reconcile,
        webhooks=house.webhooks,
        teller=told_to_merchant,
        recognise=doors.recognise,
        watch=doors.watch,
        signer=house.ring.signer,
        forms=forms,
        menu=sections.MENU,
        expiries=partial(list_every_expiry, house.expiry),
        staff=staff_tools,
        settings=shown_settings(house.settings),
    )
    app.mount("/console/static", StaticFiles(directory=console_api.static_dir()))
    app.include_router(make_door_router(doors))
    app.include_router(sections.make_router(tools))


def _checkout_tools(house: House) -> CheckoutTools:
    rate = house.settings.number("telemetry_rate")
    return CheckoutTools(house.payments, house.shoppers, house.ring.signer, Popular(), rate)


def _once(idempotency: Idempotency) -> checkout_api.Once:
    """The edge's idempotency for the hosted page's form, whose answer is an address."""

    async def once(merchant_id: UUID, path: str, key: str, work: Callable[[UUID], Awaitable[str]]) -> str:
        async def respond(resource_id: UUID) -> Response:
            return Response(await work(resource_id), media_type="text/plain")

        answer = await idempotency.once(Scope(merchant_id, "POST", path, key), b"", respond)
        return bytes(answer.body).decode()

    return once


def _add_own_routes(app: FastAPI, house: House) -> None:
    @app.get("/problems/{code}", include_in_schema=False)
    async def problem_page(code: str) -> HTMLResponse:
        """What a problem type means; the address is the document's `type`."""
        kind = problems.describe(code)
        if kind is None:
            raise NotFoundHere
        text = f"<!doctype html><html lang=en><title>{escape(code)}</title><h1>{kind.status} {escape(code)}</h1>"
        return HTMLResponse(f"{text}<p>{escape((kind.__doc__ or '').strip())}</p>")

    @app.get("/healthz", include_in_schema=False)
    async def health() -> JSONResponse:
        """Whether the process serves."""
        return JSONResponse({"ok": True})

    @app.get("/readyz", include_in_schema=False)
    async def ready(_: Request) -> JSONResponse:
        """Whether the database can be reached as well."""
        try:
            async with house.database.reading():
                return JSONResponse({"ok": True})
        except TransientFault:
            return JSONResponse({"ok": False, "failing": "database"}, 503)


def openapi_document(app: FastAPI) -> dict[str, object]:
    """OpenAPI 3.1 with the key's scheme, the Idempotency-Key header and the problem document on every operation."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        _complete(document)
        app.openapi_schema = document
    return cast("dict[str, object]", app.openapi_schema)


PROBLEM_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "enum": [f"/problems/{kind.code}" for kind in PROBLEMS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}},
            },
        },
    },
    "examples": [
        {
            "type": "/problems/invalid_field",
            "title": "At least one field is not valid; `errors` names each.",
            "status": 422,
            "detail": "At least one field is not valid; `errors` names each.",
            "errors": [{"pointer": "/amount_minor", "code": "too_small"}],
        }
    ],
}
KEY_PARAMETER: dict[str, object] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
    "example": "order-A-20261122-0417",
    "description": "Made by the client; the same key and body get the same answer.",
}


def _complete(document: dict[str, object]) -> None:
    components = cast("dict[str, dict[str, object]]", document.setdefault("components", {}))
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "sk_test_…"},
        "shopperSession": {"type": "http", "scheme": "bearer", "bearerFormat": "shs_…"},
    }
    for path, methods in cast("dict[str, dict[str, dict[str, object]]]", document["paths"]).items():
        for method, operation in methods.items():
            is_once = method == "post" and path != telemetry_api.PATH
            _complete_operation(operation, is_once=is_once, scheme=_scheme(path))


def _scheme(path: str) -> str | None:
    """How a request to a path says who asks, or None where it needs not, or the path itself does."""
    if "{checkout_token}" in path or path in {SIGN_IN_PATH, telemetry_api.PATH}:
        return None
    return "shopperSession" if path.startswith(shoppers_api.PREFIX) else "apiKey"


def _complete_operation(operation: dict[str, object], *, is_once: bool, scheme: str | None) -> None:
    responses = cast("dict[str, object]", operation["responses"])
    responses.pop("422", None)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses["default"] = {"description": "A problem document.", "content": content}
    if is_once:
        cast("list[object]", operation.setdefault("parameters", [])).append(KEY_PARAMETER)
    operation["security"] = [{scheme: []}] if scheme else []
