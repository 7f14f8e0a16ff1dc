"""Orders and payments over HTTP: parse, use-case, render."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import parse_public
from shunfu.kernel.money import Money
from shunfu.kernel.signing import Signer
from shunfu.merchants import get_merchant
from shunfu.merchants.api import CallerArgument, ResourceId, path_id
from shunfu.payments.model import Item, Order
from shunfu.payments.render import read_contact, render_contact, render_order, render_payment, render_timeline
from shunfu.payments.schemas import (
    CloseIn,
    OrderIn,
    OrderOut,
    OrderPage,
    OrderReadOut,
    OrderWithPaymentsOut,
    PaymentIn,
    PaymentOut,
    PaymentWithTimeline,
)
from shunfu.payments.usecases import (
    Browser,
    NewOrder,
    OrderWithPayments,
    PaymentTools,
    StartPayment,
    Teller,
    close_order,
    create_order,
    list_orders,
    nothing_told,
    read_order,
    read_payment,
    start_payment,
)

DEFAULT_LIFE = timedelta(minutes=30)
LONGEST_LIFE = timedelta(days=7)
SHORTEST_LIFE = timedelta(minutes=1)
OrderPath = Annotated[str, Path(alias="order_id", examples=["ord_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
PaymentPath = Annotated[str, Path(alias="payment_id", examples=["pay_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
StateFilter = Literal["OPEN", "CLOSING", "PAID", "CLOSED"]


@dataclass(frozen=True, slots=True)
class OrdersApi:
    """What the routes need: the use-cases' tools, the cursor's signer, and how an order's checkout address is made.

    `teller` says how often the merchant's server was told of an order.
    """

    tools: PaymentTools
    signer: Signer
    checkout_url: Callable[[Order], str]
    teller: Teller = nothing_told


def make_router(api: OrdersApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of orders and payments."""
    router = APIRouter(prefix="/v1", route_class=route_class)
    _add_order_routes(router, api)
    _add_payment_routes(router, api)
    return router


def _add_order_routes(router: APIRouter, api: OrdersApi) -> None:
    @router.post("/orders", status_code=201, tags=["orders"], operation_id="create_order")
    async def create(caller: CallerArgument, order_id: ResourceId, body: OrderIn) -> OrderWithPaymentsOut:
        """Create an order. Give the shopper its `checkout_url`, or start a payment yourself."""
        caller.must("orders:write")
        wish = await _new_order(api, caller, order_id, body)
        return _with_payments(api, await create_order(api.tools, wish))

    @router.get("/orders", tags=["orders"], operation_id="list_orders")
    async def list_page(
        caller: CallerArgument,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=128)] = None,
        state: Annotated[StateFilter | None, Query()] = None,
    ) -> OrderPage:
        """List orders, newest first."""
        caller.must("orders:read")
        bound = f"orders|{state}"
        before = read_cursor(api.signer, caller.merchant_id, bound, cursor)
        orders = await list_orders(api.tools, caller.merchant_id, before, state=state, limit=limit + 1)
        page = orders[:limit]
        items = [render_order(order, api.checkout_url(order)) for order in page]
        is_more = len(orders) > limit
        last = write_cursor(api.signer, caller.merchant_id, bound, page[-1].order_id) if is_more else None
        return OrderPage(items=items, next_cursor=last)

    @router.get("/orders/{order_id}", tags=["orders"], operation_id="read_order")
    async def read(caller: CallerArgument, order: OrderPath) -> OrderReadOut:
        """Read an order with its payments, and what the shopper gave with it: no other answer has that."""
        caller.must("orders:read")
        found = await read_order(api.tools, caller.merchant_id, path_id("ord", order))
        contact = render_contact(found.contact) if found.contact else None
        return OrderReadOut(**_with_payments(api, found).model_dump(), contact=contact)

    @router.post("/orders/{order_id}/close", tags=["orders"], operation_id="close_order")
    async def close(caller: CallerArgument, order: OrderPath, body: CloseIn | None = None) -> OrderWithPaymentsOut:
        """Ask for an order's close. CLOSING until the channel has said that no money will come."""
        del body  # read only to refuse unknown members
        caller.must("orders:write")
        return _with_payments(api, await close_order(api.tools, caller.merchant_id, path_id("ord", order)))


def _add_payment_routes(router: APIRouter, api: OrdersApi) -> None:
    @router.post("/orders/{order_id}/payments", status_code=201, tags=["payments"], operation_id="start_payment")
    async def start(caller: CallerArgument, payment_id: ResourceId, order: OrderPath, body: PaymentIn) -> PaymentOut:
        """Start a payment, or get the pending one of the same method again with fresh invoke data."""
        caller.must("payments:write")
        wish = StartPayment(
            merchant_id=caller.merchant_id,
            order_id=path_id("ord", order),
            method=body.method,
            payer=body.payer,
            payment_id=payment_id,
            browser=Browser(body.client_ip),
            offer_id=parse_public("off", body.offer) if body.offer else None,
            contact=read_contact(body.contact),
        )
        return render_payment(await start_payment(api.tools, wish))

    @router.get("/payments/{payment_id}", tags=["payments"], operation_id="read_payment")
    async def read(caller: CallerArgument, payment: PaymentPath) -> PaymentWithTimeline:
        """Read a payment, why it is in its state, and its timeline: every message in and out, every decision."""
        caller.must("payments:read")
        payment_id = path_id("pay", payment)
        return render_timeline(await read_payment(api.tools, caller.merchant_id, payment_id, api.teller))


def _with_payments(api: OrdersApi, found: OrderWithPayments) -> OrderWithPaymentsOut:
    order: OrderOut = render_order(found.order, api.checkout_url(found.order))
    payments = [render_payment(payment) for payment in found.payments]
    return OrderWithPaymentsOut(**order.model_dump(), payments=payments)


async def _new_order(api: OrdersApi, caller: Caller, order_id: UUID, body: OrderIn) -> NewOrder:
    now = api.tools.now()
    expires_at = body.expires_at or now + DEFAULT_LIFE
    if expires_at < now + SHORTEST_LIFE:
        raise InvalidField(errors=(FieldError("/expires_at", "too_small"),))
    if expires_at > now + LONGEST_LIFE:
        raise InvalidField(errors=(FieldError("/expires_at", "too_large"),))
    if body.return_url is not None and not await _is_registered(api, caller, body.return_url):
        raise InvalidField(errors=(FieldError("/return_url", "not_registered"),))
    return NewOrder(
        merchant_id=caller.merchant_id,
        order_id=order_id,
        amount=Money(body.amount_minor, body.currency),
        subject=body.subject,
        items=tuple(Item(item.name, item.quantity, item.amount_minor) for item in body.items),
        merchant_order_no=body.merchant_order_no,
        return_url=body.return_url,
        expires_at=expires_at,
        needs=tuple(dict.fromkeys(body.needs)),
    )


async def _is_registered(api: OrdersApi, caller: Caller, url: str) -> bool:
    """Whether a return address lies on one of the merchant's registered origins, compared exactly (attack A37)."""
    if not url.isascii() or any(character in url for character in "\\@\r\n\t "):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    async with api.tools.database.reading() as reader:
        merchant = await get_merchant(reader, caller.merchant_id)
    return merchant is not None and f"{parts.scheme}://{parts.netloc}" in merchant.return_origins
