"""A channel is told "success" only for what is kept: it does not send that message again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flows.world import call, make_world
from shunfu.app.http.server import create_app
from shunfu.db import Database, Transaction
from shunfu.kernel.errors import TransientFault


class LostAtCommit(Database):
    """A database whose connection breaks when everything is written and nothing is committed yet."""

    def __init__(self, whole: Database) -> None:
        super().__init__(whole._pool, whole._settings)

    async def transact(self, story: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async def cut(tx: Transaction) -> None:
            await story(tx)
            raise TransientFault("the connection was lost")

        await super().transact(cut)


async def test_what_was_not_committed_is_not_acknowledged_and_comes_again(database: Database) -> None:
    world = await make_world(database)
    order_id, payment_id = await world.pending()
    world.line.shopper(payment_id[4:])
    (delivery,) = world.line.due()
    cut = replace(world.house.notifications, database=LostAtCommit(database))
    headers = {name.lower(): value for name, value in delivery.request.headers}
    app = create_app(replace(world.house, notifications=cut))
    said = await call(app, "POST", urlsplit(delivery.request.url).path, headers, delivery.request.body)
    assert said.status >= 500
    assert await world.sql("SELECT (SELECT count(*) FROM notifications), (SELECT count(*) FROM inbox)") == [(0, 0)]
    (again,) = world.line.again(payment_id[4:])
    assert (await world.deliver(again)).status in {200, 204}
    await world.work()
    assert await world.order_state(order_id) == "PAID"
