"""States: none goes back, none is final without a word of the channel, and none is left in between at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from checker.facts import Facts, Row, by, rows_of

BEGINNINGS: dict[str, frozenset[str]] = {
    "orders": frozenset({"OPEN"}),
    "payments": frozenset({"SENDING"}),
    "refunds": frozenset({"REQUESTED", "SENDING"}),
}
_ENDS = frozenset({"SUCCEEDED"})
WAYS: dict[str, dict[str, frozenset[str]]] = {
    "orders": {
        "OPEN": frozenset({"CLOSING", "PAID", "CLOSED"}),
        "CLOSING": frozenset({"PAID", "CLOSED"}),
        "PAID": frozenset(),
        "CLOSED": frozenset(),
    },
    "payments": {
        "SENDING": frozenset({"UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED"}),
        "UNKNOWN": frozenset({"PENDING", "CLOSED", "CAPTURED"}),
        "PENDING": frozenset({"CLOSED", "CAPTURED"}),
        "REFUSED": frozenset({"CAPTURED"}),
        "CLOSED": frozenset({"CAPTURED"}),
        "CAPTURED": frozenset(),
    },
    "refunds": {
        "REQUESTED": frozenset({"SENDING", "REJECTED", "PROCESSING", "ABNORMAL", "SUCCEEDED", "CLOSED"}),
        "SENDING": frozenset({"UNKNOWN", "PROCESSING", "ABNORMAL", "CLOSED", "REFUSED", "SUCCEEDED"}),
        "UNKNOWN": frozenset({"PROCESSING", "ABNORMAL", "CLOSED", "REFUSED", "SUCCEEDED"}),
        "PROCESSING": frozenset({"ABNORMAL", "CLOSED", "SUCCEEDED"}),
        "ABNORMAL": frozenset({"PROCESSING", "CLOSED", "SUCCEEDED"}),
        "CLOSED": _ENDS,
        "REFUSED": _ENDS,
        "REJECTED": _ENDS,
        "SUCCEEDED": frozenset(),
    },
}
"""Where a state may lead. Read from docs/states.md by hand."""
FINAL_WORDS: dict[str, dict[str, frozenset[str]]] = {
    "payments": {
        "CAPTURED": frozenset({"paid"}),
        "CLOSED": frozenset({"closed", "not_found"}),
        "REFUSED": frozenset({"refused"}),
    },
    "refunds": {
        "SUCCEEDED": frozenset({"succeeded"}),
        "CLOSED": frozenset({"closed"}),
        "REFUSED": frozenset({"refused", "not_found"}),
        "REJECTED": frozenset({"rejected"}),
    },
}
"""What must have been said for a state to be final."""
BETWEEN = {
    "orders": frozenset({"OPEN", "CLOSING"}),
    "payments": frozenset({"SENDING", "UNKNOWN", "PENDING"}),
    "refunds": frozenset({"REQUESTED", "SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL"}),
}
IDS = {"orders": "order_id", "payments": "payment_id", "refunds": "refund_id"}
EVIDENCE = {"payments": "payment_evidence", "refunds": "refund_evidence"}


def never_back(facts: Facts) -> Iterator[str]:
    """Every committed change of state follows the tables, from a beginning on, each from the state before it."""
    stands: dict[tuple[str, str], str] = {}
    for move in facts.get("moves", ()):
        table, key = move["table"], (move["table"], str(move["id"]))
        before, after = move["before"], move["after"]
        if before != stands.get(key):
            yield f"{key} moves from {before} and stands at {stands.get(key)}"
        elif before is None and after not in BEGINNINGS[table]:
            yield f"{key} begins as {after}"
        elif before is not None and after not in WAYS[table][before]:
            yield f"{key} goes from {before} to {after}"
        stands[key] = after
    for table, column in IDS.items():
        for row in rows_of(facts, table) if facts.get("moves") else ():
            if stands.get((table, str(row[column]))) != row["state"]:
                yield f"{table} {row[column]} is {row['state']}, and no move says so"


def evidence_leads_there(facts: Facts) -> Iterator[str]:
    """The kept evidence of a payment or refund is one way through the tables that ends in its state."""
    for table, kept in EVIDENCE.items():
        lines = by(rows_of(facts, kept), IDS[table])
        for row in rows_of(facts, table):
            mine = [one for one in lines.get(row[IDS[table]], ()) if one["state_before"] != one["state_after"]]
            yield from (f"{table} {row[IDS[table]]}: {problem}" for problem in _is_way(table, row, mine))


def _is_way(table: str, row: Row, lines: list[Row]) -> Iterator[str]:
    """Whether the moves can be put in a row from a beginning to the present state: as often in as out, but at the ends."""
    degree: Counter[str] = Counter()
    for line in lines:
        before, after = line["state_before"], line["state_after"]
        if after not in WAYS[table].get(before, ()):
            yield f"evidence moved it from {before} to {after}"
        degree[before] -= 1
        degree[after] += 1
    if not lines:
        if row["state"] not in BEGINNINGS[table]:
            yield f"it is {row['state']} and nothing moved it"
        return
    ends = sorted(state for state, count in degree.items() for _ in range(count) if count > 0)
    begins = sorted(state for state, count in degree.items() for _ in range(-count) if count < 0)
    is_whole = ends == [row["state"]] and len(begins) == 1 and begins[0] in BEGINNINGS[table]
    if not is_whole:
        yield f"its evidence leads from {begins} to {ends}, it is {row['state']}"


def final_by_evidence(facts: Facts) -> Iterator[str]:
    """No final state without the word that makes it final."""
    for table, words in FINAL_WORDS.items():
        lines = by(rows_of(facts, EVIDENCE[table]), IDS[table])
        for row in rows_of(facts, table):
            wanted = words.get(row["state"])
            if wanted is None:
                continue
            said = {one["kind"] for one in lines.get(row[IDS[table]], ()) if one["state_after"] == row["state"]}
            if not said & wanted:
                yield f"{table} {row[IDS[table]]} is {row['state']} and nobody said so"


def nothing_in_between(facts: Facts) -> Iterator[str]:
    """Once the channels answer and time has passed, nothing is unknown, open or waiting, and no job is dead."""
    for row in rows_of(facts, "jobs"):
        if row["state"] == "dead":
            yield f"the job {row['kind']} {row['key']} is dead: {row['last_error']}"
    if not facts.get("is_settled", True):
        return
    for table, states in BETWEEN.items():
        for row in rows_of(facts, table):
            if row["state"] in states:
                yield f"{table} {row[IDS[table]]} is still {row['state']}"


def lives_again(facts: Facts) -> Iterator[str]:
    """After the last fault an ordinary purchase is done in time."""
    probe = facts.get("probe")
    if probe is not None and (probe["seconds"] is None or probe["seconds"] > probe["limit_seconds"]):
        yield f"a purchase after the last fault took {probe['seconds']} s, not {probe['limit_seconds']}"
