"""The driver against a server that misbehaves: bounded, not led elsewhere, honest about what may have been seen."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator

import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs

from driver.channel_server import CANARY, closed_port, deaf_port, make_channel, one, serving
from shunfu.driver import Driver, DriverSettings
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy

SETTINGS = DriverSettings(retry_pause_seconds=0.01)
SOURCE = Source(SystemClock(), SystemEntropy())
CHANNEL = make_channel()


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    async with Driver(SETTINGS, SOURCE) as opened:
        yield opened


async def test_a_reply_is_status_lower_case_headers_and_exact_bytes(driver: Driver) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        assert (request.method, request.path_qs, body) == ("POST", "/v3/pay?a=b", b'{"x":1}')
        assert request.headers["Authorization"] == "scheme text"
        return web.Response(status=418, body=b"\0\xff{}", headers={"Wechatpay-Serial": "AB", "Content-Type": "x/y"})

    async with serving(answer) as url:
        request = Request("POST", f"{url}/v3/pay?a=b", (("Authorization", "scheme text"),), b'{"x":1}')
        reply = await driver.run(CHANNEL, one(request))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (418, b"\0\xff{}")
    assert reply.headers["wechatpay-serial"] == "AB"
    assert all(name == name.lower() for name in reply.headers)


async def test_an_address_is_sent_exactly_as_it_was_signed(driver: Driver) -> None:
    path = "/v3/bill?name=a%2Fb%20c+d%7E&tar_type=&x"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("GET", url + path, ())))
    assert isinstance(reply, Reply)
    assert reply.body.decode() == path


async def test_each_answer_reaches_its_step(driver: Driver) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    def talk(url: str) -> Flow[list[bytes]]:
        seen = []
        for number in range(3):
            reply = yield Request("GET", f"{url}/{number}", ())
            assert isinstance(reply, Reply)
            seen.append(reply.body)
        return seen

    async with serving(answer) as url:
        assert await driver.run(CHANNEL, talk(url)) == [b"/0", b"/1", b"/2"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(driver: Driver, status: int) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("GET", f"{url}/here", ())))
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert paths == ["/here"]


@pytest.mark.parametrize(("size", "is_taken"), [(1000, True), (1001, False), (5_000_000, False)])
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_reply_has_a_largest_size(driver: Driver, size: int, *, is_taken: bool, is_chunked: bool) -> None:
    calls: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        calls.append(1)
        response = web.StreamResponse()
        if is_chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = size
        await response.prepare(request)
        try:
            await response.write(b"x" * size)
            await response.write_eof()
        except ConnectionError:
            pass
        return response

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("POST", url, (), reply_bytes_max=1000)))
    assert isinstance(reply, Reply) if is_taken else reply == NoReply("reply too large", was_sent=True)
    assert calls == [1]


async def test_a_reply_is_not_asked_for_compressed(driver: Driver) -> None:
    """The signature covers the plain bytes and the driver does not decompress, so it must not offer to."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("Accept-Encoding", ""))

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("GET", url, ())))
    assert isinstance(reply, Reply)
    assert reply.body == b"identity"


async def test_no_cookie_is_kept(driver: Driver) -> None:
    cookies: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie", ""))
        return web.Response(headers={"Set-Cookie": "session=1"})

    async with serving(answer) as url:
        for _ in range(2):
            await driver.run(CHANNEL, one(Request("GET", url, ())))
    assert cookies == ["", ""]


async def test_a_time_out_may_have_been_seen_and_is_not_sent_again(driver: Driver) -> None:
    calls: list[int] = []
    is_over = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        calls.append(1)
        await is_over.wait()
        return web.Response()

    async with serving(answer) as url:
        began = time.monotonic()
        reply = await driver.run(CHANNEL, one(Request("POST", url, (), b"x", timeout_seconds=0.2)))
        is_over.set()
    assert isinstance(reply, NoReply)
    assert reply.was_sent
    assert calls == [1]
    assert time.monotonic() - began < 5


