"""Refunds over HTTP: asked for at a payment, approved or rejected by somebody else."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import Say
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown, state_of
from shunfu.console.exports import Export, Rows, add_export, china_time
from shunfu.console.forms import is_line
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.model import EXPORT_ROWS, PAGE_ROWS, REFUND_FILTERS
from shunfu.console.sections.refunds.page import render_refunds
from shunfu.console.sections.subject import render_refund
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import FieldError, InvalidField, NotFoundHere
from shunfu.kernel.ids import public
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret
from shunfu.merchants.api import path_id
from shunfu.payments import expected_amount
from shunfu.refunds import (
    Decide,
    Named,
    Redirect,
    RefundState,
    RequestRefund,
    ask_refund,
    decide_refund,
    list_refunds,
    read_refund_explained,
    redirect_refund,
    request_refund,
)

PATH = "/console/refunds"
REASON_MAX = 80


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of refunds."""
    add_export(router, tools, _export(tools))
    _add_reading(router, tools)
    _add_asking(router, tools)
    _add_deciding(router, tools)


SECTION = Section(MenuEntry("refunds", PATH, "console.refunds", "undo", frozenset({"refunds:read"})), add_routes)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/refunds")
    async def refunds(request: Request) -> Response:
        """Refunds, newest first."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "refunds", REFUND_FILTERS)
            found = await list_refunds(tools.refunds, merchant_id, part.before, state=part.state, limit=PAGE_ROWS + 1)
            rows, listing = part.cut(found, lambda refund: refund.refund_id)
            return render_refunds(frame, listing, rows, tools.label)

        return await shown(tools, request, frozenset({"refunds:read"}), draw)

    @router.get("/refunds/{refund_id}")
    async def refund(request: Request, refund_id: str) -> Response:
        """One refund: why, and the evidence."""

        async def draw(_: Request, frame: Frame) -> str:
            named = Named(frame.visitor.caller.merchant_id, path_id("rfd", refund_id))
            return render_refund(frame, await read_refund_explained(tools.refunds, named), tools.label)

        return await shown(tools, request, frozenset({"refunds:read"}), draw)


def _add_asking(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/payments/{payment_id}/refund")
    async def ask_for(request: Request, payment_id: str) -> Response:
        """Give part or all of a payment back. The form carries the refund's id, so that sent twice it is one."""
        back = f"/console/payments/{payment_id}"

        async def act(asked: Asked) -> Done:
            caller, fields = asked.visitor.caller, asked.fields
            payment = path_id("pay", payment_id)
            refund_id, reason = asked.made_id(tools), fields.get("reason", "").strip()
            if refund_id is None or not is_line(reason, REASON_MAX):
                raise InvalidField(errors=(FieldError("/reason", "required"),))
            minor = await _minor(tools, caller.merchant_id, payment, fields.get("amount", ""))
            wish = RequestRefund(caller.merchant_id, payment, refund_id, minor, reason, caller.subject)
            refund = await request_refund(tools.refunds, wish)
            target = f"{PATH}/{public('rfd', refund.refund_id)}"
            return Done(target, "refund_waits" if refund.state is RefundState.REQUESTED else "refund_requested")

        return await acted(tools, request, Guard("refunds:write", back, is_grave=True), act)

    @router.post("/refunds/{refund_id}/ask")
    async def ask(request: Request, refund_id: str) -> Response:
        """Ask the channel about a refund, whatever its state; what it says is recorded."""
        back = f"{PATH}/{refund_id}"

        async def act(asked: Asked) -> Done:
            await ask_refund(tools.refunds, _named(asked, refund_id))
            return Done(back, "asked")

        return await acted(tools, request, Guard("refunds:write", back), act)


def _add_deciding(router: APIRouter, tools: ConsoleTools) -> None:
    async def decide(request: Request, refund_id: str, *, is_approved: bool) -> Response:
        back = f"{PATH}/{refund_id}"

        async def act(asked: Asked) -> Done:
            word = Decide(_named(asked, refund_id), asked.visitor.caller.subject, is_approved=is_approved)
            await decide_refund(tools.refunds, word)
            return Done(back, "refund_approved" if is_approved else "refund_rejected")

        return await acted(tools, request, Guard("refunds:approve", back, is_grave=True), act)

    @router.post("/refunds/{refund_id}/approve")
    async def approve(request: Request, refund_id: str) -> Response:
        """Let a waiting refund go; not by whoever asked for it."""
        return await decide(request, refund_id, is_approved=True)

    @router.post("/refunds/{refund_id}/reject")
    async def reject(request: Request, refund_id: str) -> Response:
        """End a waiting refund; its amount can be refunded again."""
        return await decide(request, refund_id, is_approved=False)

    @router.post("/refunds/{refund_id}/redirect")
    async def redirect(request: Request, refund_id: str) -> Response:
        """Send an abnormal refund's money back to the merchant, who gives it to the shopper another way."""
        back = f"{PATH}/{refund_id}"

        async def act(asked: Asked) -> Done:
            nobody = Secret("")
            wish = Redirect(_named(asked, refund_id), asked.visitor.caller.subject, "merchant", "", nobody, nobody)
            await redirect_refund(tools.refunds, wish)
            return Done(back, "refund_redirected")

        return await acted(tools, request, Guard("refunds:approve", back, is_grave=True), act)


def _named(asked: Asked, refund_id: str) -> Named:
    return Named(asked.visitor.caller.merchant_id, path_id("rfd", refund_id))


async def _minor(tools: ConsoleTools, merchant_id: UUID, payment_id: UUID, text: str) -> int:
    """Minor units of the payment's currency out of what was typed. Raises NotFoundHere or InvalidField."""
    async with tools.payments.database.reading() as reader:
        paid = await expected_amount(reader, merchant_id, payment_id)
    if paid is None:
        raise NotFoundHere
    amount = Money.read(text, paid.currency)
    if amount is None:
        raise InvalidField(errors=(FieldError("/amount", "bad_format"),))
    return amount.minor


COLUMNS = ("refund", "payment", "order", "amount", "currency", "status", "reason", "requested_by", "decided_by", "time")


def _export(tools: ConsoleTools) -> Export:
    def columns(say: Say) -> list[str]:
        return [say(f"console.column.{name}") for name in COLUMNS]

    async def rows(request: Request, frame: Frame) -> Rows:
        merchant_id, before = frame.visitor.caller.merchant_id, FIRST
        state = state_of(request, REFUND_FILTERS)
        while found := await list_refunds(tools.refunds, merchant_id, before, state=state, limit=EXPORT_ROWS):
            for one in found:
                ids = public("rfd", one.refund_id), public("pay", one.payment_id), public("ord", one.order_id)
                money = one.amount.major(), one.amount.currency
                who = one.requested_by, one.decided_by or ""
                yield (*ids, *money, one.state.value, one.reason, *who, china_time(one.created_at))
            before = found[-1].refund_id

    return Export("/refunds/export", "refunds", frozenset({"refunds:read"}), columns, rows)
