"""Money: the books balance, they say what payments and refunds say, and both say what the channels' tills say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from checker.facts import Facts, Row, by, number_of, rows_of

OF_PAYMENTS = frozenset({"capture", "capture_surplus"})
OF_REFUNDS = frozenset({"refund", "refund_surplus", "refund_over"})
RESERVING = frozenset({"REQUESTED", "SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL"})


def books_balance(facts: Facts) -> Iterator[str]:
    """Every transfer moves a positive amount of one currency between two accounts of its own merchant."""
    accounts = {(row["merchant_id"], row["account_id"]): row for row in rows_of(facts, "accounts")}
    for row in rows_of(facts, "transfers"):
        sides = [accounts.get((row["merchant_id"], row[f"{side}_account_id"])) for side in ("debit", "credit")]
        if row["amount_minor"] <= 0 or row["debit_account_id"] == row["credit_account_id"]:
            yield f"transfer {row['transfer_id']} moves nothing"
        elif None in sides:
            yield f"transfer {row['transfer_id']} names an account that is not there"
        elif {side["currency"] for side in sides if side} != {row["currency"]}:
            yield f"transfer {row['transfer_id']} crosses currencies"


def snapshots_agree(facts: Facts) -> Iterator[str]:
    """At every moment debits are credits, and what channels hold is what was captured less what went back."""
    for index, one in enumerate(facts.get("snapshots", ())):
        if one["debit_minor"] != one["credit_minor"]:
            yield f"snapshot {index}: debits {one['debit_minor']} are not credits {one['credit_minor']}"
        if one["receivable_minor"] != one["captured_minor"] - one["refunded_minor"]:
            yield f"snapshot {index}: {one}"


def posted_once(facts: Facts) -> Iterator[str]:
    """Each captured payment and each refund that succeeded is posted once, by the right recipe; nothing else is."""
    posted: Counter[tuple[str, str, int, str]] = Counter()
    for row in rows_of(facts, "transfers"):
        if row["recipe"] in OF_PAYMENTS | OF_REFUNDS:
            posted[str(row["reference_id"]), row["recipe"], row["amount_minor"], row["currency"]] += 1
    due: Counter[tuple[str, str, int, str]] = Counter()
    for row in rows_of(facts, "payments"):
        if row["captured_minor"]:
            recipe = "capture_surplus" if row["is_surplus"] else "capture"
            due[str(row["payment_id"]), recipe, row["captured_minor"], row["currency"]] += 1
    for row in rows_of(facts, "refunds"):
        if row["state"] == "SUCCEEDED":
            recipe = "refund_over" if row["is_over"] else "refund_surplus" if row["is_surplus"] else "refund"
            due[str(row["refund_id"]), recipe, row["amount_minor"], row["currency"]] += 1
    for what, count in (posted - due).items():
        yield f"{count} posting(s) too many: {what}"
    for what, count in (due - posted).items():
        yield f"{count} posting(s) missing: {what}"


def channels_agree(facts: Facts) -> Iterator[str]:
    """What the channels' tills took and gave back is what our payments and refunds say: no more, no less."""
    for channel, truth in facts.get("channels", {}).items():
        moved = Counter(
            (one["kind"], one["refund_number"] or one["number"], one["amount_minor"]) for one in truth["movements"]
        )
        ours = Counter(_captures(facts, channel)) + Counter(_refunds(facts, channel))
        for what, count in (moved - ours).items():
            yield f"{channel} moved {what} {count} time(s) more than we know of"
        for what, count in (ours - moved).items():
            yield f"we say {what} {count} time(s) more often than {channel} moved it"
        yield from _transaction_numbers(facts, channel, truth["orders"])


def _captures(facts: Facts, channel: str) -> Iterator[tuple[str, str, int]]:
    for row in rows_of(facts, "payments"):
        if row["channel"] == channel and row["state"] == "CAPTURED":
            yield "payment", number_of(row["payment_id"]), row["captured_minor"]


def _refunds(facts: Facts, channel: str) -> Iterator[tuple[str, str, int]]:
    for row in rows_of(facts, "refunds"):
        if row["channel"] == channel and row["state"] == "SUCCEEDED":
            yield "refund", number_of(row["refund_id"]), row["amount_minor"]


