"""The one answer that the checkout needs, and paying from it. Reads the rooms below; decides nothing about money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.checkout.model import CheckoutView, Item, MethodChoice, PaymentView, SheetResult
from shunfu.gateway.evidence import InvokeKind
from shunfu.gateway.port import Scene
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import public
from shunfu.merchants import OpenAccount, get_merchant
from shunfu.payments import (
    Browser,
    OrderWithPayments,
    Payment,
    PaymentTools,
    StartPayment,
    read_order,
    start_payment,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at which order, from where. `client`: `web` for the hosted page, `app` for a merchant's own client.

    `client_ip` is the address that the visit came from, `return_url` where a channel's page leads back to.
    """

    merchant_id: UUID
    order_id: UUID
    token: str
    client: str = "app"
    sheet_result: SheetResult | None = None
    client_ip: str | None = None
    return_url: str | None = None


async def view_checkout(tools: PaymentTools, visit: Visit) -> CheckoutView:
    """Order, methods and payment in one value. Raises NotFoundHere."""
    found = await read_order(tools, visit.merchant_id, visit.order_id)
    async with tools.database.reading() as reader:
        merchant = await get_merchant(reader, visit.merchant_id)
        accounts = await tools.accounts.usable(reader, visit.merchant_id)
    if merchant is None:
        raise NotFoundHere
    order, payment = found.order, _shown_payment(found)
    return CheckoutView(
        token=visit.token,
        order_id=public("ord", order.order_id),
        order_state=order.state.value,
        amount=order.amount,
        subject=order.subject,
        items=[Item(item.name, item.quantity, item.amount_minor) for item in order.items],
        created_at=order.created_at,
        expires_at=order.expires_at,
        merchant_name=merchant.name,
        methods=_methods(accounts, visit.client, payment),
        payment=_payment_view(payment) if payment else None,
        is_sandbox=merchant.mode == "test",
        return_url=order.return_url,
        sheet_result=visit.sheet_result,
        now=tools.now(),
        page_url=f"{tools.public_url}/c/{visit.token}",
        sandbox_origin=next((account.sandbox_url for account in accounts if account.sandbox_url), None),
    )


async def pay_from_checkout(
    tools: PaymentTools, visit: Visit, method: str, payer: str | None, payment_id: UUID
) -> Payment:
    """Start a payment for the order that the visitor may pay. On a sandbox the hosted page brings a stand-in shopper.

    Raises what `start_payment` raises.
    """
    if payer is None and visit.client == "web":
        payer = await _stand_in(tools, visit.merchant_id, method)
    browser = Browser(visit.client_ip, visit.return_url)
    wish = StartPayment(visit.merchant_id, visit.order_id, method, payer, payment_id, browser)
    return await start_payment(tools, wish)


async def _stand_in(tools: PaymentTools, merchant_id: UUID, method: str) -> str | None:
    async with tools.database.reading() as reader:
        found = await tools.accounts.for_method(reader, merchant_id, method)
    if found is None:
        return None
    account, scene = found
    return account.stand_in if scene.needs_payer else None


def _shown_payment(found: OrderWithPayments) -> Payment | None:
    """The payment to talk about: the one that pays the order, else a live one, else the newest."""
    paying = [payment for payment in found.payments if payment.captured and not payment.is_surplus]
    live = [payment for payment in found.payments if payment.is_live]
    return next(iter([*paying, *reversed(live), *reversed(found.payments)]), None)


def _methods(accounts: list[OpenAccount], client: str, payment: Payment | None) -> list[MethodChoice]:
    """Every scene that works where the visitor is, the default first: the pending payment's, else the first."""
    chosen = _all_scenes if client == "app" else _browser_scenes
    ways = [(account, scene) for account in accounts for scene in chosen(account)]
    names = [f"{account.channel.name}/{scene.name}" for account, scene in ways]
    pending = payment.method if payment and payment.is_live else None
    default = pending if pending in names else next(iter(names), None)
    return [
        MethodChoice(
            method=name,
            scene=scene.name,
            labels=account.channel.label,
            icon="scan" if scene.invoke == "qr" else account.channel.icon,
            is_default=name == default,
            is_enabled=True,
            reason=_reason(name, scene.invoke, pending, is_only=len(names) == 1),
        )
        for name, (account, scene) in zip(names, ways, strict=True)
    ]


def _all_scenes(account: OpenAccount) -> tuple[Scene, ...]:
    return account.channel.scenes


def _browser_scenes(account: OpenAccount) -> list[Scene]:
    """A channel's first scene that opens in a browser and its first code: two rows a channel, not one a scene."""
    works = [
        scene for scene in account.channel.scenes if _works_in_browser(scene.invoke, is_sandbox=account.is_sandbox)
    ]
    opened = [scene for scene in works if scene.invoke != "qr"][:1]
    return [*opened, *[scene for scene in works if scene.invoke == "qr"][:1]]


def _works_in_browser(invoke: InvokeKind, *, is_sandbox: bool) -> bool:
    """A browser shows codes and follows redirects; a wallet's own sheet opens there only in a sandbox."""
    return is_sandbox or invoke in {"qr", "redirect"}


def _reason(name: str, invoke: InvokeKind, pending: str | None, *, is_only: bool) -> str:
    if name == pending:
        return "resume"
    if is_only:
        return "only_method"
    return "scan_with_phone" if invoke == "qr" else "available"


def _payment_view(payment: Payment) -> PaymentView:
    paid_at: datetime | None = payment.captured_at
    return PaymentView(
        public_id=public("pay", payment.payment_id),
        state=payment.state.value,
        method=payment.method,
        invoke=payment.invoke if payment.is_live else None,
        refused_reason=payment.refused_reason,
        amount=payment.amount,
        paid_at=paid_at,
    )
