"""Notifications: receives, verifies, keeps and de-duplicates what channels send us."""

from shunfu.notifications.events import PaymentReported, RefundReported
from shunfu.notifications.model import Address, Expected, KeptNotification
from shunfu.notifications.usecases import (
    ExpectNumber,
    NotificationTools,
    Received,
    delete_old_bodies,
    list_for_number,
    receive,
)

__all__ = [
    "Address",
    "ExpectNumber",
    "Expected",
    "KeptNotification",
    "NotificationTools",
    "PaymentReported",
    "Received",
    "RefundReported",
    "delete_old_bodies",
    "list_for_number",
    "receive",
]
