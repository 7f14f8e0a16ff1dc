"""`shunfu listen`: prints a merchant's webhooks as they happen and forwards them to a server on this machine.

It reads the feed of messages and signs what it forwards with a secret of its own, so that a developer needs neither a
public address nor a registered endpoint. What it forwards is byte for byte what an endpoint is sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import aiohttp

from shunfu.app.remote import Remote, Target
from shunfu.app.serve import until_stopped
from shunfu.gateway.wire import Json
from shunfu.kernel.clock import SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault, TransientFault
from shunfu.kernel.secret import Secret
from shunfu.webhooks import (
    SECRET_BYTES,
    Outgoing,
    Sender,
    SenderSettings,
    Sent,
    check_url,
    headers,
    read_secret,
    write_body,
    write_secret,
)

POLL_SECONDS = 1.0
TURN_SECONDS = 3.0
SUBJECTS_MAX = 10_000
PAGE = 100
Message = dict[str, Json]


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What `shunfu listen` was asked for. No event types: all of them. `since` is a message's id; None: from now on."""

    target: Target
    forward_to: str | None = None
    event_types: frozenset[str] = frozenset()
    secret: str | None = None
    since: str | None = None
    is_json: bool = False


class Turns:
    """Puts a subject's messages into their order: two that happened together may be the wrong way round in the feed.

    A message whose elder has not been seen waits a moment for it.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()
        self._held: list[tuple[float, Message]] = []

    @property
    def is_holding(self) -> bool:
        """Whether a message waits for its elder."""
        return bool(self._held)

    def take(self, messages: Iterable[Message], now: float) -> list[Message]:
        """These messages and those held before, as far as it is their turn; `now` in seconds of any clock."""
        self._held += [(now, message) for message in messages]
        self._held.sort(key=lambda held: (str(held[1]["subject"]), cast("int", held[1]["sequence"])))
        ready, waiting = list[Message](), list[tuple[float, Message]]()
        for since, message in self._held:
            if self._is_next(message) or now - since >= TURN_SECONDS:
                self._note(message)
                ready.append(message)
            else:
                waiting.append((since, message))
        self._held = waiting
        return ready

    def _is_next(self, message: Message) -> bool:
        return cast("int", message["sequence"]) <= self._last.get(str(message["subject"]), 0) + 1

    def _note(self, message: Message) -> None:
        subject, sequence = str(message["subject"]), cast("int", message["sequence"])
        self._last[subject] = max(sequence, self._last.get(subject, 0))
        self._last.move_to_end(subject)
        if len(self._last) > SUBJECTS_MAX:
            self._last.popitem(last=False)


def run_listen(options: ListenOptions) -> int:
    """Listen until SIGINT or SIGTERM; then 0. Raises SetupFault for what must be put right first."""
    until_stopped(lambda stop: listen(options, stop, _say))
    return 0


async def listen(options: ListenOptions, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Listen until `stop` is set; `say` gets each line. Outlives a server that is away. Raises SetupFault."""
    key = _key(options)
    async with aiohttp.ClientSession() as session, Sender(SenderSettings()) as sender:
        remote = Remote(options.target, session)
        after = options.since or str((await remote.get("/v1/webhook_messages?after=latest"))["next_after"])
        _introduce(options, key, say)
        turns, clock = Turns(), asyncio.get_running_loop().time
        while not stop.is_set():
            after, messages = await _page(remote, after)
            for message in turns.take(messages, clock()):
                if not options.event_types or message["type"] in options.event_types:
                    sent = await _forward(sender, options.forward_to, key, message) if options.forward_to else None
                    say(_line(message, sent, is_json=options.is_json))
            if len(messages) < PAGE:
                await _rest(stop, POLL_SECONDS / 4 if turns.is_holding else POLL_SECONDS)


async def _page(remote: Remote, after: str) -> tuple[str, Sequence[Message]]:
    """The next page of the feed, or none while the server is away."""
    try:
        page = await remote.get(f"/v1/webhook_messages?after={after}&limit={PAGE}")
    except TransientFault as fault:
        sys.stderr.write(f"listen: {fault} Trying again.\n")
        return after, ()
    return str(page["next_after"]), cast("list[Message]", page["items"])


async def _forward(sender: Sender, url: str, key: Secret[bytes], message: Message) -> Sent:
    body = write_body(message).encode()
    signed = headers([key], str(message["id"]), SystemClock().now(), body)
    told = {"content-type": "application/json", "user-agent": "Shunfu-Webhooks", **signed}
    return await sender.send(Outgoing(url, told, body, may_be_private=True))


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _key(options: ListenOptions) -> Secret[bytes]:
    """The given secret's key, or a fresh one."""
    if options.forward_to is not None:
        problem = check_url(options.forward_to, may_be_private=True)
        if problem is not None:
            raise SetupFault(f"{options.forward_to!r} cannot be forwarded to ({problem}): http://127.0.0.1:3000/hook")
    if options.secret is None:
        return Secret(SystemEntropy().take(SECRET_BYTES))
    key = read_secret(options.secret)
    if key is None:
        raise SetupFault("--secret must be `whsec_` and base 64 of 24 to 64 bytes; leave it out to get a fresh one.")
    return key


def _introduce(options: ListenOptions, key: Secret[bytes], say: Callable[[str], None]) -> None:
    secret = write_secret(key).reveal() if options.forward_to else None
    if options.is_json:
        say(json.dumps({"listening": options.target.url, "forward_to": options.forward_to, "secret": secret}))
        return
    say(f"listening to {options.target.url}")
    if secret is not None:
        say(f"forwarding to {options.forward_to}, signed with {secret}")


def _line(message: Message, sent: Sent | None, *, is_json: bool) -> str:
    if is_json:
        told = {name: message[name] for name in ("id", "type", "subject", "sequence", "timestamp", "data")}
        outcome = {"status": sent.status, "reason": sent.reason} if sent else {}
        return json.dumps({**told, **outcome}, ensure_ascii=False)
    time = str(message["timestamp"])[11:19]
    outcome = "" if sent is None else f"  -> {sent.status or sent.reason}"
    return f"{time}  {message['type']:<18} {message['subject']}  #{message['sequence']}  {message['id']}{outcome}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
