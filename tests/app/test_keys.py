"""`shunfu keys` from the first key to the last, keys in a variable and at a key service, and the daily look."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.commandline import shunfu_cli
from app.test_audit import Installation
from app.test_cli import assert_one_line, sandbox_credentials
from db.support import manual
from flows.world import World, make_world
from shunfu.app.doctor import examine, judge_key_ends
from shunfu.app.key_checks import begin_key_checks, follow_key_file, list_every_expiry
from shunfu.app.keys import RotateOptions, rotate_in, rotation_tools
from shunfu.app.ring import keeper, kms_of, open_ring
from shunfu.app.settings import load
from shunfu.db import Database, Urls
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public
from shunfu.merchants import judge, lock_key_file, make_key_file, new_key, read_key_file, replace_key_file
from shunfu.webhooks import NewEndpoint, create_endpoint, read_endpoint

KMS = """
import base64, json, sys
told = json.load(sys.stdin)
if told["action"] == "wrap":
    print(json.dumps({"key": "v1", "ciphertext": told["context"] + "#" + told["plaintext"][::-1]}))
else:
    print(json.dumps({"plaintext": told["ciphertext"].partition("#")[2][::-1]}))
"""


def test_the_commands_from_the_first_key_to_the_last(tmp_path: Path, database_urls: Urls) -> None:
    shunfu = Installation(tmp_path, database_urls)
    made = shunfu.told("merchant", "create", "--name", "山前咖啡")
    merchant = made["test"]["merchant"]
    (tmp_path / "c.json").write_text(json.dumps(sandbox_credentials()))
    credentials = ("--channel", "wechatpay", "--credentials", str(tmp_path / "c.json"))
    shunfu.told("account", "add", "--merchant", merchant, *credentials)
    file = tmp_path / "data" / "keys.json"
    keys = json.loads(file.read_text())

    before = shunfu.told("keys", "list")
    (first,) = before["wrapping_keys"]
    assert (first["active"], first["wraps"]) == (True, 1)
    assert {one["kind"] for one in before["ends"]} == {"wrapping_key", "signing_key"}
    assert {one["days_left"] for one in before["ends"]} <= {364, 365}
    assert shunfu.told("keys", "rotate")["data_keys"] == 1
    after = shunfu.told("keys", "list")["wrapping_keys"]
    assert {one["key"]: (one["active"], one["wraps"]) for one in after}[first["key"]] == (False, 0)
    assert sum(one["wraps"] for one in after) == 1
    renewed = shunfu.told("keys", "rotate", "--data-keys")["data_keys"]
    assert renewed == {"made": 1, "accounts_sealed": 1, "endpoints_sealed": 0}
    kept = shunfu.told("keys", "rotate", "--retire")["retired"]
    assert (kept["dropped"], kept["kept"][0]["key"]) == ([], first["key"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    listed = shunfu.told("keys", "list", "--merchant", merchant)["keys"]
    assert {one["kind"] for one in listed} == {"api_key", "channel_account", "data_key"}
    secrets = [one["key"] for one in (*keys["keys"].values(), *keys["signing"])]
    shown = json.dumps([before, after, renewed, kept, listed])
    assert not any(secret in shown for secret in secrets)
    actions = [row["action"] for row in shunfu.told("audit", "show", "--merchant", "platform")["rows"]]
    assert actions == ["key.rotated", "key.rotation_begun"]


def test_api_keys_are_issued_for_some_days_listed_and_revoked(tmp_path: Path, database_urls: Urls) -> None:
    shunfu = Installation(tmp_path, database_urls)
    merchant = shunfu.told("merchant", "create", "--name", "x")["test"]["merchant"]
    issue = ("keys", "api", "issue", "--merchant", merchant, "--label")
    made = shunfu.told(*issue, "approvals", "--capability", "refunds:approve", "--days", "90")
    assert (made["days"], made["capabilities"]) == (90, ["refunds:approve"])
    assert shunfu.told(*issue, "all")["days"] == 365
    newest, approvals, first = shunfu.told("keys", "api", "list", "--merchant", merchant)["api_keys"]
    assert [one["label"] for one in (newest, approvals, first)] == ["all", "approvals", "first key"]
    assert made["api_key"].split("_")[3] == approvals["key"].removeprefix("key_")
    assert made["api_key"][-43:] not in json.dumps([newest, approvals, first])
    assert all(one["in_force"] for one in (newest, approvals, first))
    revoke = ("keys", "api", "revoke", "--merchant", merchant, approvals["key"])
    assert shunfu.told(*revoke)["revoked"] is True
    assert_one_line(shunfu.run(*revoke), "is not revoked")
    again = shunfu.told("keys", "api", "list", "--merchant", merchant)["api_keys"]
    assert [one["in_force"] for one in again] == [True, False, True]
    for words, said in (
        ((*issue, "x", "--capability", "refunds:all"), "no capability"),
        ((*issue, " "), "--label"),
        (("keys", "api", "list", "--merchant", "mer_x"), "no merchant"),
        (("keys", "api", "revoke", "--merchant", merchant, "key_x"), "is not revoked"),
        (("keys", "list", "--merchant", "mer_x"), "no merchant"),
    ):
        assert_one_line(shunfu.run(*words), said)


@pytest.mark.parametrize("days", ["0", "-1", "3651"])
def test_no_api_key_lasts_for_ever(tmp_path: Path, days: str) -> None:
    told = ("--merchant", "mer_x", "--label", "x", "--days", days)
    done = shunfu_cli(tmp_path, "keys", "api", "issue", *told)
    assert done.returncode == 2
    with pytest.raises(SetupFault, match="1 to 3650"):
        load({"api_key_days": days}, {})


class InVariable(Installation):
    """The command line with its keys in the environment."""

    keys = ""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        data = str(self.folder / "elsewhere")
        return shunfu_cli(self.folder, *words, "--data", data, SHUNFU_KEYS=self.keys, **self.urls)


def test_keys_in_a_variable_are_extended_put_in_place_and_wrapped_with(tmp_path: Path, database_urls: Urls) -> None:
    file = Installation(tmp_path, database_urls)
    merchant = file.told("merchant", "create", "--name", "x")["test"]["merchant"]
    (tmp_path / "c.json").write_text(json.dumps(sandbox_credentials()))
    credentials = ("--channel", "wechatpay", "--credentials", str(tmp_path / "c.json"))
    file.told("account", "add", "--merchant", merchant, *credentials)
    shunfu = InVariable(tmp_path, database_urls)
    shunfu.keys = (tmp_path / "data" / "keys.json").read_text()
    assert_one_line(shunfu.run("keys", "rotate"), "keys extend")
    assert_one_line(shunfu.run("keys", "rotate", "--retire"), "SHUNFU_KEYS")
    ring = tmp_path / "ring.json"
    extend = ("keys", "extend", "--to", str(ring))
    extended = shunfu.told(*extend)
    assert (extended["keys"], extended["signing_keys"]) == (2, 2)
    before, text = json.loads(shunfu.keys), json.loads(ring.read_text())
    assert text["active"] == before["active"], "no server wraps with it before all know it"
    assert text["signing"][0] == before["signing"][0], "nor signs"
    assert text["signing"][1]["until"] is None
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert_one_line(shunfu.run(*extend), "is there already")
    promote = ("keys", "extend", "--promote", "--to", str(tmp_path / "ring2.json"))
    assert_one_line(shunfu.run(*promote), "No new key waits")
    shunfu.keys = ring.read_text()
    assert_one_line(shunfu.run("keys", "extend", "--to", str(tmp_path / "ring2.json")), "--promote")
    assert_one_line(shunfu.run("keys", "rotate"), "--promote")
    assert_one_line(shunfu.run("keys", "rotate", "--signing"), "--promote")
    promoted = shunfu.told(*promote)
    assert (promoted["keys"], promoted["waiting"]) == (2, None)
    assert promoted["active"] == extended["waiting"]
    shunfu.keys = (tmp_path / "ring2.json").read_text()
    last = json.loads(shunfu.keys)["signing"]
    assert [one["key"] for one in last] == [one["key"] for one in reversed(text["signing"])]
    assert [one["until"] is None for one in last] == [True, False]
    done = shunfu.told("keys", "rotate")
    assert (done["resumed"], done["data_keys"]) == (True, 1)
    assert not (tmp_path / "elsewhere" / "keys.json").exists()
    shunfu.keys = "{" + shunfu.keys
    broken = shunfu.run("keys", "list")
    assert_one_line(broken, "SHUNFU_KEYS")
    assert json.loads(ring.read_text())["signing"][0]["key"] not in broken.stderr


def test_to_a_key_service_and_away_from_it(tmp_path: Path, database_urls: Urls) -> None:
    program = tmp_path / "kms.py"
    program.write_text(KMS)
    file = Installation(tmp_path, database_urls)
    merchant = file.told("merchant", "create", "--name", "x")["test"]["merchant"]
    (tmp_path / "c.json").write_text(json.dumps(sandbox_credentials()))
    credentials = ("--channel", "wechatpay", "--credentials", str(tmp_path / "c.json"))
    file.told("account", "add", "--merchant", merchant, *credentials)
    outside = Installation(tmp_path, database_urls)
    outside.urls["SHUNFU_KMS_COMMAND"] = f"{sys.executable} {program}"
    done = outside.told("keys", "rotate")
    assert (done["wraps_now"], done["data_keys"]) == ("command:v1", 1)
    assert {one["key"]: one["wraps"] for one in outside.told("keys", "list")["wrapping_keys"]}["command:v1"] == 1
    assert outside.told("keys", "rotate", "--data-keys")["data_keys"]["accounts_sealed"] == 1
    assert_one_line(file.run("keys", "rotate"), "kms_command")
    outside.urls["SHUNFU_KMS_WRAPS"] = "false"
    assert outside.told("keys", "rotate")["data_keys"] == 2
    assert file.told("keys", "rotate")["data_keys"] == 2


def test_doctor_says_where_the_keys_are_and_shows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path, manual()[1])
    monkeypatch.chdir(tmp_path)

    def seen() -> tuple[str, str]:
        found = examine({"data_folder": str(tmp_path)}, None)
        (keys,) = [one for one in found if one.check == "keys"]
        return f"{keys.seen}{keys.advice}", " ".join(one.seen for one in found)

    assert str(path) in seen()[0]
    monkeypatch.setenv("SHUNFU_KEYS", path.read_text())
    path.unlink()
    monkeypatch.setenv("SHUNFU_KMS_COMMAND", "/opt/keys --vault x")
    keys, everything = seen()
    assert "SHUNFU_KEYS" in keys
    assert "kms_command (/opt/keys)" in keys
    assert '"signing"' not in everything


@pytest.mark.parametrize("how", [(), ("--retire",), ("--signing",)], ids=str)
def test_a_second_command_is_refused_while_one_is_at_work(
    tmp_path: Path, database_urls: Urls, how: tuple[str, ...]
) -> None:
    shunfu = Installation(tmp_path, database_urls)
    shunfu.told("merchant", "create", "--name", "x")
    file = tmp_path / "data" / "keys.json"
    before = file.read_bytes()
    with lock_key_file(file):
        assert_one_line(shunfu.run("keys", "rotate", *how), "at work")
        shunfu.told("keys", "rotate", "--data-keys")
    assert file.read_bytes() == before
    if not how:
        shunfu.told("keys", "rotate")
        assert len(read_key_file(file).keys) == 2


@pytest.mark.parametrize(
    ("days", "is_ok", "advice"), [(31, True, ""), (30, True, "Within"), (0, True, "Within"), (-1, False, "Past")]
)
def test_doctor_warns_before_our_own_keys_end_and_fails_after(days: int, is_ok: bool, advice: str) -> None:
    clock = manual()[0]
    ends = clock.instant + timedelta(days=days)
    near = judge("wrapping_key", ("kek_x", "key_file"), ends, clock.instant - timedelta(seconds=1))
    far = judge("signing_key", ("installation", "signing"), clock.instant + timedelta(days=300), clock.instant)
    found = judge_key_ends((near, far))
    assert (found.check, found.ok) == ("key ends", is_ok)
    assert found.advice.startswith(advice) if advice else not found.advice
    assert found.advice.endswith("Run: shunfu keys rotate") or not advice
    endless = judge_key_ends((far, judge("signing_key", ("installation", "signing"), None, clock.instant)))
    assert endless.ok
    assert endless.advice.endswith("Run: shunfu keys rotate --signing")


def test_doctor_looks_at_the_ends_of_the_key_file(tmp_path: Path, database_urls: Urls) -> None:
    shunfu = Installation(tmp_path, database_urls)
    shunfu.told("merchant", "create", "--name", "x")

    def seen() -> dict[str, Any]:
        told = json.loads(shunfu.run("doctor", "--format", "json").stdout)
        return next(one for one in told["findings"] if one["check"] == "key ends")

    assert (seen()["ok"], seen()["advice"]) == (True, "")
    file = tmp_path / "data" / "keys.json"
    text = json.loads(file.read_text())
    text["signing"][0]["made"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(text))
    assert (seen()["ok"], "keys rotate --signing" in seen()["advice"]) == (False, True)
    file.unlink()
    assert seen()["ok"] is False


@pytest.mark.parametrize("command", ["'unfinished", " "])
def test_a_command_that_is_none_is_said_so(command: str) -> None:
    with pytest.raises(SetupFault, match="kms_command"):
        kms_of(load({"kms_command": command}, {}))


def test_only_a_file_is_ours_to_write(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path, manual()[1])
    assert keeper(load({"data_folder": str(tmp_path)}, {})) is not None
    told = load({"data_folder": str(tmp_path)}, {"SHUNFU_KEYS": path.read_text()})
    assert keeper(told) is None
    assert open_ring(told).active == open_ring(load({"data_folder": str(tmp_path)}, {})).active


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What is logged while the test runs."""
    with capture_logs() as logged:
        yield logged


