"""An office of the merchants' tests: a town whose people log in, with what their authenticators know."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher
from pyotp.totp import TOTP

from merchants.support import RING, Town, found
from shunfu.db import Database, Transaction
from shunfu.kernel.secret import Secret
from shunfu.merchants import Merchant, create_sides, staff

PASSWORD = "correct horse battery"
ORIGIN = "https://pay.example.com"
CHROMIUM, FIREFOX = staff.Visit("Chromium"), staff.Visit("Firefox")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The same algorithm at a cost that tests can pay."""


def typed(code: str) -> staff.Code:
    return staff.Code(Secret(code))


def actor(session: staff.Session, *, is_proved: bool = True) -> staff.Actor:
    """A person in a session, as the console's pages know them."""
    assert session.side is not None
    return staff.Actor(session.staff_id, session.session_id, session.side.merchant_id, is_proved=is_proved)


@dataclass
class Office:
    """A town whose people log in, with what their authenticators know."""

    town: Town
    tools: staff.StaffTools

    async def founding_link(self) -> str:
        link = await self.town.database.transact(lambda tx: staff.make_founding_link(tx, self.town.source))
        assert link is not None
        return link.reveal()

    def owner(self, **changes: str) -> staff.NewOwner:
        told = {"name": "陈梅", "login_name": "mei", "password": PASSWORD, "shop_name": "山前书店", **changes}
        return staff.NewOwner(told["name"], told["login_name"], Secret(told["password"]), told["shop_name"])

    async def accept(self, link: str, **changes: str) -> staff.Opened | str:
        return await staff.accept_link(self.tools, link, self.owner(**changes), CHROMIUM)

    async def session(self, opened: staff.Opened | str) -> staff.Session:
        assert isinstance(opened, staff.Opened), opened
        session = await staff.recognise(self.tools, opened.token.reveal())
        assert session is not None
        return session

    async def enrolled(self, **changes: str) -> tuple[staff.Opened, str]:
        """The first owner inside, and the authenticator's secret."""
        session = await self.session(await self.accept(await self.founding_link(), **changes))
        secret = await self.shown(session)
        opened = await staff.pass_factor(self.tools, session, typed(self.code(secret)), CHROMIUM)
        assert isinstance(opened, staff.Opened), opened
        return opened, secret

    async def shown(self, session: staff.Session) -> str:
        """The secret that a person sets the authenticator up with."""
        enrolment = await staff.enrolment(self.tools, session)
        assert enrolment is not None
        return enrolment.secret.reveal()

    def code(self, secret: str) -> str:
        return TOTP(secret).at(self.town.clock.now())

    async def passes(self, session: staff.Session, secret: str, visit: staff.Visit = FIREFOX) -> staff.Opened | str:
        """Give the second factor with the authenticator's next code."""
        self.town.clock.advance(30)
        return await staff.pass_factor(self.tools, session, typed(self.code(secret)), visit)

    async def enters(self, secret: str, login_name: str = "mei", visit: staff.Visit = FIREFOX) -> staff.Session:
        """Log in by both factors."""
        session = await self.session(await self.log_in(login_name=login_name, visit=visit))
        return await self.session(await self.passes(session, secret, visit))

    async def joins(self, owner: staff.Session, role: staff.Role, login_name: str) -> tuple[staff.Session, str]:
        """Somebody whom an owner invites, inside, and the authenticator's secret."""
        link = await staff.invite(self.tools, actor(owner), role)
        assert isinstance(link, Secret), link
        session = await self.session(await self.accept(link.reveal(), login_name=login_name, name=login_name))
        secret = await self.shown(session)
        return await self.session(await self.passes(session, secret, CHROMIUM)), secret

    async def log_in(
        self, password: str = PASSWORD, login_name: str = "mei", visit: staff.Visit = FIREFOX
    ) -> staff.Opened | str:
        return await staff.log_in(self.tools, login_name, Secret(password), visit)


async def open_office(database: Database) -> Office:
    """A town with nobody in it yet, at an address that passkeys can be made for."""
    town = await found(database)
    passwords = staff.Passwords(QUICK)

    async def founded(tx: Transaction, name: str, actor: str) -> tuple[Merchant, Merchant]:
        return await create_sides(tx, town.source, name, actor=actor)

    tools = staff.StaffTools(database, town.source, RING, passwords, founded, ORIGIN)
    return Office(town, tools)
