"""`shunfu signature` as its users meet it: one JSON object out, exit codes, strict input, and no key printed."""

from __future__ import annotations

import io
import json
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner

from shunfu.app.cli import app
from shunfu.app.signature import exit_code, shown, work
from shunfu.driver import discover
from shunfu.gateway.workbench import Worked
from shunfu.kernel.errors import SetupFault

MEMBERS = {"to_sign", "signature", "valid", "failed_step", "reason", "plaintext", "fields"}
NOW = 1700000000


@cache
def keys() -> tuple[str, str]:
    """A private key and its public one, as PEM."""
    key = generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public.decode()


def reply(**more: object) -> dict[str, object]:
    return {"kind": "reply", "timestamp": str(NOW), "nonce": "n" * 32, "body": '{"a":1}', "now": NOW, **more}


def run(
    capsys: pytest.CaptureFixture[str], deed: Any, path: Path, language: Any = "both"
) -> tuple[int, dict[str, Any]]:
    code = work(deed, "wechatpay", path, language)
    told = json.loads(capsys.readouterr().out)
    assert set(told) == MEMBERS
    return code, told


def written(folder: Path, source: object) -> Path:
    path = folder / "message.json"
    path.write_bytes(source if isinstance(source, bytes) else json.dumps(source).encode())
    return path


def test_what_is_signed_is_verified_and_what_was_changed_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys()
    code, signed = run(capsys, "sign", written(tmp_path, reply(key=private)))
    assert (code, signed["to_sign"]) == (0, f'{NOW}\n{"n" * 32}\n{{"a":1}}\n')
    assert "PRIVATE KEY" not in json.dumps(signed)
    told = reply(key=public, signature=signed["signature"])
    code, good = run(capsys, "verify", written(tmp_path, told))
    assert (code, good["valid"], good["failed_step"]) == (0, True, None)
    code, bad = run(capsys, "verify", written(tmp_path, {**told, "body": '{"a": 1}'}))
    assert (code, bad["valid"], bad["failed_step"]) == (1, False, "signature")
    code, english = run(capsys, "verify", written(tmp_path, {**told, "body": '{"a": 1}'}), "en")
    assert bad["reason"].endswith(f" / {english['reason']}")


def test_a_part_that_is_missing_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(capsys, "verify", written(tmp_path, {"kind": "reply"}))
    assert (code, told["failed_step"]) == (2, "input")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "one JSON object"),
        (b"[]", "one JSON object"),
        (b'{"kind": "reply", "kind": "request"}', "one JSON object"),
        (b'{"now": NaN}', "one JSON object"),
        (b'{"kind": "\xff"}', "one JSON object"),
        (b"[" * 100_000, "one JSON object"),
        (b'{"body": "' + b"x" * (1 << 20) + b'"}', "larger than 1 MiB"),
    ],
    ids=["empty", "array", "twice", "nan", "not utf-8", "deep", "large"],
)
def test_an_input_that_is_no_object_fails_at_the_first_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    code, told = run(capsys, "verify", written(tmp_path, content))
    assert (code, told["failed_step"]) == (2, "input")
    assert words in told["reason"]


def test_what_cannot_be_read_fails_at_the_first_step_and_a_channel_that_is_none_is_a_wrong_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = run(capsys, "verify", tmp_path / "missing.json")
    assert (code, told["failed_step"]) == (2, "input")
    assert "cannot be read" in told["reason"]
    with pytest.raises(SetupFault, match="wechatpay"):
        work("verify", "pigeon", written(tmp_path, {}), "both")


def test_a_message_may_come_on_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.dumps(reply(key=keys()[0])).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    code, told = run(capsys, "sign", Path("-"))
    assert code == 0
    assert told["signature"]


@pytest.mark.parametrize("channel", list(discover().channels))
@pytest.mark.parametrize("deed", ["sign", "verify", "decrypt"])
@pytest.mark.parametrize(
    "source",
    [{}, {"kind": "reply"}, {"kind": 1, "key": [], "params": "x", "now": "x"}, {"kind": "request", "key": "x"}],
)
def test_no_channel_fails_on_a_poor_message(
    channel: str, deed: Any, source: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = work(deed, channel, written(tmp_path, source), "both")
    told = json.loads(capsys.readouterr().out)
    assert code in {1, 2}
    assert told["failed_step"]
    assert " / " in told["reason"]


@pytest.mark.parametrize(
    ("deed", "worked", "code"),
    [
        ("sign", Worked(to_sign="a", signature="s"), 0),
        ("sign", Worked(to_sign="a"), 1),
        ("verify", Worked(valid=True), 0),
        ("verify", Worked(valid=False, failed_step="clock"), 1),
        ("verify", Worked(valid=True, failed_step="timestamp"), 1),
        ("verify", Worked(failed_step="input"), 2),
        ("decrypt", Worked(plaintext=""), 0),
        ("decrypt", Worked(failed_step="decrypt"), 1),
    ],
)
def test_exit_codes(deed: Any, worked: Worked, code: int) -> None:
    assert exit_code(deed, worked) == code


def test_the_reason_is_in_one_language_or_both() -> None:
    worked = Worked(reason={"zh-CN": "甲", "en": "a"})
    assert shown(worked, "both")["reason"] == "甲 / a"
    assert shown(worked, "zh-CN")["reason"] == "甲"
    assert shown(Worked(), "en")["reason"] is None


def test_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, reply(key=keys()[0]))
    done = CliRunner().invoke(app, ["signature", "sign", "wechatpay", "--input", str(path), "--lang", "en"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["signature"]
    assert CliRunner().invoke(app, ["signature", "sign", "wechatpay"]).exit_code == 2
    assert CliRunner().invoke(app, ["signature", "guess", "wechatpay", "--input", "x"]).exit_code == 2
