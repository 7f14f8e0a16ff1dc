"""The demo shop's web pages: catalogue, cart, order. It stands for a merchant's own server.

It knows Shunfu only by the public HTTP API: it creates an order and sends the shopper to the checkout address it got.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shunfu.app.shop.catalogue import GOODS, KINDS, Cart, Step, read_cart
from shunfu.app.shop.client import Api, ApiRefused, ApiUnavailable, Order
from shunfu.app.shop.orders import OrderBook
from shunfu.checkout.kit import Language, environment, is_web_address, security_policy, speaker, static_dir
from shunfu.kernel.money import EXPONENTS, Money

_HERE = Path(__file__).parent
_STYLE_SHEETS = ("/static/tokens.css", "/static/base.css", "/shop/shop.css")
_KEY = re.compile(r"[0-9a-f]{32}")
_ORDER = re.compile(r"ord_[0-9A-HJKMNP-TV-Z]{26}")
_COOKIE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """Where the API is, the merchant's key, where shoppers reach this shop, and the checkout's origin if another."""

    api_base: str
    api_key: str = field(repr=False)
    public_base: str
    language: Language = "zh-CN"
    checkout_base: str | None = None

    @property
    def is_sandbox(self) -> bool:
        """Whether the key is a test key: then every page says so."""
        return self.api_key.startswith("sk_test_")


class Shop:
    """The handlers and what they share: settings, the API client, the order book."""

    def __init__(self, settings: ShopSettings) -> None:
        self.settings = settings
        self.book = OrderBook(return_url=f"{settings.public_base.rstrip('/')}/orders/last")
        self.api: Api | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None, None]:
        """Open the API client for as long as the shop runs."""
        async with aiohttp.ClientSession() as session:
            self.api = Api(self.settings.api_base, self.settings.api_key, session)
            yield

    async def catalogue(self, request: Request) -> Response:
        """GET /: the goods, all, of one kind or by a word."""
        say = speaker(self._language(request), _HERE / "texts")
        kind, word = request.query_params.get("kind"), request.query_params.get("q", "").strip()[:40]
        goods = [good for good in GOODS.values() if kind not in KINDS or good.kind == kind]
        if word:
            goods = [
                good
                for good in goods
                if word.lower() in (say(f"good.{good.key}") + say(f"good.{good.key}_why")).lower()
            ]
        return self._page(
            request, "catalogue.html", goods=goods, kinds=KINDS, kind=kind, word=word, cart=_cart(request)
        )

    async def cart(self, request: Request) -> Response:
        """GET /cart: what was picked, and the button that creates the order."""
        return self._page(request, "cart.html", cart=_cart(request), key=secrets.token_hex(16))

    async def change_cart(self, request: Request) -> Response:
        """POST /cart: `good`, `step` add or remove, `from` home or cart."""
        async with request.form(max_fields=8, max_files=0) as form:
            key, step = _field(form, "good"), _step(_field(form, "step"))
            is_from_home = _field(form, "from") == "home"
        if key not in GOODS or step is None:
            raise HTTPException(422)
        reply = RedirectResponse(f"/#{key}" if is_from_home else "/cart", 303)
        _set_cookie(reply, "cart", _cart(request).changed(key, step).cookie())
        return reply

    async def create_order(self, request: Request) -> Response:
        """POST /orders: create the order by the API and lead to its checkout."""
        async with request.form(max_fields=8, max_files=0) as form:
            key = _field(form, "idempotency_key")
        cart = _cart(request)
        if _KEY.fullmatch(key) is None or not cart.lines:
            return RedirectResponse("/cart", 303)
        say = speaker(self._language(request), _HERE / "texts")
        try:
            order = await self._api.create_order(self.book.body(key, cart, say, datetime.now(UTC)), key)
        except ApiRefused as refusal:
            if refusal.code == "idempotency_key_reused":
                return RedirectResponse("/cart", 303)
            return self._trouble(request, "refused", 502, key)
        except ApiUnavailable:
            return self._trouble(request, "unavailable", 503, key)
        if not is_web_address(order.checkout_url):
            return self._trouble(request, "unavailable", 502, key)
        reply = RedirectResponse(order.checkout_url, 303)
        _set_cookie(reply, "order", order.order_id)
        return reply

    async def last_order(self, request: Request) -> Response:
        """GET /orders/last: where the checkout sends a shopper back to."""
        order_id = request.cookies.get("order", "")
        return RedirectResponse(f"/orders/{order_id}" if _ORDER.fullmatch(order_id) else "/", 303)

    async def order(self, request: Request) -> Response:
        """GET /orders/{id}: paid or not, as the API says."""
        order_id = str(request.path_params["order_id"])
        if _ORDER.fullmatch(order_id) is None:
            raise HTTPException(404)
        try:
            order = await self._api.read_order(order_id)
        except ApiRefused as refusal:
            raise HTTPException(404) from refusal
        except ApiUnavailable:
            return self._trouble(request, "unread", 503, None)
        reply = self._page(request, "order.html", order=order, shown=_shown(order), amount=_amount(order))
        if order.state == "PAID" and request.cookies.get("order") == order_id:
            _set_cookie(reply, "cart", "")
        return reply

    async def missing(self, request: Request, error: Exception) -> Response:
        """Any address or form that the shop does not know: one calm page."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._trouble(request, "missing", status, None)

    @property
    def _api(self) -> Api:
        assert self.api is not None, "the shop's lifespan has begun"
        return self.api

    def _language(self, request: Request) -> Language:
        wanted = request.query_params.get("lang") or request.cookies.get("lang")
        if wanted in {"en", "zh-CN"}:
            return "en" if wanted == "en" else "zh-CN"
        accepted = request.headers.get("accept-language", "").strip().lower()
        return "en" if accepted.startswith("en") else self.settings.language

    def _trouble(self, request: Request, kind: str, status: int, key: str | None) -> Response:
        return self._page(request, "trouble.html", status, kind=kind, key=key, cart=_cart(request))

    def _page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        language = self._language(request)
        say = speaker(language, _HERE / "texts")
        other = "zh-CN" if language == "en" else "en"
        shared: Mapping[str, object] = {
            "say": say,
            "language": language,
            "brand": say("shop.name"),
            "style_sheets": _STYLE_SHEETS,
            "is_sandbox": self.settings.is_sandbox,
            "other_language": f"{request.url.path}?lang={other}" if request.method == "GET" else None,
        }
        reply = HTMLResponse(
            environment(_HERE / "templates").get_template(template).render({**shared, **values}), status
        )
        reply.headers["Content-Security-Policy"] = security_policy(self.settings.api_base, self.settings.checkout_base)
        reply.headers["Cache-Control"] = "no-store"
        if request.query_params.get("lang") == language:
            _set_cookie(reply, "lang", language)
        return reply


