"""Rows with versions and locks, as PostgreSQL keeps them: what a transaction sees, whom it waits for, what it may write.

The model of READ COMMITTED and REPEATABLE READ that the simulation runs on. A statement that meets another's lock raises
`Blocked`, with nothing of it done; whoever drives it waits and runs it again on its old snapshot, and the locked rows are
then the newest ones. Source: PostgreSQL manual, 13.2 (transaction isolation) and 13.3 (explicit locking).
Must not know: SQL text, coroutines, time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any

Row = dict[str, Any]
Key = tuple[Any, ...]
Change = tuple[str, Row | None, Row | None]
"""Table, row before and row after a commit; None for a row that is not there."""


class Blocked(Exception):
    """Another transaction holds what this statement needs."""

    def __init__(self, owner: Work) -> None:
        super().__init__("waits for another transaction")
        self.owner = owner


class Violated(Exception):
    """A constraint refused a row: its kind (unique, check, not_null, foreign_key) and its name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind, self.name = kind, name


@cache
def picker(columns: tuple[str, ...]) -> Callable[[Row], Key]:
    """A function that gives these columns of a row."""
    if len(columns) == 1:
        (name,) = columns
        return lambda row: (row[name],)
    return itemgetter(*columns)


class Unique:
    """A unique key: its columns, and the rows that it is about (all, unless it is partial)."""

    __slots__ = ("_pick", "columns", "covers", "name")

    def __init__(self, name: str, columns: tuple[str, ...], covers: Callable[[Row], bool] | None = None) -> None:
        self.name, self.columns, self.covers = name, columns, covers
        self._pick = picker(columns)

    def key(self, row: Row) -> Key | None:
        """The row's key; None when a part is NULL or the row is not covered."""
        if self.covers is not None and not self.covers(row):
            return None
        key = self._pick(row)
        return None if None in key else key


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign key: the columns here, and the table and columns there."""

    name: str
    columns: tuple[str, ...]
    table: str
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the migrations made it. `check` names what is wrong with a row as (kind, name), or None."""

    name: str
    defaults: Mapping[str, Any]
    not_null: frozenset[str]
    uniques: tuple[Unique, ...]
    foreign: tuple[Foreign, ...]
    check: Callable[[Row], tuple[str, str] | None]


