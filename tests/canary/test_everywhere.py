"""Every secret and personal datum is planted in every input; then nothing that we say to anybody else has one of them.

Said to anybody else: logs in both forms, traces, figures, refusals, faults, the audit log, the workbook of a
reconciliation, doctor. What a merchant stores on purpose (a subject, a reason) is the merchant's to see, and nobody's
besides. `test_the_search_finds_what_is_there` proves that a leak would be seen.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
import structlog
from pyotp.totp import TOTP
from starlette.types import ASGIApp

from app.asgi import Answer, call
from canary.planting import (
    BEARER,
    CODE,
    COOKIE,
    DATABASE_PASSWORD,
    ECHO,
    HOOK_PASSWORD,
    HOOK_TOKEN,
    HOOK_USER,
    ID_NUMBER,
    NICKNAME,
    NOTICE,
    PASSWORD,
    PAYER,
    PHONE,
    PLANTED,
    QUERY,
    REASON,
    WRONG_PASSWORD,
    forms,
    hits,
)
from canary.watching import Recorder, Said, listening
from db.support import rows
from flows.world import SANDBOX_URL, World, credentials, made_state, make_world, sandbox_of
from shunfu.app.doctor import examine, print_report
from shunfu.app.http.server import create_app
from shunfu.app.reconcile_report import write_report
from shunfu.app.reconciling import Account, Options, reconcile_account
from shunfu.app.settings import load
from shunfu.app.watch import Meters, Watch
from shunfu.app.watch.exposition import Exposition
from shunfu.app.wiring import build
from shunfu.db import Database
from shunfu.driver import discover
from shunfu.gateway.flow import Reply
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import Fault
from shunfu.kernel.ids import parse_public
from shunfu.merchants import Accounts, make_key_file
from shunfu.merchants.staff import make_founding_link
from shunfu.webhooks import Outgoing, Sent

HOST = "pay.example.com"
CHANNELS = sorted(discover().channels)
FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
TOTP_SECRET = re.compile(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}")
COOKIES = re.compile(r"(?:^|, |\n)([A-Za-z_-]+)=([^;]+);")
PLACE = {"province": NICKNAME, "city": NICKNAME, "district": "", "street": ID_NUMBER}
CONTACT = {
    "phone": PHONE,
    "address": {"name": NICKNAME, "phone": PHONE, **PLACE},
    "invoice": {"kind": "company", "title": NICKNAME, "tax_number": ID_NUMBER},
}
SUBJECT = f"咖啡豆 {NICKNAME} {PHONE} {ID_NUMBER}"


@dataclass
class Hall:
    """A world that is listened to, with a browser's cookies."""

    world: World
    app: ASGIApp
    said: Said
    meters: Meters
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    keys_made: int = 0

    def heard(self, answer: Answer) -> Answer:
        """Keep what a refusal says, and its headers."""
        if answer.status >= 400:
            self.said.refusals.append(f"{answer.status} {answer.headers} {answer.body.decode('utf-8', 'replace')}")
        return answer

    async def api(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        """A back end's request, with what should not be in one."""
        self.keys_made += 1
        told = {
            "host": HOST,
            "authorization": f"Bearer {self.world.api_key}",
            "content-type": "application/json",
            "idempotency-key": f"key-{self.keys_made}",
            "cookie": f"session={COOKIE}",
            "x-shopper": f"{PHONE} {PAYER}",
            **headers,
        }
        pieces = (body if isinstance(body, bytes) else json.dumps(body).encode(),) if body is not None else ()
        return self.heard(await call(self.app, method, target, told, pieces))

    async def browse(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> Answer:
        """A browser with a cookie jar."""
        headers = {"host": HOST, "origin": f"https://{HOST}"}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        pieces: tuple[bytes, ...] = ()
        if fields is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            pieces = (urlencode(fields).encode(),)
        answer = await call(self.app, method, path, headers, pieces)
        for name, value in COOKIES.findall(answer.headers.get("set-cookie", "")):
            self.cookies[name] = value
            self.secrets[f"the cookie {name} {len(self.secrets)}"] = value
        return self.heard(answer)

    async def submit(self, path: str, fields: dict[str, str]) -> Answer:
        """Open a page and send its form."""
        page = await self.browse("GET", path)
        token = FORM_TOKEN.search(page.body.decode())
        assert token is not None, (path, page.status, page.body.decode())
        answer = await self.browse("POST", path, {**fields, "form_token": token[1]})
        if fields.get("password") is None and answer.status < 400:
            return answer
        self.said.refusals.append(answer.body.decode())  # a page that says no is shown with status 200, too
        return answer


class FailingServer:
    """A carrier of webhooks to a merchant's server that answers with what it knows."""

    async def send(self, outgoing: Outgoing) -> Sent:
        """Fail, and echo."""
        return Sent(500, "status", 1, f"{ECHO} {PHONE} {outgoing.url}".encode())


async def enter(database: Database, channel: str, said: Said) -> Hall:
    """A world at a channel, everything in it listened to."""
    world = await make_world(database, channel)
    watch = Watch(meters := Meters("0"), cast("Any", Recorder(said)))
    old = world.house
    parts = (old.source, database, old.payments.driver, FailingServer(), watch)
    house = build(load({"public_url": f"https://{HOST}"}, {}), old.ring, cast("Any", parts))
    world.house, world.app = house, create_app(house)
    secrets = {f"credential {name}": text for name, text in credentials(channel).items() if is_secret(name)}
    secrets |= {"the API key": world.api_key[-43:], "the live API key": world.live_key[-43:]}
    secrets["the shopper's id"] = sandbox_of(channel).shopper
    secrets = {name: key_line(text) for name, text in secrets.items()}
    return Hall(world, world.app, said, meters, secrets)


def is_secret(name: str) -> bool:
    """Whether a credential's name says that nobody may see it."""
    return any(word in name for word in ("private", "secret", "secure", "aes", "symmetric", "api_v3"))


def key_line(text: str) -> str:
    """A line of a key that is written in several: how lines are ended does not matter then."""
    lines = [line for line in text.split("\n") if line and not line.startswith("-----")]
    return lines[len(lines) // 2] if len(lines) > 2 else text


# --- the stories ------------------------------------------------------------------------------------------------------


async def shop(hall: Hall) -> str:
    """Orders and payments with everything that goes wrong; the id of a payment that was paid."""
    world = hall.world
    order = (await hall.api("POST", f"/v1/orders?token={QUERY}", an_order())).body
    order_id = json.loads(order)["id"]
    for wrong in (
        {**an_order(), "amount_minor": f"{PHONE}x"},
        {**an_order(), "currency": ID_NUMBER},
        {**an_order(), "return_url": f"https://{HOOK_USER}:{HOOK_PASSWORD}@evil.example/{QUERY}"},
        {**an_order(), "subject": f"{SUBJECT}\n"},
        f'{{"amount_minor": {PHONE}, "subject": "{NICKNAME}" "{ID_NUMBER}"'.encode(),
        [PHONE, ID_NUMBER],
    ):
        assert (await hall.api("POST", f"/v1/orders?token={QUERY}", wrong)).status in {400, 422}
    assert (await hall.api("GET", f"/v1/orders?cursor={QUERY}")).status == 422
    assert (await hall.api("GET", "/v1/orders", authorization=f"Bearer {BEARER}")).status == 401
    assert (await hall.api("GET", "/v1/orders", authorization=f"Basic {BEARER}")).status == 401
    assert (await hall.api("GET", f"/v1/nowhere?{QUERY}")).status == 404
    pay = f"/v1/orders/{order_id}/payments"
    assert (await hall.api("POST", pay, {"method": PAYER, "payer": PAYER})).status >= 400
    assert (await hall.api("POST", pay, {"method": world.method, "payer": 7, "client_ip": PHONE})).status >= 400
    wrong = {"method": world.method, "contact": {**CONTACT, "phone": f"{PHONE}x"}}
    assert (await hall.api("POST", pay, wrong)).status == 422
    await a_failing_channel(hall, pay)
    order = (await hall.api("POST", "/v1/orders", an_order())).body
    told = {"method": world.method, "contact": CONTACT}
    said = await hall.api("POST", f"/v1/orders/{json.loads(order)['id']}/payments", told)
    payment_id = json.loads(said.body)["id"]
    await notifications(hall, payment_id)
    token = json.loads(order)["checkout_url"].rpartition("/")[2]
    hall.secrets["a payment link's token"] = token
    for path in (f"/c/{token}", f"/c/{token}?openid={QUERY}", f"/c/{token}x"):
        await hall.browse("GET", path)
    return payment_id


def an_order() -> dict[str, object]:
    """An order whose subject holds what it should not."""
    return {"amount_minor": 8600, "currency": "CNY", "subject": SUBJECT}


async def a_failing_channel(hall: Hall, pay: str) -> None:
    """The channel answers with an error that echoes, then not at all, then without a signature."""
    line, body = hall.world.line, json.dumps({"code": "SYSTEM_ERROR", "message": f"{ECHO} {PAYER} {PHONE}"}).encode()
    told = {"method": payer_method(hall.world), "payer": PAYER}
    for reply in (Reply(500, {}, body), Reply(200, {"content-type": "application/json"}, body)):
        line.replace_reply = reply
        await hall.api("POST", pay, told)
        await hall.world.pass_time(minutes=1)
    line.lose_replies = 1
    await hall.api("POST", pay, told)
    await hall.world.pass_time(minutes=30)


def payer_method(world: World) -> str:
    """A way to pay that asks for the payer's id, or else any."""
    scenes = discover().channels[world.channel].scenes
    asking = [scene.name for scene in scenes if scene.needs_payer]
    return f"{world.channel}/{asking[0]}" if asking else world.method


async def notifications(hall: Hall, payment_id: str) -> None:
    """Messages that are forged, nonsense, or for nobody, then the genuine one."""
    world = hall.world
    headers = {"host": HOST, "authorization": f"Bearer {BEARER}", "cookie": COOKIE, "x-openid": PAYER}
    nonsense = json.dumps({"resource": NOTICE, "openid": PAYER, "phone": PHONE}).encode()
    for path in (world.notify_path, f"{world.notify_path}?{QUERY}", f"/notifications/{world.channel}/x/y"):
        hall.heard(await call(hall.app, "POST", path, headers, (nonsense,)))
        hall.heard(await call(hall.app, "POST", path, headers, (urlencode({"sign": NOTICE}).encode(),)))
    world.line.shopper(payment_id[4:])
    for delivery in world.line.due():
        for one in (*world.forged(delivery), delivery):
            await world.deliver(one, **{name: value for name, value in headers.items() if name != "host"})
    await world.work()
    assert (await world.payment(payment_id))["state"] == "CAPTURED"


async def tell(hall: Hall) -> None:
    """Endpoints with secrets in their addresses; one that is taken answers with an error."""
    told = {"event_types": ["*"], "description": f"{PHONE}"}
    for url in (
        f"https://{HOOK_USER}:{HOOK_PASSWORD}@hooks.example.com/x",
        f"http://hooks.example.com/{HOOK_TOKEN}",
        f"https://10.0.0.1/{HOOK_TOKEN}",
        f"{HOOK_PASSWORD}",
    ):
        assert (await hall.api("POST", "/v1/webhook_endpoints", {**told, "url": url})).status == 422, url
    url = f"https://hooks.example.com/x?token={HOOK_TOKEN}"
    made = await hall.api("POST", "/v1/webhook_endpoints", {**told, "url": url})
    assert made.status == 201, made.body
    hall.secrets["a webhook's secret"] = json.loads(made.body)["secret"].removeprefix("whsec_")


async def refund(hall: Hall, payment_id: str) -> None:
    """A refund that is taken and one that is not, with a reason that says too much."""
    path = f"/v1/payments/{payment_id}/refunds"
    for amount in (8600, 99_999):
        await hall.api("POST", path, {"amount_minor": amount, "reason": f"{REASON} {PHONE}"})
    await hall.world.pass_time(hours=1)
    for delivery in hall.world.line.due():
        await hall.world.deliver(delivery)
    await hall.world.pass_time(hours=1)


async def work_in_the_console(hall: Hall) -> None:
    """The first owner comes by a link, then people guess at the door."""
    house = hall.world.house
    link = await house.database.transact(lambda tx: make_founding_link(tx, house.source))
    assert link is not None
    hall.secrets["a link's token"] = link.reveal()
    first = f"/console/first/{link.reveal()}"
    person = {"shop_name": "书店", "name": NICKNAME, "login_name": "mei"}
    again = {**person, "name": "梅"}  # a form shows its own visitor the name that was typed
    await hall.submit(first, {**again, "password": WRONG_PASSWORD, "password_again": PASSWORD})
    said = await hall.submit(first, {**person, "password": PASSWORD, "password_again": PASSWORD})
    assert said.status == 303, said.body.decode()
    shown = TOTP_SECRET.search((await hall.browse("GET", "/console/authenticator")).body.decode())
    assert shown is not None
    secret = shown[0].replace(" ", "")
    hall.secrets["an authenticator's secret"] = secret
    code = TOTP(secret).at(hall.world.clock.instant)
    if code != CODE:
        await hall.submit("/console/authenticator", {"code": CODE})
    hall.world.clock.instant += timedelta(minutes=2)
    code = TOTP(secret).at(hall.world.clock.instant)
    await hall.submit("/console/authenticator", {"code": code})
    assert (await hall.browse("GET", f"/console?q={QUERY}")).status == 200
    await hall.browse("GET", f"/console/orders?q={PHONE}&cursor={QUERY}")
    hall.cookies.clear()
    for name in ("mei", "nobody"):
        await hall.submit("/console/login", {"login_name": name, "password": WRONG_PASSWORD})
    await hall.browse("GET", f"/console/first/{link.reveal()}")


def unseen(_: object, __: int) -> None:
    """Nobody watches the progress."""


async def export(hall: Hall, folder: Path) -> str:
    """The workbook of yesterday's reconciliation, as text."""
    world = hall.world
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    account_id = parse_public("acc", world.notify_path.split("/")[4])
    assert merchant_id is not None
    assert account_id is not None
    world.clock.instant = datetime(2026, 1, 3, 4, tzinfo=UTC)
    day = date(2026, 1, 1)
    account = Account(merchant_id, account_id, world.channel)
    done = await reconcile_account(world.house, account, Options(day), (None, unseen))
    write_report(folder / "day.xlsx", day, [done])
    with zipfile.ZipFile(folder / "day.xlsx") as book:
        text = "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    assert world.channel in text, "the workbook was read"
    return text


async def figures(hall: Hall) -> str:
    """What Prometheus reads."""
    app = Exposition(hall.meters, hall.world.house.database, hall.world.house.source, None)
    answer = await call(app, "GET", "/metrics", {"host": "127.0.0.1"})
    assert answer.status == 200
    return answer.body.decode()


@pytest.mark.parametrize("channel", CHANNELS)
async def test_nothing_that_was_planted_is_said_to_anybody_else(
    database: Database, tmp_path: Path, channel: str
) -> None:
    said = Said()
    with listening(said):
        hall = await enter(database, channel, said)
        await tell(hall)
        payment_id = await shop(hall)
        await refund(hall, payment_id)
        await work_in_the_console(hall)
        workbook = await export(hall, tmp_path)
        metrics = await figures(hall)
    audit = json.dumps(await rows(database, "SELECT t::text FROM audit_log t"))
    places = {**said.places(), "the workbook": workbook, "figures": metrics, "the audit log": audit}
    for place, must in (
        ("log lines", "event='request'"),
        ("log lines in JSON", '"event": "request"'),
        ("traces", "http.route"),
        ("refusals", "/problems/invalid_field"),
        ("figures", "shunfu_http_request_seconds"),
        ("the audit log", "staff.added"),
    ):
        assert must in places[place], f"{place} was watched"
    assert not hits(places, {**PLANTED, **hall.secrets})


# --- faults -----------------------------------------------------------------------------------------------------------


def chain(error: BaseException) -> str:
    """What an error and its causes say, as a traceback would print them."""
    texts: list[str] = []
    found: BaseException | None = error
    while found is not None:
        texts += [str(found), repr(found)]
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n".join(texts)


SPOILS: tuple[str, ...] = (
    "{half}" + ECHO + "{rest}",
    ECHO,
    f"-----BEGIN PRIVATE KEY-----\n{ECHO}\n-----END PRIVATE KEY-----",
    f"-----BEGIN CERTIFICATE-----\n{ECHO}\n-----END CERTIFICATE-----",
    f"https://{ECHO}:{ECHO}@{ECHO}/x?{ECHO}",
    "{half}{rest}\n" + ECHO + "\x00",
)
"""Ways in which a credential is wrong, with what it was and a canary in it."""


def spoilt(told: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The credentials with one of them wrong, each in each way."""
    for name, text in told.items():
        middle = len(text) // 2
        for spoil in SPOILS:
            yield {**told, name: spoil.replace("{half}", text[:middle]).replace("{rest}", text[middle:])}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_credential_that_does_not_load_is_not_shown(channel: str) -> None:
    told = dict(sandbox_of(channel).verbs.describe(made_state(channel), SANDBOX_URL).client)
    accounts = Accounts(discover(), cast("Any", None), cast("Any", None))
    planted = {**PLANTED, **{name: key_line(text) for name, text in told.items() if is_secret(name)}}
    faults: dict[str, str] = {}
    for wrong in spoilt(told):
        try:
            accounts._check(channel, wrong)  # pyright: ignore[reportPrivateUsage]
        except Fault as fault:
            faults[f"fault {len(faults)}"] = chain(fault)
    assert len(faults) > len(told), "most of them were refused"
    assert not hits(faults, planted)


@pytest.mark.parametrize("output", ["text", "json"])
def test_doctor_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path, Source(SystemClock(), SystemEntropy()))
    keys = json.loads(path.read_text())
    url = f"postgresql://shunfu:{DATABASE_PASSWORD}@127.0.0.1:1/none"
    for name, value in (("DATABASE_URL", url), ("MIGRATION_URL", url), ("KEYS", path.read_text())):
        monkeypatch.setenv(f"SHUNFU_{name}", value)
    monkeypatch.chdir(tmp_path)
    print_report(examine({"data_folder": str(tmp_path)}, None), output)
    shown = capsys.readouterr()
    planted = {"a signing key": keys["signing"][0]["key"], **PLANTED}
    planted |= {f"key {name}": one["key"] for name, one in keys["keys"].items()}
    assert "SHUNFU_KEYS" in shown.out, "it was looked at"
    assert not hits({"doctor": shown.out + shown.err}, planted)


# --- the control ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANTED)
def test_the_search_finds_what_is_there(name: str) -> None:
    value = PLANTED[name]
    for form in forms(value):
        assert hits({"a place": f"something {form} else"}, {name: value}) == [f"{name} in a place"]
    assert not hits({"a place": "something else"}, {name: value})


def test_a_leak_would_be_heard_in_every_place() -> None:
    said = Said()
    recorder = Recorder(said)
    with listening(said):
        try:
            int(PHONE + "x")
        except ValueError:
            structlog.stdlib.get_logger("leak").exception("leaked", who=PAYER)
        structlog.stdlib.get_logger("leak").info(ECHO)
    with recorder.span("s", "server", {"traceparent": QUERY}):
        recorder.note("n", 1.0, {"x": REASON})
    said.refusals.append(json.dumps({"detail": NICKNAME}))
    found = hits(said.places(), PLANTED)
    for expected in (
        "a phone number in log lines",
        "a phone number in log lines in JSON",
        "a payer's id in log lines",
        "what a failing channel or server echoes in log lines in JSON",
        "a query string in traces",
        "a refund's reason in traces",
        "a nickname in refusals",
    ):
        assert expected in found
