"""What the checker looks at, in plain values. This file is the format; nothing of the product is imported here.

`Facts` is a dictionary with these members; all but `tables` may be left out, and then nothing is checked about them.

    tables        table name to rows. A row is a mapping of column to value, as a SELECT of all columns gives it: ids as
                  UUID or as text (one way in all tables), times as datetime, jsonb as the value it holds. Only these
                  tables are looked at: orders, payments, payment_evidence, refunds, refund_evidence, accounts, transfers,
                  events, jobs, notifications, idempotency_keys, webhook_endpoints, webhook_messages, webhook_deliveries,
                  offers, offer_redemptions.
    channels      what the channels' sandboxes know, by channel name: {"orders": […], "refunds": […], "movements": […]}.
                  order     {"number", "is_paid", "amount_minor", "currency", "transaction_no"}
                  refund    {"number", "order_number", "is_done", "amount_minor", "currency"}
                  movement  {"kind": "payment" | "refund", "number", "refund_number", "amount_minor"}; amounts positive
    heard         notifications that a channel took for acknowledged: {"channel", "external_id", "fault"}; `fault` is empty
                  or "duplicate" for a genuine message, else the name of what was wrong with it.
    webhooks      what reached the merchant's server, in order: {"endpoint", "id", "type", "subject", "sequence", "state",
                  "body", "is_known"}; `state` is the body's data.state, `is_known` whether the event was committed then.
    answers       answers to requests under an idempotency key: {"path", "key", "request_sha256", "status", "body"}.
    snapshots     sums of one moment each: {"debit_minor", "credit_minor", "receivable_minor", "captured_minor",
                  "refunded_minor"}; `snapshot_of` makes one from rows.
    moves         committed changes of state in order: {"table", "id", "before" (None: new), "after"}.
    probe         an ordinary purchase after the last fault: {"seconds" (None: never finished), "limit_seconds"}.
    is_settled    True (the default) when time enough has passed for everything to end; False leaves out what only then
                  holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Facts: TypeAlias = Mapping[str, Any]

TABLES = (
    "orders",
    "payments",
    "payment_evidence",
    "refunds",
    "refund_evidence",
    "accounts",
    "transfers",
    "events",
    "jobs",
    "notifications",
    "idempotency_keys",
    "webhook_endpoints",
    "webhook_messages",
    "webhook_deliveries",
    "offers",
    "offer_redemptions",
)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: how an id is written towards a channel and a merchant."""


def facts_from_rows(tables: Mapping[str, Iterable[Row]], **others: Any) -> Facts:
    """Facts from the rows of any database driver; `others` are the other members, as they stand in the format."""
    unknown = set(others) - {
        "channels", "heard", "webhooks", "answers", "snapshots", "moves", "probe", "is_settled",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"facts have no member {sorted(unknown)[0]!r}")
    kept = {name: [dict(row) for row in tables.get(name, ())] for name in TABLES}
    return {"tables": kept, **others}


def snapshot_of(tables: Mapping[str, Iterable[Row]]) -> dict[str, int]:
    """The sums of one moment, of the rows of payments, refunds, accounts and transfers."""
    codes = {row["account_id"]: str(row["code"]) for row in tables["accounts"]}
    debit = credit = receivable = 0
    for row in tables["transfers"]:
        amount = row["amount_minor"]
        debit += amount * (row["debit_account_id"] in codes)
        credit += amount * (row["credit_account_id"] in codes)
        receivable += amount * codes.get(row["debit_account_id"], "").startswith("channel_receivable:")
        receivable -= amount * codes.get(row["credit_account_id"], "").startswith("channel_receivable:")
    return {
        "debit_minor": debit,
        "credit_minor": credit,
        "receivable_minor": receivable,
        "captured_minor": sum(row["captured_minor"] for row in tables["payments"]),
        "refunded_minor": sum(row["amount_minor"] for row in tables["refunds"] if row["state"] == "SUCCEEDED"),
    }


def number_of(value: object) -> str:
    """An id, UUID or its text, in the 26 characters that a channel knows it by."""
    left = int(str(value).replace("-", ""), 16)
    characters: list[str] = []
    for _ in range(26):
        left, digit = divmod(left, 32)
        characters.append(ALPHABET[digit])
    return "".join(reversed(characters))


def by(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Rows by the value of a column, in their order."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def rows_of(facts: Facts, table: str) -> Sequence[Row]:
    """The rows of a table."""
    return facts["tables"].get(table, ())
