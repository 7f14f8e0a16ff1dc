"""A whole installation in one process for flow tests: real PostgreSQL, real routes, the pure sandbox of one channel.

Three seams are swapped, nothing is patched: the clock stands still until moved, the driver talks to the sandbox without
sockets (and can lose what it says), and requests enter as ASGI messages. `make_world(database, "name")` builds the same
world at another channel.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.types import ASGIApp, Message, Scope

from db.support import START, rows
from shunfu.app.commands import found_organisation
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.app.wiring import House, build
from shunfu.db import Database, Transaction
from shunfu.driver import Driver, Exchange, Sent, describe, discover
from shunfu.driver.registry import AnyChannel, AnySandbox
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request, run
from shunfu.gateway.sandbox import Act, Deed, Faults, Stage
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import Delivery
from shunfu.kernel.clock import ManualClock, Source, SystemEntropy
from shunfu.kernel.ids import PLATFORM, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import KeyRing
from shunfu.merchants.envelope import Key
from shunfu.webhooks import Carrier

SHOP = "https://shop.example.com"
SANDBOX_URL = "http://127.0.0.1:8701"
CHANNEL = "wechatpay"
OPENID = discover().sandboxes[CHANNEL].shopper


@cache
def made_state(channel: str, whose: str = "flows") -> Any:
    """A merchant of a channel's sandbox, made once a run: RSA keys take their time."""
    return sandbox_of(channel).verbs.create_state(START, sha256(whose.encode()).digest())


def sandbox_of(channel: str) -> AnySandbox:
    """A channel's stand-in."""
    return discover().sandboxes[channel]


def credentials(channel: str = CHANNEL) -> dict[str, str]:
    """What the merchant is given."""
    return dict(sandbox_of(channel).verbs.describe(made_state(channel), SANDBOX_URL).client)


class Line:
    """The driver's stand-in: the same generators, answered by the sandbox; it can lose requests and replies."""

    def __init__(self, clock: ManualClock, source: Source, channel: str = CHANNEL) -> None:
        self.clock = clock
        self.source = source
        self.stage: Stage[Any] = Stage(sandbox_of(channel), made_state(channel))
        self.requests: list[Request] = []
        self.lose_requests = 0
        self.lose_replies = 0
        self.replace_reply: Reply | None = None
        self._steps = 0

    @property
    def state(self) -> Any:
        """What the sandbox knows."""
        return self.stage.state

    async def run(self, _: AnyChannel, flow: Flow[Any]) -> Any:
        """Carry a conversation to its result."""
        return run(flow, self.answer)

    async def converse(self, channel: AnyChannel, flow: Flow[Any]) -> tuple[Any, tuple[Exchange, ...]]:
        """As `run`, with the record of every exchange; the clock stands still meanwhile."""
        record: list[Exchange] = []

        def answer(request: Request) -> Answer:
            sent = Sent(self.source.new_id(), self.clock.now(), 0)
            said = self.answer(request)
            record.append(describe(channel.scrub, request, said, sent))
            return said

        return run(flow, answer), tuple(record)

    def answer(self, request: Request) -> Answer:
        """What the sandbox says, unless it is lost on the way."""
        if self.lose_requests:
            self.lose_requests -= 1
            return NoReply("connection refused", was_sent=False)
        self.requests.append(request)
        told = stages.answer(self.stage, request, self.clock.now(), self.entropy())
        self.stage = told.stage
        if self.replace_reply is not None:
            reply, self.replace_reply = self.replace_reply, None
            return reply
        if self.lose_replies:
            self.lose_replies -= 1
            return NoReply("time-out", was_sent=True)
        return told.reply or NoReply("connection closed", was_sent=True)

    def entropy(self) -> bytes:
        """Fresh bytes, the same in every run."""
        self._steps += 1
        return sha256(f"line {self._steps}".encode()).digest()

    def shopper(self, number: str, deed: Deed = "pay", faults: Faults | None = None) -> None:
        """The shopper does something at the channel."""
        deed_done = Act(number, deed, faults or Faults())
        self.stage, sheet = stages.act(self.stage, deed_done, self.clock.now(), self.entropy())
        assert sheet.problem is None, sheet.problem

    def due(self) -> list[Delivery]:
        """The notifications that the channel sends now."""
        self.stage, deliveries = stages.advance(self.stage, self.clock.now(), self.entropy())
        return list(deliveries)

    def again(self, number: str) -> list[Delivery]:
        """The same notification sent anew: same id, new nonce and signature."""
        stage = stages.redeliver(self.stage, number, self.clock.now())
        assert stage is not None
        self.stage = stage
        return self.due()

    def written(self, delivery: Delivery, twist: str, state: Any = None) -> Delivery:
        """A notification written once more with something wrong, or by somebody with another state's keys."""
        letter = self.stage.post.letters[delivery.notification_id]
        at = self.stage.at(self.clock.now(), self.entropy())
        request = self.stage.sandbox.verbs.write_letter(state or self.state, letter, twist, at)
        return replace(delivery, request=request, fault=twist)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's JSON value."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        return str(self.json()["type"]).removeprefix("/problems/")


