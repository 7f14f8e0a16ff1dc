"""The payments room's stories, one file a subject."""

from shunfu.payments.usecases.asking import account_by_id, account_of, ask, ask_anew, close_at_channel
from shunfu.payments.usecases.contacting import give_contact, open_contact
from shunfu.payments.usecases.foreseeing import Foreseen, foresee
from shunfu.payments.usecases.orders import (
    NewOrder,
    OrderWithPayments,
    channel_app_of,
    close_order,
    create_order,
    expected_amount,
    expire_order,
    list_orders,
    read_order,
)
from shunfu.payments.usecases.proving import Difference, compare_with_ledger, refund_sums
from shunfu.payments.usecases.reading import Explained, Teller, channel_words, nothing_told, read_payment
from shunfu.payments.usecases.recovering import ask_open_payments
from shunfu.payments.usecases.settling import apply_report, record_evidence, record_statement
from shunfu.payments.usecases.starting import Browser, StartPayment, start_payment
from shunfu.payments.usecases.telling import lock_payment, move_refund_money, tell
from shunfu.payments.usecases.tools import APPLY_HANDLER, PaymentTools

__all__ = [
    "APPLY_HANDLER",
    "Browser",
    "Difference",
    "Explained",
    "Foreseen",
    "NewOrder",
    "OrderWithPayments",
    "PaymentTools",
    "StartPayment",
    "Teller",
    "account_by_id",
    "account_of",
    "apply_report",
    "ask",
    "ask_anew",
    "ask_open_payments",
    "channel_app_of",
    "channel_words",
    "close_at_channel",
    "close_order",
    "compare_with_ledger",
    "create_order",
    "expected_amount",
    "expire_order",
    "foresee",
    "give_contact",
    "list_orders",
    "lock_payment",
    "move_refund_money",
    "nothing_told",
    "open_contact",
    "read_order",
    "read_payment",
    "record_evidence",
    "record_statement",
    "refund_sums",
    "start_payment",
    "tell",
]