class Slot:
    """One row's place: the newest committed version, older ones while somebody may see them, and who is writing it."""

    __slots__ = ("command", "older", "owner", "pending", "prior", "row", "seq", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.row: Row | None = None
        self.seq = 0
        self.older: tuple[Row | None, int, Any] | None = None
        self.owner: Work | None = None
        self.pending: Row | None = None
        self.prior: Row | None = None
        self.command = 0


class Table:
    """The slots of one table, by each unique key and by whatever columns statements look for."""

    __slots__ = ("by_key", "indexes", "keys", "name", "rows", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.name = shape.name
        self.keys: list[tuple[Unique, dict[Key, Slot]]] = [(unique, {}) for unique in shape.uniques]
        self.by_key = {unique.columns: found for unique, found in self.keys if unique.covers is None}
        self.rows = self.keys[0][1]
        self.indexes: dict[tuple[str, ...], tuple[Callable[[Row], Key], dict[Key, dict[Slot, None]]]] = {}

    def by(self, columns: tuple[str, ...]) -> dict[Key, dict[Slot, None]]:
        """Slots by these columns: at least those that fit, perhaps some that no longer do."""
        known = self.indexes.get(columns)
        if known is not None:
            return known[1]
        pick, found = picker(columns), dict[Key, dict[Slot, None]]()
        self.indexes[columns] = (pick, found)
        for slot in self.rows.values():
            for row in (slot.row, slot.pending):
                if row is not None:
                    found.setdefault(pick(row), {})[slot] = None
        return found

    def index(self, slot: Slot, row: Row, before: Row | None) -> None:
        """Make a slot findable by a version of its row."""
        for pick, found in self.indexes.values():
            key = pick(row)
            if before is None or key != pick(before):
                found.setdefault(key, {})[slot] = None

    def forget(self, slot: Slot, old: Row, new: Row | None) -> None:
        """Nobody sees the old version any more."""
        for pick, found in self.indexes.values():
            key = pick(old)
            if new is None or key != pick(new):
                found.get(key, {}).pop(slot, None)


class Store:
    """All tables and the count of commits. `snapshots` is how many sessions still look at an older moment."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.tables = {name: Table(shape) for name, shape in shapes.items()}
        self.seq = 0
        self.snapshots = 0
        self.observers: list[Callable[[list[Change]], None]] = []

    def committed(self, table: str) -> list[Row]:
        """The rows of a table as anybody sees them now."""
        return [slot.row for slot in self.tables[table].rows.values() if slot.row is not None]


@dataclass(slots=True, eq=False)
class Work:
    """One transaction: what it has written or locked, whom it waits for, and who waits for it."""

    store: Store
    slots: dict[Slot, None] = field(default_factory=dict[Slot, None])
    commands: int = 0
    waits_for: Work | None = None
    waiters: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    snapshot: int | None = None
    is_over: bool = False

    def commit(self) -> None:
        """Everybody sees what was written."""
        store = self.store
        changes: list[Change] = []
        store.seq += 1
        for slot in self.slots:
            old, new = slot.row, slot.pending
            if new is not old:
                changes.append((slot.table.name, old, new))
                slot.older = (old, slot.seq, slot.older) if store.snapshots else None
                slot.row, slot.seq = new, store.seq
                if old is not None and not store.snapshots:
                    slot.table.forget(slot, old, new)
        self._end()
        for observe in store.observers if changes else ():
            observe(changes)

    def rollback(self) -> None:
        """Nothing was ever written."""
        if not self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        for slot in self.slots:
            slot.owner = slot.pending = slot.prior = None
        waiters, self.waiters = self.waiters, []
        for wake in waiters:
            wake()

    def is_deadlock(self) -> bool:
        """Whether the chain of those waited for leads back here."""
        seen = self.waits_for
        while seen is not None and seen is not self:
            seen = seen.waits_for
        return seen is self


class Statement:
    """One statement of a transaction, on one moment of the data."""

    __slots__ = ("command", "snapshot", "store", "tables", "undo", "work")

    def __init__(self, work: Work, snapshot: int) -> None:
        self.work = work
        self.store = work.store
        self.tables = work.store.tables
        self.snapshot = snapshot
        work.commands += 1
        self.command = work.commands
        self.undo: list[tuple[Slot, Any, Any, Any, int]] = []

    def see(self, slot: Slot) -> Row | None:
        """The version that this statement sees: its own transaction's from before it, or a committed one."""
        if slot.owner is self.work:
            return slot.pending if slot.command < self.command else slot.prior
        if slot.seq <= self.snapshot:
            return slot.row
        older = slot.older
        while older is not None:
            row, seq, older = older
            if seq <= self.snapshot:
                return row
        return None

    def take(self, slot: Slot) -> Row | None:
        """Lock a row and give its newest version; None when it is gone."""
        if slot.owner is self.work:
            return slot.pending
        if slot.owner is not None:
            raise Blocked(slot.owner)
        self.undo.append((slot, None, None, None, slot.command))
        slot.owner, slot.pending, slot.prior, slot.command = self.work, slot.row, slot.row, 0
        self.work.slots[slot] = None
        return slot.row

    def is_held(self, slot: Slot) -> bool:
        """Whether another transaction has locked a row."""
        return slot.owner is not None and slot.owner is not self.work

    def insert(self, table: Table, row: Row) -> None:
        """Write a new row."""
        _checked(table, row)
        for unique, found in table.keys:
            key = unique.key(row)
            taken = found.get(key) if key is not None else None
            if taken is not None and self._holds(taken, unique, key):
                raise Violated("unique", unique.name)
        for foreign in table.shape.foreign:
            self._refer(foreign, row)
        first, rows = table.keys[0]
        key = first.key(row)
        assert key is not None, "a primary key has no NULL"
        slot = rows.get(key) or Slot(table)
        self._write(slot, row, None)

    def rival(self, table: Table, row: Row, columns: tuple[str, ...]) -> Slot | None:
        """The row that an ON CONFLICT meets: on a unique key of these columns, or on any when none are named."""
        for unique, found in table.keys:
            if columns in {(), unique.columns}:
                key = unique.key(row)
                slot = found.get(key) if key is not None else None
                if slot is not None and self._holds(slot, unique, key):
                    return slot
        return None

    def update(self, slot: Slot, new: Row) -> None:
        """Write a new version of a row that was taken."""
        table, old = slot.table, slot.pending
        _checked(table, new)
        for unique, found in table.keys[1:]:
            key = unique.key(new)
            taken = found.get(key) if key is not None else None
            if taken is not None and taken is not slot and self._holds(taken, unique, key):
                raise Violated("unique", unique.name)
        self._write(slot, new, old)

    def delete(self, slot: Slot) -> None:
        """Take a row away that was taken."""
        self._write(slot, None, None)

    def take_back(self) -> None:
        """Undo what this statement did."""
        for slot, owner, pending, prior, command in reversed(self.undo):
            slot.owner, slot.pending, slot.prior, slot.command = owner, pending, prior, command
            if owner is None:
                self.work.slots.pop(slot, None)
        self.undo.clear()

    def _write(self, slot: Slot, new: Row | None, before: Row | None) -> None:
        mine = slot.owner is self.work
        self.undo.append((slot, slot.owner, slot.pending, slot.prior, slot.command))
        if not mine:
            slot.prior = slot.row
        elif slot.command < self.command:
            slot.prior = slot.pending
        slot.owner, slot.pending, slot.command = self.work, new, self.command
        self.work.slots[slot] = None
        if new is not None:
            table = slot.table
            for unique, found in table.keys:
                key = unique.key(new)
                if key is not None:
                    found[key] = slot
            table.index(slot, new, before)

    def _holds(self, slot: Slot, unique: Unique, key: Key | None) -> bool:
        """Whether a row holds this key for good; who is just writing such a row is waited for."""
        if slot.owner is None or slot.owner is self.work:
            row = slot.row if slot.owner is None else slot.pending
            return row is not None and unique.key(row) == key
        fits = [row is not None and unique.key(row) == key for row in (slot.row, slot.pending)]
        if slot.pending is slot.row:  # only locked
            return fits[0]
        if any(fits):
            raise Blocked(slot.owner)
        return False

    def _refer(self, foreign: Foreign, row: Row) -> None:
        key = tuple(row[column] for column in foreign.columns)
        if None in key:
            return
        slot = self.tables[foreign.table].by_key[foreign.there].get(key)
        if slot is not None and slot.owner is not None and slot.owner is not self.work and slot.row is None:
            raise Blocked(slot.owner)
        there = None if slot is None else slot.pending if slot.owner is self.work else slot.row
        if there is None:
            raise Violated("foreign_key", foreign.name)


def _checked(table: Table, row: Row) -> None:
    problem = table.shape.check(row)
    if problem is not None:
        raise Violated(*problem)
