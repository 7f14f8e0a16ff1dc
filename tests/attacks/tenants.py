"""Two merchants with something of everything, for the walks over every route with what is another's.

`filled` puts the victim's own id into each parameter of a path by its name: a route with a parameter that is not known
here fails the walk until it has a line in `Tenants.ids`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flows.test_reconcile import a_day, paid, reconciled, spoil
from flows.test_refund import second_key
from flows.world import Said, World, call, make_world
from shunfu.db import Database, Urls
from shunfu.db.driver import session
from shunfu.kernel.ids import parse_public
from webhooks.support import Server

PARAMETER = re.compile(r"\{(\w+)\}")
BIG_MINOR = 900_000
"""A refund of so much waits for a second key."""
HOOK = {"url": "https://hooks.example.com/shunfu"}
OFFER = {
    "name": "减一元",
    "kind": "amount_off",
    "amount_minor": 100,
    "currency": "CNY",
    "ends_at": "2036-01-01T00:00:00Z",
}


@dataclass
class Tenants:
    """The victim is `world`'s own test side; strangers are its live side and another organisation."""

    world: World
    ids: dict[str, str] = field(default_factory=dict[str, str])
    cursors: dict[str, str] = field(default_factory=dict[str, str])
    approver: str = ""

    @property
    def strangers(self) -> dict[str, str]:
        """Keys that must see nothing of the victim's."""
        return {"another organisation": self.world.other_key, "the other side": self.world.live_key}

    @property
    def merchant_id(self) -> Any:
        """Whose rows must stay as they are."""
        return parse_public("mer", f"mer_{self.world.api_key.split('_')[2]}")

    def filled(self, path: str, **instead: str) -> str:
        """A route's path with the victim's ids."""
        unknown = set(PARAMETER.findall(path)) - self.ids.keys() - instead.keys()
        assert not unknown, f"{path}: give the victim's own {unknown} to Tenants.ids, so that this route is walked"
        return PARAMETER.sub(lambda found: {**self.ids, **instead}[found[1]], path)

    async def ask(self, key: str, method: str, target: str, body: object = None, idempotency_key: str = "") -> Said:
        """A request with some key; a POST has an idempotency key of its own unless given."""
        self.world.keys_made += 1
        headers = {"authorization": f"Bearer {key}"}
        if method != "GET":
            headers |= {"content-type": "application/json"}
            headers |= {"idempotency-key": idempotency_key or f"attack-{self.world.keys_made}"}
        raw = b"" if method == "GET" else json.dumps(body if body is not None else {}).encode()
        return await call(self.world.app, method, target, headers, raw)

    def betrayed(self, body: bytes) -> list[str]:
        """Which of the victim's ids stand in an answer."""
        text = body.decode("utf-8", "replace")
        return sorted(name for name, told in self.ids.items() if told in text)


async def make_tenants(database: Database) -> Tenants:
    """The victim has orders, payments, refunds, webhooks, runs and breaks, two of each at least."""
    world = await make_world(database, carrier=Server())
    tenants = Tenants(world)
    endpoints = [await _made(world, "/v1/webhook_endpoints", HOOK) for _ in range(2)]
    await a_day(world)
    payment_id = await paid(world, BIG_MINOR)
    wish = {"amount_minor": BIG_MINOR // 2 + 100_000, "reason": "少一件"}
    world.clock.instant = datetime(2026, 1, 2, 4, tzinfo=UTC) + timedelta(hours=1)
    await reconciled(world, date(2026, 1, 1))
    spoil(world, rows_missing=1, rows_extra=1)
    run = await reconciled(world, date(2026, 1, 1))
    breaks = await _items(world, "/v1/reconcile/breaks?limit=100")
    refund = await _made(world, f"/v1/payments/{payment_id}/refunds", wish)
    messages = await _items(world, "/v1/webhook_messages?limit=100")
    order = await world.order()
    offers = [await _made(world, "/v1/offers", OFFER) for _ in range(2)]
    tenants.approver = await second_key(world)
    tenants.ids = {
        "order_id": order["id"],
        "payment_id": payment_id,
        "refund_id": refund["id"],
        "endpoint_id": endpoints[0]["id"],
        "message_id": messages[0]["id"],
        "run_id": run["id"],
        "break_id": next(one["id"] for one in breaks if one["kind"] == "missing_there"),
        "offer_id": offers[0]["id"],
        "account_id": world.notify_path.rpartition("/")[2],
        "merchant": world.notify_path.split("/")[3],
        "checkout_token": order["checkout_url"].rpartition("/")[2],
    }
    for path in ("orders", "offers", "refunds", "webhook_endpoints", "reconcile/runs", "reconcile/breaks"):
        page = (await world.get(f"/v1/{path}?limit=1")).json()
        assert page["next_cursor"], f"{path} has no second page"
        tenants.cursors[f"/v1/{path}"] = page["next_cursor"]
    return tenants


async def fingerprint(urls: Urls, merchant_id: Any) -> dict[str, str]:
    """Every table's rows of one merchant, as a hash: what another does must not change one of them."""
    found: dict[str, str] = {}
    async with session(urls.admin_url) as connection:
        tables = await connection.fetch(
            "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE a.attname = 'merchant_id' AND c.relkind IN ('r', 'p') ORDER BY 1"
        )
        assert len(tables) > 20, "the tables were not found"
        for table in tables:
            hashed = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) || count(*)"
            of_theirs = f"SELECT {hashed} AS told FROM {table['name']} t WHERE merchant_id = $1"
            found[table["name"]] = (await connection.fetch(of_theirs, merchant_id))[0]["told"]
    return found


async def _made(world: World, path: str, body: object) -> Any:
    said = await world.post(path, body)
    assert said.status == 201, said.body
    return said.json()


async def _items(world: World, target: str) -> list[Any]:
    said = await world.get(target)
    assert said.status == 200, said.body
    return said.json()["items"]