async def test_a_reply_that_trickles_is_bounded_by_the_same_time_out(driver: Driver) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(100):
                await response.write(b"x")
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        return response

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("GET", url, (), timeout_seconds=0.2)))
    assert isinstance(reply, NoReply)
    assert reply.was_sent


async def test_a_connection_cut_off_may_have_been_seen(driver: Driver) -> None:
    calls: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(1)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("POST", url, (), b"x")))
    assert isinstance(reply, NoReply)
    assert reply.was_sent
    assert calls == [1]


async def test_a_refused_connection_was_not_sent_and_is_tried_again(driver: Driver) -> None:
    request = Request("POST", f"http://127.0.0.1:{closed_port()}/", (), b"x")
    with capture_logs() as logs:
        reply = await driver.run(CHANNEL, one(request))
    assert isinstance(reply, NoReply)
    assert not reply.was_sent
    assert len(logs) == 1 + SETTINGS.unsent_retries


async def test_a_request_may_ask_for_a_reply_of_any_size_that_it_names(driver: Driver) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 3_000_000)

    async with serving(answer) as url:
        small = await driver.run(CHANNEL, one(Request("GET", url, ())))
        large = await driver.run(CHANNEL, one(Request("GET", url, (), reply_bytes_max=3_000_000)))
    assert small == NoReply("reply too large", was_sent=True)
    assert isinstance(large, Reply)
    assert len(large.body) == 3_000_000


async def test_another_host_is_asked_while_the_channel_cannot_have_seen_the_request(driver: Driver) -> None:
    """The main host and the first backup refuse the connection; the second one gets the same bytes, once."""
    seen: list[tuple[str, bytes, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path_qs, await request.read(), request.headers["Host"]))
        return web.Response(text="backup")

    async with serving(answer) as url:
        backups = (f"http://127.0.0.1:{closed_port()}/pay?a=b", f"{url}/pay?a=b")
        request = Request("POST", f"http://127.0.0.1:{closed_port()}/pay?a=b", (), b"x", backup_urls=backups)
        with capture_logs() as logs:
            reply = await driver.run(CHANNEL, one(request))
    assert isinstance(reply, Reply)
    assert seen == [("/pay?a=b", b"x", url.removeprefix("http://"))]
    assert [entry["status"] for entry in logs] == [0, 0, 200]
    assert len({entry["host"] for entry in logs}) == 3


@pytest.mark.parametrize("status", [200, 500, 502])
async def test_no_other_host_is_asked_after_an_answer(driver: Driver, status: int) -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=status)

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("POST", f"{url}/main", (), backup_urls=(f"{url}/backup",))))
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert calls == ["/main"]


async def test_no_other_host_is_asked_when_the_first_may_have_seen_the_request(driver: Driver) -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(answer) as url:
        reply = await driver.run(CHANNEL, one(Request("POST", f"{url}/main", (), b"x", backup_urls=(f"{url}/backup",))))
    assert isinstance(reply, NoReply)
    assert reply.was_sent
    assert calls == ["/main"]


async def test_hosts_of_which_none_answers_are_tried_a_bounded_number_of_times(driver: Driver) -> None:
    urls = tuple(f"http://127.0.0.1:{closed_port()}/" for _ in range(4))
    with capture_logs() as logs:
        reply = await driver.run(CHANNEL, one(Request("POST", urls[0], (), backup_urls=urls[1:])))
    assert isinstance(reply, NoReply)
    assert not reply.was_sent
    assert len(logs) == len(urls)


@pytest.mark.parametrize(
    "url", ["https://h.example:99999999/x", "https://[x/y", "nonsense", "", "ftp://h.example/", "http:///x"]
)
async def test_an_address_that_is_none_was_not_sent(driver: Driver, url: str) -> None:
    """A signed reply may hand out any address: none makes the driver raise."""
    reply = await driver.run(CHANNEL, one(Request("GET", url, ())))
    assert isinstance(reply, NoReply)
    assert not reply.was_sent


