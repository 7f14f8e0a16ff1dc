"""What many seeds came to: faults by class, cells of the tables, rare branches, statements, and what failed.

`BRANCHES` are the things that must have happened at least once: a simulation that never reaches them proves nothing
about them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulation.chance import RATES
from simulation.observing import ORDER_EVENTS, ORDER_STATES

if TYPE_CHECKING:
    from simulation.running import Outcome, Play


def _alarm(name: str) -> Callable[[Play], bool]:
    def sounded(play: Play) -> bool:
        rows = [*play.store.committed("payment_evidence"), *play.store.committed("refund_evidence")]
        return any(row["alarm"] == name for row in rows)

    return sounded


def _answered(code: str) -> Callable[[Play], bool]:
    text = f'"/problems/{code}"'
    return lambda play: any(text in answer["body"] for answer in play.clients.answers)


def _redeemed(*states: str) -> Callable[[Play], bool]:
    return lambda play: any(row["state"] in states for row in play.store.committed("offer_redemptions"))


def _gone(reason: str) -> Callable[[Play], bool]:
    text = f'"reason":"{reason}"'
    return lambda play: any(
        "/problems/offer_gone" in answer["body"] and text in answer["body"] for answer in play.clients.answers
    )


def _refund(**columns: object) -> Callable[[Play], bool]:
    def is_there(play: Play) -> bool:
        return any(
            all(row[name] == value for name, value in columns.items()) for row in play.store.committed("refunds")
        )

    return is_there


def _moved(table: str, before: str, after: str) -> Callable[[Play], bool]:
    return lambda play: any((one[0], one[2], one[3]) == (table, before, after) for one in play.observer.moves)


def _in_vain(name: str) -> Callable[[Play], bool]:
    """A statement ran and found nothing to change."""
    return lambda play: play.site.server.ran[name] > play.site.server.touched[name]


def _touched(name: str) -> Callable[[Play], bool]:
    return lambda play: play.site.server.touched[name] > 0


def _delivery(**columns: object) -> Callable[[Play], bool]:
    def is_there(play: Play) -> bool:
        rows = play.store.committed("webhook_deliveries")
        return any(all(row[name] == value for name, value in columns.items()) for row in rows)

    return is_there


def _twice(play: Play) -> bool:
    """The receiver got one message more than once."""
    ids = [one["id"] for one in play.site.receiver.got]
    return len(ids) > len(set(ids))


def _sent_again(play: Play) -> bool:
    lines = Counter(row["payment_id"] for row in play.store.committed("payment_evidence") if row["door"] == "reply")
    return any(count > 1 for count in lines.values())


BRANCHES: dict[str, Callable[[Play], bool]] = {
    "money came for an order that was closing": _moved("orders", "CLOSING", "PAID"),
    "money came for a payment that had been closed": _moved("payments", "CLOSED", "CAPTURED"),
    "money came for a payment that had been refused": _moved("payments", "REFUSED", "CAPTURED"),
    "a surplus refunded itself": _refund(is_automatic=True, state="SUCCEEDED"),
    "a surplus was noticed": _alarm("surplus"),
    "a refund succeeded after its end": _alarm("late_refund"),
    "a refund succeeded with nothing left": _refund(is_over=True),
    "a refund turned abnormal": _alarm("refund_abnormal"),
    "a refund was refused": _moved("refunds", "SENDING", "REFUSED"),
    "a refund was refused only after two questions": _moved("refunds", "UNKNOWN", "REFUSED"),
    "a refund was rejected": _refund(state="REJECTED"),
    "a refund was sent more than once": lambda play: any(row["sends"] > 1 for row in play.store.committed("refunds")),
    "a payment was sent again": _sent_again,
    "a result stayed unknown too long": _alarm("unknown_too_long"),
    "a refund stayed unknown too long": _alarm("refund_unknown_too_long"),
    "two refunds wanted more than there was": _answered("amount_exceeds_refundable"),
    "a second payment was refused while the first was unknown": _answered("payment_unknown"),
    "a payment took something off": _redeemed("HELD", "USED", "RETURNED"),
    "an offer was used": _redeemed("USED"),
    "an offer was given back": _redeemed("RETURNED"),
    "an offer was gone": _answered("offer_gone"),
    "a shopper had had an offer": _gone("had_it"),
    "an offer was used up": _gone("out_of_stock"),
    "an offer had ended": _gone("ended"),
    "an order needed more of the shopper": _answered("contact_missing"),
    "a contact was kept": _touched("payments.save_contact"),
    "a request was in flight": _answered("request_in_flight"),
    "a key came with another body": _answered("idempotency_key_reused"),
    "a request was taken over from a dead server": _touched("app.take_over_request"),
    "the same key was answered again": lambda play: _answered_again(play),
    "a stale holder could not store its answer": _in_vain("app.finish_request"),
    "a job's lease was lost while it ran": _in_vain("db.finish_job"),
    "a job failed and came again": _touched("db.fail_job"),
    "a transaction waited for another": lambda play: play.site.server.waits > 0,
    "a merchant order number was used twice": lambda play: play.site.server.violations > 0,
    "a notification was a duplicate": lambda play: _verdict(play, "duplicate"),
    "a notification was refused": lambda play: _verdict(play, "refused"),
    "a webhook came twice": _twice,
    "a webhook was replayed by hand": _delivery(is_replay=True),
    "an endpoint was disabled": lambda play: play.healing_helped["enabled"] > 0,
    "only the statement found the money": lambda play: play.healing_helped["statement"] > 0,
    "a webhook was overtaken and replayed by hand": lambda play: play.healing_helped["replayed"] > 0,
    "a person had to close a refund": lambda play: play.healing_helped["absent"] > 0,
}


def _answered_again(play: Play) -> bool:
    places = Counter((one["path"], one["key"]) for one in play.clients.answers if one["status"] in {200, 201})
    return any(count > 1 for count in places.values())


def _verdict(play: Play, verdict: str) -> bool:
    return any(row["verdict"] == verdict for row in play.store.committed("notifications"))


@dataclass(slots=True)
class Tally:
    """The sums over seeds."""

    seeds: int = 0
    operations: int = 0
    operations_min: int = 1 << 30
    orders_min: int = 1 << 30
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    payment_cells: Counter[str] = field(default_factory=Counter[str])
    refund_cells: Counter[str] = field(default_factory=Counter[str])
    order_cells: Counter[str] = field(default_factory=Counter[str])
    branches: Counter[str] = field(default_factory=Counter[str])
    statements: Counter[str] = field(default_factory=Counter[str])
    alarms: Counter[str] = field(default_factory=Counter[str])
    probe_seconds_max: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, outcome: Outcome) -> None:
        """One seed's outcome."""
        self.seeds += 1
        if outcome.problems:
            self.failures.append({"seed": outcome.seed, "problems": outcome.problems[:10]})
        play = outcome.play
        self.operations += play.operations
        self.operations_min = min(self.operations_min, play.operations)
        self.orders_min = min(self.orders_min, play.orders)
        self.steps += play.world.loop.steps
        self.faults.update(play.world.chance.counts)
        self.statements.update(play.site.server.ran)
        self.order_cells.update(f"{state} {event}" for state, event in play.observer.order_cells)
        for row in play.store.committed("payment_evidence"):
            self.payment_cells[f"{row['state_before']} {row['kind']}"] += 1
            self.alarms.update([row["alarm"]] if row["alarm"] else [])
        for row in play.store.committed("refund_evidence"):
            self.refund_cells[f"{row['state_before']} {row['kind']}"] += row["door"] != "person"
            self.alarms.update([row["alarm"]] if row["alarm"] else [])
        self.branches.update(name for name, happened in BRANCHES.items() if happened(play))
        self.probe_seconds_max = max(self.probe_seconds_max, outcome.probe_seconds)

    def join(self, other: Tally) -> None:
        """Another worker's sums."""
        self.seeds += other.seeds
        self.operations += other.operations
        self.steps += other.steps
        self.operations_min = min(self.operations_min, other.operations_min)
        self.orders_min = min(self.orders_min, other.orders_min)
        self.probe_seconds_max = max(self.probe_seconds_max, other.probe_seconds_max)
        self.failures += other.failures
        for name in ("faults", "payment_cells", "refund_cells", "order_cells", "branches", "statements", "alarms"):
            getattr(self, name).update(getattr(other, name))

    def missing(self) -> dict[str, list[str]]:
        """What never happened and should have: faults, cells, branches."""
        return {
            "faults": _absent(self.faults, RATES),
            "payment_cells": _absent(self.payment_cells, payment_cells()),
            "refund_cells": _absent(self.refund_cells, refund_cells()),
            "order_cells": _absent(self.order_cells, order_cells()),
            "branches": _absent(self.branches, BRANCHES),
        }

    def as_json(self, seconds: float) -> str:
        """The results as one JSON document."""
        told = {
            "seeds": self.seeds,
            "operations": self.operations,
            "operations_min": self.operations_min,
            "orders_min": self.orders_min,
            "steps": self.steps,
            "seconds": round(seconds, 1),
            "probe_seconds_max": round(self.probe_seconds_max, 3),
            "faults": dict(sorted(self.faults.items())),
            "payment_cells": dict(sorted(self.payment_cells.items())),
            "refund_cells": dict(sorted(self.refund_cells.items())),
            "order_cells": dict(sorted(self.order_cells.items())),
            "branches": dict(sorted(self.branches.items())),
            "alarms": dict(sorted(self.alarms.items())),
            "statements": dict(sorted(self.statements.items())),
            "missing": {name: found for name, found in self.missing().items() if found},
            "failures": self.failures,
        }
        return json.dumps(told, ensure_ascii=False, indent=2)


def _absent(found: Counter[str], wanted: Iterable[str]) -> list[str]:
    return [name for name in wanted if found[name] <= 0]


def payment_cells() -> list[str]:
    """Every cell of the payment table."""
    kinds = ("accepted", "refused", "unknown", "not_paid", "paid", "closed", "not_found")
    states = ("SENDING", "UNKNOWN", "PENDING", "REFUSED", "CLOSED", "CAPTURED")
    return [f"{state} {kind}" for state in states for kind in kinds]


def refund_cells() -> list[str]:
    """Every cell of the refund table."""
    kinds = (
        "accepted", "not_yet", "refused", "unknown", "not_found", "processing", "abnormal", "succeeded", "closed",
    )  # fmt: skip
    states = (
        "REQUESTED", "SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL", "CLOSED", "REFUSED", "REJECTED", "SUCCEEDED",
    )  # fmt: skip
    return [f"{state} {kind}" for state in states for kind in kinds]


def order_cells() -> list[str]:
    """Every cell of the order table but those that cannot be: an order that ended has no live payment left to end."""
    return [
        f"{state} {event}"
        for state in ORDER_STATES
        for event in ORDER_EVENTS
        if (state, event) != ("CLOSED", "last_ended")
    ]
