"""A console over a world of the flow tests, and who sits at it. Log-in is left out: a header says who looks."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI, Request

from flows.world import Said, World, call, make_world
from shunfu.app.key_checks import list_every_expiry
from shunfu.app.told import told_to_merchant
from shunfu.console import sections
from shunfu.console.api import ConsoleTools
from shunfu.console.forms import Forms
from shunfu.console.model import Visitor
from shunfu.db import Database
from shunfu.kernel.caller import Caller
from shunfu.kernel.ids import parse_public
from shunfu.merchants.staff import CAPABILITIES, Passwords, StaffTools

READS = frozenset({"orders:read", "payments:read", "refunds:read"})
FORM = {"host": "localhost", "content-type": "application/x-www-form-urlencoded"}


@dataclass
class Desk:
    """A console over a world, and who sits at it."""

    world: World
    app: FastAPI
    forms: Forms
    kept: list[ConsoleTools] = field(default_factory=list)
    visitors: dict[str, Visitor] = field(default_factory=dict)

    @property
    def tools(self) -> ConsoleTools:
        """What the pages are made with."""
        return self.kept[0]

    async def get(self, target: str, who: str = "ours", headers: Mapping[str, str] | None = None) -> Said:
        return await call(self.app, "GET", target, {"x-who": who, **(headers or {})}, b"")

    async def text(self, target: str, who: str = "ours") -> str:
        """The words of a page that must be there."""
        said = await self.get(target, who)
        assert said.status == 200, said.body.decode()
        return said.body.decode()

    async def post(self, target: str, who: str = "owner", origin: str = "http://localhost", **fields: str) -> Said:
        """Send a form as a page of ours does it."""
        told = {"form_token": self.visitors[who].form_token, **fields} if who in self.visitors else fields
        headers = {**FORM, "origin": origin, "x-who": who}
        return await call(self.app, "POST", target, headers, urlencode(told).encode())

    async def does(self, target: str, note: str, who: str = "owner", **fields: str) -> str:
        """Send a form that must succeed and say so; where it led to."""
        said = await self.post(target, who, **fields)
        assert said.status == 303, said.body.decode()
        place = said.headers["location"]
        assert place.endswith(f"done={note}"), place
        return place

    def made_id(self, who: str) -> str:
        """The id that a form of somebody's session carries."""
        return self.forms.write_id(self.visitors[who].session_id, self.world.house.source.new_id())

    def sits(self, who: str, role: str, number: int, *, is_proved: bool = True, merchant: str = "ours") -> None:
        """Let a person of a role sit at the desk."""
        mine = self.visitors[merchant].caller.merchant_id
        caller = Caller(mine, "staff", f"stf_{number}", CAPABILITIES[role], is_live=False)
        made = visitor(mine)
        session = UUID(int=number)
        token = self.forms.token(session)
        self.visitors[who] = replace(
            made, caller=caller, role=role, form_token=token, session_id=session, is_proved=is_proved
        )


def merchant_of(key: str) -> UUID:
    found = parse_public("mer", f"mer_{key.split('_')[2]}")
    assert found is not None
    return found


def visitor(merchant_id: UUID, capabilities: frozenset[str] = READS) -> Visitor:
    caller = Caller(merchant_id, "staff", "stf_x", capabilities, is_live=False)
    return Visitor(caller, "周宁", "operator", "山前咖啡", "test", "token", UUID(int=1))


async def make_desk(database: Database) -> Desk:
    """A desk with readers, an owner, a second one, one whose proof is old, and another merchant's owner."""
    world = await make_world(database)
    app = FastAPI(openapi_url=None)
    house = world.house
    forms = Forms(house.ring.signer, "http://localhost")
    made = Desk(world, app, forms)
    ours, theirs = merchant_of(world.api_key), merchant_of(world.other_key)
    made.visitors |= {
        "ours": visitor(ours),
        "theirs": visitor(theirs),
        "orders only": visitor(ours, frozenset({"orders:read"})),
        "nothing": visitor(ours, frozenset()),
    }
    for number, (who, role) in enumerate((("owner", "owner"), ("finance", "finance"), ("viewer", "viewer")), 11):
        made.sits(who, role, number)
    made.sits("second", "owner", 21)
    made.sits("stale", "owner", 22, is_proved=False)
    made.sits("stranger", "owner", 23, merchant="theirs")

    async def recognise(request: Request) -> Visitor | None:
        return made.visitors.get(request.headers.get("x-who", ""))

    tools = ConsoleTools(
        payments=house.payments,
        refunds=house.refunds,
        reconcile=house.reconcile,
        webhooks=house.webhooks,
        teller=told_to_merchant,
        recognise=recognise,
        watch=recognise,
        signer=house.ring.signer,
        forms=made.forms,
        menu=sections.MENU,
        look_seconds=0.05,
        expiries=partial(list_every_expiry, house.expiry),
        staff=StaffTools(house.database, house.source, house.ring, Passwords(), house.found_sides, "http://localhost"),
    )
    made.kept.append(tools)
    app.include_router(sections.make_router(tools))
    return made


async def paid(world: World, **changes: object) -> tuple[str, str]:
    order = await world.order(**changes)
    payment_id = (await world.pay(order["id"])).json()["id"]
    await world.shopper_pays(payment_id)
    return order["id"], payment_id


async def refunded(world: World, payment_id: str, amount_minor: int = 2800, reason: str = "少了一件") -> str:
    said = await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": amount_minor, "reason": reason})
    assert said.status == 201, said.body
    await world.work()
    return said.json()["id"]


def plain(page: str) -> str:
    """A page's text without its tags."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))
