"""A day against each channel's own statement, end to end: its sandbox, its cut, its hour, and what it gets wrong.

Over HTTP, with the keys that may: reconcile, look, propose, approve with another key, and the day adds up.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from flows.test_refund import second_key
from flows.world import World, make_world
from shunfu.app.commands import prove_books
from shunfu.db import Database
from shunfu.driver import discover
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Faults

DAY = date(2026, 1, 1)
"""The world's clock begins at eight in the morning of it in China."""


@pytest.fixture(params=list(discover().channels))
async def world(request: pytest.FixtureRequest, database: Database) -> World:
    """A whole installation with an account at one channel."""
    return await make_world(database, request.param)


async def paid(world: World, amount_minor: int = 8600) -> str:
    order = await world.order(amount_minor=amount_minor)
    payment_id = (await world.pay(order["id"])).json()["id"]
    world.line.shopper(payment_id[4:])
    for delivery in world.line.due():
        await world.deliver(delivery)
    await world.work()
    return payment_id


async def refunded(world: World, payment_id: str, amount_minor: int = 2800) -> str:
    said = await world.post(f"/v1/payments/{payment_id}/refunds", {"amount_minor": amount_minor, "reason": "少一件"})
    assert said.status == 201, said.body
    await world.pass_time(hours=1)
    for delivery in world.line.due():
        await world.deliver(delivery)
    await world.pass_time(hours=1)
    refund = (await world.get(f"/v1/refunds/{said.json()['id']}")).json()
    assert refund["state"] == "SUCCEEDED", refund
    return refund["id"]


async def a_day(world: World) -> list[str]:
    """Three payments, one of them refunded in part, and it is noon of the next day."""
    payments = [await paid(world, amount) for amount in (8600, 5000, 1200)]
    await refunded(world, payments[0])
    world.clock.instant = datetime(2026, 1, 2, 4, tzinfo=UTC)
    return payments


async def reconciled(world: World, day: date = DAY, **changes: Any) -> Any:
    """Ask for a run over HTTP and let the worker carry it out."""
    said = await world.post("/v1/reconcile/runs", {"channel": world.channel, "date": day.isoformat(), **changes})
    assert said.status == 201, said.body
    await world.work()
    run = (await world.get(f"/v1/reconcile/runs/{said.json()['id']}")).json()
    if run["summary"]:
        assert run["summary"]["equation"]["unexplained_minor"] == 0, run
    return run


async def breaks(world: World, state: str = "") -> list[Any]:
    said = await world.get(f"/v1/reconcile/breaks?limit=100{f'&state={state}' if state else ''}")
    assert said.status == 200, said.body
    return list(reversed(said.json()["items"]))


def spoil(world: World, **faults: int) -> None:
    world.line.stage = replace(world.line.stage, faults=Faults(**faults))


async def test_an_honest_day_reconciles_to_the_last_fen(world: World) -> None:
    await a_day(world)
    run = await reconciled(world, fee_permyriad=60)
    assert run["state"] == "DONE", run
    summary = run["summary"]
    assert (summary["lines"], summary["breaks"], summary["open_breaks"]) == (4, {}, 0)
    assert summary["equation"]["ledger_captured_minor"] == 14_800
    assert summary["equation"]["ledger_refunded_minor"] == 2800
    till = world.line.stage.sandbox.verbs.balance_minor(world.line.state)
    assert summary["equation"]["statement_net_minor"] == till
    assert summary["posted"]["fee_minor"] == summary["equation"]["statement_fee_minor"] > 0
    proof = await prove_books(world.house)
    assert proof["ok"], proof
    held = await world.sql(
        "SELECT sum(CASE WHEN e.side = 'debit' THEN e.amount_minor ELSE -e.amount_minor END)::bigint "
        "FROM ledger_view_entries e JOIN accounts a ON a.account_id = e.account_id WHERE a.code LIKE 'channel%'"
    )
    assert held == [(till,)], "what the channel holds for us by our books is what it says it holds"


async def test_a_day_on_which_nothing_moved(world: World) -> None:
    world.clock.instant = datetime(2026, 1, 2, 4, tzinfo=UTC)
    run = await reconciled(world)
    assert (run["state"], run["summary"]["lines"], run["summary"]["breaks"]) == ("DONE", 0, {})


