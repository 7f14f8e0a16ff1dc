"""Signatures a second: each channel signs a query, verifies the reply to it and verifies a notification, in one thread.

What is measured is what the server does for a message, not the signature alone: building it, canonical text, base64,
and for what came back reading it too (WeChat Pay decrypts its notifications, Alipay finds the signed node in the text,
UnionPay proves the certificate that a message carries, once, and remembers it). Beside it `openssl speed rsa2048`, and
the same through Python's cryptography with nothing around it. A second is one of processor time everywhere, as openssl
counts it, and of several rounds the best counts, for the limit too. Messages come from each channel's own sandbox.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from _meter import rate, ratio, raw_rsa
from shunfu.driver.registry import discover
from shunfu.gateway.contract.rig import NOW, Rig
from shunfu.gateway.evidence import Evidence, NotPaid
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.port import Genuine, Message

AT_ONCE = 64
_SPEED = re.compile(r"^rsa +2048 bits +.*?([0-9.]+) +([0-9.]+)(?: +[0-9.]+ +[0-9.]+)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Subject:
    """A channel at its sandbox, with an order that waits and the notification of one that was paid."""

    rig: Rig[Any, Any]
    number: str
    message: Message


def openssl_speed(seconds: float) -> dict[str, float] | None:
    """What `openssl speed` says of RSA-2048 in one thread; None without that program."""
    command = ["openssl", "speed", "-seconds", str(max(1, round(seconds))), "rsa2048"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    found = _SPEED.search(said)
    return {"signs_a_second": float(found[1]), "verifies_a_second": float(found[2])} if found else None


def signing(subject: Subject, seconds: float) -> float:
    """Queries built and signed a second."""
    rig, verbs = subject.rig, subject.rig.channel.verbs
    settings, moment = rig.settings, rig.moment()
    return rate(lambda: next(verbs.query(settings, subject.number, moment)), seconds)


def verifying(subject: Subject, seconds: float) -> float:
    """Replies verified and read a second. The queries that they answer are signed beforehand, outside the clock."""
    rig, verbs = subject.rig, subject.rig.channel.verbs
    settings, moment = rig.settings, rig.moment()
    reply = rig.answer(next(verbs.query(settings, subject.number, moment)))
    assert isinstance(reply, Reply), reply
    spent, count = 0.0, 0
    while spent < seconds:
        flows = [verbs.query(settings, subject.number, moment) for _ in range(AT_ONCE)]
        for flow in flows:
            next(flow)
        began = time.process_time()
        found = [_end(flow, reply) for flow in flows]
        spent += time.process_time() - began
        assert all(isinstance(one, NotPaid) for one in found), found[0]
        count += AT_ONCE
    return round(count / spent)


def _end(flow: Flow[Evidence], reply: Reply) -> Evidence:
    try:
        flow.send(reply)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a query asks once")


def notified(subject: Subject, seconds: float) -> float:
    """Notifications verified and read a second."""
    rig, message = subject.rig, subject.message
    assert isinstance(rig.read(message), Genuine), rig.read(message)
    return rate(lambda: rig.read(message), seconds)


class Best:
    """The best rate of several rounds by its name, for other work on the machine only ever makes one worse."""

    def __init__(self) -> None:
        self.rates: dict[str, float] = {}

    def keep(self, found: dict[str, float]) -> None:
        """Take in one round's."""
        self.rates |= {name: max(value, self.rates.get(name, 0.0)) for name, value in found.items()}


def round_of(subject: Subject, seconds: float) -> dict[str, float]:
    """The three rates of one channel, once."""
    return {
        "queries_signed": signing(subject, seconds),
        "replies_verified": verifying(subject, seconds),
        "notifications_verified": notified(subject, seconds),
    }


def ratios(rates: dict[str, float], limit: dict[str, float]) -> dict[str, dict[str, float]]:
    """Each rate with its share of the limit."""
    limits = {name: limit["signs_a_second" if name.endswith("signed") else "verifies_a_second"] for name in rates}
    return {name: {"a_second": value, "ratio": ratio(value, limits[name])} for name, value in rates.items()}


def begin(name: str) -> Subject:
    """A new merchant at a channel's sandbox."""
    registry = discover()
    sandbox = registry.sandboxes[name]
    rig = Rig(registry.channels[name], sandbox, sandbox.verbs.create_state(NOW, secrets.token_bytes(32)))
    message = rig.notify(rig.paid(serial=1))
    number, placed = rig.place()
    rig.open(placed)
    return Subject(rig, number, message)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each rate in each round")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    told = parser.parse_args()
    subjects = {name: begin(name) for name in discover().channels}
    openssl, raw, best = Best(), Best(), {name: Best() for name in subjects}
    for _ in range(told.rounds):
        openssl.keep(openssl_speed(told.seconds) or {})
        raw.keep(raw_rsa(told.seconds))
        for name, subject in subjects.items():
            best[name].keep(round_of(subject, told.seconds))
    report = {
        "cores": os.cpu_count(),
        "seconds_each": told.seconds,
        "rounds": told.rounds,
        "openssl_speed_rsa2048": openssl.rates or None,
        "python_cryptography_rsa2048": raw.rates,
        "ratios_are_to": "openssl speed" if openssl.rates else "python cryptography",
        "channels": {name: ratios(found.rates, openssl.rates or raw.rates) for name, found in best.items()},
    }
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
