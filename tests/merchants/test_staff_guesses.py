"""Guessing: a name that does not exist costs what one costs that does; strangers close the door for strangers only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import pytest

from db.support import rows
from merchants.office import FIREFOX, PASSWORD, Office, open_office
from shunfu.db import Database, Query, Reader, Transaction
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.merchants import read_audit, staff
from shunfu.merchants.staff.guesses import read_device, write_device

T = TypeVar("T")


@pytest.fixture
async def office(database: Database) -> Office:
    return await open_office(database)


@dataclass
class Watched:
    """A database that notes the name of every statement, whether in a transaction or before one."""

    inner: Database
    seen: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def glancing(self) -> AsyncGenerator[Reader]:
        async with self.inner.glancing() as reader:
            yield cast("Reader", _Noting(reader, self.seen))

    async def transact(self, story: Callable[[Transaction], Awaitable[T]]) -> T:
        self.seen.append("begin")
        return await self.inner.transact(lambda tx: story(cast("Transaction", _Noting(tx, self.seen))))


@dataclass
class _Noting:
    inner: Any
    seen: list[str]

    def __getattr__(self, name: str) -> Any:
        wrapped = getattr(self.inner, name)
        if name not in {"fetch", "fetch_row", "fetch_value", "execute"}:
            return wrapped

        async def noting(query: Query, *args: object) -> Any:
            self.seen.append(query.name)
            return await wrapped(query, *args)

        return noting


async def statements(office: Office, login_name: str, password: str) -> list[str]:
    watched = Watched(office.town.database)
    tools = replace(office.tools, database=cast("Database", watched))
    assert await staff.log_in(tools, login_name, Secret(password), FIREFOX) == "wrong"
    return watched.seen


async def test_an_unknown_name_costs_the_same_statements_as_a_wrong_password(office: Office) -> None:
    """A55. Up to the lock, at the lock, and behind it."""
    await office.enrolled()
    for number in range(8):
        known = await statements(office, "mei", "a wrong password")
        unknown = await statements(office, "nobody", "a wrong password")
        assert known == unknown, number
        assert known[:3] == ["find_staff", "begin", "hold_guesses"]
    assert await statements(office, "mei", PASSWORD) == await statements(office, "nobody", PASSWORD), "locked"
    async with office.town.database.reading() as reader:
        locked = [
            row.entry.actor for row in await read_audit(reader, PLATFORM, 50) if row.entry.action == "staff.locked"
        ]
    assert locked[0] == "stranger", "who was guessed at, is nobody"
    assert sum(one.startswith("stf_") for one in locked) == sum(one == "stranger" for one in locked) == 1


async def test_unknown_names_fill_no_table(office: Office) -> None:
    for number in range(300):
        await office.log_in("a wrong password", f"nobody-{number}")
    assert (await rows(office.town.database, "SELECT count(*) <= 256 FROM staff_guesses"))[0] == (True,)


async def test_a_known_browsers_door_stays_open_while_strangers_guess(office: Office) -> None:
    opened, secret = await office.enrolled()
    assert opened.device is not None
    known = staff.Visit("Chromium", opened.device.reveal())
    for _ in range(7):
        assert await office.log_in("a wrong password") == "wrong"
    assert await office.log_in() == "wrong", "locked for a browser that nobody knows"
    session = await office.session(await office.log_in(visit=known))
    inside = await office.passes(session, secret, known)
    assert isinstance(inside, staff.Opened)
    assert inside.device is not None
    assert inside.device.reveal() == opened.device.reveal(), "one cookie a browser"
    assert await office.log_in() == "wrong", "strangers' guesses are not forgiven by that"


async def test_a_known_browser_is_no_way_to_guess_more(office: Office) -> None:
    opened, _ = await office.enrolled()
    assert opened.device is not None
    known = staff.Visit("Chromium", opened.device.reveal())
    for _ in range(6):
        await office.log_in("a wrong password", visit=known)
    assert await office.log_in(visit=known) == "wrong", "its own counter is locked"
    assert isinstance(await office.log_in(), staff.Opened), "and only its own"


async def test_a_device_cookie_is_one_persons_and_is_not_made_by_anybody_else(office: Office) -> None:
    opened, _ = await office.enrolled()
    owner = await office.session(opened)
    lin, _ = await office.joins(owner, "viewer", "lin")
    assert opened.device is not None
    signer, text = office.tools.ring.signer, opened.device.reveal()
    device_id = read_device(signer, owner.staff_id, text)
    assert device_id is not None
    assert read_device(signer, lin.staff_id, text) is None
    assert read_device(signer, owner.staff_id, text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    assert write_device(signer, lin.staff_id, device_id).reveal() != text
    for forged in ("", "x", text[:26], text.lower(), "é" * 48):
        assert read_device(signer, owner.staff_id, forged) is None, forged
    for _ in range(6):
        await office.log_in("a wrong password", "lin", staff.Visit("", text))
    assert await office.log_in(login_name="lin", visit=staff.Visit("", text)) == "wrong", (
        "another's cookie counts as none"
    )
