"""Words: one answer a key, nothing lost that was acknowledged, and a merchant's server that ends in our state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from checker.facts import Facts, by, number_of, rows_of

NOT_FINAL = frozenset({401, 429})
MADE = {"ord": ("orders", "order_id"), "pay": ("payments", "payment_id"), "rfd": ("refunds", "refund_id")}
MADE_ID = dict(MADE.values())
STATE_TOLD = {
    "order.paid": "orders",
    "order.closed": "orders",
    "payment.captured": "payments",
    "payment.surplus": "payments",
    "payment.ended": "payments",
    "refund.requested": "refunds",
    "refund.succeeded": "refunds",
    "refund.ended": "refunds",
    "refund.abnormal": "refunds",
}
"""Type of webhook to what its `data.state` is the state of."""


def _is_final(answer: Mapping[str, Any]) -> bool:
    is_in_flight = '"/problems/request_in_flight"' in answer["body"][:200]
    return answer["status"] < 500 and answer["status"] not in NOT_FINAL and not is_in_flight


def one_answer_a_key(facts: Facts) -> Iterator[str]:
    """Every final answer under a key is the same byte for byte; another body under it is refused; it is kept as given."""
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    kept = {(row["path"], row["key"]): row for row in rows_of(facts, "idempotency_keys")}
    for answer in facts.get("answers", ()):
        place = (answer["path"], answer["key"])
        row = kept.get(place)
        if row is None or not _is_final(answer):
            continue
        if answer["request_sha256"] != _hex(row["body_sha256"]):
            if answer["status"] != 422:
                yield f"{place} with another body was answered {answer['status']}"
            continue
        before = first.setdefault(place, answer)
        if (before["status"], before["body"]) != (answer["status"], answer["body"]):
            yield f"{place} was answered {before['status']} {before['body']} and {answer['status']} {answer['body']}"
        if row["status"] is not None and (row["status"], _text(row["body"])) != (answer["status"], answer["body"]):
            yield f"{place} was answered {answer['status']} and keeps {row['status']}"


def answers_hold(facts: Facts) -> Iterator[str]:
    """What an answer says was made is there."""
    there = {
        prefix: {number_of(row[column]) for row in rows_of(facts, table)} for prefix, (table, column) in MADE.items()
    }
    for answer in facts.get("answers", ()):
        if answer["status"] not in {200, 201}:
            continue
        prefix, _, number = str(json.loads(answer["body"]).get("id", "")).partition("_")
        if prefix in there and number not in there[prefix]:
            yield f"{answer['path']} answered {answer['status']} with {prefix}_{number}, which is not there"


def nothing_acknowledged_is_lost(facts: Facts) -> Iterator[str]:
    """What a channel took for acknowledged was kept as accepted, and is genuine; what was accepted was applied."""
    kept = by(rows_of(facts, "notifications"), "external_id")
    for told in facts.get("heard", ()):
        if told["fault"] not in {"", "duplicate"}:
            yield f"{told['channel']}'s message {told['external_id']} was taken although it had {told['fault']}"
        verdicts = {row["verdict"] for row in kept.get(told["external_id"], ()) if row["channel"] == told["channel"]}
        if "accepted" not in verdicts:
            yield f"{told['channel']}'s message {told['external_id']} was acknowledged and is not kept"
    if facts.get("is_settled", True):
        yield from _applied(facts)


def _applied(facts: Facts) -> Iterator[str]:
    lines = [*rows_of(facts, "payment_evidence"), *rows_of(facts, "refund_evidence")]
    applied = {str(row["notification_id"]) for row in lines if row["notification_id"] is not None}
    for row in rows_of(facts, "notifications"):
        if row["verdict"] == "accepted" and row["evidence"] and str(row["notification_id"]) not in applied:
            yield f"notification {row['notification_id']} was accepted and never applied"


def sequences_without_gaps(facts: Facts) -> Iterator[str]:
    """What is told of an order is numbered 1, 2, 3 … without a gap, and the order counts as many."""
    told: dict[str, list[int]] = {}
    for row in rows_of(facts, "events"):
        if "sequence" in row["body"]:
            told.setdefault(str(row["body"]["order_id"]), []).append(row["body"]["sequence"])
    for row in rows_of(facts, "orders"):
        numbers = sorted(told.pop(str(row["order_id"]), []))
        if numbers != list(range(1, row["sequence"] + 1)):
            yield f"order {row['order_id']} counts {row['sequence']}, its events are {numbers}"
    for order_id in told:
        yield f"events tell of the order {order_id}, which is not there"


def facts_told_once(facts: Facts) -> Iterator[str]:
    """An order that is paid or closed says so once; each capture, each end of a refund is told once."""
    events = rows_of(facts, "events")
    names = by(events, "name")
    subjects = {name: [str(row["body"].get(f"{_about(name)}_id")) for row in rows] for name, rows in names.items()}
    for due, table, states in (
        ("OrderPaid", "orders", {"PAID"}),
        ("OrderClosed", "orders", {"CLOSED"}),
        ("RefundSettled", "refunds", {"SUCCEEDED"}),
    ):
        column = f"{table[:-1]}_id"
        for row in rows_of(facts, table):
            count = subjects.get(due, []).count(str(row[column]))
            if count != (row["state"] in states):
                yield f"{table} {row[column]} is {row['state']} and was told {due} {count} time(s)"
    for row in rows_of(facts, "payments"):
        due = "SurplusCaptured" if row["is_surplus"] else "PaymentCaptured"
        count = subjects.get(due, []).count(str(row["payment_id"]))
        if count != (row["state"] == "CAPTURED"):
            yield f"payment {row['payment_id']} is {row['state']} and was told {due} {count} time(s)"


def _about(name: str) -> str:
    return "order" if name.startswith("Order") else "refund" if name.startswith("Refund") else "payment"


def webhooks_tell_all(facts: Facts) -> Iterator[str]:
    """Each event of an order becomes one message; each message reached its endpoint, or a newer one of its order did."""
    messages = {str(row["message_id"]): row for row in rows_of(facts, "webhook_messages")}
    if not facts.get("is_settled", True) or not rows_of(facts, "webhook_endpoints"):
        return
    for row in rows_of(facts, "events"):
        if "sequence" in row["body"] and str(row["id"]) not in messages:
            yield f"the event {row['name']} {row['id']} was never announced"
    if "webhooks" not in facts:
        return
    newest: dict[tuple[str, str], int] = {}
    got: set[tuple[str, str]] = set()
    urls = {str(row["endpoint_id"]): row["url"] for row in rows_of(facts, "webhook_endpoints")}
    for one in facts["webhooks"]:
        got.add((one["endpoint"], one["id"]))
        place = (one["endpoint"], one["subject"])
        newest[place] = max(newest.get(place, 0), one["sequence"])
    for row in rows_of(facts, "webhook_deliveries"):
        url = urls[str(row["endpoint_id"])]
        is_there = (url, f"evt_{number_of(row['message_id'])}") in got
        if not is_there and newest.get((url, row["subject"]), 0) <= row["sequence"]:
            yield f"the message {row['message_id']} never reached {url}"


def webhooks_are_true(facts: Facts) -> Iterator[str]:
    """A message tells of something committed, says the same each time, and is numbered as its event."""
    events = {f"evt_{number_of(row['id'])}": row for row in rows_of(facts, "events")}
    bodies: dict[str, str] = {}
    for one in facts.get("webhooks", ()):
        event = events.get(one["id"])
        if event is None or not one["is_known"]:
            yield f"{one['id']} was sent and is no committed event"
        elif event["body"]["sequence"] != one["sequence"]:
            yield f"{one['id']} has the number {one['sequence']}, its event {event['body']['sequence']}"
        if bodies.setdefault(one["id"], one["body"]) != one["body"]:
            yield f"{one['id']} was sent with two bodies"


def receiver_ends_in_our_state(facts: Facts) -> Iterator[str]:
    """Who believes the newest number about an order, a payment or a refund ends in our state, and knows of each."""
    if not facts.get("is_settled", True) or "webhooks" not in facts:
        return
    newest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for one in facts["webhooks"]:
        table = STATE_TOLD.get(one["type"])
        if table is not None:
            thing = str(json.loads(one["body"])["data"].get(MADE_ID[table]))
            place = (one["endpoint"], table, thing)
            if one["sequence"] > newest.get(place, (0, ""))[0]:
                newest[place] = (one["sequence"], one["state"])
    states = _states(facts)
    for (endpoint, table, thing), (_, state) in newest.items():
        if states.get((table, thing)) != state and not _is_silent(state, states.get((table, thing))):
            yield f"{endpoint} believes {thing} to be {state}, it is {states.get((table, thing))}"
    for endpoint in rows_of(facts, "webhook_endpoints"):
        for place in _announced(facts) if "*" in endpoint.get("event_types", ["*"]) else ():
            if (endpoint["url"], *place) not in newest:
                yield f"{endpoint['url']} was never told of {place[1]}"


def _announced(facts: Facts) -> set[tuple[str, str]]:
    """Every (table, public id) that an event tells the state of."""
    prefixes = {table: prefix for prefix, (table, _) in MADE.items()}
    found = set[tuple[str, str]]()
    for row in rows_of(facts, "events"):
        table = f"{_about(row['name'])}s"
        if "sequence" in row["body"]:
            found.add((table, f"{prefixes[table]}_{number_of(row['body'][MADE_ID[table]])}"))
    return found


def _states(facts: Facts) -> dict[tuple[str, str], str]:
    return {
        (table, f"{prefix}_{number_of(row[column])}"): row["state"]
        for prefix, (table, column) in MADE.items()
        for row in rows_of(facts, table)
    }


def _is_silent(told: str, state: str | None) -> bool:
    """Changes on the way of a refund that are not told: only its ends are."""
    return told in {"REQUESTED", "SENDING", "ABNORMAL"} and state in {"SENDING", "UNKNOWN", "PROCESSING"}


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray, memoryview)) else str(value)


def _text(value: object) -> str:
    return bytes(value).decode() if isinstance(value, (bytes, bytearray, memoryview)) else str(value)
