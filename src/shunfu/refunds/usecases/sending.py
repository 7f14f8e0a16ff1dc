"""Talk to a channel about one refund, no transaction open, and record what it says. The visits' story is here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from shunfu.db import Transaction, recovering_since
from shunfu.driver import Exchange
from shunfu.gateway.evidence import Refused
from shunfu.gateway.refund import AbnormalRefund, RefundEvidence
from shunfu.gateway.refund import Refund as AskedRefund
from shunfu.kernel.errors import ChannelRefused, NotFoundHere, StateConflict
from shunfu.kernel.ids import encode
from shunfu.kernel.secret import Secret
from shunfu.merchants import OpenAccount, write_audit
from shunfu.payments import account_by_id
from shunfu.refunds import store
from shunfu.refunds.admission import earliest_resend
from shunfu.refunds.evidence import Door
from shunfu.refunds.model import Decision, Refund, RefundState
from shunfu.refunds.store import arrived
from shunfu.refunds.timetable import next_visit
from shunfu.refunds.usecases.auditing import audited
from shunfu.refunds.usecases.settling import lock_refund, record_evidence
from shunfu.refunds.usecases.tools import Named, RefundTools

SENDABLE = frozenset({RefundState.SENDING, RefundState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where an abnormal refund's money shall go instead: to a bank card of the payer, or to the merchant."""

    refund: Named
    subject: str
    to: Literal["payer", "merchant"]
    bank: str = ""
    bank_account: Secret[str] = field(default_factory=lambda: Secret(""))
    real_name: Secret[str] = field(default_factory=lambda: Secret(""))


async def send_if_due(tools: RefundTools, refund: Refund) -> Refund:
    """Send a refund that nobody has sent and that may go now; others stay as they are."""
    if refund.state is not RefundState.SENDING or refund.sends:
        return refund
    decision = await send(tools, refund)
    return decision.refund if decision else refund


async def send(tools: RefundTools, refund: Refund) -> Decision | None:
    """Ask the channel for the refund under its own number and record the outcome; None when it may not go now."""
    begun = await _begin(tools, Named(refund.merchant_id, refund.refund_id))
    if begun is None:
        return None
    account = await _account(tools, begun)
    flow = account.channel.refunds.refund(account.settings, asked(begun), tools.payments.moment())
    evidence, exchanges = await tools.payments.driver.converse(account.channel, flow)
    return await _record(tools, begun, (evidence, exchanges), "reply")


async def visit(tools: RefundTools, named: Named) -> datetime | None:
    """Send what was never sent, ask about the rest, and send again what the channel does not know.

    When to come again, or None when the refund has ended or waits for a person.
    """
    refund = await load(tools, named)
    if not refund.is_open:
        return None
    if refund.state is RefundState.SENDING and not refund.sends:
        await send(tools, refund)
    else:
        decision = await _ask(tools, refund)
        if decision.must_send_again:
            await send(tools, decision.refund)
    after = await load(tools, named)
    return next_visit(after, tools.now(), tools.payments.pace.divisor) if after.is_open else None


async def ask_refund(tools: RefundTools, named: Named) -> RefundEvidence:
    """Ask about a refund in whatever state, for a person who doubts it, and record the answer. Raises NotFoundHere."""
    return (await _asked(tools, await load(tools, named)))[0]


async def redirect_refund(tools: RefundTools, wish: Redirect) -> Refund:
    """Send an abnormal refund another way. Raises NotFoundHere, StateConflict, or ChannelRefused with the reason."""

    async def story(tx: Transaction) -> Refund:
        _, refund = await lock_refund(tx, wish.refund)
        if await recovering_since(tx, refund.merchant_id) is not None:
            raise StateConflict("After a restore no money leaves before each channel was asked; try again shortly.")
        if not await store.begin_redirect(tx, refund, tools.now()):
            raise StateConflict("Only a refund that turned abnormal can be sent another way.")
        after = replace(refund, redirected_at=tools.now())
        await write_audit(tx, tools.payments.source, audited(refund, after, wish.subject, "refund.redirected"))
        return after

    refund = await tools.database.transact(story)
    account = await _account(tools, refund)
    abnormal = AbnormalRefund(
        asked(refund), refund.channel_refund_no or "", wish.to, wish.bank, wish.bank_account, wish.real_name
    )
    flow = account.channel.refunds.apply_abnormal(account.settings, abnormal, tools.payments.moment())
    evidence, exchanges = await tools.payments.driver.converse(account.channel, flow)
    decision = await _record(tools, refund, (evidence, exchanges), "redirect")
    if isinstance(evidence, Refused):
        raise ChannelRefused(members={"reason": evidence.reason})
    return decision.refund


async def load(tools: RefundTools, named: Named) -> Refund:
    """One refund. Raises NotFoundHere."""
    async with tools.database.glancing() as reader:
        refund = await store.get_refund(reader, named.merchant_id, named.refund_id)
    if refund is None:
        raise NotFoundHere
    return refund


def asked(refund: Refund) -> AskedRefund:
    """The refund as the channel is asked for it: the same words each time."""
    return AskedRefund(
        number=encode(refund.refund_id),
        payment_number=encode(refund.payment_id),
        channel_transaction_no=refund.channel_transaction_no,
        amount=refund.amount,
        total=refund.total,
        reason=refund.reason,
        notify_url=refund.notify_url,
    )


async def _begin(tools: RefundTools, named: Named) -> Refund | None:
    """Count the send before it is made; None while it may not go yet, or when there is nothing to send."""

    async def story(tx: Transaction) -> Refund | None:
        _, refund = await lock_refund(tx, named)
        now = tools.now()
        if refund.state not in SENDABLE or refund.send_after > now:
            return None
        if await recovering_since(tx, named.merchant_id) is not None:
            return None
        due = await _earliest(tools, tx, refund, now)
        if due > now:
            await store.postpone_send(tx, refund, due, now)
            return None
        await store.begin_send(tx, refund, now)
        return refund

    return await tools.database.transact(story)


async def _earliest(tools: RefundTools, tx: Transaction, refund: Refund, now: datetime) -> datetime:
    """When the channel's gap after the payment's other refunds is over: now, where there is nothing to wait for."""
    account = await account_by_id(tools.payments, tx, refund.merchant_id, refund.account_id)
    others = await store.list_of_payment(tx, refund.merchant_id, refund.payment_id)
    others = [other for other in others if other.refund_id != refund.refund_id]
    return earliest_resend(others, account.channel.capabilities.refund_gap_seconds, now)


async def _ask(tools: RefundTools, refund: Refund) -> Decision:
    return (await _asked(tools, refund))[1]


async def _asked(tools: RefundTools, refund: Refund) -> tuple[RefundEvidence, Decision]:
    account = await _account(tools, refund)
    flow = account.channel.refunds.query_refund(account.settings, asked(refund), tools.payments.moment())
    evidence, exchanges = await tools.payments.driver.converse(account.channel, flow)
    return evidence, await _record(tools, refund, (evidence, exchanges), "query")


async def _account(tools: RefundTools, refund: Refund) -> OpenAccount:
    async with tools.database.reading() as reader:
        return await account_by_id(tools.payments, reader, refund.merchant_id, refund.account_id)


async def _record(
    tools: RefundTools, refund: Refund, said: tuple[RefundEvidence, tuple[Exchange, ...]], door: Door
) -> Decision:
    evidence, exchanges = said
    arrival = replace(arrived(evidence, door, tools.now()), exchanges=exchanges)
    return await record_evidence(tools, Named(refund.merchant_id, refund.refund_id), arrival)
