"""`shunfu doctor --live CHANNEL`: the checklist for a merchant's first real payment of one fen.

What can be checked from here is checked; what only a real account can prove is said to be so, and a person at a
terminal is asked whether it was done. The steps follow from what the channel can do: no list names a channel.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from cryptography import x509

from shunfu.app.commands import read_credentials
from shunfu.app.doctor import check_clock
from shunfu.app.livesteps import CHECKED, PROVED, Step, is_asked_for
from shunfu.app.settings import Raw, Settings, load
from shunfu.driver import Driver, DriverSettings, discover
from shunfu.driver.registry import AnyChannel
from shunfu.gateway.evidence import NotFound
from shunfu.gateway.port import Moment
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import Fault, SetupFault
from shunfu.kernel.ids import encode

EXPIRY_NEAR = timedelta(days=30)
CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_SEEN = {True: "seen", False: "not seen", None: "only a real account can prove this"}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Confirm: TypeAlias = Callable[[str], bool | None]
"""Asks the person at the terminal; None when nobody is there or they do not know yet."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What was asked for. `is_asking`: put one harmless question to the channel without being prompted."""

    channel: str
    credentials: Path | None
    is_asking: bool
    language: Literal["zh-CN", "en", "both"]
    output: str


@dataclass(frozen=True, slots=True)
class Walked:
    """One step's result: `ok` None is not proven yet; `seen` says what was found, in English for the reader of logs."""

    step: Step
    ok: bool | None
    seen: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the checks look at; `account` is None while the credentials do not load."""

    channel: AnyChannel
    settings: Settings
    told: Mapping[str, str]
    account: object | None
    fault: str = ""


def walk(options: LiveOptions, given: Mapping[str, Raw | None], config: Path | None) -> int:
    """Walk through the steps; 0 when nothing that was checked failed, else 1. Raises SetupFault."""
    found = discover()
    channel = found.find(options.channel)
    if channel is None:
        raise SetupFault(f"There is no channel {options.channel!r}; there are: {', '.join(found.channels)}.")
    known = _known(channel, options, load(given, os.environ, config))
    is_prompting = sys.stdin.isatty() and sys.stdout.isatty() and options.output == "text"
    confirm: Confirm = _prompt if is_prompting else _nobody
    walked: list[Walked] = []
    steps = [step for step in (*CHECKED, *PROVED) if is_asked_for(step, channel)]
    for number, step in enumerate(steps, 1):
        if options.output == "text":
            _say(number, step, options.language)
        one = _checked(step, known, options, confirm) if step in CHECKED else _proved(step, confirm)
        walked.append(one)
        if options.output == "text":
            _tell(one)
    if options.output == "json":
        json.dump({"ok": _is_ok(walked), "steps": [_shown(one) for one in walked]}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    return 0 if _is_ok(walked) else 1


def _known(channel: AnyChannel, options: LiveOptions, settings: Settings) -> _Known:
    if options.credentials is None:
        return _Known(channel, settings, {}, None, "give the account's file: --credentials FILE")
    told = read_credentials(options.credentials, channel.name)
    try:
        return _Known(channel, settings, told, channel.load(told))
    except ValueError as error:
        return _Known(channel, settings, told, None, channel.scrub(str(error)))


def _checked(step: Step, known: _Known, options: LiveOptions, confirm: Confirm) -> Walked:
    """One check from here; a broken part never hides the others."""
    try:
        match step.name:
            case "account":
                return _account(step, known)
            case "keys":
                return _keys(step, known, datetime.now(UTC))
            case "clock":
                return Walked(step, ok=True, seen=check_clock())
            case "address":
                return _address(step, known.settings.public_url)
            case _:
                return _question(step, known, options, confirm)
    except Fault as fault:
        return Walked(step, ok=False, seen=str(fault))


def _unknown(step: Step, known: _Known) -> Walked:
    """Credentials that do not load are a failure, credentials that were not given are only not proven."""
    return Walked(step, ok=False if known.told else None, seen=known.fault)


def _account(step: Step, known: _Known) -> Walked:
    if known.account is None:
        return _unknown(step, known)
    sandbox = known.channel.sandbox_url(known.account)
    if sandbox is not None:
        return Walked(step, ok=False, seen=f"these are a sandbox's credentials ({sandbox}), not a real account's")
    identity = known.channel.identity(known.account)
    return Walked(step, ok=True, seen=f"{identity.account}, {identity.app}")


def _keys(step: Step, known: _Known, now: datetime) -> Walked:
    """The certificates among the credentials: none is over, none is over soon."""
    if known.account is None:
        return _unknown(step, known)
    ends = {name: end for name, text in known.told.items() for end in _ends(text)}
    over = [f"{name} until {end:%Y-%m-%d}" for name, end in ends.items() if end < now + EXPIRY_NEAR]
    if over:
        return Walked(step, ok=False, seen=f"expired, or within {EXPIRY_NEAR.days} days: {', '.join(over)}")
    first = min(ends.values(), default=None)
    return Walked(step, ok=True, seen=f"the first expires on {first:%Y-%m-%d}" if first else "no certificate in use")


def _ends(text: str) -> list[datetime]:
    """When each certificate in a PEM text ends; `load` has read them, so a text without one is another thing."""
    content = text.encode()
    if CERTIFICATE not in content:
        return []
    try:
        return [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content)]
    except ValueError:
        return []


def _address(step: Step, public_url: str) -> Walked:
    """Channels post to a public https address with a port that they reach, not to this machine's own."""
    parts = urlsplit(public_url)
    if parts.scheme != "https" or parts.hostname in LOOPBACK or parts.hostname is None:
        return Walked(step, ok=False, seen=f"{public_url} is no public https address; set --public-url")
    return Walked(step, ok=True, seen=public_url)