async def test_a_running_server_follows_its_file(tmp_path: Path, lines: list[Any]) -> None:
    path = tmp_path / "keys.json"
    source = manual()[1]
    make_key_file(path, source)
    ring, stop = read_key_file(path), asyncio.Event()
    whole = path.read_bytes()
    following = asyncio.create_task(follow_key_file(ring, stop, 0.01))

    async def until(event: str) -> None:
        async with asyncio.timeout(10):
            while event not in {line["event"] for line in lines}:  # noqa: ASYNC110  a log line rings no bell
                await asyncio.sleep(0.01)

    path.write_bytes(b"{")
    await until("key_file_unreadable")
    assert len(ring.keys) == 1, "what cannot be read changes nothing"
    path.write_bytes(whole)
    replace_key_file(path, ring.contents, ring.contents.with_key(new_key(source), source.now()))
    await until("key_file_read_again")
    assert len(ring.keys) == 2
    stop.set()
    await asyncio.wait_for(following, 10)


async def test_every_key_is_warned_of_daily_once_a_step(database: Database, lines: list[Any]) -> None:
    """A merchant's job and the installation's own: the first API keys end after a year, our own keys too."""
    world: World = await make_world(database)
    house = world.house
    for _ in range(2):
        await begin_key_checks(database, house.source, house.jobs)
    await world.work()

    def alarms() -> list[tuple[str, str]]:
        return sorted((line["alarm"], str(line["subject"])[:3]) for line in lines if line["event"] == "alarm")

    told = alarms()
    lines.clear()
    assert ("key_without_expiry", "kek") in told, "a key of this world's has no date"
    await world.pass_time(days=1)
    assert not alarms(), "what was told is not told again"
    world.clock.instant += timedelta(days=350)
    await world.work()
    assert ("key_expiring", "key") in alarms()
    assert ("key_expiring", "acc") in alarms()
    count = len(alarms())
    await world.work()
    assert len(alarms()) == count


