"""`shunfu doctor --live`: the walk to a first real payment at every channel, rehearsed with sandbox credentials."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import Sandbox, sandbox
from shunfu.app.live import LiveOptions, walk
from shunfu.app.livesteps import CHECKED, PROVED, is_asked_for
from shunfu.driver import discover
from shunfu.kernel.errors import SetupFault

CHANNELS = list(discover().channels)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHUNFU_") and "TEST" not in name]:
        monkeypatch.delenv(name)


def walked(capsys: pytest.CaptureFixture[str], options: LiveOptions, **given: str) -> tuple[int, dict[str, Any]]:
    code = walk(options, given, None)
    out = capsys.readouterr().out  # the driver's log lines come first: only the command sends logs elsewhere
    first = next(line for line in out.splitlines() if line.startswith("{"))
    told = json.loads(out[out.index(first) :])
    return code, {step["step"]: step for step in told["steps"]}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_sandboxs_account_is_told_apart_and_everything_else_is_rehearsed(
    running: Sandbox, channel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that can be checked is right, the question is answered and verified; only the account is a sandbox's."""
    options = LiveOptions(channel, running.folder / "credentials.json", True, "both", "json")
    code, steps = walked(capsys, options, public_url="https://pay.example.com")
    assert code == 1
    assert {name: step["ok"] for name, step in steps.items() if step["proof"] == "here"} == {
        "account": False, "keys": True, "clock": True, "address": True, "question": True,
    }  # fmt: skip
    assert "sandbox" in steps["account"]["seen"]
    assert all(step["ok"] is None for step in steps.values() if step["proof"] == "account")
    assert {"pay", "notification", "refund", "statement", "books"} <= set(steps)
    assert all(set(step["text"]) == {"zh-CN", "en"} for step in steps.values())
    for secret in running.credentials[channel].values():
        assert len(secret) < 30 or secret.startswith("http") or secret not in json.dumps(steps)


def test_nothing_is_asked_of_a_channel_that_was_not_told_to_be(
    running: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    options = LiveOptions("wechatpay", running.folder / "credentials.json", False, "en", "json")
    _, steps = walked(capsys, options)
    assert (steps["question"]["ok"], steps["question"]["seen"]) == (None, "not asked; --ask does")
    assert steps["address"]["ok"] is False


def test_without_credentials_the_list_is_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    options = LiveOptions("wechatpay", None, True, "en", "json")
    code, steps = walked(capsys, options, public_url="https://pay.example.com")
    assert code == 0
    assert steps["account"]["ok"] is None
    assert steps["question"]["ok"] is None


def test_credentials_that_do_not_load_and_a_channel_that_does_not_answer_are_failures(
    running: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = running.credentials["wechatpay"]
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({**good, "merchant_private_key": "canary-77e2"}))
    _, steps = walked(capsys, LiveOptions("wechatpay", path, True, "en", "json"))
    assert steps["account"]["ok"] is steps["keys"]["ok"] is steps["question"]["ok"] is False
    assert "canary-77e2" not in json.dumps(steps)
    away = {name: text.replace(running.base_url, "http://127.0.0.1:1") for name, text in good.items()}
    path.write_text(json.dumps(away))
    _, steps = walked(capsys, LiveOptions("wechatpay", path, True, "en", "json"))
    assert steps["question"]["ok"] is False
    assert "Unknown" in steps["question"]["seen"]


@pytest.mark.parametrize("language", ["zh-CN", "en", "both"])
def test_the_text_is_numbered_and_in_the_language_asked_for(language: Any, capsys: pytest.CaptureFixture[str]) -> None:
    walk(LiveOptions("wechatpay", None, False, language, "text"), {}, None)
    said = capsys.readouterr().out
    assert (" 1. 读取账户资料" in said) == (language != "en")
    assert (" 1. The account's credentials load" in said) == (language != "zh-CN")
    assert "only a real account can prove this" in said


def test_an_unknown_channel_says_which_there_are() -> None:
    with pytest.raises(SetupFault, match="wechatpay"):
        walk(LiveOptions("pigeon", None, False, "en", "text"), {}, None)


def test_steps_follow_what_a_channel_can_do() -> None:
    names = [step.name for step in (*CHECKED, *PROVED)]
    assert len(set(names)) == len(names)
    for channel in discover().channels.values():
        asked = {step.name for step in PROVED if is_asked_for(step, channel)}
        assert ("payer" in asked) == any(scene.needs_payer for scene in channel.scenes)
        assert ("close" in asked) == channel.capabilities.can_close
