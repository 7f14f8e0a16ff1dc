"""Payments: orders, payments, the janitor. Reply, notification and query meet in one transition function."""

from shunfu.payments.events import (
    OrderClosed,
    OrderPaid,
    PaymentAlarmed,
    PaymentCaptured,
    PaymentEnded,
    SurplusCaptured,
)
from shunfu.payments.jobs import make_handlers
from shunfu.payments.model import Item, Order, OrderState, Payment, PaymentState
from shunfu.payments.store import KeptEvidence
from shunfu.payments.timetable import Pace
from shunfu.payments.usecases import (
    APPLY_HANDLER,
    Browser,
    Difference,
    NewOrder,
    OrderWithPayments,
    PaymentTools,
    StartPayment,
    close_order,
    compare_with_ledger,
    create_order,
    expected_amount,
    list_orders,
    read_order,
    read_payment,
    start_payment,
)

__all__ = [
    "APPLY_HANDLER",
    "Browser",
    "Difference",
    "Item",
    "KeptEvidence",
    "NewOrder",
    "Order",
    "OrderClosed",
    "OrderPaid",
    "OrderState",
    "OrderWithPayments",
    "Pace",
    "Payment",
    "PaymentAlarmed",
    "PaymentCaptured",
    "PaymentEnded",
    "PaymentState",
    "PaymentTools",
    "StartPayment",
    "SurplusCaptured",
    "close_order",
    "compare_with_ledger",
    "create_order",
    "expected_amount",
    "list_orders",
    "make_handlers",
    "read_order",
    "read_payment",
    "start_payment",
]
