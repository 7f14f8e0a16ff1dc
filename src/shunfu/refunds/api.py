"""Refunds over HTTP: parse, use-case, render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute

from shunfu.kernel.caller import Caller
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants.api import CallerArgument, ResourceId, path_id
from shunfu.refunds.render import render_refund, render_timeline
from shunfu.refunds.schemas import (
    DecisionIn,
    RedirectIn,
    RefundIn,
    RefundList,
    RefundOut,
    RefundPage,
    RefundWithTimeline,
    State,
)
from shunfu.refunds.usecases import (
    Decide,
    Named,
    Redirect,
    RefundTools,
    RequestRefund,
    decide_refund,
    list_refunds,
    list_refunds_of_payment,
    read_refund_explained,
    redirect_refund,
    request_refund,
)

PaymentPath = Annotated[str, Path(alias="payment_id", examples=["pay_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]
RefundPath = Annotated[str, Path(alias="refund_id", examples=["rfd_01HZY3V9Q8M5T2K7R4W6X0J1BC"])]


@dataclass(frozen=True, slots=True)
class RefundsApi:
    """What the routes need: the use-cases' tools and the cursor's signer."""

    tools: RefundTools
    signer: Signer


def make_router(api: RefundsApi, route_class: type[APIRoute]) -> APIRouter:
    """The /v1 routes of refunds."""
    router = APIRouter(prefix="/v1", route_class=route_class, tags=["refunds"])
    _add_making(router, api)
    _add_deciding(router, api)
    _add_reading(router, api)
    return router


def _add_making(router: APIRouter, api: RefundsApi) -> None:
    @router.post("/payments/{payment_id}/refunds", status_code=201, operation_id="request_refund")
    async def request(caller: CallerArgument, refund_id: ResourceId, payment: PaymentPath, body: RefundIn) -> RefundOut:
        """Give part or all of a payment back. Above the limit it is REQUESTED until another key approves it."""
        caller.must("refunds:write")
        payment_id = path_id("pay", payment)
        wish = RequestRefund(caller.merchant_id, payment_id, refund_id, body.amount_minor, body.reason, caller.subject)
        return render_refund(await request_refund(api.tools, wish))

    @router.post("/refunds/{refund_id}/redirect", operation_id="redirect_refund")
    async def redirect(caller: CallerArgument, refund: RefundPath, body: RedirectIn) -> RefundOut:
        """Send an abnormal refund's money to a bank card of the payer, or back to the merchant."""
        caller.must("refunds:approve")
        card = Secret(body.bank_account.get_secret_value()), Secret(body.real_name.get_secret_value())
        wish = Redirect(_named(caller, refund), caller.subject, body.to, body.bank, *card)
        return render_refund(await redirect_refund(api.tools, wish))


def _add_deciding(router: APIRouter, api: RefundsApi) -> None:
    @router.post("/refunds/{refund_id}/approve", operation_id="approve_refund")
    async def approve(caller: CallerArgument, refund: RefundPath, body: DecisionIn | None = None) -> RefundOut:
        """Let a waiting refund go; not with the key that asked for it."""
        del body  # read only to refuse unknown members
        caller.must("refunds:approve")
        word = Decide(_named(caller, refund), caller.subject, is_approved=True)
        return render_refund(await decide_refund(api.tools, word))

    @router.post("/refunds/{refund_id}/reject", operation_id="reject_refund")
    async def reject(caller: CallerArgument, refund: RefundPath, body: DecisionIn | None = None) -> RefundOut:
        """End a waiting refund; its amount can be refunded again."""
        del body
        caller.must("refunds:approve")
        word = Decide(_named(caller, refund), caller.subject, is_approved=False)
        return render_refund(await decide_refund(api.tools, word))


def _add_reading(router: APIRouter, api: RefundsApi) -> None:
    @router.get("/payments/{payment_id}/refunds", operation_id="list_refunds_of_payment")
    async def of_payment(caller: CallerArgument, payment: PaymentPath) -> RefundList:
        """The refunds of a payment, oldest first."""
        caller.must("refunds:read")
        refunds = await list_refunds_of_payment(api.tools, caller.merchant_id, path_id("pay", payment))
        return RefundList(items=[render_refund(refund) for refund in refunds])

    @router.get("/refunds", operation_id="list_refunds")
    async def page(
        caller: CallerArgument,
        cursor: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        state: State | None = None,
    ) -> RefundPage:
        """A page of refunds, newest first."""
        caller.must("refunds:read")
        bound = f"refunds|{state or ''}"
        before = read_cursor(api.signer, caller.merchant_id, bound, cursor)
        found = await list_refunds(api.tools, caller.merchant_id, before, state=state, limit=limit + 1)
        items = found[:limit]
        is_more = len(found) > limit
        last = write_cursor(api.signer, caller.merchant_id, bound, items[-1].refund_id) if is_more else None
        return RefundPage(items=[render_refund(refund) for refund in items], next_cursor=last)

    @router.get("/refunds/{refund_id}", operation_id="read_refund")
    async def read(caller: CallerArgument, refund: RefundPath) -> RefundWithTimeline:
        """Read a refund, why it is in its state, the way of its money, and its timeline."""
        caller.must("refunds:read")
        return render_timeline(await read_refund_explained(api.tools, _named(caller, refund)))


def _named(caller: Caller, text: str) -> Named:
    return Named(caller.merchant_id, path_id("rfd", text))
