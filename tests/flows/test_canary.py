"""The canary: every secret and every personal datum that a payment touches, looked for where it must never be."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from db.support import rows
from flows.world import OPENID, World, credentials


@pytest.fixture
def log_lines() -> Iterator[Callable[[], str]]:
    """Every value that is logged while the test runs, before any form hides or shortens it."""
    with capture_logs() as lines:
        yield lambda: repr(lines)


PHONE, COOKIE = "13912345678", "sid-5b1f0c77"


def talkative(world: World) -> dict[str, str]:
    """Headers that a proxy on the way might add to a genuine notification, and that nobody may keep as they are."""
    told = credentials()
    return {
        "authorization": f"Bearer {told['api_v3_key']}",
        "cookie": f"session={COOKIE}",
        "x-access-token": world.api_key,
        "x-shopper": f"openid={OPENID} phone={PHONE}",
    }


def secrets_of(world: World) -> dict[str, str]:
    """What must not be found, by name. Keys are looked for by a line of their text."""
    told = credentials()
    found = {"api_v3_key": told["api_v3_key"], "openid": OPENID, "api_key": world.api_key[-43:]}
    found["merchant_private_key"] = told["merchant_private_key"].split("\n")[3]
    found["live_key"] = world.live_key[-43:]
    found["phone"] = PHONE
    found["cookie"] = COOKIE
    return found


async def a_days_work(world: World) -> list[bytes]:
    """A payment with everything that can go wrong on the way; the answers that anybody got."""
    answers: list[bytes] = []
    order = await world.order()
    world.line.lose_replies = 1
    first = await world.pay(order["id"], "wechatpay/miniprogram")
    answers.append(first.body)
    await world.pass_time(seconds=6)
    number = first.json()["id"][4:]
    world.line.shopper(number)
    (delivery,) = world.line.due()
    messages = (world.lie(delivery, mchid="1900000001"), *world.forged(delivery), delivery, delivery)
    answers += [(await world.deliver(message, **talkative(world))).body for message in messages]
    await world.work()
    answers.append((await world.get("/v1/orders", authorization=f"Bearer {world.live_key}x")).body)
    answers.append((await world.post(f"/v1/orders/{order['id']}/payments", {"method": "x", "payer": OPENID})).body)
    answers.append((await world.get(f"/v1/payments/{first.json()['id']}")).body)
    world.clock.instant += timedelta(days=1)
    await world.work()
    return answers


async def test_no_secret_reaches_a_log_an_answer_or_the_database(world: World, log_lines: Callable[[], str]) -> None:
    answers = await a_days_work(world)
    logged = log_lines()
    assert "'event': 'request'" in logged, "the logs were watched"
    tables = await rows(
        world.house.database, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shunfu'"
    )
    dump = ""
    for (table,) in tables:
        if table != "notification_bodies":
            dump += json.dumps(await rows(world.house.database, f'SELECT t::text FROM shunfu."{table}" t'))
    assert "channel_receivable" in dump, "the database was read"
    said = b"".join(answers).decode()
    assert '"kind":"message_out"' in said, "the timeline was read"
    assert '"x-shopper":"' in said, "with the headers of the notifications"
    for name, secret in secrets_of(world).items():
        assert secret not in logged, f"{name} in the logs"
        assert secret not in said, f"{name} in an answer"
        assert secret not in dump, f"{name} in the database"
    checkout = (await world.order())["checkout_url"].rpartition("/")[2]
    await world.page(f"/c/{checkout}")
    assert checkout not in log_lines(), "a checkout token in the logs"