def _transaction_numbers(facts: Facts, channel: str, orders: list[dict[str, Any]]) -> Iterator[str]:
    told = {one["number"]: one for one in orders}
    for row in rows_of(facts, "payments"):
        if row["channel"] == channel and row["state"] == "CAPTURED":
            theirs = told.get(number_of(row["payment_id"]))
            if theirs is None or theirs["transaction_no"] != row["channel_transaction_no"]:
                yield f"payment {row['payment_id']} keeps another transaction number than {channel} gave"


def refunds_within_captured(facts: Facts) -> Iterator[str]:
    """What is reserved and given back stands on the payment as its refunds say, and never passes what was captured."""
    refunds = by(rows_of(facts, "refunds"), "payment_id")
    for row in rows_of(facts, "payments"):
        mine = refunds.get(row["payment_id"], [])
        given = sum(one["amount_minor"] for one in mine if one["state"] == "SUCCEEDED" and not one["is_over"])
        reserved = sum(one["amount_minor"] for one in mine if one["state"] in RESERVING)
        if (row["refunded_minor"], row["refund_reserved_minor"]) != (given, reserved):
            yield f"payment {row['payment_id']} counts {row['refunded_minor']} back, its refunds {given}"
        if row["refunded_minor"] + row["refund_reserved_minor"] > row["captured_minor"]:
            yield f"payment {row['payment_id']} gives back more than it took"
        back = sum(one["amount_minor"] for one in mine if one["state"] == "SUCCEEDED")
        if back > row["captured_minor"]:
            yield f"{back} of payment {row['payment_id']} went back, {row['captured_minor']} came"


def paid_once_or_given_back(facts: Facts) -> Iterator[str]:
    """Each captured payment pays its order, or is surplus and goes back whole, by one automatic refund and people's."""
    refunds = by(rows_of(facts, "refunds"), "payment_id")
    payments = by(rows_of(facts, "payments"), "order_id")
    for order in rows_of(facts, "orders"):
        captured = [row for row in payments.get(order["order_id"], ()) if row["state"] == "CAPTURED"]
        paying = [row for row in captured if not row["is_surplus"]]
        if len(paying) != (order["state"] == "PAID"):
            yield f"order {order['order_id']} is {order['state']} with {len(paying)} payments that pay it"
        for row in captured:
            yield from _given_back(facts, row, refunds.get(row["payment_id"], []))


def _given_back(facts: Facts, payment: Row, refunds: list[Row]) -> Iterator[str]:
    automatic = [row for row in refunds if row["is_automatic"]]
    if not payment["is_surplus"]:
        if automatic:
            yield f"payment {payment['payment_id']} pays its order and refunded itself"
        return
    if len(automatic) > 1:
        yield f"surplus {payment['payment_id']} refunded itself {len(automatic)} times"
    if not facts.get("is_settled", True):
        return
    back = sum(row["amount_minor"] for row in refunds if row["state"] == "SUCCEEDED")
    if back != payment["captured_minor"]:
        yield f"surplus {payment['payment_id']} took {payment['captured_minor']} and gave back {back}"
    if not automatic and not any(row["state"] == "SUCCEEDED" for row in refunds):
        yield f"surplus {payment['payment_id']} never refunded itself"


def numbers_used_once(facts: Facts) -> Iterator[str]:
    """A number at a channel is one payment's or one refund's of ours, in its amount, and took effect at most once."""
    payments = {number_of(row["payment_id"]): row for row in rows_of(facts, "payments")}
    refunds = {number_of(row["refund_id"]): row for row in rows_of(facts, "refunds")}
    if both := set(payments) & set(refunds):
        yield f"a payment and a refund share the number {sorted(both)[0]}"
    for channel, truth in facts.get("channels", {}).items():
        for kind, ours, theirs in (("order", payments, truth["orders"]), ("refund", refunds, truth["refunds"])):
            for one in theirs:
                row = ours.get(one["number"])
                if row is None or row["channel"] != channel:
                    yield f"{channel} has the {kind} {one['number']}, which is none of ours there"
                elif row["amount_minor"] != one["amount_minor"]:
                    yield f"{channel} has the {kind} {one['number']} in another amount"
        done = Counter((one["kind"], one["refund_number"] or one["number"]) for one in truth["movements"])
        for (kind, number), count in done.items():
            if count > 1:
                yield f"the {kind} {number} took effect {count} times at {channel}"
