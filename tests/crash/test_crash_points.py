"""The process dies at every point of every operation, on a real PostgreSQL: nothing is lost, and nothing is done twice.

First an operation runs to its end and its points are counted: before and after everything that is sent to PostgreSQL,
to a channel and to the merchant. Then it runs once for each of them on a fresh order: the process ends there, its
connections break, another process that knows nothing of it goes on, clients and channel ask again, time passes until
nothing waits, and the order is looked at; in the end the independent checker looks at everything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
import uvloop

from crash.account import as_user
from crash.cases import Case, act, number_of, start, uuid_of
from crash.checking import LIVE, look_at, look_at_all
from crash.facts import sums_now
from crash.fuse import FRAMES, Crash, Moment
from crash.operations import OPERATIONS, Operation
from crash.report import Row, keep
from crash.site import Site, open_site, post
from shunfu.app.commands import prove_books
from shunfu.db import PoolSettings, Urls
from shunfu.driver import discover

Choose: TypeAlias = Callable[[list[Moment]], list[int]]
"""Of an operation's moments, the indices of those to die at."""
Told: TypeAlias = Callable[[str, object], None]


@pytest.fixture
def told(record_property: Told) -> Told:
    """Where a row of the summary goes."""
    return record_property


def slug(operation: Operation) -> str:
    """Its name without spaces."""
    return re.sub(r"\W+", "-", operation.name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=slug)
def test_dies_around_every_lasting_effect(operation: Operation, spared_urls: Urls, quick_user: str, told: Told) -> None:
    """Before and after each commit, each statement on its own, and each call: in between nothing that lasts happens."""
    visit(operation, as_user(spared_urls, quick_user), lasting, told)


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS, ids=slug)
def test_dies_at_every_point(operation: Operation, spared_urls: Urls, quick_user: str, told: Told) -> None:
    visit(operation, as_user(spared_urls, quick_user), every, told)


ELSEWHERE = [
    (operation, channel)
    for operation in OPERATIONS
    for channel in ("template", *discover().channels)
    if channel not in {operation.channel, *operation.beyond}
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("operation", "channel"), ELSEWHERE, ids=[f"{slug(operation)}-{channel}" for operation, channel in ELSEWHERE]
)
def test_dies_at_every_point_at_every_channel(
    operation: Operation, channel: str, spared_urls: Urls, quick_user: str, told: Told
) -> None:
    visit(replace(operation, channel=channel), as_user(spared_urls, quick_user), every, told)


def visit(operation: Operation, pool_settings: PoolSettings, choose: Choose, told: Told) -> None:
    """Visit the chosen points on the loop that the server runs on, and say how many there were."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        row = runner.run(visit_all(operation, pool_settings, choose))
    keep(row)
    told("summary", str(row))


def every(moments: list[Moment]) -> list[int]:
    """All of them."""
    return list(range(len(moments)))


def lasting(moments: list[Moment]) -> list[int]:
    """Those around what lasts: the first, calls, commits, and the end of each statement that is its own transaction."""
    chosen, is_inside = [0], False
    for index, moment in enumerate(moments):
        is_alone = not is_inside and moment.what not in FRAMES and moment.position == "after"
        if moment.is_call or moment.what == "COMMIT" or is_alone:
            chosen.append(index)
        if moment.what in FRAMES and moment.position == "after":
            is_inside = moment.what == "BEGIN"
    return sorted({*chosen})


async def visit_all(operation: Operation, pool_settings: PoolSettings, choose: Choose) -> Row:
    """Die at the chosen points of an operation, each time on a fresh order, and look at everything in the end."""
    async with open_site(pool_settings, operation.channel) as site:
        places: dict[str, str] = {}
        await afterwards(site, operation, await operation.prepare(site, "rehearsal"), "rehearsed")
        moments = await live_through(site, operation)
        assert any(moment.is_call for moment in moments) == operation.talks, [*map(str, moments)]
        chosen = choose(moments)
        for index in chosen:
            case = await die_at(site, operation, index, moments)
            places[str(uuid_of(case.order_id))] = f"point {index}, {moments[index]}"
        assert len(places) == len(site.snapshots) == len(chosen), "every chosen moment was a death"
        found = await look_at_all(site)
        assert found == [], (found, places)
        proof = await prove_books(site.world.house)
        assert proof["ok"], proof
    return Row(operation.name, operation.channel, moments, len(chosen))


async def live_through(site: Site, operation: Operation) -> list[Moment]:
    """The operation from beginning to end, alive: its points, and that all is well when nobody dies."""
    case = await operation.prepare(site, "alive")
    async with site.mortal(None, operation.kinds) as mortal:
        await act(mortal, case)
    failed = await site.peek("SELECT kind, last_error FROM jobs WHERE last_error IS NOT NULL")
    assert failed == [], "the operation fails when nobody dies"
    await afterwards(site, operation, case, "alive")
    return mortal.fuse.moments


async def die_at(site: Site, operation: Operation, index: int, moments: list[Moment]) -> Case:
    """The operation on a fresh order, up to one point; then the process that is left carries on."""
    case = await operation.prepare(site, f"point-{index}")
    async with site.mortal(index, operation.kinds) as mortal:
        with pytest.raises(Crash):
            await act(mortal, case)
    is_same = mortal.fuse.moments == moments[: index + 1]
    assert is_same, f"it went another way: {[*map(str, mortal.fuse.moments)]} {[*map(str, moments)]}"
    site.clock.advance(1)
    site.snapshots.append(await sums_now(site.world.house.database))
    return await afterwards(site, operation, case, f"point {index}, {moments[index]}")


async def afterwards(site: Site, operation: Operation, case: Case, where: str) -> Case:
    """The client insists, time passes, the shopper comes back where one is needed, and the order is looked at."""
    if case.ask is not None:
        said = await site.insist(case.ask)
        assert said.status in {200, 201, 409}, said.body
        case = case if case.order_id else replace(case, order_id=said.json()["id"])
    if operation.wanted.is_bought:
        await buy(site, case)
    await site.live()
    if case.ask is not None:
        await post(site, case.ask)
    wrong = await look_at(site, case, operation.wanted)
    assert wrong == [], f"{operation.name}, {where}: {'; '.join(wrong)}"
    return case


async def buy(site: Site, case: Case) -> None:
    """The shopper pays what is pending; when the janitor finds nothing to pay, they choose again."""
    for attempt in range(5):
        order: Any = (await site.world.get(f"/v1/orders/{case.order_id}")).json()
        if order["state"] == "PAID":
            return
        live = [payment["state"] for payment in order["payments"] if payment["state"] in LIVE]
        if live[-1:] == ["PENDING"]:
            site.line.shopper(number_of(order["payments"][-1]["id"]))
            await site.deliver_due()
            await site.world.work()
        elif live:
            await site.live(site.clock.instant + timedelta(seconds=61))
        else:
            await site.insist(start(site, case.order_id, f"again-{number_of(case.order_id)}-{attempt}"))
    raise AssertionError("the shopper could not pay")