async def test_before_its_hour_a_day_waits(world: World) -> None:
    await paid(world)
    run = await reconciled(world)
    assert (run["state"], run["summary"]) == ("WAITING", None)
    assert "is there from" in run["reason"]
    assert not any("bill" in request.url for request in world.line.requests)
    world.clock.instant = datetime(2026, 1, 2, 4, tzinfo=UTC)
    await world.work()
    assert (await world.get(f"/v1/reconcile/runs/{run['id']}")).json()["state"] == "DONE"


async def test_a_row_too_few_is_missing_there_until_the_channel_confirms(world: World) -> None:
    await a_day(world)
    spoil(world, rows_missing=1)
    run = await reconciled(world)
    assert run["summary"]["breaks"]["missing_there"]["count"] == 1
    (found,) = [one for one in await breaks(world) if one["kind"] == "missing_there"]
    assert (found["subject_kind"], found["theirs"], found["state"]) == ("payment", None, "OPEN")
    told = await world.get(f"/v1/reconcile/breaks/{found['id']}")
    assert told.json()["advice"]["deed"] == "ask_payment"
    done = await repaired(world, found["id"])
    assert done["state"] == "REPAIRED", done
    assert (await reconciled(world))["summary"]["open_breaks"] == 0


async def repaired(world: World, break_id: str) -> Any:
    """Propose with one key, look, and approve with another."""
    said = await world.post(f"/v1/reconcile/breaks/{break_id}/propose", {})
    assert (said.status, said.json().get("state")) == (200, "PROPOSED"), said.body
    refused = await world.post(f"/v1/reconcile/breaks/{break_id}/approve", {})
    assert (refused.status, refused.code) == (409, "state_conflict")
    preview = await world.get(f"/v1/reconcile/breaks/{break_id}/preview")
    assert preview.status == 200, preview.body
    key = await second_key(world)
    said = await world.post(f"/v1/reconcile/breaks/{break_id}/approve", {}, authorization=f"Bearer {key}")
    assert said.status == 200, said.body
    return said.json()


async def test_a_row_too_many_is_missing_here_and_accepted_with_a_note(world: World) -> None:
    await a_day(world)
    spoil(world, rows_extra=1)
    run = await reconciled(world)
    assert run["summary"]["breaks"]["missing_here"]["count"] == 1
    (found,) = await breaks(world, "OPEN")
    assert (found["subject_kind"], found["ours"]) == ("number", None)
    assert found["difference_minor"] == found["theirs"]["amount_minor"] > 0
    said = await world.post(f"/v1/reconcile/breaks/{found['id']}/propose", {})
    assert (said.status, said.code) == (409, "state_conflict")
    said = await world.post(f"/v1/reconcile/breaks/{found['id']}/accept", {"note": ""})
    assert said.status == 422
    said = await world.post(f"/v1/reconcile/breaks/{found['id']}/accept", {"note": "另一个系统收的"})
    assert (said.status, said.json()["state"]) == (200, "ACCEPTED")


async def test_an_altered_row_is_another_amount(world: World) -> None:
    await a_day(world)
    spoil(world, rows_altered=1)
    await reconciled(world)
    (found,) = [one for one in await breaks(world, "OPEN") if one["kind"] == "amount"]
    assert found["difference_minor"] == 1
    assert found["theirs"]["amount_minor"] == found["ours"]["amount_minor"] + 1


