"""The refunds room's stories, one file a subject."""

from __future__ import annotations

from uuid import UUID

from shunfu.db import Reader
from shunfu.kernel.errors import NotFoundHere
from shunfu.kernel.ids import decode
from shunfu.kernel.money import Money
from shunfu.payments import expected_amount
from shunfu.refunds import store
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.model import Refund
from shunfu.refunds.usecases.deciding import Decide, decide_refund
from shunfu.refunds.usecases.foreseeing import ForeseenRefund, foresee_refund
from shunfu.refunds.usecases.proving import compare_refunds
from shunfu.refunds.usecases.reading import ExplainedRefund, read_refund_explained
from shunfu.refunds.usecases.recovering import RECOVER_JOB, recover, recover_job
from shunfu.refunds.usecases.requesting import RequestRefund, refund_surplus_payment, request_refund
from shunfu.refunds.usecases.sending import Redirect, ask_refund, load, redirect_refund, visit
from shunfu.refunds.usecases.settling import apply_report, record_evidence
from shunfu.refunds.usecases.tools import APPLY_HANDLER, SURPLUS_HANDLER, VISIT_JOB, Named, RefundTools

__all__ = [
    "APPLY_HANDLER",
    "RECOVER_JOB",
    "SURPLUS_HANDLER",
    "VISIT_JOB",
    "Decide",
    "ExplainedRefund",
    "ForeseenRefund",
    "Named",
    "Redirect",
    "RefundTools",
    "RequestRefund",
    "apply_report",
    "ask_refund",
    "compare_refunds",
    "decide_refund",
    "expected_refund",
    "foresee_refund",
    "list_refunds",
    "list_refunds_of_payment",
    "load",
    "read_refund",
    "read_refund_explained",
    "record_evidence",
    "recover",
    "recover_job",
    "redirect_refund",
    "refund_surplus_payment",
    "request_refund",
    "visit",
]


async def read_refund(tools: RefundTools, named: Named) -> tuple[Refund, list[KeptRefundEvidence]]:
    """One refund and its timeline. Raises NotFoundHere."""
    async with tools.database.reading() as reader:
        refund = await store.get_refund(reader, named.merchant_id, named.refund_id)
        if refund is None:
            raise NotFoundHere
        return refund, await store.list_evidence(reader, named.merchant_id, named.refund_id)


async def list_refunds(
    tools: RefundTools, merchant_id: UUID, before: UUID, *, state: str | None, limit: int
) -> list[Refund]:
    """Refunds with an id below `before`, newest first."""
    async with tools.database.reading() as reader:
        return await store.list_refunds(reader, merchant_id, before, state, limit)


async def list_refunds_of_payment(tools: RefundTools, merchant_id: UUID, payment_id: UUID) -> list[Refund]:
    """The refunds of a payment, oldest first. Raises NotFoundHere when there is no such payment."""
    async with tools.database.reading() as reader:
        if await expected_amount(reader, merchant_id, payment_id) is None:
            raise NotFoundHere
        return await store.list_of_payment(reader, merchant_id, payment_id)


async def expected_refund(reader: Reader, merchant_id: UUID, number: str) -> Money | None:
    """The amount of one of our refunds by its number, or None when there is no such refund."""
    refund_id = decode(number)
    refund = await store.get_refund(reader, merchant_id, refund_id) if refund_id else None
    return refund.amount if refund else None
