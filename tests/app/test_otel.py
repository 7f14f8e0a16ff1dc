"""Traces arrive at a real collector on this machine as OTLP, joined as they should be, with no word of anybody's."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flows.world import World, call, credentials, make_world
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.app.watch import Watch
from shunfu.app.watch.tracing import make_tracing, watching
from shunfu.app.wiring import build
from shunfu.db import Database
from shunfu.driver import Call
from shunfu.kernel.errors import SetupFault

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")


class Collector:
    """Takes OTLP over HTTP and keeps it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.port = 0

    def spans(self) -> list[Span]:
        found: list[Span] = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found

    def named(self, name: str) -> Span:
        return next(span for span in self.spans() if span.name == name)

    def settings_told(self) -> dict[str, str]:
        return {"otel_endpoint": f"http://127.0.0.1:{self.port}"}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.paths.append(self.path)
            collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Take)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watched(world: World, database: Database, watch: Watch, **told: str) -> World:
    settings = load({"public_url": "http://127.0.0.1:8700", **told}, {})
    house = world.house
    house = build(settings, house.ring, (house.source, database, house.payments.driver, house.webhooks.sender, watch))
    return replace(world, house=house, app=create_app(house))


async def test_requests_calls_and_jobs_arrive_as_otlp(database: Database) -> None:
    with collecting() as collector:
        settings = load(collector.settings_told(), {})
        async with watching(settings) as watch:
            world = watched(await make_world(database), database, watch)
            order_id, payment_id = await world.pending()
            with watch.request({"type": "http", "headers": [], "state": {}}):
                watch.called(Call("anything", "prepay", "2xx", 0.25))
            await world.shopper_pays(payment_id)
            said = await world.get(f"/v1/orders/{order_id}?canary=query-canary", **{"x-canary": "header-canary"})
            assert said.status == 200
    assert collector.paths[0] == "/v1/traces"
    request = collector.named("GET /v1/orders/{order_id}")
    told = {one.key: one.value for one in request.attributes}
    assert told["http.route"].string_value == "/v1/orders/{order_id}"
    assert told["http.response.status_code"].int_value == 200
    assert request.kind == Span.SPAN_KIND_SERVER
    made = collector.named("anything prepay")
    assert abs(made.end_time_unix_nano - made.start_time_unix_nano - 250_000_000) < 1000
    assert made.parent_span_id, "within the request's span"
    assert any(span.name.startswith("job on:") for span in collector.spans())
    raw = b"".join(collector.bodies)
    canaries = (order_id, payment_id, world.api_key, "canary", "山前", "咖啡豆", *credentials(world.channel).values())
    for word in canaries:
        assert word.encode() not in raw, word


async def test_a_strangers_trace_is_not_gone_on_with(database: Database) -> None:
    with collecting() as collector:
        async with watching(load(collector.settings_told(), {})) as watch:
            far = watched(await make_world(database), database, watch)
            await call(far.app, "GET", "/healthz", {"traceparent": PARENT}, b"")
            near = watched(far, database, watch, trusted_proxies="127.0.0.1")
            await call(near.app, "GET", "/readyz", {"traceparent": PARENT}, b"")
    assert collector.named("GET /healthz").trace_id != TRACE
    assert collector.named("GET /healthz").parent_span_id == b""
    assert collector.named("GET /readyz").trace_id == TRACE


async def test_a_collector_that_is_away_disturbs_nobody(database: Database) -> None:
    with collecting() as collector:
        told = load(collector.settings_told(), {})
    async with watching(told) as watch:
        world = watched(await make_world(database), database, watch)
        assert (await call(world.app, "GET", "/healthz", {}, b"")).status == 200


def test_a_failure_keeps_its_words_to_itself() -> None:
    with collecting() as collector:
        tracing = make_tracing(load(collector.settings_told(), {}))
        assert tracing is not None
        with pytest.raises(ValueError, match="canary"), tracing.span("job x", "worker", {}):
            raise ValueError("canary")
        tracing.close()
    assert collector.named("job x")
    assert b"canary" not in b"".join(collector.bodies)


def test_without_the_extra_it_says_what_to_install() -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name}", name="opentelemetry")

    told = load({"otel_endpoint": "http://127.0.0.1:4318"}, {})
    with pytest.raises(SetupFault, match=r"pip install 'shunfu\[otel\]'"):
        make_tracing(told, missing)
    assert make_tracing(load({}, {}), missing) is None, "and it is not even looked for without the setting"


def test_nothing_of_it_is_imported_unless_it_is_wanted() -> None:
    script = "import sys, shunfu.app.up; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
