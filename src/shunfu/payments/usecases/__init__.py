"""The payments room's stories, one file a subject."""

from shunfu.payments.usecases.asking import ask, close_at_channel
from shunfu.payments.usecases.orders import (
    NewOrder,
    OrderWithPayments,
    close_order,
    create_order,
    expected_amount,
    expire_order,
    list_orders,
    read_order,
    read_payment,
)
from shunfu.payments.usecases.proving import Difference, compare_with_ledger
from shunfu.payments.usecases.settling import apply_report, record_evidence
from shunfu.payments.usecases.starting import Browser, StartPayment, start_payment
from shunfu.payments.usecases.tools import APPLY_HANDLER, PaymentTools

__all__ = [
    "APPLY_HANDLER",
    "Browser",
    "Difference",
    "NewOrder",
    "OrderWithPayments",
    "PaymentTools",
    "StartPayment",
    "apply_report",
    "ask",
    "close_at_channel",
    "close_order",
    "compare_with_ledger",
    "create_order",
    "expected_amount",
    "expire_order",
    "list_orders",
    "read_order",
    "read_payment",
    "record_evidence",
    "start_payment",
]
