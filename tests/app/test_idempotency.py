"""A POST happens once, on a real database: its answer is repeated byte for byte, and a crash is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.responses import JSONResponse, Response

from db.support import MERCHANT, OTHER, manual, rows
from merchants.support import RING
from shunfu.app.http.idempotency import LEASE, Idempotency, Scope, delete_old
from shunfu.app.http.problems import problem
from shunfu.db import ConstraintViolated, Database
from shunfu.kernel.clock import ManualClock
from shunfu.kernel.errors import (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InternalProblem,
    InvalidField,
    Overloaded,
    RateLimited,
    Refusal,
    RequestInFlight,
    StateConflict,
    Unauthenticated,
)
from shunfu.merchants import Vault

SCOPE = Scope(MERCHANT, "POST", "/v1/orders", "key-1")
BODY = b'{"amount_minor":8600}'


class Desk:
    """Idempotency on a standing clock, and work that is counted."""

    def __init__(self, database: Database) -> None:
        self.clock: ManualClock
        self.clock, source = manual()
        self.database = database
        self.idempotency = Idempotency(database, source, Vault(RING, source))
        self.ids: list[UUID] = []

    async def ask(self, scope: Scope = SCOPE, body: bytes = BODY, answer: Response | None = None) -> Response:
        """One request whose work gives `answer`, or a fresh one that names the resource."""

        async def work(resource_id: UUID) -> Response:
            self.ids.append(resource_id)
            return answer or JSONResponse({"id": str(resource_id), "文": len(self.ids)}, 201)

        return await self.idempotency.once(scope, body, work)

    async def crash(self, scope: Scope = SCOPE) -> UUID:
        """A request whose process dies in the middle: its row stays in flight. The resource that it began."""
        never, begun = asyncio.Event(), asyncio.Event()

        async def work(resource_id: UUID) -> Response:
            self.ids.append(resource_id)
            begun.set()
            await never.wait()
            return Response()

        task = asyncio.create_task(self.idempotency.once(scope, BODY, work))
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})
        return self.ids[-1]


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database)


async def test_the_same_answer_byte_for_byte(desk: Desk) -> None:
    first = await desk.ask()
    desk.clock.advance(20 * 86400)
    for _ in range(3):
        again = await desk.ask()
        assert (again.status_code, again.body) == (first.status_code, first.body) == (201, first.body)
        assert again.headers["content-type"] == first.headers["content-type"]
    assert len(desk.ids) == 1


async def test_an_answer_of_any_bytes_and_type(desk: Desk) -> None:
    first = await desk.ask(answer=Response(b"\0\xff", 202, media_type="application/octet-stream"))
    again = await desk.ask()
    assert (again.status_code, again.body, again.media_type) == (202, b"\0\xff", first.media_type)
    plain = await desk.ask(replace(SCOPE, key="2"), answer=Response("地址", media_type="text/plain"))
    again = await desk.ask(replace(SCOPE, key="2"))
    assert (again.headers["content-type"], again.body) == (plain.headers["content-type"], plain.body)


async def test_another_body_is_refused(desk: Desk) -> None:
    await desk.ask()
    for body in (b"", BODY + b" ", BODY.replace(b"8600", b"8601")):
        with pytest.raises(IdempotencyKeyReused):
            await desk.ask(body=body)
    assert len(desk.ids) == 1


async def test_a_key_is_unique_in_merchant_method_and_path(desk: Desk) -> None:
    scopes = [
        SCOPE,
        replace(SCOPE, merchant_id=OTHER),
        replace(SCOPE, method="PATCH"),
        replace(SCOPE, path="/v1/orders/x"),
        replace(SCOPE, key="KEY-1"),
    ]
    answers = {(await desk.ask(scope)).body for scope in scopes}
    assert len(answers) == len(set(desk.ids)) == len(scopes)


async def test_the_second_in_flight_is_told_so(desk: Desk) -> None:
    await desk.crash()
    with pytest.raises(RequestInFlight):
        await desk.ask()
    with pytest.raises(IdempotencyKeyReused):
        await desk.ask(body=b"other")
    desk.clock.advance(LEASE.total_seconds() - 0.001)
    with pytest.raises(RequestInFlight):
        await desk.ask()
    assert len(desk.ids) == 1


async def test_after_the_lease_the_retry_finds_the_same_resource(desk: Desk) -> None:
    begun = await desk.crash()
    desk.clock.advance(LEASE.total_seconds())
    first = await desk.ask()
    assert desk.ids == [begun, begun]
    assert (await desk.ask()).body == first.body
    assert len(desk.ids) == 2


async def test_only_one_takes_over(desk: Desk) -> None:
    await desk.crash()
    desk.clock.advance(LEASE.total_seconds())
    tries = await asyncio.gather(*(desk.ask() for _ in range(20)), return_exceptions=True)
    assert len(desk.ids) == 2
    assert {type(found) for found in tries} <= {Response, JSONResponse, RequestInFlight}


async def test_a_holder_that_comes_back_late_changes_nothing(desk: Desk) -> None:
    """The first worker was only slow; meanwhile another took over and answered. The stored answer stays the only one:
    the late one is told that the request is in flight, and its client asks again.
    """
    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(resource_id: UUID) -> Response:
        begun.set()
        await gate.wait()
        return JSONResponse({"slow": str(resource_id)}, 201)

    task = asyncio.create_task(desk.idempotency.once(SCOPE, BODY, slow))
    await begun.wait()
    desk.clock.advance(LEASE.total_seconds())
    stored = await desk.ask()
    gate.set()
    with pytest.raises(RequestInFlight):
        await task
    assert (await desk.ask()).body == stored.body


@pytest.mark.parametrize("kind", [Unauthenticated, RateLimited, InternalProblem, Overloaded, RequestInFlight])
async def test_an_answer_that_is_not_final_is_not_stored(desk: Desk, kind: type[Refusal]) -> None:
    assert (await desk.ask(answer=problem(kind()))).status_code == kind.status
    assert await rows(desk.database, "SELECT status FROM idempotency_keys") == [(None,)]
    with pytest.raises(IdempotencyKeyReused):
        await desk.ask(body=b"other")
    good = await desk.ask()
    assert good.status_code == 201
    assert len(set(desk.ids)) == 1
    assert len(desk.ids) == 2
    assert (await desk.ask()).body == good.body


async def test_a_refusal_is_final_and_stored(desk: Desk) -> None:
    for number, kind in enumerate((InvalidField, StateConflict)):
        scope = replace(SCOPE, key=str(number))
        first = await desk.ask(scope, answer=problem(kind()))
        again = await desk.ask(scope)
        assert (again.status_code, again.body) == (kind.status, first.body)
        assert again.headers["content-type"] == "application/problem+json"
    assert len(desk.ids) == 2


async def test_a_body_that_only_speaks_of_being_in_flight_is_stored(desk: Desk) -> None:
    await desk.ask(answer=JSONResponse({"subject": '"/problems/request_in_flight"'}, 201))
    await desk.ask()
    assert len(desk.ids) == 1


async def test_work_that_raises_ends_its_lease(desk: Desk) -> None:
    """The caller may try again at once and finds the same resource."""

    async def refuse(resource_id: UUID) -> Response:
        desk.ids.append(resource_id)
        raise StateConflict

    with pytest.raises(StateConflict):
        await desk.idempotency.once(SCOPE, BODY, refuse)
    assert (await desk.ask()).status_code == 201
    assert desk.ids[0] == desk.ids[1]


async def test_a_hundred_at_once_do_the_work_once(desk: Desk) -> None:
    async def patient() -> Response:
        for _ in range(500):
            try:
                return await desk.ask()
            except RequestInFlight:
                await asyncio.sleep(0.01)
        raise AssertionError("no answer came")

    answers = await asyncio.gather(*(patient() for _ in range(100)))
    assert len(desk.ids) == 1
    assert len({(answer.status_code, answer.body) for answer in answers}) == 1
    assert await rows(desk.database, "SELECT count(*) FROM idempotency_keys") == [(1,)]


async def test_a_key_is_1_to_64_visible_ascii_characters(desk: Desk) -> None:
    for key in ("", "x" * 65, "a b", "a\tb", "a\nb", "a\0b", "\x7f", "a\x1b", "é", "文", " a", "a ", "\ud800"):
        with pytest.raises(IdempotencyKeyMissing):
            await desk.ask(replace(SCOPE, key=key))
    assert desk.ids == []
    for key in ("x", "x" * 64, "!~", "".join(map(chr, range(0x21, 0x21 + 64))), "';DROP--"):
        assert (await desk.ask(replace(SCOPE, key=key))).status_code == 201
    assert await rows(desk.database, "SELECT count(*) FROM idempotency_keys") == [(5,)]


async def test_rows_end_with_their_retention_and_only_then(desk: Desk) -> None:
    await desk.ask()
    await desk.ask(replace(SCOPE, merchant_id=OTHER))
    desk.clock.advance(86400)
    await desk.ask(replace(SCOPE, key="later"))
    assert await delete_old(desk.database, MERCHANT, desk.clock.now()) == 1
    assert await delete_old(desk.database, MERCHANT, desk.clock.now()) == 0
    found = await rows(desk.database, "SELECT merchant_id, key FROM idempotency_keys ORDER BY merchant_id")
    assert found == [(MERCHANT, "later"), (OTHER, "key-1")]


Work = Callable[[UUID], Awaitable[Response]]


async def test_work_never_runs_without_its_row(desk: Desk) -> None:
    """When the row cannot be written, nothing is done."""

    async def work(resource_id: UUID) -> Response:
        raise AssertionError(resource_id)

    bad: Work = work
    with pytest.raises((ConstraintViolated, UnicodeEncodeError, ValueError, Exception)) as caught:
        await desk.idempotency.once(replace(SCOPE, path="\0"), BODY, bad)
    assert not isinstance(caught.value, AssertionError)
