"""The one way to serve: a listening socket, an application on it, an end on SIGINT or SIGTERM.

Must not know: which application. The sandbox and the shop are served by it too, and start without the server's rooms.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
import uvloop
from starlette.types import ASGIApp

from shunfu.app.wire import HANG_UP, WireBounds, bounded
from shunfu.kernel.errors import SetupFault

__all__ = ["HANG_UP", "Served", "WireBounds", "listen", "serve", "serve_app", "until_stopped"]

GRACE_SECONDS = 10


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SetupFault when the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SetupFault(_why_not(host, port, error)) from error
    return listener


def until_stopped(life: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    """Run `life` in an event loop of its own; SIGINT and SIGTERM set the event that it is given."""

    async def signalled() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await life(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(signalled())


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: ours stops server and worker together."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle no signal: uvicorn would raise them again after its stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, then announce; an application that fails to start is not announced."""
        await super().startup(sockets)
        if self.started:
            self._announce()


@dataclass(frozen=True, slots=True)
class Served:
    """What is served: an application on a listening socket, within bounds."""

    app: ASGIApp
    listener: socket.socket
    bounds: WireBounds = field(default_factory=WireBounds)


async def serve_app(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, announce: Callable[[], None]) -> None:
    """Serve an application on a socket until `stop` is set, then finish what is running."""
    await serve(Served(app, listener), stop, announce)


async def serve(served: Served, stop: asyncio.Event, announce: Callable[[], None]) -> None:
    """As `serve_app`, within bounds that are not the usual ones."""
    bounds = served.bounds
    config = uvicorn.Config(
        served.app,
        http=bounded(bounds),
        ws="none",
        lifespan="auto",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=bounds.connections_max,
        timeout_keep_alive=bounds.keep_alive_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, announce)
    serving = asyncio.create_task(server.serve(sockets=[served.listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; stop what uses it or choose another port"
    return f"{host}:{port} cannot be listened on ({error}); choose another"
