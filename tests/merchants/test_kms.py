"""A key service behind a program: what it is told, what is believed of its answers, and what happens without one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from merchants.support import KEY, PLACE, ROW, SIGNER
from shunfu.kernel.errors import SetupFault, TransientFault
from shunfu.merchants import CommandKms, EnvelopeBroken, KeyRing, Place
from shunfu.merchants.kms import is_by_command

NONCE = b"n" * 12
SERVICE = """
import base64, json, os, sys
told = json.load(sys.stdin)
open({log!r}, "a").write(json.dumps({{**told, "env": sorted(os.environ), "argv": sys.argv[1:]}}) + "\\n")
mask = lambda text: "".join(chr(ord(one) ^ 1) for one in text)
if told["action"] == "wrap":
    sealed = told["context"] + "#" + mask(told["plaintext"])
    print(json.dumps({{"key": "vault-7", "ciphertext": base64.b64encode(sealed.encode()).decode()}}))
else:
    context, _, masked = base64.b64decode(told["ciphertext"]).decode().partition("#")
    if context != told["context"] or told["key"] != "vault-7":
        sys.exit(3)
    print(json.dumps({{"plaintext": mask(masked)}}))
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the service notes what it was told."""
    return tmp_path / "log.jsonl"


@pytest.fixture
def service(tmp_path: Path, log: Path) -> CommandKms:
    """A service that masks what it wraps, and looks at the context as a real one does."""
    program = tmp_path / "service.py"
    program.write_text(SERVICE.format(log=str(log)))
    return CommandKms((sys.executable, str(program), "a b", "$HOME; true"), 20)


def told_to(log: Path) -> list[dict[str, Any]]:
    """What the service was told, in order."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def saying(text: str, *, code: int = 0, seconds: float = 0, timeout: float = 20) -> CommandKms:
    """A program that prints a text and ends so."""
    program = f"import sys, time; time.sleep({seconds}); sys.stdin.read(); print({text!r}); sys.exit({code})"
    return CommandKms((sys.executable, "-c", program), timeout)


async def test_what_it_wraps_it_opens_again_at_the_same_place(
    service: CommandKms, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUNFU_KEYS", "not for a program")
    monkeypatch.setenv("VAULT_TOKEN", "for it")
    envelope = await service.wrap(PLACE, b"\0secret\xff", NONCE)
    assert envelope == {"v": 1, "k": "command:vault-7", "n": "", "c": envelope["c"], "a": PLACE.text()}
    assert await service.unwrap(PLACE, json.loads(json.dumps(envelope))) == b"\0secret\xff"
    assert await service.wrapping_id() == "command:vault-7"
    told = told_to(log)
    assert [one["action"] for one in told] == ["wrap", "unwrap", "wrap"]
    assert told[0]["plaintext"] == "AHNlY3JldP8="
    assert (told[2]["context"], told[2]["plaintext"]) == ("probe", "c2h1bmZ1IHByb2Jl"), "some wrap no empty text"
    assert told[0]["argv"] == ["a b", "$HOME; true"], "no shell"
    assert "VAULT_TOKEN" in told[0]["env"]
    assert not [name for name in told[0]["env"] if name.startswith("SHUNFU_")]


@pytest.mark.parametrize("change", [{"a": "elsewhere"}, {"v": 2}, {"k": "vault-7"}, {"k": str(KEY.key_id)}], ids=str)
async def test_what_was_moved_is_not_even_asked_for(
    service: CommandKms, log: Path, change: Mapping[str, object]
) -> None:
    envelope = {**await service.wrap(PLACE, b"secret", NONCE), **change}
    asked = told_to(log)
    with pytest.raises(EnvelopeBroken):
        await service.unwrap(PLACE, envelope)
    assert told_to(log) == asked


async def test_the_service_has_the_last_word_on_the_place(service: CommandKms) -> None:
    envelope = await service.wrap(PLACE, b"secret", NONCE)
    other = Place(PLACE.merchant_id, PLACE.table, PLACE.column, UUID(int=ROW.int + 1))
    with pytest.raises(TransientFault, match="exit code 3"):
        await service.unwrap(other, {**envelope, "a": other.text()})


@pytest.mark.parametrize(
    ("kms", "why"),
    [
        (saying("{}"), "no key and ciphertext"),
        (saying('{"key": "", "ciphertext": "x"}'), "no key and ciphertext"),
        (saying('{"key": 7, "ciphertext": "x"}'), "no key and ciphertext"),
        (saying('{"key": "k", "ciphertext": "' + "x" * 20_000 + '"}'), "no key and ciphertext"),
        (saying("[]"), "not a JSON object"),
        (saying("nonsense"), "not JSON"),
        (saying("{}", code=7), "exit code 7"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_odd_answer_is_a_passing_fault(kms: CommandKms, why: str) -> None:
    with pytest.raises(TransientFault, match=why):
        await kms.wrap(PLACE, b"secret", NONCE)


@pytest.mark.parametrize("text", ["{}", '{"plaintext": "no base 64!"}', '{"plaintext": null}'])
async def test_an_opening_without_a_plaintext_is_a_passing_fault(text: str) -> None:
    envelope = {"v": 1, "k": "command:k", "n": "", "c": "x", "a": PLACE.text()}
    with pytest.raises(TransientFault, match="no plaintext"):
        await saying(text).unwrap(PLACE, envelope)


async def test_one_that_hangs_is_ended() -> None:
    begun = time.monotonic()
    with pytest.raises(TransientFault, match="longer than"):
        await saying("{}", seconds=60, timeout=0.3).wrap(PLACE, b"secret", NONCE)
    assert time.monotonic() - begun < 20


async def test_one_that_is_missing_is_said_so() -> None:
    with pytest.raises(SetupFault, match="/nowhere/at-all"):
        await CommandKms(("/nowhere/at-all",), 1).wrap(PLACE, b"secret", NONCE)


async def test_a_ring_passes_on_what_the_service_wraps_and_still_opens_what_its_own_keys_did(
    service: CommandKms,
) -> None:
    local = KeyRing({KEY.key_id: KEY}, KEY.key_id, SIGNER)
    ring = KeyRing({KEY.key_id: KEY}, KEY.key_id, SIGNER, kms=service)
    outside = await ring.wrap(PLACE, b"new", NONCE)
    assert is_by_command(outside)
    assert await ring.unwrap(PLACE, outside) == b"new"
    assert await ring.unwrap(PLACE, await local.wrap(PLACE, b"old", NONCE)) == b"old"
    leaving = KeyRing({KEY.key_id: KEY}, KEY.key_id, SIGNER, kms=CommandKms(service.command, 20, wraps=False))
    assert not is_by_command(await leaving.wrap(PLACE, b"newer", NONCE))
    assert await leaving.wrapping_id() == str(KEY.key_id)
    assert await leaving.unwrap(PLACE, outside) == b"new"
    with pytest.raises(EnvelopeBroken, match="kms_command"):
        await local.unwrap(PLACE, outside)
