"""A tiny server on this machine that stands for a channel's, and a channel without verbs to talk to it with."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import cast

from aiohttp import web

from shunfu.driver.registry import AnyChannel
from shunfu.gateway.flow import Answer, Flow, Request
from shunfu.gateway.login import LoginVerbs
from shunfu.gateway.port import Capabilities, Channel, Verbs
from shunfu.gateway.refund import RefundVerbs
from shunfu.gateway.statement import StatementVerbs
from shunfu.gateway.workbench import Workbench

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CANARY = "canary-4d1e"


def make_channel() -> AnyChannel:
    """A channel of which only name and scrub are used: it takes the canary out of a text."""
    return Channel(
        name="toy",
        label={"en": "Toy"},
        icon="toy",
        scenes=(),
        capabilities=Capabilities(
            currencies=frozenset({"CNY"}),
            can_close=True,
            prepay_seconds=1,
            order_seconds_max=1,
            statement_utc_offset_hours=8,
            statement_cut_hour=0,
            statement_ready_hour=10,
            refund_days=1,
            refunds_max=1,
            refund_gap_seconds=0,
        ),
        verbs=cast("Verbs[None]", None),
        load=lambda _: None,
        identity=lambda _: cast("object", None),
        sandbox_url=lambda _: "http://sandbox",
        expiries=lambda _: (),
        scrub=lambda text: text.replace(CANARY, "…"),
        refunds=cast("RefundVerbs[None]", None),
        statements=cast("StatementVerbs[None]", None),
        login=cast("LoginVerbs[None]", None),
        workbench=cast("Workbench", None),
    )


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str]:
    """The address of a server that answers every request with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def deaf_port() -> Generator[int]:
    """A port whose listener never accepts, and whose queue is full: a new connection there is not answered at all."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # the standard library's own signature
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def one(request: Request) -> Flow[Answer]:
    """A conversation of one question, whose result is the answer."""
    return (yield request)