async def test_a_host_that_never_takes_the_connection_has_not_seen_the_request(driver: Driver) -> None:
    """The queue of a listener that accepts nothing is full: the time to connect runs out, and the backup answers."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="backup")

    async with serving(answer) as url:
        with deaf_port() as port:
            request = Request("POST", f"http://127.0.0.1:{port}/", (), timeout_seconds=1.0, backup_urls=(url,))
            reply = await driver.run(CHANNEL, one(request))
    assert isinstance(reply, Reply)
    assert reply.body == b"backup"


async def test_a_server_that_comes_back_between_tries_is_reached() -> None:
    port = closed_port()
    settings = DriverSettings(retry_pause_seconds=0.3)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="back")

    async with Driver(settings, SOURCE) as driver:
        task = asyncio.create_task(driver.run(CHANNEL, one(Request("GET", f"http://127.0.0.1:{port}/", ()))))
        await asyncio.sleep(0.1)
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        reply = await task
        await runner.cleanup()
    assert isinstance(reply, Reply)
    assert reply.body == b"back"


async def test_steps_run_in_the_signing_pool_and_leave_the_loop_free(driver: Driver) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    threads: list[str] = []

    def slow(url: str) -> Flow[str]:
        threads.append(threading.current_thread().name)
        time.sleep(0.2)  # stands for RSA
        yield Request("GET", url, ())
        threads.append(threading.current_thread().name)
        return "done"

    async with serving(answer) as url:
        task = asyncio.create_task(driver.run(CHANNEL, slow(url)))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
    assert await task == "done"
    assert ticks >= 5
    assert len(threads) == 2
    assert all(name.startswith("signing") for name in threads)


async def test_an_error_of_the_conversation_is_a_bug_and_passes(driver: Driver) -> None:
    def broken() -> Flow[None]:
        raise LookupError("a bug")
        yield Request("GET", "", ())

    with pytest.raises(LookupError):
        await driver.run(CHANNEL, broken())


async def test_many_conversations_at_once(driver: Driver) -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(text=request.path)

    async with serving(answer) as url:
        flows = [driver.run(CHANNEL, one(Request("GET", f"{url}/{number}", ()))) for number in range(150)]
        replies = await asyncio.gather(*flows)
    assert [reply.body.decode() for reply in replies if isinstance(reply, Reply)] == [f"/{n}" for n in range(150)]


async def test_logs_tell_of_the_call_and_no_secret(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=CANARY, headers={"X-Secret": CANARY})

    requests = [
        f"/pay/{CANARY}?openid={CANARY}#{CANARY}",
        f"/{CANARY}/{CANARY}",
    ]
    caplog.set_level(logging.DEBUG)
    lines = structlog.testing.LogCapture()
    with capture_logs() as logs:
        async with serving(answer) as url:
            for path in requests:
                await driver.run(
                    CHANNEL, one(Request("POST", url + path, (("Authorization", CANARY),), CANARY.encode()))
                )
        await driver.run(
            CHANNEL, one(Request("POST", f"http://127.0.0.1:{closed_port()}/{CANARY}", (), CANARY.encode()))
        )
    assert not lines.entries
    assert CANARY not in repr(logs)
    assert CANARY not in caplog.text
    assert {entry["channel"] for entry in logs} == {"toy"}
    assert [entry["path"] for entry in logs[:2]] == ["/pay/…", "/…/…"]
    assert [entry["status"] for entry in logs] == [200, 200, 0, 0, 0]


async def test_the_result_of_a_conversation_may_be_none(driver: Driver) -> None:
    def nothing() -> Flow[Answer | None]:
        return None
        yield Request("GET", "", ())

    assert await driver.run(CHANNEL, nothing()) is None
