"""What Prometheus reads: figures of a running house, on a listener of its own, no id and no word of anybody's."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.asgi import Answer, call
from db.support import sql
from flows.world import World, credentials, make_world
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.app.watch import Meters, Watch
from shunfu.app.watch.exposition import Exposition, metrics_address
from shunfu.app.wiring import build
from shunfu.db import Database
from shunfu.driver import Call
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret
from shunfu.webhooks import Outgoing, Sent

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "watch.md"
HOST = {"host": "127.0.0.1:9464"}
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Nobody:
    """A carrier whose every server is away."""

    async def send(self, outgoing: Outgoing) -> Sent:
        return Sent(None, f"no {outgoing.url[:5]}", 1)


class Watched:
    """A world whose house is watched."""

    def __init__(self, world: World, database: Database) -> None:
        house, self.meters = world.house, Meters("9.9")
        watch = Watch(self.meters)
        parts = (house.source, database, house.payments.driver, watch.carrier(Nobody()), watch)
        house = build(house.settings, house.ring, parts)
        self.world = replace(world, house=house, app=create_app(house))
        self.page = Exposition(self.meters, database, house.source, None)

    async def scrape(self) -> Figures:
        answer = await call(self.page, "GET", "/metrics", HOST)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return figures(answer.body.decode())


def figures(text: str) -> Figures:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(found: Figures, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


@pytest.fixture
async def watched(database: Database) -> Watched:
    return Watched(await make_world(database), database)


async def test_a_payments_life_is_seen(watched: Watched) -> None:
    world = watched.world
    _, payment_id = await world.pending()
    method = world.method
    assert at(await watched.scrape(), "shunfu_payments_recent", method=method, state="PENDING") == 1
    await world.shopper_pays(payment_id)
    found = await watched.scrape()
    assert at(found, "shunfu_payments_recent", method=method, state="CAPTURED") == 1
    assert at(found, "shunfu_payments_recent", method=method, state="PENDING") is None, "nothing of before is left"
    assert at(found, "shunfu_database_up") == 1
    assert at(found, "shunfu_build_info", version="9.9") == 1
    assert at(found, "shunfu_events_total", event="PaymentCaptured") == 1
    route = "/v1/orders/{order_id}/payments"
    assert at(found, "shunfu_http_request_seconds_count", method="POST", route=route, status="2xx") == 1
    done = [dict(labels) for name, labels in found if name == "shunfu_job_seconds_count"]
    assert {one["outcome"] for one in done} <= {"done", "again"}
    assert any(one["kind"].startswith("on:") for one in done)


async def test_what_waits_and_what_is_unknown(watched: Watched) -> None:
    world = watched.world
    order = await world.order()
    world.line.lose_replies = 99
    said = await world.pay(order["id"])
    assert said.json()["state"] == "UNKNOWN"
    world.clock.advance(600)
    found = await watched.scrape()
    assert at(found, "shunfu_payments_unknown", method=world.method) == 1
    assert at(found, "shunfu_payments_unknown_oldest_age_seconds", method=world.method) == 600
    due = {dict(labels)["kind"]: value for (name, labels), value in found.items() if name == "shunfu_jobs"}
    ages = [value for (name, _), value in found.items() if name == "shunfu_jobs_due_oldest_age_seconds"]
    assert sum(due.values()) >= 1
    assert max(ages) > 0
    kill = sql("UPDATE jobs SET state = 'dead', finished_at = created_at")
    await world.house.database.transact(lambda tx: tx.execute(kill))
    dead = [labels for (name, labels), _ in (await watched.scrape()).items() if name == "shunfu_jobs"]
    assert dead
    assert {dict(labels)["state"] for labels in dead} == {"dead"}


async def test_what_the_driver_and_the_webhooks_tell(watched: Watched) -> None:
    watched.world.house.watch.called(Call("anything", "prepay", "5xx", 0.3))
    await watched.world.house.webhooks.sender.send(Outgoing("https://shop.example.com/", {}, b"", may_be_private=False))
    found = await watched.scrape()
    labels = {"channel": "anything", "verb": "prepay", "outcome": "5xx"}
    assert at(found, "shunfu_channel_call_seconds_count", **labels) == 1
    assert at(found, "shunfu_webhook_attempt_seconds_count", outcome="no_answer") == 1


async def test_no_label_is_anybodys_text(watched: Watched) -> None:
    """Ids, paths, names and methods that a stranger chose are in no label, however many come."""
    world = watched.world
    order_id, payment_id = await world.pending()
    before = len(await watched.scrape())
    for number in range(30):
        await world.get(f"/v1/orders/{order_id}?canary={number}")
        await world.get(f"/canary-{number}")
        await call(world.app, f"CANARY{number}", "/v1/orders", {})
        await world.get("/v1/payments/pay_CANARY")
    answer = await call(watched.page, "GET", "/metrics", HOST)
    text = answer.body.decode()
    told = credentials(world.channel)
    for secret in (order_id, payment_id, "canary", "CANARY", "山前", world.api_key, *told.values()):
        assert secret not in text, secret
    assert not re.search(r"(mer|ord|pay|key|acc|req)_[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f]{4}-", text)
    assert len(figures(text)) - before < 200


async def test_without_its_database_the_page_says_so(watched: Watched, database: Database) -> None:
    await database.close()
    found = await watched.scrape()
    assert at(found, "shunfu_database_up") == 0
    assert at(found, "shunfu_build_info", version="9.9") == 1


async def ask(page: Exposition, target: str = "/metrics", method: str = "GET", **headers: str) -> Answer:
    return await call(page, method, target, {"host": "127.0.0.1:9464", **headers})


async def test_who_may_read(watched: Watched) -> None:
    house = watched.world.house
    assert (await ask(watched.page)).status == 200
    for host in ("evil.example", "metrics.example.com:9464", "", "127.0.0.1.evil.example", "[::1", "localhost.evil"):
        refused = await ask(watched.page, host=host)
        assert (refused.status, refused.body) == (403, b"no\n"), host
    for host in ("localhost:9464", "[::1]:9464", "10.0.0.5"):
        assert (await ask(watched.page, host=host)).status == 200
    guarded = Exposition(watched.meters, house.database, house.source, Secret("token-canary"))
    assert (await ask(guarded)).status == 401
    for shown in ("Bearer ", "Bearer token", "token-canary", "bearer token-canary", "Bearer token-canary "):
        assert (await ask(guarded, authorization=shown)).status == 401
    assert (await ask(guarded, authorization="Bearer token-canary", host="metrics.example.com")).status == 200


async def test_nothing_else_is_there_and_it_is_nowhere_else(watched: Watched) -> None:
    for target, method in (("/", "GET"), ("/metrics/", "GET"), ("/metrics", "POST"), ("/v1/orders", "GET")):
        assert (await ask(watched.page, target, method)).status == 404
    assert (await call(watched.world.app, "GET", "/metrics", HOST)).status == 404


def test_where_it_listens() -> None:
    assert metrics_address(load({}, {})) is None
    assert metrics_address(load({"metrics_port": 9464}, {})) == ("127.0.0.1", 9464)
    for host in ("0.0.0.0", "10.0.0.5", "::", "metrics.internal"):
        with pytest.raises(SetupFault, match="metrics_token"):
            metrics_address(load({"metrics_port": 9464, "metrics_host": host}, {}))
        told = {"metrics_port": 9464, "metrics_host": host, "metrics_token": "x"}
        assert metrics_address(load(told, {})) == (host, 9464)


async def test_a_scrape_is_cheap(watched: Watched, record_property: pytest.FixtureRequest) -> None:
    """Printed and not judged: this machine is everybody's."""
    for _ in range(5):
        await watched.world.pending()
    began = time.perf_counter()
    for _ in range(20):
        await watched.scrape()
    print(f"a scrape: {(time.perf_counter() - began) / 20 * 1000:.1f} ms with its parsing")


async def test_the_documents_alarm_rules_speak_of_metrics_that_are_there(watched: Watched) -> None:
    world = watched.world
    order = await world.order()
    world.line.lose_replies = 99
    await world.pay(order["id"])
    watched.world.house.watch.called(Call("anything", "prepay", "5xx", 0.3))
    await world.house.webhooks.sender.send(Outgoing("https://shop.example.com/", {}, b"", may_be_private=False))
    text = (await call(watched.page, "GET", "/metrics", HOST)).body.decode()
    known = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE shunfu_")}
    named = set(re.findall(r"shunfu_[a-z_]*[a-z]", PAGE.read_text("utf8")))
    named = {re.sub(r"_(count|bucket)$", "", name) for name in named}
    assert len(named) > 10
    assert named <= known, named - known
    assert {re.sub(r"_created$", "", name) for name in known} <= named | {
        f"{name}_oldest_age_seconds" for name in named
    }
