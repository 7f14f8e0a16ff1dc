"""Messages on their way, on a real database: order, tries, giving up, warnings, rotation, replay."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from db.support import rows
from shunfu.db import ConstraintViolated, Database, PoolSettings, Urls, Worker, WorkerSettings
from shunfu.kernel.ids import public
from shunfu.webhooks import (
    NewSecret,
    Outgoing,
    Replay,
    Sent,
    announce,
    disable_endpoint,
    enable_endpoint,
    make_handlers,
    read_message,
    replay_message,
    rotate_secret,
)
from shunfu.webhooks.model import DeliveryState
from webhooks.support import DOWN, OK, URL, Office, open_office, parsed
from webhooks.verifier import is_genuine

DELIVERED, GIVEN_UP, WAITING = DeliveryState.DELIVERED, DeliveryState.GIVEN_UP, DeliveryState.WAITING


async def test_a_message_is_signed_and_delivered_once(office: Office) -> None:
    shown = await office.endpoint()
    message_id = await office.announce("ord_1", 1)
    await office.work()
    (arrived,) = office.server.arrived
    assert arrived.url == URL
    assert not arrived.may_be_private
    assert dict(parsed(arrived)) == {
        "id": public("evt", message_id),
        "type": "order.paid",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "sequence": 1,
        "subject": "ord_1",
        "data": {"order_id": "ord_1", "amount_minor": 8600},
    }
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["webhook-id"] == public("evt", message_id)
    assert is_genuine(shown.secret.reveal(), arrived.headers, arrived.body, office.clock.now().timestamp())
    fate = await office.fate(message_id)
    assert (fate.state, fate.attempts, fate.last_status, fate.last_reason) == (DELIVERED, 1, 200, "ok")
    await office.pass_hours(100, 60)
    assert len(office.server.arrived) == 1


async def test_an_announcement_twice_is_one_message(office: Office) -> None:
    await office.endpoint()
    told = office.announcement("ord_1", 1, "order.paid", office.source.new_id())
    await asyncio.gather(*(announce(office.tools, told) for _ in range(20)))
    await office.work()
    assert len(office.server.arrived) == 1
    assert await rows(office.database, "SELECT count(*) FROM webhook_messages") == [(1,)]


async def test_a_sequence_belongs_to_one_message(office: Office) -> None:
    await office.announce("ord_1", 1)
    with pytest.raises(ConstraintViolated):
        await office.announce("ord_1", 1)


async def test_every_endpoint_that_wants_the_type_is_told_and_no_other(office: Office) -> None:
    paid = await office.endpoint("order.paid", url="https://a.example/")
    both = await office.endpoint("order.paid", "order.closed", url="https://b.example/")
    await office.endpoint("payment.captured", url="https://c.example/")
    other = await office.endpoint(url="https://d.example/", merchant_id=office.sides.live.merchant_id)
    message_id = await office.announce("ord_1", 1)
    await office.work()
    assert sorted(arrived.url for arrived in office.server.arrived) == ["https://a.example/", "https://b.example/"]
    told, _ = await read_message(office.tools, office.merchant_id, message_id)
    assert {one.endpoint_id for one in told.deliveries} == {paid.endpoint.endpoint_id, both.endpoint.endpoint_id}
    assert other.secret.reveal() != paid.secret.reveal() != both.secret.reveal()


async def test_ten_tries_in_three_days_each_signed_anew(office: Office) -> None:
    shown = await office.endpoint()
    office.server.reply = lambda _: DOWN
    message_id = await office.announce("ord_1", 1)
    began, tried = office.clock.now(), []
    await office.work()
    for _ in range(100):
        if (fate := await office.fate(message_id)).state is not WAITING:
            break
        tried.append((office.clock.now() - began).total_seconds())
        office.clock.instant = fate.next_at
        await office.work()
    assert fate.state is GIVEN_UP
    assert fate.attempts == len(office.server.arrived) == 10
    hours = (office.clock.now() - began).total_seconds() / 3600
    assert 68 <= hours <= 83.2
    pauses = [later - before for before, later in pairwise(tried)]
    planned = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000)
    ratios = [pause / plan for pause, plan in zip(pauses, planned, strict=True)]
    assert all(0.9 <= ratio <= 1.1 for ratio in ratios)
    assert len({round(ratio, 2) for ratio in ratios}) > 1, "there is jitter"
    stamps = [int(arrived.headers["webhook-timestamp"]) for arrived in office.server.arrived]
    assert stamps == sorted(set(stamps)), "each try has a time of its own"
    assert len({arrived.headers["webhook-id"] for arrived in office.server.arrived}) == 1
    assert len({arrived.body for arrived in office.server.arrived}) == 1
    for arrived, stamp in zip(office.server.arrived, stamps, strict=True):
        assert is_genuine(shown.secret.reveal(), arrived.headers, arrived.body, stamp)
    _, attempts = await read_message(office.tools, office.merchant_id, message_id)
    assert [(attempt.status, attempt.reason, attempt.answer) for attempt in attempts] == [(500, "status", "oops")] * 10


async def test_it_is_delivered_when_the_server_is_well_again(office: Office) -> None:
    await office.endpoint()
    answers = [DOWN, Sent(None, "timeout", 20_000), OK]
    office.server.reply = lambda _: answers.pop(0)
    message_id = await office.announce("ord_1", 1)
    await office.work()
    await office.pass_time(seconds=6)
    await office.pass_time(minutes=6)
    fate = await office.fate(message_id)
    assert (fate.state, fate.attempts) == (DELIVERED, 3)
    assert answers == []


# --- order -----------------------------------------------------------------------------------------------------------


async def test_a_later_message_of_a_subject_waits_for_the_one_before(office: Office) -> None:
    await office.endpoint()
    office.server.reply = lambda outgoing: DOWN if parsed(outgoing)["sequence"] == 1 else OK
    for sequence in (1, 2, 3):
        await office.announce("ord_1", sequence)
    await office.announce("ord_2", 1, "order.closed")
    office.server.reply = lambda outgoing: DOWN if parsed(outgoing)["subject"] == "ord_1" else OK
    await office.pass_time(hours=1)
    assert set(office.server.sequences("ord_1")) == {1}
    assert office.server.sequences("ord_2") == [1], "another subject does not wait"
    office.server.reply = lambda _: OK
    await office.pass_hours(3)
    assert list(dict.fromkeys(office.server.sequences("ord_1"))) == [1, 2, 3]


async def test_after_a_message_is_given_up_the_next_has_its_turn(office: Office) -> None:
    await office.endpoint()
    first, second = await office.announce("ord_1", 1), await office.announce("ord_1", 2)
    poison = ("ord_1", 1)
    office.server.reply = lambda o: DOWN if (parsed(o)["subject"], parsed(o)["sequence"]) == poison else OK
    await office.work()
    assert office.server.sequences("ord_1") == [1]
    for day in range(4):
        await office.announce(f"ord_1{day}", 1)  # whatever else happens is taken: the endpoint is well
        await office.pass_hours(21)
    assert (await office.fate(first)).state is GIVEN_UP
    assert (await office.fate(second)).state is DELIVERED
    assert office.server.sequences("ord_1") == [*[1] * 10, 2]


async def test_a_message_that_comes_before_its_elder_waits_for_it(office: Office) -> None:
    await office.endpoint()
    await office.announce("ord_1", 3)
    await office.announce("ord_1", 2)
    await office.pass_time(minutes=10)
    assert office.server.arrived == []
    await office.announce("ord_1", 1)
    await office.work()
    assert office.server.sequences("ord_1") == [1, 2, 3]


async def test_a_gap_is_waited_for_one_hour_and_no_longer(office: Office) -> None:
    await office.endpoint()
    await office.announce("ord_1", 1)
    await office.announce("ord_1", 3)
    await office.pass_time(minutes=59)
    assert office.server.sequences("ord_1") == [1]
    await office.pass_time(minutes=1)
    assert office.server.sequences("ord_1") == [1, 3]


async def test_what_comes_after_the_gap_was_closed_without_it_is_never_sent(office: Office) -> None:
    """The receiver has the newer state; the older one would put it back. It is kept, and can be replayed by hand."""
    await office.endpoint()
    await office.announce("ord_1", 1)
    await office.announce("ord_1", 3)
    await office.pass_time(minutes=61)
    late = await office.announce("ord_1", 2)
    await office.work()
    assert office.server.sequences("ord_1") == [1, 3]
    fate = await office.fate(late)
    assert (fate.state, fate.last_reason, fate.attempts) == (GIVEN_UP, "overtaken", 0)
    await replay_message(office.tools, Replay(office.merchant_id, late))
    await office.work()
    assert office.server.sequences("ord_1") == [1, 3, 2]


async def test_a_type_that_is_not_wanted_is_no_gap(office: Office) -> None:
    await office.endpoint("order.paid")
    await office.announce("ord_1", 2, "order.paid")
    await office.work()
    assert office.server.arrived == [], "the first is not announced yet, and might be wanted"
    await office.announce("ord_1", 1, "payment.captured")
    await office.work()
    assert office.server.sequences("ord_1") == [2]


async def test_fifty_orders_at_once_keep_their_order(office: Office) -> None:
    """Announced together and out of turn, to a server that takes a different time for each."""
    await office.endpoint()
    chance = random.Random(7)
    office.server.pause = lambda: chance.random() / 200
    office.server.reply = lambda _: OK
    wanted = [(f"ord_{number}", sequence) for number in range(50) for sequence in range(1, 5)]
    shuffled = chance.sample(wanted, len(wanted))
    await asyncio.gather(*(office.announce(*one) for one in shuffled))
    await office.work()
    assert len(office.server.arrived) == 200
    assert office.server.busiest > 8, "subjects are sent side by side"
    for number in range(50):
        assert office.server.sequences(f"ord_{number}") == [1, 2, 3, 4]


async def test_two_workers_at_once_lose_nothing_and_keep_the_order(office: Office) -> None:
    """Messages arrive while they are being sent, and both workers look for work."""
    await office.endpoint()
    office.server.pause = lambda: 0.001

    async def announcing() -> None:
        for sequence in range(1, 6):
            await asyncio.gather(*(office.announce(f"ord_{number}", sequence) for number in range(5)))

    async def working() -> None:
        for _ in range(30):
            await office.work()
            await asyncio.sleep(0.005)

    await asyncio.gather(announcing(), working())
    await office.work()
    for number in range(5):
        assert list(dict.fromkeys(office.server.sequences(f"ord_{number}"))) == [1, 2, 3, 4, 5]


# --- health ----------------------------------------------------------------------------------------------------------


async def test_a_dead_endpoint_is_warned_about_after_a_day_and_disabled_after_three(office: Office) -> None:
    shown = await office.endpoint()
    office.server.reply = lambda _: DOWN
    began = office.clock.now()
    first = await office.announce("ord_1", 1)
    await office.work()
    await office.pass_hours(23)
    assert await office.events() == []
    assert (await office.health(shown)).failing_since == began
    await office.announce("ord_2", 1)
    await office.pass_hours(2)
    assert await office.events() == [("WebhookEndpointFailing",)]
    await office.announce("ord_3", 1)
    await office.pass_hours(60, 60)
    assert (await office.fate(first)).state is GIVEN_UP
    await office.pass_hours(24, 60)
    endpoint = await office.health(shown)
    assert await office.events() == [("WebhookEndpointFailing",), ("WebhookEndpointDisabled",)]
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "failing")
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_at - began >= timedelta(days=3)
    arrived = len(office.server.arrived)
    await office.announce("ord_4", 1)
    await office.pass_hours(48, 60)
    assert len(office.server.arrived) == arrived, "nothing is sent to it any more"


async def test_one_success_forgets_all_failures(office: Office) -> None:
    shown = await office.endpoint()
    office.server.reply = lambda _: DOWN
    await office.announce("ord_1", 1)
    await office.pass_hours(20)
    office.server.reply = lambda outgoing: OK if parsed(outgoing)["subject"] == "ord_2" else DOWN
    await office.announce("ord_2", 1)
    await office.work()
    assert (await office.health(shown)).failing_since is None
    await office.pass_hours(23)
    assert await office.events() == []


async def test_410_disables_at_once_and_enabling_goes_on_with_what_waited(office: Office) -> None:
    shown = await office.endpoint()
    where = (office.merchant_id, shown.endpoint.endpoint_id)
    office.server.reply = lambda _: Sent(410, "gone", 1)
    await office.announce("ord_1", 1)
    await office.announce("ord_1", 2)
    await office.work()
    endpoint = await office.health(shown)
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "gone")
    assert await office.events() == [("WebhookEndpointDisabled",)]
    missed = await office.announce("ord_1", 3)
    office.server.reply = lambda _: OK
    await office.pass_hours(24, 60)
    assert len(office.server.arrived) == 1
    await enable_endpoint(office.tools, where)
    await office.work()
    assert office.server.sequences("ord_1") == [1, 1, 2]
    await replay_message(office.tools, Replay(office.merchant_id, missed))
    await office.work()
    assert office.server.sequences("ord_1") == [1, 1, 2, 3]


async def test_enabling_tries_at_once_and_from_the_beginning(office: Office) -> None:
    """The next try was hours away when the endpoint was switched off."""
    shown = await office.endpoint()
    where = (office.merchant_id, shown.endpoint.endpoint_id)
    office.server.reply = lambda _: DOWN
    message_id = await office.announce("ord_1", 1)
    await office.pass_hours(4)
    assert (await office.fate(message_id)).attempts == 5
    await disable_endpoint(office.tools, where)
    office.server.reply = lambda _: OK
    await enable_endpoint(office.tools, where)
    assert (await office.fate(message_id)).attempts == 0
    await office.work()
    fate = await office.fate(message_id)
    assert (fate.state, fate.attempts) == (DELIVERED, 1)


async def test_a_disabled_endpoint_keeps_nobody_waiting_and_is_not_told_later(office: Office) -> None:
    shown = await office.endpoint(url="https://a.example/")
    await office.endpoint(url="https://b.example/")
    await disable_endpoint(office.tools, (office.merchant_id, shown.endpoint.endpoint_id))
    await office.announce("ord_1", 1)
    await office.work()
    assert [arrived.url for arrived in office.server.arrived] == ["https://b.example/"]
    assert (await office.health(shown)).disabled_reason == "asked"


async def test_a_try_whose_result_is_lost_is_made_again(office: Office) -> None:
    """The worker is stopped between the answer and its record: the same id is sent again, and no state is lost."""
    await office.endpoint()
    message_id = await office.announce("ord_1", 1)
    first = True

    def reply(_: Outgoing) -> Sent:
        nonlocal first
        if first:
            first = False
            raise asyncio.CancelledError
        return OK

    office.server.reply = reply
    await office.work()
    await office.pass_time(minutes=2)
    assert (await office.fate(message_id)).state is DELIVERED
    assert len({arrived.headers["webhook-id"] for arrived in office.server.arrived}) == 1
    assert len(office.server.arrived) == 2


async def test_a_worker_that_slept_past_its_lease_puts_nothing_back(office: Office) -> None:
    """Its try ends badly after another worker has delivered the message: delivered it stays."""
    await office.endpoint()
    message_id = await office.announce("ord_1", 1)
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep_once(_: Outgoing) -> Sent | None:
        if asleep.is_set():
            return None
        asleep.set()
        await awake.wait()
        return DOWN

    office.server.on_the_way = sleep_once
    sleeping = asyncio.create_task(office.work())
    await asleep.wait()
    office.clock.advance(61)
    other = Worker(office.database, make_handlers(office.tools), WorkerSettings(), office.source)
    await other.drain()
    assert (await office.fate(message_id)).state is DELIVERED
    awake.set()
    await sleeping
    fate = await office.fate(message_id)
    assert (fate.state, fate.attempts) == (DELIVERED, 1)
    _, attempts = await read_message(office.tools, office.merchant_id, message_id)
    assert [attempt.status for attempt in attempts] == [200, 500], "both are kept"


# --- secrets ---------------------------------------------------------------------------------------------------------


async def rotated(office: Office, endpoint_id: UUID, hours: int) -> str:
    wish = NewSecret((office.merchant_id, endpoint_id), office.source.new_id(), timedelta(hours=hours))
    return (await rotate_secret(office.tools, wish)).secret.reveal()


async def test_while_a_secret_is_rotated_both_verify_and_then_only_the_new_one(office: Office) -> None:
    shown = await office.endpoint()
    old = shown.secret.reveal()
    assert len(base64.b64decode(old.removeprefix("whsec_"))) == 32
    new = await rotated(office, shown.endpoint.endpoint_id, 24)
    await office.announce("ord_1", 1)
    await office.work()
    during = office.server.arrived[-1]
    now = office.clock.now().timestamp()
    assert [is_genuine(secret, during.headers, during.body, now) for secret in (old, new)] == [True, True]
    await office.pass_time(hours=24)
    await office.announce("ord_2", 1)
    await office.work()
    after = office.server.arrived[-1]
    now = office.clock.now().timestamp()
    assert [is_genuine(secret, after.headers, after.body, now) for secret in (old, new)] == [False, True]


async def test_a_leaked_secret_signs_nothing_more(office: Office) -> None:
    shown = await office.endpoint()
    new = await rotated(office, shown.endpoint.endpoint_id, 0)
    await office.announce("ord_1", 1)
    await office.work()
    (arrived,) = office.server.arrived
    now = office.clock.now().timestamp()
    assert not is_genuine(shown.secret.reveal(), arrived.headers, arrived.body, now)
    assert is_genuine(new, arrived.headers, arrived.body, now)


async def test_a_rotation_tried_twice_is_one_rotation(office: Office) -> None:
    shown = await office.endpoint()
    wish = NewSecret((office.merchant_id, shown.endpoint.endpoint_id), office.source.new_id(), timedelta(hours=24))
    first, again = await rotate_secret(office.tools, wish), await rotate_secret(office.tools, wish)
    assert first.secret.reveal() == again.secret.reveal()
    assert len(again.endpoint.secrets) == 2


async def test_no_secret_is_readable_in_the_database(office: Office) -> None:
    shown = await office.endpoint()
    ((stored,),) = await rows(office.database, "SELECT secrets::text FROM webhook_endpoints")
    assert shown.secret.reveal().removeprefix("whsec_")[:20] not in str(stored)
    assert base64.b64decode(shown.secret.reveal().removeprefix("whsec_")).hex() not in str(stored)


# --- replay ----------------------------------------------------------------------------------------------------------


async def test_a_replay_is_the_same_message_again(office: Office) -> None:
    await office.endpoint()
    message_id = await office.announce("ord_1", 1)
    await office.work()
    await replay_message(office.tools, Replay(office.merchant_id, message_id))
    await office.work()
    first, again = office.server.arrived
    assert (first.body, first.headers["webhook-id"]) == (again.body, again.headers["webhook-id"])
    assert set(first.headers) == set(again.headers)
    fate = await office.fate(message_id)
    assert (fate.state, fate.is_replay, fate.attempts) == (DELIVERED, True, 1)


async def test_a_replay_that_fails_keeps_no_newer_message_waiting(office: Office) -> None:
    await office.endpoint()
    message_id = await office.announce("ord_1", 1)
    await office.work()
    office.server.reply = lambda outgoing: DOWN if parsed(outgoing)["sequence"] == 1 else OK
    await replay_message(office.tools, Replay(office.merchant_id, message_id))
    await office.work()
    await office.announce("ord_1", 2)
    await office.work()
    assert office.server.sequences("ord_1") == [1, 1, 2]


async def test_replays_of_one_subject_keep_their_order(office: Office) -> None:
    await office.endpoint()
    messages = [await office.announce("ord_1", sequence) for sequence in (1, 2, 3)]
    await office.work()
    office.server.arrived.clear()
    for message_id in reversed(messages):
        await replay_message(office.tools, Replay(office.merchant_id, message_id))
    await office.work()
    assert office.server.sequences("ord_1") == [1, 2, 3]


async def test_a_replay_of_what_still_waits_sends_it_now_and_keeps_its_tries(office: Office) -> None:
    await office.endpoint()
    office.server.reply = lambda _: DOWN
    message_id = await office.announce("ord_1", 1)
    await office.work()
    await office.pass_time(seconds=6)
    office.server.reply = lambda _: OK
    await replay_message(office.tools, Replay(office.merchant_id, message_id))
    await office.work()
    fate = await office.fate(message_id)
    assert (fate.state, fate.attempts, fate.is_replay) == (DELIVERED, 3, False)


async def test_a_replay_to_one_endpoint_goes_to_no_other(office: Office) -> None:
    await office.endpoint(url="https://a.example/")
    message_id = await office.announce("ord_1", 1)
    await office.work()
    late = await office.endpoint(url="https://late.example/")
    await replay_message(office.tools, Replay(office.merchant_id, message_id, late.endpoint.endpoint_id))
    await office.work()
    assert [arrived.url for arrived in office.server.arrived] == ["https://a.example/", "https://late.example/"]


# --- bounds ----------------------------------------------------------------------------------------------------------


async def test_facts_cannot_be_changed_by_the_running_server(office: Office) -> None:
    """By GRANT: messages and attempts are only ever added to."""
    for table in ("webhook_messages", "webhook_attempts"):
        for deed in ("UPDATE", "DELETE", "TRUNCATE"):
            found = await rows(office.database, "SELECT has_table_privilege(current_user, $1, $2)", table, deed)
            assert found == [(False,)], (table, deed)


@pytest.mark.parametrize("allows_private", [False, True])
async def test_only_a_test_side_may_be_private_and_only_where_it_is_allowed(
    database: Database, allows_private: bool
) -> None:
    office = await open_office(database, allows_private=allows_private)
    await office.endpoint()
    await office.announce("ord_1", 1)
    await office.work()
    assert [arrived.may_be_private for arrived in office.server.arrived] == [allows_private]


async def test_a_server_that_hangs_keeps_only_its_own_messages_waiting(office: Office) -> None:
    slow, quick = "https://slow.example/", "https://quick.example/"
    await office.endpoint(url=slow)
    await office.endpoint(url=quick)
    release = asyncio.Event()

    async def hold_up(outgoing: Outgoing) -> None:
        if outgoing.url == slow:
            await release.wait()

    office.server.on_the_way = hold_up
    server = office.server
    for number in range(20):
        await office.announce(f"ord_{number}", 1)
    working = asyncio.create_task(office.work())
    for _ in range(400):
        if len(server.arrived) == 20:
            break
        await asyncio.sleep(0.01)
    assert {arrived.url for arrived in server.arrived} == {quick}
    assert len(server.arrived) == 20
    release.set()
    await working
    assert len(server.arrived) == 40


async def test_hundreds_under_way_leave_the_database_to_payments(database_urls: Urls, app_role: str | None) -> None:
    """Ten endpoints, twenty orders each, and a pool of four connections: one is always left."""
    pool = PoolSettings(database_urls.app_url, role=app_role, max_size=4, acquire_timeout_seconds=1.0)
    database = await Database.connect(pool)
    try:
        office = await open_office(database)
        for number in range(10):
            await office.endpoint(url=f"https://{number}.example.com/")
        for number in range(20):
            await office.announce(f"ord_{number}", 1)
        office.server.pause = lambda: 0.01
        waits: list[float] = []
        working = asyncio.create_task(office.work())
        while not working.done():
            began = time.monotonic()
            await rows(database, "SELECT 1")
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.005)
        await working
    finally:
        await database.close()
    assert len(office.server.arrived) == 200
    assert office.server.busiest > 20, "sending is not held up"
    assert len(waits) > 5
