"""Runs a channel's generator over HTTP: each step in the signing pool, so that RSA never blocks the event loop.

Retries only what the channel cannot have seen, at its other hosts too. Redirects are never followed, replies are
capped, logs are scrubbed by the channel's own function, and what is said is handed back for the record.
Must not know: payments, SQL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

import aiohttp
import structlog
from yarl import URL

from shunfu.driver.exchange import Exchange, Sent, describe, where
from shunfu.driver.registry import AnyChannel
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.kernel.clock import Source

T = TypeVar("T")
LOG = structlog.stdlib.get_logger("driver")


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """Bounds on talking to channels."""

    signing_threads: int = 2
    connections: int = 64
    unsent_retries: int = 2
    retry_pause_seconds: float = 0.1


@dataclass(frozen=True, slots=True)
class Call:
    """One try at an exchange, for whoever counts them: `verb` is the conversation's name, such as `prepay`.

    `outcome`: `2xx` to `5xx`, `no_reply`, or `not_sent` when the channel cannot have seen it.
    """

    channel: str
    verb: str
    outcome: str
    seconds: float


Observer: TypeAlias = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class _Finished:
    """The generator's result, boxed: a StopIteration cannot cross from a thread to the loop."""

    value: object


class Driver:
    """One per process; `async with` opens and closes its connections."""

    def __init__(self, settings: DriverSettings, source: Source, observer: Observer | None = None) -> None:
        self._settings = settings
        self._observer = observer
        self._source = source
        self._pool = ThreadPoolExecutor(settings.signing_threads, thread_name_prefix="signing")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._settings.connections)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},  # signatures cover the plain bytes; aiohttp would offer gzip
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, channel: AnyChannel, flow: Flow[T]) -> T:
        """Carry a conversation to its result. Never raises for what the channel or the network did."""
        return await self._carry(channel, flow, None)

    async def converse(self, channel: AnyChannel, flow: Flow[T]) -> tuple[T, tuple[Exchange, ...]]:
        """As `run`, with every exchange of the conversation as it is to be kept, in order, failed attempts too."""
        exchanges: list[Exchange] = []
        result = await self._carry(channel, flow, exchanges)
        return result, tuple(exchanges)

    async def _carry(self, channel: AnyChannel, flow: Flow[T], record: list[Exchange] | None) -> T:
        answer: Answer | None = None
        while True:
            step = await asyncio.get_running_loop().run_in_executor(self._pool, _advance, flow, answer)
            if isinstance(step, _Finished):
                return step.value  # pyright: ignore[reportReturnType]  # boxed by _advance, typed by Flow[T]
            answer = await self._exchange(channel, (str(getattr(flow, "__name__", "")), step), record)

    async def _exchange(self, channel: AnyChannel, asked: tuple[str, Request], record: list[Exchange] | None) -> Answer:
        """Send one request of a conversation; again, each host in turn, only while the channel cannot have seen it."""
        verb, request = asked
        answer: Answer = NoReply("not tried", was_sent=False)
        urls = (request.url, *request.backup_urls)
        for attempt in range(max(len(urls), self._settings.unsent_retries + 1)):
            if attempt >= len(urls):
                await asyncio.sleep(self._settings.retry_pause_seconds * attempt)
            tried = replace(request, url=urls[attempt % len(urls)])
            exchange_id, started_at, began = self._source.new_id(), self._source.now(), time.monotonic()
            answer = await self._send(tried)
            seconds = time.monotonic() - began
            _log(channel, tried, answer, seconds)
            if self._observer is not None:
                self._observer(Call(channel.name, verb, _outcome(answer), seconds))
            if record is not None:
                sent = Sent(exchange_id, started_at, int(seconds * 1000))
                record.append(describe(channel.scrub, tried, answer, sent))
            if isinstance(answer, Reply) or answer.was_sent:
                break
        return answer

    async def _send(self, request: Request) -> Answer:
        assert self._session is not None, "the driver is used inside `async with`"
        timeout = aiohttp.ClientTimeout(total=request.timeout_seconds, sock_connect=request.timeout_seconds / 2)
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),  # as it was signed: aiohttp would write a %2F in it as a slash
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                return await _read(response, request.reply_bytes_max)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NoReply(f"connection: {type(error).__name__}", was_sent=False)
        except (ValueError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):  # an address that is none of a server
            return NoReply("the address is malformed", was_sent=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NoReply(f"no reply: {type(error).__name__}", was_sent=True)


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> Answer:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > bytes_max:
            return NoReply("reply too large", was_sent=True)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status, headers, bytes(body))


def _advance(flow: Flow[T], answer: Answer | None) -> Request | _Finished:
    try:
        return next(flow) if answer is None else flow.send(answer)
    except StopIteration as stop:
        return _Finished(stop.value)


def _outcome(answer: Answer) -> str:
    if isinstance(answer, Reply):
        return f"{answer.status // 100}xx"
    return "no_reply" if answer.was_sent else "not_sent"


def _log(channel: AnyChannel, request: Request, answer: Answer, seconds: float) -> None:
    status = answer.status if isinstance(answer, Reply) else 0
    reason = "" if isinstance(answer, Reply) else channel.scrub(answer.reason)
    host, path = where(request.url, channel.scrub)
    LOG.info(
        "channel_call",
        channel=channel.name,
        method=request.method,
        host=host,
        path=path,
        status=status,
        no_reply=reason,
        milliseconds=round(seconds * 1000, 1),
    )
