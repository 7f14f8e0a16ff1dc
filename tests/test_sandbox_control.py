"""The sandbox's host, control API and control page over toy channels: routing, faults, clock, seeds, plain forms."""

from __future__ import annotations

import asyncio
import html
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from sandbox_pigeon import State, pigeon
from sandbox_process import Catcher
from shunfu.app.sandbox.command import SandboxOptions, begin
from shunfu.app.sandbox.faults import GROUPS, read_faults, read_form
from shunfu.app.sandbox.host import Host
from shunfu.app.sandbox.web import Wires, build_app
from shunfu.app.serve import listen, serve_app
from shunfu.driver.registry import AnySandbox
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Faults
from shunfu.gateway.sandbox.values import At, Letter, Step
from shunfu.kernel.clock import ManualClock, Source, SystemClock, SystemEntropy

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
BOTH = (pigeon(), pigeon("crow"))


def make_host(folder: Path, *sandboxes: AnySandbox, seed: str | None = None, is_real_time: bool = False) -> Host:
    options = SandboxOptions(0, folder / "c.json", folder / "s.json", seed=seed)
    clock = SystemClock() if is_real_time else ManualClock(NOON)
    return begin(options, {one.name: one for one in sandboxes}, Source(clock, SystemEntropy()))


@dataclass(frozen=True)
class Said:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, object]:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return html.unescape(self.body.decode())


