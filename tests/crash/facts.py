"""What the independent checker looks at, gathered: rows, the channel's truth, what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from checker.facts import TABLES
from db.support import sql
from shunfu.db import Database
from shunfu.gateway.sandbox import Stage

SUMS = """
WITH sides AS (
    SELECT t.recipe, t.amount_minor, d.code AS debit, c.code AS credit
    FROM transfers t
    LEFT JOIN accounts d ON d.merchant_id = t.merchant_id AND d.account_id = t.debit_account_id
    LEFT JOIN accounts c ON c.merchant_id = t.merchant_id AND c.account_id = t.credit_account_id
), money AS (
    SELECT * FROM sides
    WHERE recipe IN ('capture', 'capture_surplus', 'refund', 'refund_surplus', 'refund_over')
)
SELECT (SELECT coalesce(sum(amount_minor), 0)::bigint FROM sides WHERE debit IS NOT NULL) AS debit_minor,
       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM sides WHERE credit IS NOT NULL) AS credit_minor,
       (SELECT coalesce(sum(CASE WHEN debit LIKE 'channel_receivable:%' THEN amount_minor ELSE 0 END
                            - CASE WHEN credit LIKE 'channel_receivable:%' THEN amount_minor ELSE 0 END), 0)::bigint
        FROM money) AS receivable_minor,
       (SELECT coalesce(sum(captured_minor), 0)::bigint FROM payments) AS captured_minor,
       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds WHERE state = 'SUCCEEDED') AS refunded_minor
"""
"""The five sums of one moment. What a statement posts, fees and settlements, is left out: it moves no payment."""


WITHOUT_IDS = frozenset({"unionpay"})


async def all_rows(database: Database) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table that the checker reads, of one moment."""
    async with database.reading() as reader:
        return {name: [dict(row) for row in await reader.fetch(sql(f"SELECT * FROM {name}"))] for name in TABLES}


async def sums_now(database: Database) -> dict[str, int]:
    """A snapshot of the money, as the checker takes it."""
    (row,) = await database.single(sql(SUMS))
    return dict(row)


def truth_of(stage: Stage[Any]) -> dict[str, list[dict[str, Any]]]:
    """What a channel's sandbox knows: orders, refunds, and what moved in its till."""
    verbs, state = stage.sandbox.verbs, stage.state
    moved = [one for one in state.till.movements if one.kind in {"payment", "refund"}]
    done = {one.refund_number for one in moved if one.kind == "refund"}
    return {
        "orders": [
            {
                "number": one.number,
                "is_paid": one.paid_ms > 0,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "transaction_no": one.transaction_no,
            }
            for one in verbs.list_orders(state)
        ],
        "refunds": [
            {
                "number": one.number,
                "order_number": one.order_number,
                "is_done": one.number in done,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
            }
            for one in verbs.list_refunds(state)
        ],
        "movements": [
            {
                "kind": one.kind,
                "number": one.number,
                "refund_number": one.refund_number,
                "amount_minor": abs(one.amount_minor),
            }
            for one in moved
        ],
    }


def heard_by(stage: Stage[Any]) -> list[dict[str, str]]:
    """The notifications that the channel took for acknowledged, where it gives them ids: not all do."""
    name = stage.sandbox.name
    if name in WITHOUT_IDS:
        return []
    taken = [one for one in stage.post.sendings if one.outcome == "accepted"]
    return [{"channel": name, "external_id": one.notification_id, "fault": one.fault} for one in taken]


def answers_of(told: Iterable[tuple[str, str, bytes, int, bytes]]) -> list[dict[str, Any]]:
    """Answers as (path, key, request body, status, body)."""
    return [
        {"path": path, "key": key, "request_sha256": sha256(asked).hexdigest(), "status": status, "body": said.decode()}
        for path, key, asked, status, said in told
    ]
