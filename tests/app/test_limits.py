"""Every request has bounds and every answer its headers; what is too large is refused before it is read."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from app.asgi import Answer, call
from db.support import manual
from shunfu.app.http.limits import BODY_BYTES_MAX, SECURITY_HEADERS, Limits
from shunfu.app.http.problems import install

_, SOURCE = manual()


def reading(response: Response | None = None) -> ASGIApp:
    """An application that reads the whole body, then answers with its length."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size, has_more = 0, True
        while has_more:
            message = await receive()
            size += len(message.get("body", b""))
            has_more = message.get("more_body", False)
        await (response or PlainTextResponse(str(size)))(scope, receive, send)

    return Limits(app, SOURCE)


async def post(app: ASGIApp, headers: dict[str, str], *pieces: bytes) -> Answer:
    with capture_logs():
        return await call(app, "POST", "/v1/orders", headers, pieces)


async def test_the_bound_itself_is_taken() -> None:
    body = b"x" * BODY_BYTES_MAX
    for headers in ({"Content-Length": str(BODY_BYTES_MAX)}, {}):
        answer = await post(reading(), headers, body[:1000], body[1000:])
        assert (answer.status, answer.body) == (200, str(BODY_BYTES_MAX).encode())


@pytest.mark.parametrize(
    "declared", [str(BODY_BYTES_MAX + 1), "1000000", "9" * 19, "9" * 5000, "-1", "+1", "1 ", "0x1", "", "１", "²"]
)
async def test_a_declared_size_is_refused_before_reading(declared: str) -> None:
    headers = {"Content-Length": declared} if declared.isascii() else {}
    answer = await post(reading(), headers or {"Content-Length": "²"}, b"x")
    assert answer.status == 413
    assert answer.problem["type"] == "/problems/body_too_large"
    assert answer.reads == 0


async def test_a_body_that_grows_in_pieces_is_cut_off() -> None:
    answer = await post(reading(), {}, *[b"x" * 65536] * 100)
    assert answer.status == 413
    assert answer.problem["type"] == "/problems/body_too_large"
    assert answer.reads <= 6


async def test_a_body_that_grows_is_413_through_the_routes_error_handlers_too() -> None:
    app = FastAPI()
    install(app)

    @app.post("/v1/orders")
    async def read(request: Request) -> int:
        return len(await request.body())

    answer = await post(Limits(app, SOURCE), {}, *[b"x" * 65536] * 100)
    assert (answer.status, answer.problem["type"]) == (413, "/problems/body_too_large")


async def test_a_body_larger_than_it_said_is_cut_off() -> None:
    answer = await post(reading(), {"Content-Length": "10"}, *[b"x" * 65536] * 100)
    assert answer.status == 413


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive()).get("more_body"):
            pass

    answer = await post(Limits(app, SOURCE), {}, *[b"x" * 65536] * 100)
    assert answer.status == 200


async def test_every_answer_has_its_headers() -> None:
    for headers in ({}, {"Content-Length": "1000000"}):
        answer = await post(reading(), headers, b"x")
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert re.fullmatch(r"req_[0-9A-HJKMNP-TV-Z]{26}", answer.headers["x-request-id"])


async def test_an_answers_own_header_is_kept() -> None:
    page = Response(headers={"content-security-policy": "default-src 'self'", "cache-control": "max-age=60"})
    answer = await post(reading(page), {}, b"")
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_request_id_is_ours_and_new_each_time() -> None:
    answers = [await post(reading(), {"X-Request-Id": "req_mine\r\nforged"}, b"") for _ in range(20)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 20
    assert not any("mine" in request_id for request_id in ids)


async def test_one_line_a_request_without_token_query_or_headers() -> None:
    token = "T" * 84
    with capture_logs() as logs:
        await call(reading(), "GET", f"/c/{token}?secret=canary", {"Authorization": "canary"})
        await call(reading(), "GET", "/" + "x/" * 1000)
    first, second = logs
    assert (first["event"], first["method"], first["status"]) == ("request", "GET", 200)
    assert token not in repr(logs)
    assert "canary" not in repr(logs)
    assert len(second["path"]) <= 300


async def test_a_crash_is_logged_with_status_0_and_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    with capture_logs() as logs, pytest.raises(LookupError):
        await call(Limits(app, SOURCE), "GET", "/")
    assert [entry["status"] for entry in logs] == [0]


async def test_other_scopes_pass() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> dict[str, object]:
        return {}

    async def send(message: object) -> None:
        raise AssertionError(message)

    await Limits(app, SOURCE)({"type": "lifespan"}, receive, send)
    assert seen == ["lifespan"]
