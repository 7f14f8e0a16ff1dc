"""What is kept of a conversation with a channel: every attempt, no body, no query, no credential, never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web

from db.support import MERCHANT, OTHER, START, manual, sql
from driver.channel_server import CANARY, closed_port, make_channel, one, serving
from shunfu.db import ConstraintViolated, Database, Transaction
from shunfu.driver import (
    About,
    Driver,
    DriverSettings,
    Exchange,
    Sent,
    describe,
    keep_exchanges,
    list_exchanges,
)
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request
from shunfu.gateway.headers import ALL_CHARACTERS, HEADERS_MAX, NAME_CHARACTERS, VALUE_CHARACTERS, kept_headers

CHANNEL = make_channel()
CLOCK, SOURCE = manual()
NUMBER = "01KDVDNA00EFT8838BZ9S1HXKY"
ABOUT = About("toy", NUMBER, UUID(int=5))
REQUEST = Request("POST", "https://toy.example.com/pay?secret=1", (("Authorization", "TOY key"),), b"asked")
REPLY = Reply(200, {"request-id": "r1"}, b"said")


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    async with Driver(DriverSettings(retry_pause_seconds=0.01), SOURCE) as opened:
        yield opened


def described(request: Request = REQUEST, answer: Answer = REPLY, at: int = 0) -> Exchange:
    """An exchange that began `at` seconds after the start."""
    CLOCK.instant = START + timedelta(seconds=at)
    return describe(CHANNEL.scrub, request, answer, Sent(SOURCE.new_id(), CLOCK.now(), 12))


# --- the driver


async def test_every_step_of_a_conversation_is_recorded_in_order(driver: Driver) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=201, text=request.path, headers={"Request-Id": "r7", "Set-Cookie": "a=b"})

    def talk(url: str) -> Flow[int]:
        for step in range(2):
            yield Request("POST", f"{url}/step/{step}?openid=o1", (("X-Step", str(step)),), b"body")
        return 7

    CLOCK.instant = START
    async with serving(answer) as url:
        result, exchanges = await driver.converse(CHANNEL, talk(url))
    assert result == 7
    assert [one.path for one in exchanges] == ["/step/0", "/step/1"]
    first, second = exchanges
    assert first.exchange_id < second.exchange_id
    assert (first.method, first.host, first.request_headers) == ("POST", url.removeprefix("http://"), {"x-step": "0"})
    assert (first.request_sha256, first.request_bytes) == (sha256(b"body").digest(), 4)
    assert (first.was_sent, first.no_reply, first.status) == (True, None, 201)
    assert (first.reply_sha256, first.reply_bytes) == (sha256(b"/step/0").digest(), 7)
    assert first.reply_headers is not None
    assert (first.reply_headers["request-id"], first.reply_headers["set-cookie"]) == ("r7", "***")
    assert first.started_at == START
    assert 0 <= first.took_milliseconds < 5000


async def test_each_attempt_that_could_not_be_sent_is_recorded_too(driver: Driver) -> None:
    request = Request("POST", f"http://127.0.0.1:{closed_port()}/pay", (), b"x")
    answer, exchanges = await driver.converse(CHANNEL, one(request))
    assert isinstance(answer, NoReply)
    assert len(exchanges) == 3
    assert {(each.was_sent, each.status, each.reply_sha256) for each in exchanges} == {(False, None, None)}
    assert all(each.no_reply and each.no_reply.startswith("connection:") for each in exchanges)


async def test_a_request_that_may_have_been_seen_is_recorded_as_sent(driver: Driver) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with serving(cut) as url:
        _, exchanges = await driver.converse(CHANNEL, one(Request("POST", url, (), b"x")))
    assert [(each.was_sent, each.status) for each in exchanges] == [(True, None)]
    assert exchanges[0].no_reply
    assert exchanges[0].no_reply.startswith("no reply:")


async def test_an_address_that_is_none_is_recorded_without_one(driver: Driver) -> None:
    _, exchanges = await driver.converse(CHANNEL, one(Request("GET", "http://[::1", ())))
    assert {(each.host, each.path, each.was_sent) for each in exchanges} == {("", "", False)}


# --- what is kept of it


def test_no_body_query_user_or_credential_is_kept() -> None:
    request = Request(
        "POST",
        f"https://me:{CANARY}@toy.example.com:8443/pay/{CANARY}?k={CANARY}#{CANARY}",
        (("Authorization", f"TOY-SHA256 {CANARY}"), ("Cookie", CANARY), ("X-Note", f"see {CANARY}")),
        CANARY.encode(),
    )
    kept = described(request, Reply(200, {"x-app-token": CANARY, "x-note": CANARY}, CANARY.encode()))
    assert CANARY not in repr(kept)
    assert (kept.host, kept.path) == ("toy.example.com:8443", "/pay/…")
    assert kept.request_headers == {"authorization": "TOY-SHA256 ***", "cookie": "***", "x-note": "see …"}
    assert kept.reply_headers == {"x-app-token": "***", "x-note": "…"}
    assert CANARY not in repr(described(answer=NoReply(f"no reply: {CANARY}", was_sent=True)))


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Authorization", "WECHATPAY2-SHA256-RSA2048 mchid=1", "WECHATPAY2-SHA256-RSA2048 ***"),
        ("authorization", "sk_live_key", "***"),
        ("Proxy-Authorization", "Basic dTpw", "Basic ***"),
        ("X-Api-Key", "k", "***"),
        ("ApiKey", "k", "***"),
        ("Shop-App-Auth-Token", "t", "***"),
        ("Client-Secret", "s", "***"),
        ("Set-Cookie", "sid=1", "***"),
        ("Wechatpay-Signature", CANARY, CANARY),
        ("Wechatpay-Nonce", CANARY, CANARY),
        ("Wechatpay-Serial", "PUB_KEY_ID_1", "PUB_KEY_ID_1"),
        ("Accept", "application/json", "application/json"),
        ("X-Free", CANARY, "…"),
    ],
)
def test_names_stay_and_values_of_credentials_do_not(name: str, value: str, kept: str) -> None:
    assert kept_headers([(name, value)], CHANNEL.scrub) == {name.lower(): kept}


def test_headers_are_bounded_and_fit_for_the_database() -> None:
    long = [("x" * 100 + str(number), "v" * 10_000) for number in range(100)]
    kept = kept_headers(long, CHANNEL.scrub)
    assert all(len(name) <= NAME_CHARACTERS and len(value) <= VALUE_CHARACTERS for name, value in kept.items())
    assert sum(len(name) + len(value) for name, value in kept.items()) <= ALL_CHARACTERS
    assert len(kept_headers([(f"x-{number}", "") for number in range(100)], CHANNEL.scrub)) == HEADERS_MAX
    assert kept_headers([("x-\0\ud800", "a\0b\udfff")], CHANNEL.scrub) == {"x-?": "ab?"}


# --- the rows


async def kept(database: Database, exchanges: list[Exchange], about: About = ABOUT, merchant: UUID = MERCHANT) -> None:
    async def story(tx: Transaction) -> None:
        await keep_exchanges(tx, merchant, about, exchanges, START)

    await database.transact(story)


async def test_what_is_kept_is_read_back_oldest_first(database: Database) -> None:
    exchanges = [
        described(),
        described(answer=NoReply("connection: refused", was_sent=False), at=1),
        described(answer=NoReply("no reply: time-out", was_sent=True), at=2),
        described(answer=Reply(500, {}, b""), at=3),
    ]
    await kept(database, exchanges)
    await kept(database, [described(at=4)], replace(ABOUT, evidence_id=None))
    await kept(database, [])
    async with database.reading() as reader:
        found = await list_exchanges(reader, MERCHANT, NUMBER)
    assert [each.exchange for each in found[:4]] == exchanges
    assert [each.evidence_id for each in found] == [ABOUT.evidence_id] * 4 + [None]


async def test_another_merchants_and_another_numbers_exchanges_are_not_shown(database: Database) -> None:
    await kept(database, [described()], merchant=OTHER)
    await kept(database, [described()], replace(ABOUT, number="01KDVDNA00EFT8838BZ9S1HXKZ"))
    async with database.reading() as reader:
        assert await list_exchanges(reader, MERCHANT, NUMBER) == []


async def test_of_very_many_the_newest_are_read(database: Database) -> None:
    await kept(database, [described(at=second) for second in range(510)])
    async with database.reading() as reader:
        found = await list_exchanges(reader, MERCHANT, NUMBER)
    assert len(found) == 500
    assert found[0].exchange.started_at == START + timedelta(seconds=10)
    assert found[-1].exchange.started_at == START + timedelta(seconds=509)


@pytest.mark.parametrize("statement", ["UPDATE channel_exchanges SET status = 200", "DELETE FROM channel_exchanges"])
async def test_the_application_cannot_edit_what_was_said(database: Database, statement: str) -> None:
    await kept(database, [described()])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.transact(lambda tx: tx.execute(sql(statement)))


async def test_a_reply_to_a_request_that_was_not_sent_cannot_be_kept(database: Database) -> None:
    with pytest.raises(ConstraintViolated):
        await kept(database, [replace(described(), was_sent=False)])