def _question(step: Step, known: _Known, options: LiveOptions, confirm: Confirm) -> Walked:
    """Ask about a number never used: signed with our key, answered with theirs, and nothing is left behind."""
    if known.account is None:
        return _unknown(step, known)
    if not (options.is_asking or confirm("ask now? 现在问吗？")):
        return Walked(step, ok=None, seen="not asked; --ask does")
    evidence = asyncio.run(_asked(known))
    if isinstance(evidence, NotFound):
        return Walked(step, ok=True, seen="the channel answered, verified: it does not know that number")
    return Walked(step, ok=False, seen=known.channel.scrub(f"the channel's answer was {evidence!r}"))


async def _asked(known: _Known) -> object:
    source = Source(SystemClock(), SystemEntropy())
    async with Driver(DriverSettings(), source) as driver:
        moment = Moment(source.now(), source.nonce())
        return await driver.run(
            known.channel, known.channel.verbs.query(known.account, encode(source.new_id()), moment)
        )


def _proved(step: Step, confirm: Confirm) -> Walked:
    """What only a real account can prove: a person says whether it was seen."""
    done = confirm("seen? 看到了吗？")
    return Walked(
        step, ok=done, seen={True: "seen", False: "not seen", None: "only a real account can prove this"}[done]
    )


def _prompt(question: str) -> bool | None:
    sys.stdout.write(f"      {question} [y/n/Enter] ")
    sys.stdout.flush()
    answer = sys.stdin.readline().strip().lower()
    return {"y": True, "n": False}.get(answer[:1])


def _nobody(_: str) -> bool | None:
    return None


def _is_ok(walked: list[Walked]) -> bool:
    return all(one.ok is not False for one in walked)


def _say(number: int, step: Step, language: str) -> None:
    for spoken, text in step.text.items():
        if language in {spoken, "both"}:
            sys.stdout.write(f"{number:>2}. {text}\n")


def _tell(one: Walked) -> None:
    mark = {True: "ok  ", False: "FAIL", None: "open"}[one.ok]
    sys.stdout.write(f"    {mark} {one.seen}\n")
    sys.stdout.flush()


def _shown(one: Walked) -> dict[str, object]:
    proof = "here" if one.step in CHECKED else "account"
    return {"step": one.step.name, "proof": proof, "ok": one.ok, "text": dict(one.step.text), "seen": one.seen}
