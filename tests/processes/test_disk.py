"""A full disk: PostgreSQL can write no more, clients are told to come again, and what was acknowledged is there."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from db.support import rows
from processes.fleet import Fleet, found_shop, free_port, wait_for
from processes.judging import end_leases_of_the_dead, judge
from processes.load import AMOUNT_MINOR, Load, make_session, new_order
from processes.test_kills import is_back

ITEMS = [{"name": "云南日晒咖啡豆" * 18, "quantity": 1, "amount_minor": AMOUNT_MINOR} for _ in range(50)]
PIECE = 1 << 20


async def test_a_full_disk_is_a_503_and_afterwards_all_goes_on(fleet: Fleet) -> None:
    if not fleet.is_small:
        pytest.skip("no small file system can be mounted here: that takes root")
    settings = fleet.settings(free_port())
    await asyncio.to_thread(fleet.start, "both", settings)
    async with make_session() as session, asyncio.timeout(120):
        load = Load("a full disk", await found_shop(fleet, int(str(settings["port"]))), fleet.sandbox, session)
        for _ in range(3):
            await load.buy()
        before = [await new_order(load) for _ in range(3)]
        ballast = fleet.folder / "disk" / "ballast"
        await asyncio.to_thread(fill, ballast)
        try:
            orders = [asyncio.create_task(order_much(load, number)) for number in range(6)]
            payments = [asyncio.create_task(load.start(order)) for order in before]

            async def is_felt() -> bool:
                return load.busy >= 10

            await wait_for(is_felt, "a full disk")
            assert any(not order.done() for order in orders), "somebody waits for room"
        finally:
            ballast.unlink()
        await wait_for(lambda: is_back(fleet), "PostgreSQL's return")
        await end_leases_of_the_dead(fleet)
        await asyncio.gather(*orders)
        for payment in await asyncio.gather(*payments):
            await load.pay(payment.json()["id"])
        assert set(load.statuses) <= {200, 201, 409, 503}, load.statuses
        for _ in range(3):
            await load.buy()
        await judge(fleet, load, {"answered_503": load.statuses[503]})
        await assert_no_half_order(fleet, load)


async def order_much(load: Load, number: int) -> None:
    """Orders with long lists of items, so that room is needed soon."""
    for turn in range(8):
        load.wishes += 1
        wish = {"amount_minor": AMOUNT_MINOR, "currency": "CNY", "subject": f"咖啡豆 {number}-{turn}", "items": ITEMS}
        said = await load.ask("/v1/orders", wish)
        assert said.status == 201, said


async def assert_no_half_order(fleet: Fleet, load: Load) -> None:
    """Each order has its expiry job, and no order is there that no answer names."""
    async with fleet.house() as house:
        merchant = load.shop.merchant.merchant_id
        lonely = await rows(
            house.database,
            "SELECT order_id FROM orders o WHERE merchant_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs j"
            " WHERE j.merchant_id = o.merchant_id AND j.kind = 'payments.expire' AND j.key = o.order_id::text)",
            merchant,
        )
        assert lonely == []


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with file.open("wb", buffering=0) as stream:
        piece = bytes(PIECE)
        while True:
            try:
                stream.write(piece)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                if len(piece) == 1:
                    return
                piece = piece[: len(piece) // 2]
