"""How the driver's errors become ours: passing faults, lost races, constraints and wrong settings.

What is left untranslated is a bug of ours (wrong SQL, a missing GRANT) and crashes. Must not know: any table.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg

from shunfu.kernel.errors import Fault, SetupFault, TransientFault

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""Everything the driver may raise when the database, and not the program, is at fault (TimeoutError is an OSError)."""

_RACES = frozenset({"40001", "40P01"})  # serialization failure, deadlock detected
_PASSING = frozenset({"57P01", "57P02", "57P03", "57P05", "57014", "55P03", "58030", "25P03", "25P04"})
_PASSING_CLASSES = frozenset({"08", "53"})  # connection lost; out of connections, memory or disk
_SETTINGS = frozenset({"28000", "28P01", "3D000"})


class WriteConflict(TransientFault):
    """Two transactions wanted the same rows and this one lost each time it was tried."""


class ConstraintViolated(Fault):
    """A constraint of the database refused the rows. `constraint` is its name, `sqlstate` the class 23 code."""

    def __init__(self, constraint: str, sqlstate: str) -> None:
        super().__init__(f"the constraint {constraint or '(not null)'} refused the rows (SQLSTATE {sqlstate})")
        self.constraint = constraint
        self.sqlstate = sqlstate


@contextmanager
def translating(doing: str) -> Generator[None]:
    """Turn the driver's errors into ours; `doing` says what failed, as in "query get_order"."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translated(error, doing) from error


@contextmanager
def connecting() -> Generator[None]:
    """As `translating`; an address that cannot be read is a `SetupFault`, which does not show it: it has a password."""
    try:
        with translating("connect"):
            yield
    except ValueError as error:  # asyncpg's ClientConfigurationError is one too
        raise SetupFault(
            "the database's URL cannot be read. Write it like postgresql://user:password@host:5432/name."
        ) from error


def translated(error: Exception, doing: str) -> Exception:
    """Our fault for an error of the driver, or the error itself when it is a bug and should crash."""
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error, doing)
    if isinstance(error, asyncpg.InternalClientError):
        # seen when the server dies: its last words reach a connection between two statements
        return TransientFault(f"{doing}: the connection to the database broke ({error})")
    if isinstance(error, asyncpg.InterfaceError):
        is_closed = any(word in str(error) for word in ("closed", "closing", "released"))
        return TransientFault(f"{doing}: the connection to the database is closed") if is_closed else error
    reason = "time ran out" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
    return TransientFault(f"{doing}: the database cannot be reached ({reason})")


def is_broken(fault: BaseException) -> bool:
    """Whether a fault shows that its connection is in no state to be used again."""
    return isinstance(fault.__cause__, asyncpg.InternalClientError)


def _from_server(error: asyncpg.PostgresError, doing: str) -> Exception:
    sqlstate: str = getattr(error, "sqlstate", None) or ""
    if sqlstate in _RACES:
        return WriteConflict(f"{doing}: another transaction won the race (SQLSTATE {sqlstate})")
    if sqlstate.startswith("23"):
        return ConstraintViolated(str(getattr(error, "constraint_name", None) or ""), sqlstate)
    if sqlstate in _PASSING or sqlstate[:2] in _PASSING_CLASSES:
        return TransientFault(f"{doing}: the database does not serve this now (SQLSTATE {sqlstate}: {error})")
    if sqlstate in _SETTINGS:
        return SetupFault(f"the database refused the connection: {error}. Check user, password and name in its URL.")
    return error