def create_app(settings: ShopSettings) -> Starlette:
    """The demo shop as an ASGI application."""
    shop = Shop(settings)
    handlers: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: shop.missing
    }
    return Starlette(
        routes=[
            Route("/", shop.catalogue),
            Route("/cart", shop.cart),
            Route("/cart", shop.change_cart, methods=["POST"]),
            Route("/orders", shop.create_order, methods=["POST"]),
            Route("/orders/last", shop.last_order),
            Route("/orders/{order_id}", shop.order),
            Mount("/static", StaticFiles(directory=static_dir())),
            Mount("/shop", StaticFiles(directory=_HERE / "static")),
        ],
        exception_handlers=handlers,
        lifespan=shop.lifespan,
    )


def _cart(request: Request) -> Cart:
    return read_cart(request.cookies.get("cart"))


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _step(text: str) -> Step | None:
    return "add" if text == "add" else "remove" if text == "remove" else None


def _shown(order: Order) -> Literal["paid", "open", "checking", "closed"]:
    match order.state:
        case "PAID":
            return "paid"
        case "OPEN":
            return "open"
        case "CLOSED":
            return "closed"
        case _:
            return "checking"


def _amount(order: Order) -> Money | None:
    return Money(order.amount_minor, order.currency) if order.currency in EXPONENTS else None


def _set_cookie(reply: Response, name: str, value: str) -> None:
    reply.set_cookie(name, value, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax", path="/")