@dataclass(frozen=True)
class Site:
    """The sandbox on a port of its own, in this process."""

    host: Host
    base: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        content = None if raw is None else io.BytesIO(raw)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method, URL(self.base + path, encoded=True), data=content, headers=told, allow_redirects=False
        ) as reply:
            return Said(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read())

    async def control(self, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        said = await self.ask("GET" if body is None else "POST", f"/control/{path}", body)
        return said.status, said.told

    async def order(self, number: str, channel: str = "pigeon", **more: object) -> None:
        assert (await self.ask("POST", f"/{channel}/orders", {"number": number, **more})).status == 200

    async def form(self, deed: str, **told: str) -> Said:
        kind = "application/x-www-form-urlencoded"
        return await self.ask("POST", f"/sandbox/{deed}", urlencode(told).encode(), Content_Type=kind)


@asynccontextmanager
async def open_site(host: Host, return_origins: tuple[str, ...] = ()) -> AsyncIterator[Site]:
    stop, ready = asyncio.Event(), asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        app = build_app(host, return_origins)
        serving = asyncio.create_task(serve_app(app, listener, stop, ready.set))
        running = asyncio.create_task(host.run())
        await ready.wait()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            yield Site(host, base, session)
        stop.set()
        await serving
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(make_host(tmp_path, *BOTH), ("https://shop.example",)) as opened:
        yield opened


# --- addresses


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/v3/pay", "wide"), ("/v3/", "wide"), ("/v3", None), ("/v3/ali/x", "near"), ("/v3/ali/", "near"),
        ("/v3/alix", "wide"), ("/v3/ali/exact", "exact"), ("/v3/ali/exact/", "near"), ("/", "exact"), ("/x", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_longest_address_wins(tmp_path: Path, path: str, owner: str | None) -> None:
    three = (pigeon("wide", "/v3/*"), pigeon("near", "/v3/ali/*"), pigeon("exact", "/", "/v3/ali/exact"))
    assert Wires(make_host(tmp_path, *three)).owner_of(path) == owner
    assert Wires(make_host(tmp_path, *reversed(three))).owner_of(path) == owner


@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/*", "/control", "/control/pay", "orders"])
def test_a_channel_cannot_take_our_addresses(tmp_path: Path, path: str) -> None:
    with pytest.raises(AssertionError):
        build_app(make_host(tmp_path, pigeon("crow", path)), ())


def test_two_channels_cannot_share_an_address(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="both answer"):
        build_app(make_host(tmp_path, pigeon("crow", "/a/*"), pigeon("pigeon", "/a/*")), ())


async def test_each_channel_answers_at_its_own_addresses_and_no_other_is_known(site: Site) -> None:
    said = await site.ask("PUT", "/pigeon/echo?a=%2F&b", b"\x00x")
    assert (said.told["url"], said.told["body"]) == (f"{site.base}/pigeon/echo?a=%2F&b", "\x00x")
    for method in ("GET", "POST"):
        assert (await site.ask(method, "/nowhere")).status == 404
        assert (await site.ask(method, "/")).status == 404
    assert (await site.ask("POST", "/pigeon/echo", b"x" * ((1 << 20) + 1))).status == 413
    assert (await site.ask("GET", "/sandboxes")).status == 404


# --- replies that go wrong


async def test_a_lost_reply_closes_the_connection_without_a_byte_and_the_order_exists(site: Site) -> None:
    await site.control("faults", {"channel": "pigeon", "reply_lost": 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await site.order("n1")
    assert [one["order_no"] for one in (await site.control("orders"))[1]["items"]] == ["n1"]
    await site.order("n2")


@pytest.mark.parametrize(
    ("fault", "status", "is_placed"),
    [
        ("gateway_error", 502, False),
        ("gateway_error_after", 502, True),
        ("system_error", 500, False),
        ("too_many", 429, False),
    ],
)
async def test_a_storm_of_errors_passes(site: Site, fault: str, status: int, is_placed: bool) -> None:
    await site.control("faults", {"channel": "pigeon", fault: 2})
    said = [await site.ask("POST", "/pigeon/orders", {"number": f"n{index}"}) for index in range(3)]
    assert [one.status for one in said] == [status, status, 200]
    orders = (await site.control("orders"))[1]["items"]
    assert len(orders) == (3 if is_placed else 1)
    assert (await site.ask("GET", "/crow/echo")).status == 200


async def test_a_slow_reply_is_held_back(site: Site) -> None:
    await site.control("clock", {"speed": 100})
    await site.control("faults", {"channel": "pigeon", "reply_slow_seconds": 60})
    loop = asyncio.get_running_loop()
    began = loop.time()
    await site.order("n1")
    assert loop.time() - began >= 0.6


async def test_a_fault_may_be_for_some_calls_only(site: Site) -> None:
    await site.control("faults", {"channel": "pigeon", "gateway_error": 1, "only": "/orders"})
    assert (await site.ask("GET", "/pigeon/echo")).status == 200
    assert (await site.ask("POST", "/pigeon/orders", {"number": "n"})).status == 502


# --- the control API


async def test_the_channel_may_be_left_out_when_one_alone_knows_the_number(site: Site) -> None:
    await site.order("n1")
    await site.order("both")
    await site.order("both", "crow")
    assert (await site.control("pay", {"order_no": "n1"}))[1]["channel"] == "pigeon"
    assert (await site.control("redeliver", {"order_no": "n1"})) == (200, {"order_no": "n1"})
    for number in ("both", "none"):
        assert await site.control("pay", {"order_no": number}) == (400, {"problem": "channel_unknown"})
    assert (await site.control("pay", {"channel": "crow", "order_no": "both"}))[1]["channel"] == "crow"
    assert await site.control("pay", {"channel": "crow", "order_no": "none"}) == (404, {"problem": "order_unknown"})
    assert await site.control("pay", {"order_no": "n1"}) == (409, {"problem": "already_paid"})


async def test_refunds_are_listed_and_ended(site: Site) -> None:
    await site.order("n1")
    for number in ("r1", "r2"):
        await site.ask("POST", "/pigeon/refunds", {"number": number, "order": "n1"})
    assert await site.control("refund", {"refund_no": "r1", "end": "abnormal"}) == (
        409, {"problem": "refund_cannot_end_so"},
    )  # fmt: skip
    status, ended = await site.control("refund", {"refund_no": "r1", "end": "closed"})
    assert (status, ended["state"], ended["channel"]) == (200, "CLOSED", "pigeon")
    assert ended["finished_at"] is not None
    refunds = (await site.control("refunds?order_no=n1"))[1]["items"]
    assert [(one["refund_no"], one["state"]) for one in refunds] == [("r2", "GOING"), ("r1", "CLOSED")]
    assert (await site.control("refunds?order_no=other"))[1] == {"items": []}
    assert await site.control("refund", {"refund_no": "r2"}) == (400, {"problem": "end_unknown"})
    unknown = {"channel": "crow", "refund_no": "r2", "end": "closed"}
    assert await site.control("refund", unknown) == (404, {"problem": "refund_unknown"})


async def test_a_timer_rings_when_the_clock_jumps(tmp_path: Path) -> None:
    async with open_site(make_host(tmp_path, pigeon(), is_real_time=True)) as site:
        await site.ask("POST", "/pigeon/refunds", {"number": "r1", "order": "n1"})
        await site.control("clock", {"advance_seconds": 3600})
        assert (await site.control("refunds"))[1]["items"][0]["state"] == "SUCCEEDED"


def test_what_is_due_has_rung_when_the_clock_has_jumped(tmp_path: Path) -> None:
    """Nothing but the jump itself may be needed: whoever asks next, on a busy machine too, sees the end."""
    host = make_host(tmp_path, pigeon())
    body = json.dumps({"number": "r1", "order": "n1"}).encode()
    host.answer("pigeon", Request("POST", "http://sandbox/pigeon/refunds", (), body))
    assert host.stages["pigeon"].state.refunds["r1"].state == "GOING"
    host.set_clock(1.0, 3600)
    assert host.stages["pigeon"].state.refunds["r1"].state == "SUCCEEDED"


async def test_what_the_sandboxes_are(site: Site) -> None:
    await site.order("n1", amount_minor=250)
    await site.control("pay", {"order_no": "n1"})
    items = (await site.control("sandboxes"))[1]["items"]
    assert [one["channel"] for one in items] == ["pigeon", "crow"]
    assert items[0]["label"] == {"zh-CN": "信鸽支付", "en": "Pigeon Pay"}
    assert (items[0]["notify_keys"], items[0]["shopper"], items[0]["login_code"]) == (
        ["grain", "seed"], "pigeon-shopper", "pigeon-code",
    )  # fmt: skip
    assert (await site.control("balance"))[1] == {
        "items": [{"channel": "pigeon", "balance_minor": 250}, {"channel": "crow", "balance_minor": 0}]
    }
    assert (await site.control("balance?channel=crow"))[1]["items"] == [{"channel": "crow", "balance_minor": 0}]
    book = (await site.control("scenarios"))[1]
    lost = next(one for one in book["payments"] if one["amount_minor"] == 9911)
    assert (lost["faults"], set(lost["meaning"])) == ({"lose": -1}, {"zh-CN", "en"})
    assert {one["amount_minor"] for one in book["refunds"]} == set(range(9921, 9926))
    proof = await site.control("phone_proof", {"channel": "crow", "phone": "13800000000"})
    assert proof == (200, {"proof": "proof-of-13800000000"})


async def test_the_key_is_switched_in_mid_flight(tmp_path: Path) -> None:
    """The merchant refuses the first try; by the second the key has been switched."""
    with Catcher() as catcher:
        catcher.statuses = [500]
        async with open_site(make_host(tmp_path, pigeon(), is_real_time=True)) as site:
            await site.control("clock", {"speed": 20})
            await site.order("n1", notify_url=catcher.notify_url)
            await site.control("pay", {"order_no": "n1"})
            await asyncio.to_thread(catcher.wait, 1)
            assert await site.control("notify_key", {"key": "seed"}) == (200, {"channel": "pigeon", "key": "seed"})
            await asyncio.to_thread(catcher.wait, 2)
            assert await site.control("notify_key", {"key": "straw"}) == (400, {"problem": "notify_key_unknown"})
    assert [json.loads(one.body)["key"] for one in catcher.caught] == ["grain", "seed"]


async def test_every_twist_of_a_notification_reaches_the_channel_and_the_genuine_one_follows(tmp_path: Path) -> None:
    twists = GROUPS["notifications"][4:]
    with Catcher() as catcher:
        async with open_site(make_host(tmp_path, pigeon(), is_real_time=True)) as site:
            await site.control("clock", {"speed": 1000})
            await site.order("n1", notify_url=catcher.notify_url)
            faults = dict.fromkeys(twists[:2], 1)
            await site.control("pay", {"order_no": "n1", "faults": faults})
            await asyncio.to_thread(catcher.wait, 3)
            log = (await site.control("notifications?order_no=n1"))[1]["items"]
    assert [json.loads(one.body)["twist"] for one in catcher.caught] == [*twists[:2], ""]
    assert {one["kind"] for one in log} == {"paid"}


# --- faults, strictly


def test_the_groups_hold_every_fault_once() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(item.name for item in fields(Faults))


@pytest.mark.parametrize(
    "told",
    [
        {"explode": 1}, {"lose": True}, {"lose": "some"}, {"lose": 1.5}, {"lose": 1.0}, {"lose": -2},
        {"lose": 10**9}, {"lose": None}, {"delay_seconds": -1}, {"delay_seconds": 30 * 86400 + 1},
        {"delay_seconds": "always"}, {"delay_seconds": float("inf")}, {"chance": 1.01}, {"chance": float("nan")},
        {"chance": True}, {"only": 1}, {"only": "x" * 201}, {"only": "a\nb"}, [], None, "lose", {"": 1},
    ],
)  # fmt: skip
async def test_what_is_no_fault_is_refused_and_changes_nothing(site: Site, told: object) -> None:
    assert read_faults(Faults(), told) is None
    if isinstance(told, dict) and all(not isinstance(value, float) or isfinite(value) for value in told.values()):
        body = {"channel": "pigeon", **told}
        assert await site.control("faults", body) == (400, {"problem": "faults_malformed"})
        assert (await site.control("faults?channel=pigeon"))[1] == asdict(Faults())


def test_every_fault_can_be_set_and_others_keep_their_value() -> None:
    counts = {name: 3 for name in asdict(Faults()) if name not in {"only", "chance"} and not name.endswith("seconds")}
    told = {**counts, "delay_seconds": 30 * 86400, "reply_slow_seconds": 1.5, "chance": 0.25, "only": "/v3/pay"}
    faults = read_faults(Faults(), told)
    assert faults is not None
    assert asdict(faults) == told
    assert read_faults(faults, {"lose": "always"}) == read_faults(faults, {"lose": -1})
    assert read_faults(faults, {}) == faults


@pytest.mark.parametrize("text", ["1e3", "0x1", "١", "--1", "1..2", "nan", "1.5", " ", "9" * 13, "-2"])
def test_a_form_with_a_wrong_number_is_refused(text: str) -> None:
    assert read_form(Faults(), {"lose": text}) == (Faults() if text == " " else None)


async def test_faults_without_a_channel_are_everywhere(site: Site) -> None:
    status, told = await site.control("faults", {"lose": "always"})
    assert (status, told["lose"], set(told["channels"])) == (200, -1, {"pigeon", "crow"})
    await site.control("faults", {"channel": "crow", "duplicate": 2})
    assert (await site.control("faults?channel=crow"))[1]["duplicate"] == 2
    apart = (await site.control("faults"))[1]
    assert set(apart) == {"channels"}
    assert [one["lose"] for one in apart["channels"].values()] == [-1, -1]
    assert await site.control("faults", {"lose": "often"}) == (400, {"problem": "faults_malformed"})
    assert await site.control("faults", {"channel": "none", "lose": 1}) == (400, {"problem": "channel_unknown"})


async def test_faults_are_reset_at_one_channel_or_all(site: Site) -> None:
    for channel in ("pigeon", "crow"):
        await site.control("faults", {"channel": channel, "lose": "always"})
    assert await site.control("reset-faults", {"channel": "crow"}) == (200, {"channels": ["crow"]})
    assert (await site.control("faults?channel=pigeon"))[1]["lose"] == -1
    assert (await site.ask("POST", "/control/reset-faults")).told == {"channels": ["pigeon", "crow"]}
    assert (await site.control("faults?channel=pigeon"))[1]["lose"] == 0
    assert (await site.ask("POST", "/control/reset-faults", b"[")).status == 400


# --- seeds and the state file


async def drawn(folder: Path, seed: str | None, calls: int = 3) -> list[object]:
    """What some calls draw, each from a fresh state, with half of them by chance in trouble."""
    host = make_host(folder, *BOTH, seed=seed)
    async with open_site(host) as site:
        await site.control("faults", {"channel": "pigeon", "chance": 0.5})
        seen: list[object] = [host.stages["pigeon"].state.merchant]
        for index in range(calls):
            try:
                said = await site.ask("POST", "/pigeon/orders", {"number": f"n{index}"})
                seen.append((said.status, said.told["draw"] if said.status == 200 else None))
            except aiohttp.ServerDisconnectedError:
                seen.append("lost")
            await site.ask("GET", f"/crow/echo?{seed}")
    return seen


async def test_a_seed_makes_a_run_repeat(tmp_path: Path) -> None:
    first, again = await drawn(tmp_path / "a", "tea", 12), await drawn(tmp_path / "b", "tea", 12)
    assert first == again
    assert await drawn(tmp_path / "c", "milk", 12) != first
    assert await drawn(tmp_path / "d", None) != await drawn(tmp_path / "e", None)


async def test_a_seeded_run_goes_on_after_a_restart_and_repeats_no_number(tmp_path: Path) -> None:
    host = make_host(tmp_path, pigeon(), seed="tea")
    async with open_site(host) as site:
        first = (await site.ask("GET", "/pigeon/echo")).told["draw"]
    host.save()
    async with open_site(make_host(tmp_path, pigeon(), seed="tea")) as site:
        assert (await site.ask("GET", "/pigeon/echo")).told["draw"] != first


def test_everything_is_kept(tmp_path: Path) -> None:
    host = make_host(tmp_path, *BOTH)
    host.set_faults("crow", Faults(lose=-1, only="x"))
    host.set_clock(2.0, 60)
    host.switch_key("pigeon", "seed")
    host.save()
    again = make_host(tmp_path, *BOTH)
    assert again.stages["crow"].faults == Faults(lose=-1, only="x")
    assert again.stages["pigeon"].state == host.stages["pigeon"].state
    assert again.pace.offset_ms == 60_000
    assert {stage.pace for stage in again.stages.values()} == {again.pace}


# --- the control page


async def test_the_page_shows_what_is_there_in_both_languages(site: Site) -> None:
    await site.order("n1", amount_minor=8600)
    await site.ask("POST", "/pigeon/refunds", {"number": "r1", "order": "n1"})
    said = await site.ask("GET", "/sandbox", Accept_Language="en-GB")
    assert said.status == 200
    assert 'lang="en"' in said.text
    for words in ("Pigeon Pay", "Crow Pay", "n1", "r1", "¥86.00", "Forward 30 days", "99.03", "/sandbox/own/desk.css"):
        assert words in said.text, words
    zh = (await site.ask("GET", "/sandbox?channel=crow&lang=zh-CN")).text
    assert "信鸽支付 · 商户" in zh
    assert "还没有订单。" in zh
    assert "n1" not in zh
    assert (await site.ask("GET", "/sandbox?channel=none")).status == 404
    assert (await site.ask("GET", "/sandbox/own/desk.css")).status == 200


async def test_the_page_is_strict_and_runs_no_script(site: Site) -> None:
    said = await site.ask("GET", "/sandbox")
    assert said.headers["cache-control"] == "no-store"
    policy = said.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "form-action 'self';" in policy
    assert not re.search(r"<script|\sstyle=|<style|\son[a-z]+=|javascript:", said.text)
    assert not re.search(r"\{\{|\{%|None", said.text)


async def test_each_deed_is_a_plain_form_that_leads_back(site: Site) -> None:
    await site.order("n1")
    await site.ask("POST", "/pigeon/refunds", {"number": "r1", "order": "n1"})
    here = {"channel": "pigeon", "lang": "en"}
    deeds = [
        ("pay", {"number": "n1"}, "said=pay"),
        ("pay", {"number": "n1"}, "problem=already_paid"),
        ("pay", {"number": "none"}, "problem=order_unknown"),
        ("redeliver", {"number": "n1"}, "said=redeliver"),
        ("redeliver", {"number": "none"}, "problem=nothing_to_redeliver"),
        ("refund", {"number": "r1", "end": "abnormal"}, "problem=refund_cannot_end_so"),
        ("refund", {"number": "r1", "end": "succeeded"}, "said=refund"),
        ("faults", {"lose": "-1", "delay_seconds": "2.5", "duplicate": "", "only": "/pay"}, "said=faults"),
        ("faults", {"lose": "many"}, "problem=faults_malformed"),
        ("clock", {"advance": "day"}, "said=clock"),
        ("clock", {"speed": "60"}, "said=clock"),
        ("clock", {"speed": "0"}, "problem=clock_malformed"),
        ("key", {"key": "seed"}, "said=key"),
        ("key", {"key": "straw"}, "problem=notify_key_unknown"),
    ]
    for deed, told, expected in deeds:
        said = await site.form(deed, **here, **told)
        assert (said.status, said.headers["location"]) == (303, f"/sandbox?channel=pigeon&lang=en&{expected}")
        shown = await site.ask("GET", said.headers["location"])
        assert ('role="alert"' in shown.text) == expected.startswith("problem")
        assert ('role="status"' in shown.text) == expected.startswith("said")
    stage = site.host.stages["pigeon"]
    assert stage.faults == Faults(lose=-1, delay_seconds=2.5, only="/pay")
    assert (stage.pace.speed, stage.pace.offset_ms, stage.state.key) == (60, 86_400_000, "seed")
    assert (await site.form("reset", **here)).headers["location"].endswith("said=reset")
    assert site.host.stages["pigeon"].faults == Faults()


async def test_a_deed_that_is_none_is_refused(site: Site) -> None:
    assert (await site.form("pay", channel="none", number="n1")).status == 400
    assert (await site.form("pay", number="n1")).status == 400
    assert (await site.ask("POST", "/sandbox/pay", b"\xff")).status == 400
    assert (await site.ask("POST", "/sandbox/pay", b"&".join(b"a=1" for _ in range(100)))).status == 400
    assert (await site.ask("GET", "/sandbox/pay")).status == 405
    assert (await site.ask("POST", "/sandbox/explode")).status == 404


@pytest.mark.parametrize("path", ["/sandbox/pay", "/control/pay", "/control/reset-faults", "/sandbox/sheet"])
async def test_another_sites_page_changes_nothing(site: Site, path: str) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": site.base, "Sec_Fetch_Site": "cross-site"},
    ):
        assert (await site.ask("POST", path, b"{}", **headers)).told == {"problem": "other_origin"}
    for headers in ({}, {"Origin": site.base}, {"Origin": site.base, "Sec_Fetch_Site": "same-origin"}):
        assert (await site.ask("POST", path, b"{}", **headers)).status != 403


async def test_what_comes_from_outside_is_escaped(site: Site) -> None:
    await site.order("<script>x</script>")
    said = await site.ask("GET", "/sandbox?said=<script>&problem=<script>&lang=en")
    assert b"<script>" not in said.body


# --- the sheet of any channel


async def test_the_sheet_passes_all_fields_through_and_finds_the_channel(site: Site) -> None:
    await site.order("n1")
    shown = await site.ask("GET", "/sandbox/sheet?number=n1&sign=a%2Bb%3D&lang=en")
    assert shown.status == 200
    for words in ('name="number" value="n1"', 'name="sign" value="a+b="', 'name="channel" value="pigeon"'):
        assert words in shown.text
    assert (await site.ask("GET", "/sandbox/sheet?number=none")).status == 400


async def test_a_paid_sheet_leads_to_where_the_channels_own_page_would(site: Site) -> None:
    await site.order("n1")
    left = await site.form("sheet", channel="pigeon", number="n1", outcome="leave")
    assert left.status == 200
    assert 'href="http://127.0.0.1:1/back?number=n1"' in left.text
    paid = await site.form("sheet", channel="pigeon", number="n1", outcome="pay")
    assert (paid.status, paid.headers["location"]) == (303, "http://127.0.0.1:1/back?number=n1")


@pytest.mark.parametrize(
    ("back", "is_allowed"),
    [("https://shop.example/r", True), ("https://evil.example/r", False), ("javascript:alert(1)", False)],
)
async def test_the_channels_own_way_back_is_followed_only_where_it_may_lead(
    site: Site, back: str, is_allowed: bool
) -> None:
    await site.order("n1")
    await site.control("pay", {"order_no": "n1"})
    said = await site.form("sheet", channel="pigeon", number="n1", back=back, outcome="pay")
    assert said.status == (303 if is_allowed else 200)
    assert said.headers.get("location") == (back if is_allowed else None)
    assert ("evil.example" not in said.text.replace('value="https://evil.example/r"', "")) or is_allowed


async def test_the_shopper_complains_where_the_channel_has_complaints(tmp_path: Path) -> None:
    def complain(state: State, number: str, text: str, at: At) -> Step[State] | None:
        letter = Letter(f"c-{at.business_ms}", number, "COMPLAINT", "http://127.0.0.1:9/", text)
        return Step(state, (letter,)) if text else None

    listening = replace(pigeon(), file_complaint=complain)
    async with open_site(make_host(tmp_path, listening, pigeon("crow"))) as site:
        await site.order("n1")
        await site.order("n2", "crow")
        assert await site.control("complaint", {"order_no": "n1", "text": "冷的"}) == (200, {"order_no": "n1"})
        letters = site.host.stages["pigeon"].post.letters.values()
        assert ("COMPLAINT", "冷的") in {(one.kind, one.content) for one in letters}
        nothing = {"problem": "nothing_to_complain_about"}
        assert await site.control("complaint", {"order_no": "n1", "text": ""}) == (404, nothing)
        assert await site.control("complaint", {"order_no": "n1", "text": 5}) == (404, nothing)
        here = {"problem": "no_complaints_here"}
        assert await site.control("complaint", {"order_no": "n2", "text": "冷的"}) == (409, here)
        unknown = {"problem": "channel_unknown"}
        assert await site.control("complaint", {"order_no": "n3", "text": "冷的"}) == (400, unknown)


async def test_what_the_control_api_does_not_know_is_a_problem_too(site: Site) -> None:
    assert await site.control("nosuch", {}) == (404, {"problem": "path_unknown"})
    said = await site.ask("DELETE", "/control/pay")
    assert (said.status, said.told) == (405, {"problem": "method_unknown"})
