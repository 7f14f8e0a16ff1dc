"""A message is taken in once; an event and its jobs are written with what made it true, or not at all."""

import asyncio
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

import pytest

from db.support import MERCHANT, OTHER, START, manual, rows
from shunfu.db import ClaimedJob, Database, Done, Outbox, Transaction, Worker, WorkerSettings, read_event, remember
from shunfu.db.outbox import to_json
from shunfu.kernel.event import Event
from shunfu.kernel.money import Money


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingPaid(Event):
    thing_id: UUID
    amount: Money
    colour: Colour
    notes: tuple[str, ...]
    reason: str | None = None


PAID = ThingPaid(
    merchant_id=MERCHANT,
    happened_at=START,
    thing_id=UUID(int=5),
    amount=Money(8600, "CNY"),
    colour=Colour.RED,
    notes=("a",),
)


async def test_a_message_is_new_once(database: Database) -> None:
    async def take(merchant_id: UUID, external_id: str, digest: bytes) -> str:
        return await database.transact(
            lambda tx: remember(
                tx, merchant_id=merchant_id, source="s", external_id=external_id, digest=digest, now=START
            )
        )

    assert await take(MERCHANT, "1", b"x") == "new"
    assert await take(MERCHANT, "1", b"x") == "same"
    assert await take(MERCHANT, "1", b"y") == "different"
    assert await take(MERCHANT, "2", b"x") == "new"
    assert await take(OTHER, "1", b"x") == "new"


async def test_of_many_at_the_same_time_one_is_new(database: Database) -> None:
    async def take(tx: Transaction) -> str:
        answer = await remember(tx, merchant_id=MERCHANT, source="s", external_id="1", digest=b"x", now=START)
        await asyncio.sleep(0.02)
        return answer

    answers = await asyncio.gather(*(database.transact(take) for _ in range(8)))
    assert sorted(answers) == ["new", *["same"] * 7]


async def test_an_event_reaches_each_of_its_handlers(database: Database) -> None:
    _, source = manual()
    outbox = Outbox({"ThingPaid": ("ledger", "webhooks"), "Other": ("nobody",)}, source)
    event_id = await database.transact(lambda tx: outbox.publish(tx, PAID))
    seen: list[tuple[str, object]] = []

    async def handler(job: ClaimedJob) -> Done:
        async with database.reading() as reader:
            seen.append((job.kind, await read_event(reader, job.merchant_id, UUID(job.key))))
        return Done()

    kinds = {"on:ledger": handler, "on:webhooks": handler}
    assert await Worker(database, kinds, WorkerSettings(), source).drain() == 2
    body = {
        "merchant_id": str(MERCHANT),
        "happened_at": "2026-01-01T00:00:00.000Z",
        "thing_id": str(UUID(int=5)),
        "amount": {"minor": 8600, "currency": "CNY"},
        "colour": "red",
        "notes": ["a"],
        "reason": None,
    }
    assert sorted(seen) == [("on:ledger", ("ThingPaid", body)), ("on:webhooks", ("ThingPaid", body))]
    async with database.reading() as reader:
        assert await read_event(reader, OTHER, event_id) is None


async def test_an_event_without_handlers_is_kept(database: Database) -> None:
    _, source = manual()
    await database.transact(lambda tx: Outbox({}, source).publish(tx, PAID))
    assert await rows(database, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM jobs)") == [(1, 0)]


async def test_a_rolled_back_event_leaves_nothing(database: Database) -> None:
    _, source = manual()
    rings: list[int] = []
    database.bell.listen(lambda: rings.append(1))

    async def story(tx: Transaction) -> None:
        await Outbox({"ThingPaid": ("ledger",)}, source).publish(tx, PAID)
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(story)
    assert await rows(database, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM jobs)") == [(0, 0)]
    assert rings == []


@pytest.mark.parametrize("value", [1.5, b"x", START.replace(tzinfo=None), object(), {"a": {"b": 0.1}}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)
