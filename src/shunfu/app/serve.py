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

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shunfu.kernel.errors import SetupFault

GRACE_SECONDS = 10
CONNECTIONS_MAX = 1000
HANG_UP = "shunfu.hang_up"
"""Under this name a scope's extensions hold `close`: the connection ends at once, without a byte of an answer."""


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


class _Protocol(HttpToolsProtocol):
    """uvicorn's own, and an application may hang up: ASGI has no word for it, and the sandbox has to lose replies."""

    def on_message_begin(self) -> None:
        """Begin a request's scope, with its way to hang up."""
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: {"close": self.transport.close}}


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


async def serve_app(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, announce: Callable[[], None]) -> None:
    """Serve an application on a socket until `stop` is set, then finish what is running."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="auto",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, announce)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; stop what uses it or choose another port"
    return f"{host}:{port} cannot be listened on ({error}); choose another"
