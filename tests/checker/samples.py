"""Sound facts, written by hand: an order that was paid with an offer and partly refunded, and one that was closed and paid
too late.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from checker.facts import Facts, facts_from_rows, number_of, snapshot_of

MERCHANT = UUID(int=1)
PAID_ORDER, LATE_ORDER = UUID(int=10), UUID(int=11)
PAYING, SURPLUS = UUID(int=20), UUID(int=21)
PARTLY, BACK, REJECTED = UUID(int=30), UUID(int=31), UUID(int=32)
RECEIVABLE, SALES, OWED = UUID(int=40), UUID(int=41), UUID(int=42)
ENDPOINT = UUID(int=50)
OFFER, SHOPPER = UUID(int=55), UUID(int=56)
URL = "https://shop.example.com/hooks"
REQUEST = hashlib.sha256(b"{}").digest()


def order(order_id: UUID, state: str, sequence: int, amount_minor: int) -> dict[str, Any]:
    told = {"state": state, "sequence": sequence, "amount_minor": amount_minor}
    return {"merchant_id": MERCHANT, "order_id": order_id, **told}


def payment(payment_id: UUID, order_id: UUID, *, is_surplus: bool, refunded_minor: int) -> dict[str, Any]:
    return {
        "merchant_id": MERCHANT,
        "payment_id": payment_id,
        "order_id": order_id,
        "channel": "one",
        "amount_minor": 1000,
        "currency": "CNY",
        "state": "CAPTURED",
        "is_surplus": is_surplus,
        "captured_minor": 1000,
        "refunded_minor": refunded_minor,
        "refund_reserved_minor": 0,
        "channel_transaction_no": f"T{payment_id.int}",
        "offer_id": OFFER,
        "discount_minor": 100,
    }


def redemption(payment_id: UUID, state: str, shopper_id: UUID) -> dict[str, Any]:
    told = {"offer_id": OFFER, "shopper_id": shopper_id, "saving_minor": 100, "state": state}
    return {"merchant_id": MERCHANT, "payment_id": payment_id, **told}


def refund(refund_id: UUID, payment_id: UUID, amount_minor: int, **changes: Any) -> dict[str, Any]:
    return {
        "merchant_id": MERCHANT,
        "refund_id": refund_id,
        "payment_id": payment_id,
        "order_id": PAID_ORDER if payment_id == PAYING else LATE_ORDER,
        "channel": "one",
        "amount_minor": amount_minor,
        "currency": "CNY",
        "state": "SUCCEEDED",
        "is_surplus": payment_id == SURPLUS,
        "is_automatic": payment_id == SURPLUS,
        "is_over": False,
        **changes,
    }


def line(table: str, about: UUID, kind: str, way: tuple[str, str]) -> dict[str, Any]:
    """A line of evidence."""
    column = "payment_id" if table == "payment_evidence" else "refund_id"
    told = {column: about, "kind": kind, "state_before": way[0], "state_after": way[1]}
    return {"merchant_id": MERCHANT, "notification_id": None, "alarm": None, **told}


def transfer(number: int, recipe: str, about: tuple[UUID, int], sides: tuple[UUID, UUID]) -> dict[str, Any]:
    return {
        "merchant_id": MERCHANT,
        "transfer_id": UUID(int=number),
        "recipe": recipe,
        "reference_id": about[0],
        "amount_minor": about[1],
        "currency": "CNY",
        "debit_account_id": sides[0],
        "credit_account_id": sides[1],
    }


def account(account_id: UUID, code: str) -> dict[str, Any]:
    return {"merchant_id": MERCHANT, "account_id": account_id, "code": code, "currency": "CNY"}


EVENTS = (
    ("PaymentCaptured", "payment.captured", PAID_ORDER, 1, {"payment_id": PAYING}, "CAPTURED"),
    ("OrderPaid", "order.paid", PAID_ORDER, 2, {"payment_id": PAYING}, "PAID"),
    ("RefundRequested", "refund.requested", PAID_ORDER, 3, {"refund_id": PARTLY}, "SENDING"),
    ("RefundSettled", "refund.succeeded", PAID_ORDER, 4, {"refund_id": PARTLY}, "SUCCEEDED"),
    ("RefundRequested", "refund.requested", PAID_ORDER, 5, {"refund_id": REJECTED}, "REQUESTED"),
    ("RefundEnded", "refund.ended", PAID_ORDER, 6, {"refund_id": REJECTED}, "REJECTED"),
    ("PaymentEnded", "payment.ended", LATE_ORDER, 1, {"payment_id": SURPLUS}, "CLOSED"),
    ("OrderClosed", "order.closed", LATE_ORDER, 2, {}, "CLOSED"),
    ("SurplusCaptured", "payment.surplus", LATE_ORDER, 3, {"payment_id": SURPLUS}, "CAPTURED"),
    ("RefundRequested", "refund.requested", LATE_ORDER, 4, {"refund_id": BACK}, "SENDING"),
    ("RefundSettled", "refund.succeeded", LATE_ORDER, 5, {"refund_id": BACK}, "SUCCEEDED"),
)
"""Name, webhook type, order, sequence, what it is about, and the state that it tells."""
PREFIXES = {"order_id": "ord", "payment_id": "pay", "refund_id": "rfd"}
MOVES = (
    ("orders", PAID_ORDER, (None, "OPEN", "PAID")),
    ("payments", PAYING, (None, "SENDING", "PENDING", "CAPTURED")),
    ("refunds", PARTLY, (None, "SENDING", "PROCESSING", "SUCCEEDED")),
    ("refunds", REJECTED, (None, "REQUESTED", "REJECTED")),
    ("orders", LATE_ORDER, (None, "OPEN", "CLOSING", "CLOSED")),
    ("payments", SURPLUS, (None, "SENDING", "PENDING", "CLOSED", "CAPTURED")),
    ("refunds", BACK, (None, "SENDING", "ABNORMAL", "PROCESSING", "SUCCEEDED")),
)


def _event(index: int) -> dict[str, Any]:
    name, _, order_id, sequence, about, _ = EVENTS[index]
    body = {"order_id": str(order_id), "sequence": sequence, **{key: str(value) for key, value in about.items()}}
    return {"merchant_id": MERCHANT, "id": UUID(int=100 + index), "name": name, "body": body}


def _webhook(index: int) -> dict[str, Any]:
    _, kind, order_id, sequence, about, state = EVENTS[index]
    ids = {key: f"{PREFIXES[key]}_{number_of(value)}" for key, value in {"order_id": order_id, **about}.items()}
    body = {"type": kind, "sequence": sequence, "data": {**ids, "state": state}}
    return {
        "endpoint": URL,
        "id": f"evt_{number_of(UUID(int=100 + index))}",
        "type": kind,
        "subject": ids["order_id"],
        "sequence": sequence,
        "state": state,
        "body": json.dumps(body),
        "is_known": True,
    }


def _delivery(index: int) -> dict[str, Any]:
    _, _, order_id, sequence, _, _ = EVENTS[index]
    subject = f"ord_{number_of(order_id)}"
    return {"endpoint_id": ENDPOINT, "message_id": UUID(int=100 + index), "subject": subject, "sequence": sequence}


def _tables() -> dict[str, list[dict[str, Any]]]:
    pay, back = "payment_evidence", "refund_evidence"
    numbers = range(len(EVENTS))
    told = line(pay, PAYING, "paid", ("PENDING", "CAPTURED")) | {"notification_id": UUID(int=60)}
    answer = json.dumps({"id": f"ord_{number_of(PAID_ORDER)}"})
    return {
        "orders": [order(PAID_ORDER, "PAID", 6, 1100), order(LATE_ORDER, "CLOSED", 5, 1100)],
        "payments": [
            payment(PAYING, PAID_ORDER, is_surplus=False, refunded_minor=300),
            payment(SURPLUS, LATE_ORDER, is_surplus=True, refunded_minor=1000),
        ],
        pay: [
            line(pay, PAYING, "accepted", ("SENDING", "PENDING")),
            told,
            line(pay, PAYING, "paid", ("CAPTURED", "CAPTURED")),
            line(pay, SURPLUS, "accepted", ("SENDING", "PENDING")),
            line(pay, SURPLUS, "closed", ("PENDING", "CLOSED")),
            line(pay, SURPLUS, "paid", ("CLOSED", "CAPTURED")),
        ],
        "refunds": [
            refund(PARTLY, PAYING, 300),
            refund(BACK, SURPLUS, 1000),
            refund(REJECTED, PAYING, 500, state="REJECTED"),
        ],
        back: [
            line(back, PARTLY, "accepted", ("SENDING", "PROCESSING")),
            line(back, PARTLY, "succeeded", ("PROCESSING", "SUCCEEDED")),
            line(back, BACK, "abnormal", ("SENDING", "ABNORMAL")),
            line(back, BACK, "accepted", ("ABNORMAL", "PROCESSING")),
            line(back, BACK, "succeeded", ("PROCESSING", "SUCCEEDED")),
            line(back, REJECTED, "rejected", ("REQUESTED", "REJECTED")),
        ],
        "accounts": [
            account(RECEIVABLE, "channel_receivable:one:m"),
            account(SALES, "sales"),
            account(OWED, "owed_to_shoppers"),
        ],
        "transfers": [
            transfer(70, "capture", (PAYING, 1000), (RECEIVABLE, SALES)),
            transfer(71, "capture_surplus", (SURPLUS, 1000), (RECEIVABLE, OWED)),
            transfer(72, "refund", (PARTLY, 300), (SALES, RECEIVABLE)),
            transfer(73, "refund_surplus", (BACK, 1000), (OWED, RECEIVABLE)),
        ],
        "events": [_event(index) for index in numbers],
        "jobs": [{"merchant_id": MERCHANT, "kind": "payments.ask", "key": "1", "state": "done", "last_error": None}],
        "notifications": [
            {
                "merchant_id": MERCHANT,
                "notification_id": UUID(int=60),
                "channel": "one",
                "external_id": "N1",
                "verdict": "accepted",
                "evidence": {"kind": "paid"},
            }
        ],
        "idempotency_keys": [
            {"path": "/v1/orders", "key": "k1", "body_sha256": REQUEST, "status": 201, "body": answer.encode()}
        ],
        "webhook_endpoints": [{"endpoint_id": ENDPOINT, "url": URL, "state": "ENABLED"}],
        "webhook_messages": [{"message_id": UUID(int=100 + index)} for index in numbers],
        "webhook_deliveries": [_delivery(index) for index in numbers],
        "offers": [{"offer_id": OFFER, "held": 0, "used": 1, "stock": 1, "per_shopper_max": 1}],
        "offer_redemptions": [redemption(PAYING, "USED", SHOPPER), redemption(SURPLUS, "RETURNED", SHOPPER)],
    }


def _channel() -> dict[str, Any]:
    paid = [
        {
            "number": number_of(number),
            "is_paid": True,
            "amount_minor": 1000,
            "currency": "CNY",
            "transaction_no": f"T{number.int}",
        }
        for number in (PAYING, SURPLUS)
    ]
    refunds = [
        {"number": number_of(one), "order_number": number_of(of), "is_done": True, "amount_minor": amount}
        for one, of, amount in ((PARTLY, PAYING, 300), (BACK, SURPLUS, 1000))
    ]
    moved = [("payment", one["number"], "", 1000) for one in paid]
    moved += [("refund", one["order_number"], one["number"], one["amount_minor"]) for one in refunds]
    columns = ("kind", "number", "refund_number", "amount_minor")
    movements = [dict(zip(columns, one, strict=True)) for one in moved]
    return {"orders": paid, "refunds": [{**one, "currency": "CNY"} for one in refunds], "movements": movements}


def sound() -> Facts:
    """Facts in which everything holds, made anew each time."""
    tables = _tables()
    body = tables["idempotency_keys"][0]["body"].decode()
    answer = {"path": "/v1/orders", "key": "k1", "request_sha256": REQUEST.hex(), "status": 201, "body": body}
    return facts_from_rows(
        tables,
        channels={"one": _channel()},
        heard=[{"channel": "one", "external_id": "N1", "fault": ""}],
        webhooks=[_webhook(index) for index in range(len(EVENTS))],
        answers=[answer, dict(answer)],
        snapshots=[snapshot_of(tables)],
        moves=[
            {"table": table, "id": key, "before": before, "after": after}
            for table, key, states in MOVES
            for before, after in zip(states, states[1:], strict=False)
        ],
        probe={"seconds": 2.0, "limit_seconds": 60.0},
    )
