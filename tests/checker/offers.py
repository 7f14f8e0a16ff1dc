"""Offers: what was taken off adds up, nothing is held or used beyond the stock, and each ends as its payment did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from checker.facts import Facts, Row, rows_of

LIVE = frozenset({"SENDING", "UNKNOWN", "PENDING"})


def discounts_add_up(facts: Facts) -> Iterator[str]:
    """What is paid and what was taken off make the order's price; who took something off holds an offer for as much."""
    orders = {row["order_id"]: row for row in rows_of(facts, "orders")}
    held = {row["payment_id"]: row for row in rows_of(facts, "offer_redemptions")}
    for row in rows_of(facts, "payments"):
        price = orders.get(row["order_id"], {}).get("amount_minor", "any price: its order is not there")
        if row["amount_minor"] + row["discount_minor"] != price or row["amount_minor"] < 1:
            yield f"payment {row['payment_id']}: {row['amount_minor']} and {row['discount_minor']} are not {price}"
        redemption = held.pop(row["payment_id"], None)
        taken = (redemption["offer_id"], redemption["saving_minor"]) if redemption else (None, 0)
        if taken != (row["offer_id"], row["discount_minor"]):
            yield f"payment {row['payment_id']} took {row['discount_minor']} off and holds {taken}"
    for payment_id in held:
        yield f"an offer is held for {payment_id}, which is no payment"


def offers_within_stock(facts: Facts) -> Iterator[str]:
    """An offer counts its redemptions, never more than its stock, and nobody has more than a shopper may."""
    counts = Counter((row["offer_id"], row["state"]) for row in rows_of(facts, "offer_redemptions"))
    by_shopper = Counter(
        (row["offer_id"], row["shopper_id"])
        for row in rows_of(facts, "offer_redemptions")
        if row["state"] != "RETURNED"
    )
    for row in rows_of(facts, "offers"):
        offer_id = row["offer_id"]
        counted = (counts[offer_id, "HELD"], counts[offer_id, "USED"])
        if (row["held"], row["used"]) != counted:
            yield f"offer {offer_id} counts {row['held']} held and {row['used']} used, there are {counted}"
        if row["stock"] is not None and sum(counted) > row["stock"]:
            yield f"offer {offer_id} was had {sum(counted)} times of {row['stock']}"
        most = row["per_shopper_max"]
        for (of_offer, shopper_id), count in by_shopper.items():
            if of_offer == offer_id and most is not None and (shopper_id is None or count > most):
                yield f"shopper {shopper_id} had the offer {offer_id} {count} times of {most}"


def redemptions_end_as_their_payments(facts: Facts) -> Iterator[str]:
    """Held while money may still move, used by the payment that pays its order, given back by every other."""
    payments = {row["payment_id"]: row for row in rows_of(facts, "payments")}
    for row in rows_of(facts, "offer_redemptions"):
        payment = payments.get(row["payment_id"])
        if payment is not None and row["state"] != _due(payment):
            yield f"payment {row['payment_id']} is {payment['state']} and its offer {row['state']}"


def _due(payment: Row) -> str:
    if payment["state"] in LIVE:
        return "HELD"
    return "USED" if payment["state"] == "CAPTURED" and not payment["is_surplus"] else "RETURNED"
