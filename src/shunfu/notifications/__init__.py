"""Notifications: receives, verifies, keeps and de-duplicates what channels send us."""

from shunfu.notifications.events import PaymentReported
from shunfu.notifications.model import Address, Expected, KeptNotification
from shunfu.notifications.usecases import (
    ExpectPayment,
    NotificationTools,
    Received,
    delete_old_bodies,
    list_for_number,
    receive,
)

__all__ = [
    "Address",
    "ExpectPayment",
    "Expected",
    "KeptNotification",
    "NotificationTools",
    "PaymentReported",
    "Received",
    "delete_old_bodies",
    "list_for_number",
    "receive",
]