async def test_webhook_secrets_are_listed_and_sealed_anew(database: Database, tmp_path: Path) -> None:
    world: World = await make_world(database)
    house = world.house
    merchant = (await world.get("/v1/orders")).status
    assert merchant == 200
    merchant_id = parse_public("mer", world.notify_path.split("/")[3])
    assert merchant_id is not None
    endpoint_id = house.source.new_id()
    wish = NewEndpoint(merchant_id, endpoint_id, "https://8.8.8.8/hook", ("*",), "")
    shown = await create_endpoint(house.webhooks, wish)
    make_key_file(tmp_path / "keys.json", house.source)
    tools = rotation_tools(load({"data_folder": str(tmp_path)}, {}), house, lambda _, __: None)
    before = (await read_endpoint(house.webhooks, (merchant_id, endpoint_id))).secrets[0]
    world.clock.advance(1)
    told = await rotate_in(house, tools, RotateOptions(is_data=True))
    assert told["data_keys"] == {"made": 2, "accounts_sealed": 1, "endpoints_sealed": 1}
    after = (await read_endpoint(house.webhooks, (merchant_id, endpoint_id))).secrets[0]
    assert after.sealed["k"] != before.sealed["k"]
    assert after.made_at == before.made_at
    again = await create_endpoint(house.webhooks, wish)
    assert again.secret.reveal() == shown.secret.reveal()
    async with database.reading() as reader:
        kinds = [one.kind for one in await list_every_expiry(house.expiry, reader, merchant_id)]
        platform = await list_every_expiry(house.expiry, reader, PLATFORM)
    assert kinds.count("webhook_secret") == 1
    assert len(platform) == 2
