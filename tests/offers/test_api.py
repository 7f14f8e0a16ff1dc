"""A merchant makes, lists, reads and ends offers over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.world import World, call
from offers.support import make, wish
from shunfu.kernel.clock import rfc3339
from shunfu.offers.model import ACTIVE_MAX


async def test_an_offer_is_made_read_and_ended(world: World) -> None:
    made = await make(world, stock=100, per_shopper_max=1, minimum_minor=5000)
    assert made["id"].startswith("off_")
    assert made == {
        "id": made["id"],
        "name": "减五元",
        "kind": "amount_off",
        "amount_minor": 500,
        "percent_bp": None,
        "minimum_minor": 5000,
        "cap_minor": None,
        "currency": "CNY",
        "starts_at": rfc3339(world.clock.now()),
        "ends_at": rfc3339(world.clock.now() + timedelta(days=1)),
        "stock": 100,
        "per_shopper_max": 1,
        "state": "ACTIVE",
        "held": 0,
        "used": 0,
        "created_at": rfc3339(world.clock.now()),
        "ended_at": None,
    }
    assert (await world.get(f"/v1/offers/{made['id']}")).json() == made
    world.clock.advance(60)
    ended = (await world.post(f"/v1/offers/{made['id']}/end", {})).json()
    assert ended == {**made, "state": "ENDED", "ended_at": rfc3339(world.clock.now())}
    world.clock.advance(60)
    assert (await world.post(f"/v1/offers/{made['id']}/end", {})).json() == ended, "ended once"
    audited = "SELECT action, actor LIKE 'key_%' FROM audit_log WHERE object = $1 ORDER BY sequence"
    assert await world.sql(audited, made["id"]) == [("offer.created", True), ("offer.ended", True)]


async def test_a_retry_makes_one_offer(world: World) -> None:
    told = wish(world)
    first, again = [await world.post("/v1/offers", told, "the-key") for _ in range(2)]
    assert first.status == again.status == 201
    assert first.body == again.body
    assert await world.sql("SELECT count(*) FROM offers") == [(1,)]


async def test_offers_are_listed_newest_first_by_state(world: World) -> None:
    ids = [(await make(world, name=f"优惠 {number}"))["id"] for number in range(3)]
    await world.post(f"/v1/offers/{ids[1]}/end", {})
    first = (await world.get("/v1/offers?limit=2")).json()
    assert [one["id"] for one in first["items"]] == [ids[2], ids[1]]
    rest = (await world.get(f"/v1/offers?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["id"] for one in rest["items"]] == [ids[0]]
    assert rest["next_cursor"] is None
    for state, wanted in (("ACTIVE", [ids[2], ids[0]]), ("ENDED", [ids[1]])):
        told = (await world.get(f"/v1/offers?state={state}")).json()["items"]
        assert [one["id"] for one in told] == wanted
    assert (await world.get(f"/v1/offers?state=ENDED&cursor={first['next_cursor']}")).status == 404


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"amount_minor": None}, "/amount_minor"),
        ({"amount_minor": 0}, "/amount_minor"),
        ({"amount_minor": "500"}, "/amount_minor"),
        ({"percent_bp": 100}, "/percent_bp"),
        ({"kind": "percent_off", "amount_minor": None}, "/percent_bp"),
        ({"kind": "percent_off", "amount_minor": None, "percent_bp": 10_001}, "/percent_bp"),
        ({"cap_minor": 100}, "/cap_minor"),
        ({"ends_at": "2025-12-31T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "tomorrow"}, "/ends_at"),
        ({"stock": 0}, "/stock"),
        ({"per_shopper_max": 0}, "/per_shopper_max"),
        ({"currency": "USD"}, "/currency"),
        ({"name": ""}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
        ({"state": "ENDED"}, "/state"),
    ],
)
async def test_wrong_terms_are_named_and_nothing_is_written(
    world: World, changes: dict[str, object], pointer: str
) -> None:
    said = await world.post("/v1/offers", wish(world, **changes))
    assert (said.status, said.code) == (422, "invalid_field")
    assert [error["pointer"] for error in said.json()["errors"]] == [pointer]
    assert await world.sql("SELECT count(*) FROM offers") == [(0,)]


async def test_offers_of_another_merchant_are_not_found(world: World) -> None:
    made = await make(world)
    for key in (world.live_key, world.other_key):
        headers = {"authorization": f"Bearer {key}"}
        for target in (f"/v1/offers/{made['id']}", "/v1/offers/off_nonsense"):
            assert (await call(world.app, "GET", target, headers, b"")).status == 404
        posted = {**headers, "content-type": "application/json", "idempotency-key": f"end-{key[:12]}"}
        assert (await call(world.app, "POST", f"/v1/offers/{made['id']}/end", posted, b"{}")).status == 404
        assert (await call(world.app, "GET", "/v1/offers", headers, b"")).json()["items"] == []
    assert (await world.get(f"/v1/offers/{made['id']}")).json()["state"] == "ACTIVE"


async def test_only_so_many_run_at_once(world: World) -> None:
    first = await make(world, ends_at=rfc3339(world.clock.now() + timedelta(hours=1)))
    for number in range(ACTIVE_MAX - 1):
        await make(world, name=f"优惠 {number}")
    refused = await world.post("/v1/offers", wish(world))
    assert (refused.status, refused.code) == (409, "state_conflict")
    await world.pass_time(hours=2)
    assert (await world.get(f"/v1/offers/{first['id']}")).json()["state"] == "ACTIVE"
    await make(world, name="over is not in the way")