async def test_a_payment_that_we_never_heard_of_being_paid_is_captured_on_the_statements_word(world: World) -> None:
    """Every notification is lost, and so is every question of the janitor."""
    order = await world.order()
    payment_id = (await world.pay(order["id"])).json()["id"]
    world.line.shopper(payment_id[4:])
    world.line.due()
    world.line.lose_requests = 10_000
    await world.pass_time(hours=20)
    assert (await world.payment(payment_id))["state"] in {"PENDING", "UNKNOWN"}
    world.clock.instant = datetime(2026, 1, 2, 4, tzinfo=UTC)
    await world.work()
    world.line.lose_requests = 0
    run = await reconciled(world)
    assert run["state"] == "DONE", run
    (found,) = await breaks(world, "OPEN")
    assert (found["kind"], found["ours"]["id"]) == ("missing_here", payment_id)
    preview = (await world.get(f"/v1/reconcile/breaks/{found['id']}/preview")).json()
    assert preview["deed"] == "apply_payment"
    assert [leg["amount_minor"] for leg in preview["ledger"]] == [8600]
    done = await repaired(world, found["id"])
    assert done["state"] == "REPAIRED", done
    payment = await world.payment(payment_id)
    assert (payment["state"], payment["timeline"][-1]["door"]) == ("CAPTURED", "statement")
    again = await reconciled(world)
    assert (again["summary"]["open_breaks"], again["summary"]["breaks"]) == (0, {})
    proof = await prove_books(world.house)
    assert proof["ok"], proof


async def test_a_reply_with_half_a_file_loads_nothing(world: World) -> None:
    await a_day(world)
    answer = world.line.answer

    def cut(request: Request) -> Any:
        said = answer(request)
        return replace(said, body=said.body[: len(said.body) // 2]) if len(getattr(said, "body", b"")) > 400 else said

    world.line.answer = cut
    run = await reconciled(world)
    assert run["state"] == "FAILED", run
    assert await world.sql("SELECT count(*) FROM statement_lines") == [(0,)]
    world.line.answer = answer
    assert (await reconciled(world))["state"] == "DONE"


async def test_only_keys_that_may(world: World) -> None:
    await a_day(world)
    run = await reconciled(world)
    for target in ("/v1/reconcile/runs", "/v1/reconcile/breaks", f"/v1/reconcile/runs/{run['id']}"):
        said = await world.get(target, authorization=f"Bearer {world.other_key}")
        if said.status == 200:
            assert said.json()["items"] == []
        else:
            assert said.status == 404
    said = await world.post("/v1/reconcile/runs", {"channel": "nowhere", "date": "2026-01-01"})
    assert (said.status, said.code) == (404, "not_found")
    said = await world.post("/v1/reconcile/runs", {"channel": world.channel, "date": "2026-13-01"})
    assert (said.status, said.code) == (422, "invalid_field")


async def test_pages_of_runs_and_breaks(world: World) -> None:
    await a_day(world)
    spoil(world, rows_missing=-1, rows_extra=0)
    runs = [(await reconciled(world))["id"] for _ in range(3)]
    first = (await world.get("/v1/reconcile/runs?limit=2")).json()
    rest = (await world.get(f"/v1/reconcile/runs?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["id"] for one in [*first["items"], *rest["items"]]] == runs[::-1]
    assert rest["next_cursor"] is None
    whole = await breaks(world)
    page = (await world.get("/v1/reconcile/breaks?limit=1")).json()
    seen = page["items"]
    while page["next_cursor"]:
        page = (await world.get(f"/v1/reconcile/breaks?limit=1&cursor={page['next_cursor']}")).json()
        seen += page["items"]
    assert [one["id"] for one in reversed(seen)] == [one["id"] for one in whole]
    only = (await world.get(f"/v1/reconcile/breaks?run={runs[-1]}&limit=100")).json()["items"]
    assert {one["last_run"] for one in only} == {runs[-1]}


async def test_a_day_ends_at_the_channels_own_hour(world: World) -> None:
    """Paid a minute before and a minute after the cut: each is on its own day's statement, and nobody misses it."""
    hour = discover().channels[world.channel].capabilities.statement_cut_hour or 24
    at_cut = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour - 8)
    world.clock.instant = at_cut - timedelta(minutes=1)
    await paid(world, 1000)
    world.clock.instant = at_cut + timedelta(minutes=1)
    await paid(world, 2000)
    world.clock.instant = at_cut + timedelta(days=1, hours=13)
    first, second = await reconciled(world), await reconciled(world, DAY + timedelta(days=1))
    assert (first["summary"]["payments"]["amount_minor"], first["summary"]["breaks"]) == (1000, {})
    assert (second["summary"]["payments"]["amount_minor"], second["summary"]["breaks"]) == (2000, {})
