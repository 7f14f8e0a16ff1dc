"""What a piece of evidence would lead to, for a person who is about to approve it. Nothing is written or locked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shunfu.db import Reader
from shunfu.gateway.refund import RefundEvidence
from shunfu.ledger import Posting
from shunfu.refunds import store
from shunfu.refunds.model import RESERVING, Decision, Refund, RefundState, record
from shunfu.refunds.usecases.settling import posting_of
from shunfu.refunds.usecases.tools import Named, RefundTools


@dataclass(frozen=True, slots=True)
class ForeseenRefund:
    """A refund as it is, the decision that the evidence would bring, and what would be posted, if anything."""

    refund: Refund
    decision: Decision
    posting: Posting | None


async def foresee_refund(
    tools: RefundTools, reader: Reader, named: Named, evidence: RefundEvidence
) -> ForeseenRefund | None:
    """What the transition function would decide about a refund; None when the merchant has none of that id."""
    refund = await store.get_refund(reader, named.merchant_id, named.refund_id)
    if refund is None:
        return None
    decision = record(refund, evidence, tools.now())
    after = decision.refund
    if after.state is not RefundState.SUCCEEDED or refund.state is RefundState.SUCCEEDED:
        return ForeseenRefund(refund, decision, None)
    if decision.reservation == "settled_late":
        left_minor = await _left_minor(reader, refund)
        after = replace(after, is_over=after.amount.minor > left_minor)
    return ForeseenRefund(refund, replace(decision, refund=after), posting_of(after))


async def _left_minor(reader: Reader, refund: Refund) -> int:
    """What of the payment is neither given back nor reserved."""
    others = await store.list_of_payment(reader, refund.merchant_id, refund.payment_id)
    held = [other for other in others if other.state in RESERVING or (other.succeeded_at and not other.is_over)]
    return refund.total.minor - sum(other.amount.minor for other in held)
