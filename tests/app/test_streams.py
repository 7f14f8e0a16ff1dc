"""A person holds eight live streams open and no ninth; one that ends makes room."""

from __future__ import annotations

import asyncio

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.asgi import Answer, call
from shunfu.app.http.streams import STREAMS_MAX, Streams


class Stage:
    """An application that streams until it is told to end."""

    def __init__(self, media_type: str = "text/event-stream; charset=utf-8") -> None:
        self.end = asyncio.Event()
        self.media_type = media_type
        self.begun = 0
        self.app = Streams(self._stream)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1

        async def events():
            yield b"data: 1\n\n"
            await self.end.wait()

        await StreamingResponse(events(), media_type=self.media_type)(scope, receive, send)

    async def hold(self, count: int, cookie: str) -> list[asyncio.Task[Answer]]:
        tasks = [asyncio.create_task(self.ask(cookie)) for _ in range(count)]
        await asyncio.sleep(0.05)
        return tasks

    async def ask(self, cookie: str) -> Answer:
        return await call(self.app, "GET", "/console/live", {"cookie": cookie})


async def test_the_ninth_of_a_session_is_told_429() -> None:
    stage = Stage()
    held = await stage.hold(STREAMS_MAX, "shunfu_staff=ABC")
    ninth = await stage.ask("shunfu_staff=ABC")
    assert stage.begun == STREAMS_MAX + 1, "the ninth reached the application, and its answer was taken back"
    assert (ninth.status, ninth.problem["type"]) == (429, "/problems/rate_limited")
    assert int(ninth.headers["retry-after"]) > 0
    assert (await stage.ask('shunfu_staff="abc"')).status == 429, "spelt differently it is the same session"
    other = await stage.hold(1, "shunfu_staff=XYZ")
    assert not other[0].done()
    stage.end.set()
    answers = await asyncio.gather(*held, *other)
    assert {answer.status for answer in answers} == {200}
    assert (await stage.ask("shunfu_staff=ABC")).status == 200


async def test_a_client_that_leaves_makes_room() -> None:
    stage = Stage()
    held = await stage.hold(STREAMS_MAX, "shunfu_staff=ABC")
    held[0].cancel()
    await asyncio.wait({held[0]})
    again = await stage.hold(1, "shunfu_staff=ABC")
    assert not again[0].done()
    stage.end.set()
    await asyncio.gather(*held[1:], *again)


async def test_other_answers_are_not_counted() -> None:
    stage = Stage("text/csv")
    held = await stage.hold(STREAMS_MAX * 3, "shunfu_staff=ABC")
    assert not any(task.done() for task in held)
    stage.end.set()
    assert {answer.status for answer in await asyncio.gather(*held)} == {200}


async def test_the_refused_application_ends_although_its_stream_would_not() -> None:
    stage = Stage()
    held = await stage.hold(STREAMS_MAX, "shunfu_staff=ABC")
    async with asyncio.timeout(5):
        assert (await stage.ask("shunfu_staff=ABC")).status == 429
    stage.end.set()
    await asyncio.gather(*held)


async def test_who_waits_for_the_client_already_is_told_that_it_is_gone() -> None:
    """An application may wait for the client's end before its stream begins, and be waiting when it is refused."""

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        gone = asyncio.create_task(until_gone())
        await asyncio.sleep(0.02)
        assert not gone.done()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await gone

    async with asyncio.timeout(5):
        assert (await call(Streams(patient, streams_max=0), "GET", "/console/live")).status == 429
