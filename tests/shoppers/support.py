"""What the shoppers' tests share: a client that signs in and shows its session, in a flow world."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from flows.world import Said, World, call
from shunfu.kernel.ids import parse_public

SESSIONS = "/v1/shoppers/sessions"
ME = "/v1/shoppers/me"
PHONE = "13800138000"
ADDRESS = {
    "name": "陈梅",
    "phone": "13912345678",
    "province": "云南省",
    "city": "昆明市",
    "district": "五华区",
    "street": "翠湖南路 1 号",
    "postcode": "650031",
    "is_default": True,
}
COMPANY = {
    "kind": "company",
    "title": "山前咖啡有限公司",
    "tax_number": "91530100MA6K5H1X0Q",
    "email": "mei@example.com",
    "is_default": True,
}
PROFILE: dict[str, Any] = {"addresses": [ADDRESS], "phone": PHONE, "invoices": [COMPANY]}


@dataclass
class Client:
    """A mini program that holds nothing but our session."""

    world: World
    merchant: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        self.merchant = self.merchant or self.world.notify_path.split("/")[3]

    @property
    def merchant_id(self) -> UUID:
        """Whose shoppers these are."""
        found = parse_public("mer", self.merchant)
        assert found is not None
        return found

    async def ask(self, method: str, target: str, body: object = None, **headers: str) -> Said:
        """A request that shows the session, if there is one."""
        self.world.keys_made += 1
        told = {"idempotency-key": f"client-{self.world.keys_made}"} if method == "POST" else {}
        told |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        told |= {"content-type": "application/json"} if body is not None else {}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await call(self.world.app, method, target, {**told, **headers}, raw)

    async def try_code(self, who: str = "", channel: str = "", **headers: str) -> Said:
        """Sign in with the sandbox's code of somebody (empty: the shopper whom everybody knows)."""
        code = self.world.line.stage.sandbox.login_code + (f"-{who}" if who else "")
        wish = {"merchant": self.merchant, "channel": channel or self.world.channel, "code": code}
        return await self.ask("POST", SESSIONS, wish, **headers)

    async def sign_in(self, who: str = "") -> Any:
        """Sign in and keep the session; the answer."""
        self.token = ""
        said = await self.try_code(who)
        assert said.status == 201, said.body
        told = said.json()
        self.token = told["token"]
        return told

    def proof(self, phone: str = PHONE) -> str:
        """What the platform gives the client in place of a phone number."""
        stage = self.world.line.stage
        at = stage.at(self.world.clock.now(), self.world.line.entropy())
        return stage.sandbox.verbs.phone_proof(stage.state, phone, at)


def comes_again(world: World) -> None:
    """The WeChat sandbox gives out its codes anew: the same code is a fresh one of the same shopper."""
    stage = world.line.stage
    assert stage.state.beyond.used_codes, "nobody was here"
    world.line.stage = replace(stage, state=replace(stage.state, beyond=replace(stage.state.beyond, used_codes={})))


async def dump(world: World, *left_out: str) -> str:
    """Every row of every table, but for those left out, as text."""
    listed = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shunfu' AND table_type = 'BASE TABLE'"
    )
    found: list[str] = []
    for (table,) in await world.sql(listed):
        if table not in left_out:
            rows = await world.sql(f'SELECT t::text FROM shunfu."{table}" t')
            found += [f"{table}: {row[0]}" for row in rows]
    return "\n".join(found)
