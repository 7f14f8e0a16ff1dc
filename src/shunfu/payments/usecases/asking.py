"""Talk to a channel about one payment, no transaction open, and record what it says. The janitor's story is here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shunfu.db import Reader
from shunfu.driver import Exchange
from shunfu.gateway.evidence import Evidence, Unknown
from shunfu.gateway.port import Prepay
from shunfu.kernel.errors import NotFoundHere, SetupFault
from shunfu.kernel.ids import encode
from shunfu.merchants import OpenAccount, Place
from shunfu.payments import store
from shunfu.payments.evidence import Door
from shunfu.payments.model import Decision, Order, OrderState, Payment, PaymentState
from shunfu.payments.store import Arrival, when_it_happened
from shunfu.payments.timetable import ask_kind, is_early, next_ask
from shunfu.payments.usecases.settling import record_evidence
from shunfu.payments.usecases.tools import PaymentTools


async def send(tools: PaymentTools, order: Order, payment: Payment, account: OpenAccount) -> Decision:
    """Place a payment at its channel under its own number, and record the outcome."""
    prepay = Prepay(
        number=encode(payment.payment_id),
        scene=payment.scene,
        amount=payment.amount,
        subject=order.subject,
        payer=await _opened(tools, payment, "payer", payment.payer),
        expires_at=order.expires_at,
        notify_url=payment.notify_url,
        return_url=payment.return_url,
        client_ip=await _opened(tools, payment, "client_ip", payment.client_ip),
    )
    flow = account.channel.verbs.prepay(account.settings, prepay, tools.moment())
    evidence, exchanges = await tools.driver.converse(account.channel, flow)
    return await _record(tools, payment, (evidence, exchanges), "reply")


async def ask_query(tools: PaymentTools, payment: Payment) -> tuple[Evidence, Decision]:
    """Ask the channel what became of a payment, and record the answer."""
    account = await _open_account(tools, payment)
    flow = account.channel.verbs.query(account.settings, encode(payment.payment_id), tools.moment())
    evidence, exchanges = await tools.driver.converse(account.channel, flow)
    return evidence, await _record(tools, payment, (evidence, exchanges), "query")


async def ask_close(tools: PaymentTools, payment: Payment) -> tuple[Evidence, Decision]:
    """Ask the channel to close a payment; what it leaves open is asked again as a query."""
    account = await _open_account(tools, payment)
    if not account.channel.capabilities.can_close:
        return await ask_query(tools, payment)
    flow = account.channel.verbs.close(account.settings, encode(payment.payment_id), tools.moment())
    evidence, exchanges = await tools.driver.converse(account.channel, flow)
    decision = await _record(tools, payment, (evidence, exchanges), "close")
    return await ask_query(tools, payment) if isinstance(evidence, Unknown) else (evidence, decision)


async def ask(tools: PaymentTools, merchant_id: UUID, payment_id: UUID) -> datetime | None:
    """The janitor's visit to one payment; when to come again, or None when the payment is final."""
    payment, order = await _load(tools, merchant_id, payment_id)
    if not payment.is_live:
        return None
    if is_early(payment, order, tools.now(), tools.pace):
        return next_ask(payment, order, tools.now(), tools.pace)
    asked = ask_close if ask_kind(payment, order, tools.now()) == "close" else ask_query
    _, decision = await asked(tools, payment)
    if decision.must_send_again and order.state is OrderState.OPEN and tools.now() < order.expires_at:
        decision = await send(tools, order, decision.payment, await _open_account(tools, payment))
    return next_ask(decision.payment, decision.order, tools.now(), tools.pace) if decision.payment.is_live else None


async def ask_anew(tools: PaymentTools, merchant_id: UUID, payment_id: UUID) -> tuple[Evidence, Decision]:
    """Ask about a payment in whatever state, for a person who doubts it, and record it. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        payment = await store.get_payment(reader, merchant_id, payment_id)
    if payment is None:
        raise NotFoundHere
    return await ask_query(tools, payment)


async def close_at_channel(tools: PaymentTools, merchant_id: UUID, payment_id: UUID) -> None:
    """Close at the channel what it still holds open although the payment ended here."""
    payment, _ = await _load(tools, merchant_id, payment_id)
    if payment.state is not PaymentState.CAPTURED:
        await ask_close(tools, payment)


async def not_found_is_final(tools: PaymentTools, payment: Payment) -> bool:
    """Whether the channel's NotFound of this payment's accepted order means that nobody can pay it any more."""
    scene = (await _open_account(tools, payment)).channel.scene(payment.scene)
    return scene is not None and scene.not_found_is_final


async def account_of(tools: PaymentTools, reader: Reader, payment: Payment) -> OpenAccount:
    """The channel account that a payment was made with. Raises SetupFault when it is gone."""
    return await account_by_id(tools, reader, payment.merchant_id, payment.account_id)


async def account_by_id(tools: PaymentTools, reader: Reader, merchant_id: UUID, account_id: UUID) -> OpenAccount:
    """A merchant's channel account, disabled ones too. Raises SetupFault when it is gone."""
    account = await tools.accounts.open(reader, merchant_id, account_id)
    if account is None:
        raise SetupFault("The channel account of this payment is missing; restore it.")
    return account


async def _open_account(tools: PaymentTools, payment: Payment) -> OpenAccount:
    async with tools.database.reading() as reader:
        return await account_of(tools, reader, payment)


async def _load(tools: PaymentTools, merchant_id: UUID, payment_id: UUID) -> tuple[Payment, Order]:
    async with tools.database.reading() as reader:
        payment = await store.get_payment(reader, merchant_id, payment_id)
        assert payment is not None, "a job names a payment that was saved with it"
        order = await store.get_order(reader, merchant_id, payment.order_id)
        assert order is not None, "a payment has its order"
    return payment, order


async def _record(
    tools: PaymentTools, payment: Payment, said: tuple[Evidence, tuple[Exchange, ...]], door: Door
) -> Decision:
    evidence, exchanges = said
    arrival = Arrival(evidence, door, when_it_happened(evidence, tools.now()), exchanges=exchanges)
    return await record_evidence(tools, payment.merchant_id, payment.payment_id, arrival)


async def _opened(
    tools: PaymentTools, payment: Payment, column: str, envelope: dict[str, str | int] | None
) -> str | None:
    if envelope is None:
        return None
    async with tools.database.glancing() as reader:
        opened = await tools.vault.open(reader, sealed_place(payment, column), envelope)
    return opened.reveal().decode()


def sealed_place(payment: Payment, column: str) -> Place:
    """Where a payment's personal datum is stored, sealed: the payer's id, the shopper's address."""
    return Place(payment.merchant_id, "payments", column, payment.payment_id)
