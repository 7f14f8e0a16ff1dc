"""What a piece of evidence would lead to, for a person who is about to approve it. Nothing is written or locked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shunfu.db import Reader
from shunfu.gateway.evidence import Evidence
from shunfu.ledger import Posting
from shunfu.payments import store
from shunfu.payments.model import Decision, Order, Payment, record
from shunfu.payments.usecases.settling import facts_about, posting_of


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A payment and its order as they are, the decision that the evidence would bring, and what would be posted."""

    order: Order
    payment: Payment
    decision: Decision
    posting: Posting | None


async def foresee(
    reader: Reader, merchant_id: UUID, payment_id: UUID, evidence: Evidence, now: datetime
) -> Foreseen | None:
    """What the transition function would decide about a payment; None when the merchant has none of that id."""
    payment = await store.get_payment(reader, merchant_id, payment_id)
    order = await store.get_order(reader, merchant_id, payment.order_id) if payment else None
    if payment is None or order is None:
        return None
    payments = await store.list_payments(reader, merchant_id, order.order_id)
    decision = record(payment, facts_about(order, payments, payment), evidence, now)
    posting = posting_of(decision.payment) if decision.has_captured(payment) else None
    return Foreseen(order, payment, decision, posting)
