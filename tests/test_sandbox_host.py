"""The sandbox as a process: credentials, keys that stay, deliveries, control API, payment sheet, clean ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sandbox_pigeon import pigeon
from sandbox_process import Catcher, Sandbox, sandbox, send, spawn, wait_until
from shunfu.app.sandbox.command import SandboxOptions, begin
from shunfu.app.sandbox.host import Host
from shunfu.app.sandbox.keeping import Kept, credentials_text, read_kept, write_kept
from shunfu.channels.wechatpay import CHANNEL, Settings
from shunfu.driver import discover
from shunfu.driver.registry import AnySandbox
from shunfu.gateway.evidence import Accepted, Closed, Evidence, NotFound, NotPaid, Paid
from shunfu.gateway.flow import Reply, Request, run
from shunfu.gateway.port import Genuine, Message, Moment, Prepay, Spurious
from shunfu.gateway.sandbox.values import Credentials, Pace
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.kernel.money import Money

NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
numbers = count(1)


@dataclass
class Merchant:
    """Our channel pointed at a running sandbox, with a server for its notifications."""

    sandbox: Sandbox
    catcher: Catcher
    settings: Settings
    number: str = field(default_factory=lambda: f"01KAZ3T8Q0000000000000{next(numbers):04d}")

    def prepay(self, scene: str = "miniprogram", notify_url: str = "") -> Accepted:
        payer = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" if scene == "miniprogram" else None
        expires_at = datetime.now(UTC) + timedelta(minutes=15)
        to = notify_url or self.catcher.notify_url
        prepay = Prepay(self.number, scene, Money(8600, "CNY"), "山行咖啡", payer, expires_at, to)
        placed = run(CHANNEL.verbs.prepay(self.settings, prepay, moment()), send)
        assert isinstance(placed, Accepted), placed
        return placed

    def query(self) -> Evidence:
        return run(CHANNEL.verbs.query(self.settings, self.number, moment()), send)

    def close(self) -> Evidence:
        return run(CHANNEL.verbs.close(self.settings, self.number, moment()), send)

    def pay(self, **more: object) -> tuple[int, dict[str, object]]:
        return self.sandbox.control("POST", "pay", {"channel": "wechatpay", "order_no": self.number, **more})

    def read(self, index: int = 0) -> Genuine | Spurious:
        caught = self.catcher.wait(index + 1)[index]
        headers = {name.lower(): value for name, value in caught.headers.items()}
        return CHANNEL.verbs.read_notification(self.settings, Message(headers, caught.body), datetime.now(UTC))

    def sendings(self) -> list[dict[str, object]]:
        _, told = self.sandbox.control("GET", f"notifications?order_no={self.number}")
        items = told["items"]
        assert isinstance(items, list)
        return items


def moment() -> Moment:
    return Moment(datetime.now(UTC), NONCE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox"), return_origins=("https://shop.example",)) as started:
        yield started


@pytest.fixture
def merchant(running: Sandbox) -> Iterator[Merchant]:
    with Catcher() as catcher:
        yield Merchant(running, catcher, CHANNEL.load(running.wechatpay))
    assert running.control("POST", "reset-faults")[0] == 200


def test_credentials_file(running: Sandbox) -> None:
    path = running.folder / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (running.folder / "state.json").stat().st_mode & 0o777 == 0o600
    found = discover()
    assert set(running.credentials) == {"control_url", "sandbox_side", *found.channels}
    assert {"base_url", "mchid", "appid", "merchant_private_key", "api_v3_key", "public_key"} <= set(running.wechatpay)
    assert {"platform_private_key", "public_key_private_key"} <= set(running.credentials["sandbox_side"])
    for name, channel in found.channels.items():
        assert channel.sandbox_url(channel.load(running.credentials[name])) == running.base_url


def test_story_of_one_payment(merchant: Merchant) -> None:
    """Order, ask, pay, be notified, ask again; the channel verifies every byte on the way."""
    assert isinstance(merchant.query(), NotFound)
    merchant.prepay()
    assert isinstance(merchant.query(), NotPaid)
    assert merchant.pay()[0] == 200
    message = merchant.read()
    assert isinstance(message, Genuine)
    assert isinstance(message.evidence, Paid)
    assert message.evidence == merchant.query()
    assert message.number == merchant.number
    wait_until(lambda: [one["outcome"] for one in merchant.sendings()] == ["accepted"])
    assert merchant.pay() == (409, {"problem": "already_paid"})
    _, orders = merchant.sandbox.control("GET", "orders?limit=1")
    assert orders["items"][0]["state"] == "SUCCESS"


def test_closed_order_is_not_payable(merchant: Merchant) -> None:
    merchant.prepay("native")
    assert isinstance(merchant.close(), Closed)
    assert merchant.pay() == (409, {"problem": "order_closed"})


def test_refused_notification_comes_again_by_the_faster_clock(merchant: Merchant) -> None:
    merchant.catcher.statuses = [500, 302]
    merchant.prepay()
    merchant.pay()
    merchant.catcher.wait(3)
    ids = {message.external_id for message in map(merchant.read, range(3)) if isinstance(message, Genuine)}
    assert len(ids) == 1
    assert {caught.path for caught in merchant.catcher.caught} == {"/notify"}
    wait_until(lambda: [one["status"] for one in merchant.sendings()] == [200, 302, 500])


def test_faults(merchant: Merchant) -> None:
    merchant.sandbox.control("POST", "faults", {"channel": "wechatpay", "signtest": 1, "duplicate": 1})
    merchant.catcher.statuses = [400]
    merchant.prepay()
    merchant.pay()
    probe = merchant.read()
    assert isinstance(probe, Spurious)
    assert probe.is_probe
    assert isinstance(merchant.read(1), Genuine)
    assert isinstance(merchant.read(2), Genuine)
    assert merchant.sandbox.control("GET", "faults?channel=wechatpay")[1]["duplicate"] == 0


def test_lost_notifications_and_redelivery(merchant: Merchant) -> None:
    """Every notification is lost, yet asking finds the money; then the tester has it delivered after all."""
    merchant.prepay()
    assert merchant.pay(faults={"lose": "always"})[0] == 200
    assert isinstance(merchant.query(), Paid)
    wait_until(lambda: len(merchant.sendings()) >= 2)
    assert merchant.catcher.caught == []
    assert merchant.sandbox.control("POST", "redeliver", {"order_no": merchant.number})[0] == 200
    assert isinstance(merchant.read(), Genuine)


def test_nobody_answers(merchant: Merchant) -> None:
    merchant.prepay(notify_url="http://127.0.0.1:1/nobody")
    merchant.pay()
    wait_until(lambda: len(merchant.sendings()) >= 2)
    assert merchant.sendings()[-1]["status"] is None
    assert isinstance(merchant.query(), Paid)


def test_clock(merchant: Merchant) -> None:
    merchant.prepay()
    _, told = merchant.sandbox.control("POST", "clock", {"advance_seconds": 7200})
    assert told["offset_seconds"] == 7200
    assert merchant.pay() == (409, {"problem": "order_expired"})
    merchant.sandbox.control("POST", "clock", {"advance_seconds": -7200, "speed": 20})
    assert merchant.pay()[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("pay", {"channel": "wechatpay", "order_no": "unknown"}, (404, {"problem": "order_unknown"})),
        ("pay", {"channel": "pigeon", "order_no": "unknown"}, (400, {"problem": "channel_unknown"})),
        ("pay", [], (400, {"problem": "malformed_body"})),
        ("pay", {"order_no": "x"}, (400, {"problem": "channel_unknown"})),
        ("pay", {"order_no": "x", "outcome": "steal"}, (400, {"problem": "outcome_unknown"})),
        ("pay", {"order_no": "x", "faults": {"lose": "some"}}, (400, {"problem": "faults_malformed"})),
        ("redeliver", {"channel": "wechatpay", "order_no": "unknown"}, (404, {"problem": "nothing_to_redeliver"})),
        ("redeliver", {"channel": "pigeon", "order_no": "unknown"}, (400, {"problem": "channel_unknown"})),
        ("faults", {"channel": "pigeon", "lose": 1}, (400, {"problem": "channel_unknown"})),
        ("pay", {"channel": ["wechatpay"], "order_no": "unknown"}, (400, {"problem": "channel_unknown"})),
        ("faults", {"lose": "often"}, (400, {"problem": "faults_malformed"})),
        ("faults", {"channel": "wechatpay", "explode": 1}, (400, {"problem": "faults_malformed"})),
        ("faults", {"channel": "wechatpay", "lose": True}, (400, {"problem": "faults_malformed"})),
        ("faults", {"channel": "wechatpay", "duplicate": -2}, (400, {"problem": "faults_malformed"})),
        ("clock", {"speed": 0}, (400, {"problem": "clock_malformed"})),
        ("clock", {"advance_seconds": "1"}, (400, {"problem": "clock_malformed"})),
    ],
)
def test_control_refusals(running: Sandbox, path: str, body: object, expected: object) -> None:
    assert running.control("POST", path, body) == expected


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_other_hosts_are_turned_away(running: Sandbox, host: str) -> None:
    for path in ("/control/orders", "/v3/certificates", "/sandbox/sheet"):
        assert send(Request("GET", running.base_url + path, (("Host", host),))).status in {400, 403}


def test_large_bodies_are_turned_away(running: Sandbox) -> None:
    body = b"x" * (1 << 20) + b"x"
    assert send(Request("POST", f"{running.base_url}/v3/pay/transactions/jsapi", (), body)).status == 413
    assert send(Request("POST", f"{running.base_url}/control/pay", (), body)).status == 400


# --- the sheet


def choose(merchant: Merchant, params: dict[str, str], **fields: str | list[str]) -> Reply:
    form = urlencode({**params, **fields}, doseq=True).encode()
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    return send(Request("POST", f"{merchant.sandbox.base_url}/sandbox/sheet", headers, form))


def test_sheet_shows_and_pays(merchant: Merchant) -> None:
    placed = merchant.prepay()
    assert placed.invoke.sandbox_url is not None
    shown = send(Request("GET", placed.invoke.sandbox_url, (("Accept-Language", "en-GB"),)))
    assert shown.status == 200
    assert "no-store" in shown.headers["cache-control"]
    assert merchant.number in shown.body.decode()
    assert 'lang="en"' in shown.body.decode()
    back = "http://127.0.0.1:1/result?order=1"
    reply = choose(merchant, placed.invoke.params, outcome="pay", **{"return": back})
    assert (reply.status, reply.headers["location"]) == (303, f"{back}&result=ok")
    assert isinstance(merchant.read(), Genuine)
    assert isinstance(merchant.query(), Paid)
    again = choose(merchant, placed.invoke.params, outcome="pay")
    assert again.status == 200


def test_sheet_faults(merchant: Merchant) -> None:
    placed = merchant.prepay("native")
    choose(merchant, placed.invoke.params, outcome="pay", fault=["bad_signature", "duplicate"])
    assert isinstance(merchant.read(0), Spurious)
    assert isinstance(merchant.read(1), Genuine)
    assert isinstance(merchant.read(2), Genuine)


@pytest.mark.parametrize(
    ("outcome", "result"), [("cancel", "?result=cancel"), ("wrong_password", "?result=fail"), ("leave", "")]
)
def test_sheet_without_paying(merchant: Merchant, outcome: str, result: str) -> None:
    placed = merchant.prepay()
    assert choose(merchant, placed.invoke.params, outcome=outcome).status == 200
    back = choose(merchant, placed.invoke.params, outcome=outcome, **{"return": "https://shop.example/result"})
    assert (back.status, back.headers["location"]) == (303, f"https://shop.example/result{result}")
    assert isinstance(merchant.query(), NotPaid)


def test_wrong_password_says_that_nothing_was_charged(merchant: Merchant) -> None:
    placed = merchant.prepay()
    for language, words in (("zh-CN", "支付密码错误，没有扣款。"), ("en", "Wrong password. You were not charged.")):
        shown = choose(merchant, placed.invoke.params, outcome="wrong_password", lang=language).body.decode()
        assert words in shown
        assert 'name="channel" value="wechatpay"' in shown


def test_sheet_of_an_unknown_channel(merchant: Merchant) -> None:
    params = {**merchant.prepay().invoke.params, "channel": "pigeon"}
    assert choose(merchant, params, outcome="pay").status == 400
    assert send(Request("GET", f"{merchant.sandbox.base_url}/sandbox/sheet?channel=pigeon", ())).status == 400
    assert isinstance(merchant.query(), NotPaid)


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "javascript:alert(1)", "//evil.example", "https://shop.example.evil.example/",
     "https://shop.example@evil.example/", "http://127.0.0.1@evil.example/", "http://127.0.0.1\\@evil.example/", "http://["],
)  # fmt: skip
def test_sheet_leads_to_no_strange_place(merchant: Merchant, address: str) -> None:
    placed = merchant.prepay()
    reply = choose(merchant, placed.invoke.params, outcome="cancel", **{"return": address})
    assert reply.status == 200
    assert "location" not in reply.headers


def test_sheet_with_a_spoiled_signature_pays_nothing(merchant: Merchant) -> None:
    placed = merchant.prepay()
    spoiled = {**placed.invoke.params, "channel": "wechatpay", "nonceStr": "other"}
    assert choose(merchant, spoiled, outcome="pay", **{"return": "http://127.0.0.1:1/"}).status == 200
    assert choose(merchant, placed.invoke.params, outcome="steal").status == 400
    assert isinstance(merchant.query(), NotPaid)


def test_static_files(running: Sandbox) -> None:
    assert send(Request("GET", f"{running.base_url}/sandbox/static/tokens.css", ())).status == 200
    assert send(Request("GET", f"{running.base_url}/sandbox/static/../pages.py", ())).status == 404


# --- more than one channel


def make_host(folder: Path, *sandboxes: AnySandbox) -> Host:
    options = SandboxOptions(0, folder / "credentials.json", folder / "state.json")
    source = Source(ManualClock(datetime(2026, 11, 22, tzinfo=UTC)), SystemEntropy())
    return begin(options, {one.name: one for one in sandboxes}, source)


def test_every_channel_is_stood_in_for(running: Sandbox) -> None:
    """Each has its own addresses, its own merchant and its own notify keys, behind one port."""
    found = discover()
    _, told = running.control("GET", "sandboxes")
    assert [one["channel"] for one in told["items"]] == list(found.sandboxes)
    assert all(one["merchant_no"] and one["shopper"] and one["login_code"] for one in told["items"])
    assert running.control("GET", "balance")[1]["items"]
    assert running.control("GET", "refunds")[0] == 200
    for name in found.sandboxes:
        shown = send(Request("GET", f"{running.base_url}/sandbox?channel={name}", ()))
        assert shown.status == 200
        assert found.sandboxes[name].label["zh-CN"] in shown.body.decode()


def test_a_channel_that_is_new_joins_the_others_clock(tmp_path: Path) -> None:
    """The kept state has one channel; the next start adds the second at the same business time, and keeps the first."""
    first = make_host(tmp_path, pigeon())
    first.set_clock(1.0, 7200)
    first.save()
    both = make_host(tmp_path, pigeon(), pigeon("crow"))
    merchants = [stage.state.merchant for stage in (*first.stages.values(), *both.stages.values())]
    assert merchants[0] == merchants[1] != merchants[2]
    both.set_clock(5.0, 60)
    assert {stage.pace for stage in both.stages.values()} == {both.pace} == {Pace(5.0, 7_260_000)}


def test_credentials_of_two_channels_stand_side_by_side() -> None:
    one, two = (Credentials({"key": name}, {f"{name}_private_key": name}) for name in ("crow", "pigeon"))
    told = json.loads(credentials_text("http://127.0.0.1:1", {"crow": one, "pigeon": two}))
    assert told == {
        "control_url": "http://127.0.0.1:1/control", "crow": {"key": "crow"}, "pigeon": {"key": "pigeon"},
        "sandbox_side": {"crow_private_key": "crow", "pigeon_private_key": "pigeon"},
    }  # fmt: skip
    with pytest.raises(AssertionError, match="reuses"):
        credentials_text("http://127.0.0.1:1", {"crow": one, "pigeon": one})
    with pytest.raises(AssertionError, match="called control_url"):
        credentials_text("http://127.0.0.1:1", {"control_url": one})


def test_the_state_file_is_read_as_it_was_written() -> None:
    kept = Kept({"crow": '{"a": 1}'}, {"crow": 3})
    assert read_kept(write_kept(kept)) == kept


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"format":2}', '{"format":3}', '{"format":3,"sandboxes":[],"steps":{}}',
     '{"format":3,"sandboxes":{}}'],
)  # fmt: skip
def test_damaged_state_file_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_kept(text)


# --- beginnings and ends


def keys_of(credentials: dict[str, str]) -> dict[str, str]:
    """All of a client's credentials but the addresses, which name the port of the run."""
    return {name: text for name, text in credentials.items() if not text.startswith("http")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly_and_keeps_keys_and_orders(tmp_path: Path, number: int) -> None:
    with Catcher() as catcher:
        with sandbox(tmp_path) as first:
            merchant = Merchant(first, catcher, CHANNEL.load(first.wechatpay))
            merchant.prepay()
            assert first.stop(number) == 0
        with sandbox(tmp_path) as second:
            again = Merchant(second, catcher, CHANNEL.load(second.wechatpay), merchant.number)
            for name in discover().channels:
                assert keys_of(second.credentials[name]) == keys_of(first.credentials[name]) != {}
            assert isinstance(again.query(), NotPaid)


def test_payment_survives_a_kill_and_is_notified_afterwards(tmp_path: Path) -> None:
    with Catcher() as catcher:
        catcher.statuses = [500]
        with sandbox(tmp_path, clock_speed=1.0) as first:
            merchant = Merchant(first, catcher, CHANNEL.load(first.wechatpay))
            merchant.prepay()
            merchant.pay()
            first.stop(signal.SIGKILL)
        with sandbox(tmp_path, clock_speed=1000.0) as second:
            again = Merchant(second, catcher, CHANNEL.load(second.wechatpay), merchant.number)
            assert isinstance(again.query(), Paid)
            wait_until(lambda: any(one["outcome"] == "accepted" for one in again.sendings()))


def complaint(folder: Path, **options: object) -> str:
    started = spawn(folder, **options)
    _, words = started.process.communicate(timeout=30)
    assert started.process.returncode == 2
    assert words.count("\n") == 1
    assert not (folder / "credentials.json").exists()
    return words


def test_port_in_use(running: Sandbox, tmp_path: Path) -> None:
    port = int(running.base_url.rpartition(":")[2])
    assert "is in use" in complaint(tmp_path, port=port)


def test_wrong_settings_say_what_to_do(tmp_path: Path) -> None:
    assert "cannot be listened on" in complaint(tmp_path, port=70000)
    assert "--notify-key" in complaint(tmp_path, notify_key="pigeon")
    assert "--clock-speed" in complaint(tmp_path, clock_speed=0)
    for text in (json.dumps({"format": 0}), write_kept(Kept({"wechatpay": '{"state": 1}'}, {}))):
        (tmp_path / "state.json").write_text(text)
        assert "move it away" in complaint(tmp_path)
