"""Refunds: request, approve, send, settle. The number is kept until the channel itself says that it is closed."""

from shunfu.refunds.events import RefundAlarmed, RefundEnded, RefundRequested, RefundSettled, RefundTurnedAbnormal
from shunfu.refunds.evidence import KeptRefundEvidence
from shunfu.refunds.jobs import make_handlers
from shunfu.refunds.model import Refund, RefundState
from shunfu.refunds.store import arrived
from shunfu.refunds.usecases import (
    APPLY_HANDLER,
    SURPLUS_HANDLER,
    Decide,
    ForeseenRefund,
    Named,
    Redirect,
    RefundTools,
    RequestRefund,
    ask_refund,
    compare_refunds,
    decide_refund,
    expected_refund,
    foresee_refund,
    list_refunds,
    list_refunds_of_payment,
    read_refund,
    record_evidence,
    recover_job,
    redirect_refund,
    request_refund,
)

__all__ = [
    "APPLY_HANDLER",
    "SURPLUS_HANDLER",
    "Decide",
    "ForeseenRefund",
    "KeptRefundEvidence",
    "Named",
    "Redirect",
    "Refund",
    "RefundAlarmed",
    "RefundEnded",
    "RefundRequested",
    "RefundSettled",
    "RefundState",
    "RefundTools",
    "RefundTurnedAbnormal",
    "RequestRefund",
    "arrived",
    "ask_refund",
    "compare_refunds",
    "decide_refund",
    "expected_refund",
    "foresee_refund",
    "list_refunds",
    "list_refunds_of_payment",
    "make_handlers",
    "read_refund",
    "record_evidence",
    "recover_job",
    "redirect_refund",
    "request_refund",
]
