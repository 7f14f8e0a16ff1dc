"""What is seen from outside while a seed runs: every committed change of state, and the cells of the order table.

The tables here are the simulation's own reading of docs/states.md; the rooms' are what is tested.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from checker.facts import snapshot_of
from shunfu.db import Again, ClaimedJob, Done, Handler
from shunfu.kernel.errors import TransientFault
from simulation.loop import Process
from simulation.memory.storage import Change, Row, Store

LIVE = frozenset({"SENDING", "UNKNOWN", "PENDING"})
STATES = {"orders": "order_id", "payments": "payment_id", "refunds": "refund_id"}
ORDER_STATES = ("OPEN", "CLOSING", "PAID", "CLOSED")
ORDER_EVENTS = ("start", "captured", "close_asked", "last_ended")


@dataclass(slots=True)
class Observer:
    """Moves, order cells, snapshots, and jobs that failed for a reason that no fault explains."""

    store: Store
    moves: list[tuple[str, str, str | None, str]] = field(default_factory=list[tuple[str, str, "str | None", str]])
    order_cells: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    snapshots: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    bugs: list[str] = field(default_factory=list[str])

    def see(self, changes: list[Change]) -> None:
        """One commit."""
        before = {}
        for table, old, new in changes:
            if table in STATES and new is not None and (old is None or old["state"] != new["state"]):
                state_before = None if old is None else old["state"]
                self.moves.append((table, str(new[STATES[table]]), state_before, new["state"]))
            if table == "orders" and old is not None:
                before[old["order_id"]] = old["state"]
        for table, old, new in changes:
            if table == "payments" and new is not None:
                self._see_payment(old, new, before)

    def _see_payment(self, old: Row | None, new: Row, before: dict[Any, str]) -> None:
        order_state = before.get(new["order_id"]) or self._order(new)["state"]
        if old is None:
            self.order_cells[order_state, "start"] += 1
        elif old["state"] != "CAPTURED" and new["state"] == "CAPTURED":
            self.order_cells[order_state, "captured"] += 1
        elif old["state"] in LIVE and new["state"] in {"REFUSED", "CLOSED"} and not self._has_live(new):
            self.order_cells[order_state, "last_ended"] += 1

    def _order(self, payment: Row) -> Row:
        row = self.store.tables["orders"].rows[payment["merchant_id"], payment["order_id"]].row
        assert row is not None
        return row

    def order_state(self, merchant_id: Any, order_id: Any) -> str:
        """The state of an order now."""
        slot = self.store.tables["orders"].rows.get((merchant_id, order_id))
        return "" if slot is None or slot.row is None else slot.row["state"]

    def _has_live(self, payment: Row) -> bool:
        slots = self.store.tables["payments"].by(("merchant_id", "order_id"))
        found = slots.get((payment["merchant_id"], payment["order_id"]), {})
        return any(slot.row is not None and slot.row["state"] in LIVE for slot in found)

    def watch(self, process: Process, kind: str, handler: Handler) -> Handler:
        """A handler whose failures are looked at: a fault that passes may happen, anything else is a bug."""

        async def watched(job: ClaimedJob) -> Done | Again:
            if kind == "payments.expire":
                self.order_cells[self.order_state(job.merchant_id, UUID(job.key)), "close_asked"] += 1
            try:
                return await handler(job)
            except TransientFault:
                raise
            except Exception as error:
                if not process.is_dead:
                    self.bugs.append(f"the job {kind} met {type(error).__name__}: {error}")
                raise

        return watched

    def take_snapshot(self) -> None:
        """The sums of one moment, of what is committed."""
        tables = ("payments", "refunds", "accounts", "transfers")
        self.snapshots.append(snapshot_of({table: self.store.committed(table) for table in tables}))