async def call(app: ASGIApp, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Said:
    """One HTTP request as ASGI messages."""
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8700),
    }
    sent: list[Message] = []

    requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not requests:
            await asyncio.Event().wait()  # a browser that stays; the answer ends the wait
        return requests.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    told = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Said(start["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


@dataclass(slots=True)
class World:
    """The installation, its merchant and the sandbox."""

    house: House
    app: ASGIApp
    line: Line
    clock: ManualClock
    api_key: str
    live_key: str
    other_key: str
    notify_path: str
    channel: str = CHANNEL
    keys_made: int = field(default=0)

    @property
    def method(self) -> str:
        """A way to pay at this channel that places the order at once and asks for no payer."""
        found = discover().channels[self.channel]
        ready = [scene.name for scene in found.scenes if not scene.needs_payer and not scene.is_local]
        return f"{self.channel}/{'native' if 'native' in ready else ready[0]}"

    async def get(self, target: str, **headers: str) -> Said:
        """GET with the merchant's key."""
        return await call(self.app, "GET", target, {"authorization": f"Bearer {self.api_key}", **headers}, b"")

    async def post(self, target: str, body: object, key: str | None = None, **headers: str) -> Said:
        """POST JSON with the merchant's key and an idempotency key, a fresh one unless given."""
        self.keys_made += 1
        told = {
            "authorization": f"Bearer {self.api_key}",
            "content-type": "application/json",
            "idempotency-key": key or f"key-{self.keys_made}",
            **headers,
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await call(self.app, "POST", target, told, raw)

    async def order(self, **changes: object) -> Any:
        """A new order of 86 yuan."""
        told = {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆", **changes}
        said = await self.post("/v1/orders", told)
        assert said.status == 201, said.body
        return said.json()

    async def pay(self, order_id: str, method: str | None = None, key: str | None = None) -> Said:
        """Start a payment, by `self.method` unless told otherwise."""
        told = method or self.method
        channel, _, name = told.partition("/")
        found = discover().find(channel)
        scene = found.scene(name) if found else None
        payer = {"payer": sandbox_of(channel).shopper} if scene and scene.needs_payer else {}
        return await self.post(f"/v1/orders/{order_id}/payments", {"method": told, **payer}, key)

    async def pending(self, method: str | None = None) -> tuple[str, str]:
        """A new order with a pending payment: (order id, payment id)."""
        order = await self.order()
        said = await self.pay(order["id"], method)
        assert said.json()["state"] == "PENDING", said.body
        return order["id"], said.json()["id"]

    async def deliver(self, delivery: Delivery, **headers: str) -> Said:
        """A notification arrives."""
        told = {name.lower(): value for name, value in delivery.request.headers}
        path = urlsplit(delivery.request.url).path
        return await call(self.app, "POST", path, {**told, **headers}, delivery.request.body)

    async def shopper_pays(self, payment_id: str) -> Said:
        """The shopper pays, the notification arrives, the worker applies it."""
        self.line.shopper(payment_id.partition("_")[2])
        (delivery,) = self.line.due()
        said = await self.deliver(delivery)
        await self.work()
        return said

    async def work(self) -> None:
        """The worker does what is due now."""
        await self.house.drain()

    async def pass_time(self, **span: float) -> None:
        """The clock moves, then the worker does what is due."""
        self.clock.instant += timedelta(**span)
        await self.work()

    async def payment(self, payment_id: str) -> Any:
        """A payment as the API shows it."""
        said = await self.get(f"/v1/payments/{payment_id}")
        assert said.status == 200, said.body
        return said.json()

    async def order_state(self, order_id: str) -> str:
        """An order's state as the API shows it."""
        return (await self.get(f"/v1/orders/{order_id}")).json()["state"]

    async def form(self, target: str, **fields: str) -> Said:
        """A browser posts a form."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return await call(self.app, "POST", target, headers, urlencode(fields).encode())

    async def page(self, target: str, **headers: str) -> Said:
        """A browser opens a page."""
        return await call(self.app, "GET", target, headers, b"")

    async def sql(self, text: str, *args: object) -> list[tuple[object, ...]]:
        """A look behind the scenes."""
        return await rows(self.house.database, text, *args)

    def lie(self, delivery: Delivery, nonce: str | None = None, **changes: object) -> Delivery:
        """A message that WeChat Pay itself signs and encrypts, with other contents or another nonce.

        At any channel `line.written` has the twists that its sandbox forges.
        """
        keys = self.line.state.keys
        told = dict(delivery.request.headers)
        envelope = json.loads(delivery.request.body)
        sealed, gcm = envelope["resource"], AESGCM(keys.material.api_v3_key.encode())
        label, iv = sealed["associated_data"].encode(), sealed["nonce"].encode()
        inside = json.loads(gcm.decrypt(iv, base64.b64decode(sealed["ciphertext"]), label))
        for name, value in changes.items():
            inside[name] = {**inside[name], **value} if isinstance(value, dict) else value
        sealed["ciphertext"] = base64.b64encode(gcm.encrypt(iv, json.dumps(inside).encode(), label)).decode()
        envelope["id"] = f"{envelope['id']}-{len(changes)}"
        body = json.dumps(envelope).encode()
        nonce = nonce or f"{told['Wechatpay-Nonce'][:-1]}x"
        signed = f"{told['Wechatpay-Timestamp']}\n{nonce}\n".encode() + body + b"\n"
        signature = keys.signer(told["Wechatpay-Serial"]).sign(signed, padding.PKCS1v15(), hashes.SHA256())
        told |= {"Wechatpay-Nonce": nonce, "Wechatpay-Signature": base64.b64encode(signature).decode()}
        return replace(delivery, request=replace(delivery.request, headers=tuple(told.items()), body=body))

    def forged(self, delivery: Delivery) -> list[Delivery]:
        """The same notification signed by strangers, who know everything of ours but the channel's private keys."""
        return [self.line.written(delivery, "", strangers(self.line.state, self.channel))]


def strangers(state: Any, channel: str) -> Any:
    """The state with the private keys of another run of the sandbox."""
    if not hasattr(state, "material"):
        return made_state(channel, "strangers")
    ours, theirs = state.material, made_state(channel, "strangers").material
    names = [item.name for item in fields(ours) if item.name.endswith("private_key")]
    return replace(state, material=replace(ours, **{name: getattr(theirs, name) for name in names}))


async def make_world(database: Database, channel: str = CHANNEL, carrier: Carrier | None = None) -> World:
    """Build everything on a fresh database, with an account at one channel. `carrier` takes webhooks."""
    clock = ManualClock(START)
    source = Source(clock, SystemEntropy())
    line = Line(clock, source, channel)
    ring = KeyRing({PLATFORM: Key(PLATFORM, Secret(b"k" * 32))}, PLATFORM, Signer(Secret(b"s" * 32)))
    settings = load({"public_url": "http://127.0.0.1:8700"}, {})
    parts = (source, database, cast("Driver", line))
    house = build(settings, ring, (*parts, carrier) if carrier else parts)
    made = await found_organisation(house, "山前咖啡", (SHOP,))
    other = await found_organisation(house, "隔壁书店", ())

    async def story(tx: Transaction) -> str:
        return public("acc", await house.accounts.add(tx, made.test, channel, credentials(channel)))

    account = await database.transact(story)
    notify_path = f"/notifications/{channel}/{public('mer', made.test.merchant_id)}/{account}"
    keys_of = (made.test_key.reveal(), made.live_key.reveal(), other.test_key.reveal())
    return World(house, create_app(house), line, clock, *keys_of, notify_path, channel)
