"""The canary of shoppers: what they tell us and what the platforms call them, looked for where it must never be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from canary.planting import forms, hits
from db.support import sql
from flows.world import make_world
from shoppers.support import ME, SESSIONS, Client, dump
from shunfu.db import Database, Transaction
from shunfu.driver import discover
from shunfu.gateway.flow import Reply

CHANNELS = sorted(discover().channels)
TYPED = {
    "a name": "金丝雀小姐七号",
    "an address's phone": "13912340007",
    "a street": "金丝雀街 771 号 9 单元",
    "a phone": "13912340008",
    "a tax number": "91530100CANARY0009",
    "a title": "金丝雀九号有限公司",
    "an e-mail": "canary-10@example.com",
}
VOUCHED = "13912340011"
ECHO = "canary-echo-77e6b3c1"


@pytest.fixture
def log_lines() -> Iterator[Callable[[], str]]:
    """Every value that is logged while the test runs, before any form hides or shortens it."""
    with capture_logs() as lines:
        yield lambda: repr(lines)


def profile() -> dict[str, object]:
    address = {"name": TYPED["a name"], "phone": TYPED["an address's phone"], "street": TYPED["a street"]}
    place = {"province": "云南省", "city": "昆明市", "district": "五华区"}
    invoice = {"kind": "company", "title": TYPED["a title"], "tax_number": TYPED["a tax number"]}
    return {
        "addresses": [{**address, **place}],
        "phone": TYPED["a phone"],
        "invoices": [{**invoice, "email": TYPED["an e-mail"]}],
    }


@pytest.mark.parametrize("channel", CHANNELS)
async def test_nothing_of_a_person_is_seen(database: Database, channel: str, log_lines: Callable[[], str]) -> None:
    """Logs, refusals and every table; and the platform's id is in no answer at all."""
    world = await make_world(database, channel)
    client = Client(world)
    answers: list[str] = []
    refusals: list[str] = []

    async def ask(method: str, target: str, body: object = None) -> None:
        said = await client.ask(method, target, body)
        (answers if said.status < 400 else refusals).append(said.body.decode())

    told = await client.sign_in()
    code = world.line.stage.sandbox.login_code
    await ask("PUT", ME, profile())
    proof = client.proof(VOUCHED)
    await ask("POST", f"{ME}/phone", {"channel": channel, "proof": proof})
    await ask("POST", f"{ME}/phone", {"channel": channel, "proof": proof[:-6] + "AAAAAA"})
    await ask("PUT", ME, profile())
    await ask("GET", ME)
    await ask("GET", f"{ME}/export")
    await ask("PUT", ME, {**profile(), "phone": f"{TYPED['a phone']} {TYPED['a name']}"})
    await ask("POST", SESSIONS, {"merchant": client.merchant, "channel": channel, "code": code})
    world.line.replace_reply = Reply(500, {}, f"{ECHO} {TYPED['a phone']}".encode())
    await ask("POST", SESSIONS, {"merchant": client.merchant, "channel": channel, "code": f"{code}-x"})
    shopper_id = world.line.stage.sandbox.shopper
    planted = {**TYPED, "the platform's id": shopper_id, "the session": told["token"][-43:], "a vouched phone": VOUCHED}
    places = {"the log": log_lines(), "the database": await dump(world), "a refusal": "\n".join(refusals)}
    assert "'event': 'request'" in places["the log"]
    assert "shopper_profiles" in places["the database"]
    assert len(refusals) >= 3
    assert hits(places, {**planted, "an echo": ECHO, "the proof": proof}) == []
    seen = "\n".join(answers)
    assert TYPED["a name"] in seen, "the answers were read"
    assert VOUCHED in seen
    assert not any(form in seen for form in forms(shopper_id))
    await ask("DELETE", ME)
    assert hits({"the database": await dump(world)}, planted) == []


async def test_the_search_finds_what_is_there(database: Database) -> None:
    """A row with a name in it is seen: the look into the database above is a look into all of it."""
    world = await make_world(database)
    client = Client(world)
    await client.sign_in()

    async def leak(tx: Transaction) -> None:
        sealed = {"v": TYPED["a name"]}
        await tx.execute(sql("UPDATE shopper_identities SET sealed = $1"), sealed)

    await world.house.database.transact(leak)
    assert hits({"the database": await dump(world)}, TYPED) == ["a name in the database"]
    assert json.dumps(profile())
