"""A channel with a fresh account at its own sandbox, without sockets: the merchant, the shopper and a clock.

Every check is given a rig of its own. Must not know: any channel's name or words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from shunfu.gateway.evidence import Accepted, Evidence
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request, run
from shunfu.gateway.port import Channel, Genuine, Message, Moment, Prepay, Scene, Spurious
from shunfu.gateway.refund import Refund, RefundEvidence
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.values import Act, At, Deed, Delivery, Outcome, Sheet
from shunfu.gateway.sandbox.verbs import Sandbox
from shunfu.gateway.statement import StatementAnswer, StatementKind, StatementOf
from shunfu.kernel.ids import encode, make_id
from shunfu.kernel.money import Money

S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")

NOW = datetime(2026, 11, 22, 6, 29, 35, tzinfo=UTC)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
BASE_URL = "http://127.0.0.1:8701"
NOTIFY_URL = "https://merchant.example/notifications/contract"
RETURN_URL = "https://merchant.example/result"
AMOUNT_MINOR = 8600


class Rig(Generic[S, T]):
    """A merchant on one side, a sandbox on the other. `state` is a new merchant's, made once for many rigs.

    `shape` changes the client's credentials before they are loaded: another key mode, another protocol.
    """

    def __init__(
        self,
        channel: Channel[S],
        sandbox: Sandbox[T],
        state: T,
        shape: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
    ) -> None:
        described = sandbox.verbs.describe(state, BASE_URL)
        self.channel = channel
        self.sandbox = sandbox
        self.credentials = dict(shape(described.client))
        self.settings = channel.load(self.credentials)
        self.stage = stages.Stage(sandbox, state)
        self.now = NOW
        self._steps = 0

    @property
    def payer(self) -> str:
        """A shopper whom the sandbox knows."""
        return self.sandbox.shopper

    def advance(self, seconds: float) -> None:
        """Let time pass for both sides."""
        self.now += timedelta(seconds=seconds)

    def entropy(self) -> bytes:
        """Fresh bytes, the same in every run."""
        self._steps += 1
        return sha256(f"rig {self._steps}".encode()).digest()

    def moment(self) -> Moment:
        """The present and a nonce."""
        return Moment(self.now, NONCE)

    def at(self) -> At:
        """The sandbox's moment."""
        return self.stage.at(self.now, self.entropy())

    def answer(self, request: Request) -> Answer:
        """What the sandbox says to a request."""
        told = stages.answer(self.stage, request, self.now, self.entropy())
        self.stage = told.stage
        return NoReply("the connection was closed", was_sent=True) if told.reply is None else told.reply

    def run(self, flow: Flow[V], answer: Callable[[Request], Answer] | None = None) -> V:
        """Carry a conversation to its result, with the sandbox unless told otherwise."""
        return run(flow, answer or self.answer)

    def fault(self, faults: Faults) -> None:
        """Let these faults come."""
        self.stage = replace(self.stage, faults=faults)

    def fault_once(self, name: str) -> None:
        """Let this one fault come, once."""
        self.fault(replace(Faults(), **{name: 1}))

    def number(self, serial: int = 0) -> str:
        """A number of ours, the same for the same serial at the same moment."""
        return encode(make_id(int(NOW.timestamp() * 1000), serial.to_bytes(10, "big")))

    def prepay(self, scene: Scene, serial: int = 0, amount_minor: int = AMOUNT_MINOR) -> Prepay:
        """A payment in this scene, with a number of its own for each serial."""
        return Prepay(
            number=self.number(serial),
            scene=scene.name,
            amount=Money(amount_minor, "CNY"),
            subject="Contract 山行咖啡",
            payer=self.payer if scene.needs_payer else None,
            expires_at=NOW + timedelta(minutes=15),
            notify_url=NOTIFY_URL,
            return_url=RETURN_URL,
            client_ip="203.0.113.7",
        )

    def place(
        self, scene: Scene | None = None, serial: int = 0, amount_minor: int = AMOUNT_MINOR
    ) -> tuple[str, Evidence]:
        """Place that payment, in the first scene unless told otherwise: its number and the evidence."""
        prepay = self.prepay(scene or self.channel.scenes[0], serial, amount_minor)
        return prepay.number, self.run(self.channel.verbs.prepay(self.settings, prepay, self.moment()))

    def query(self, number: str) -> Evidence:
        """Ask what became of a number."""
        return self.run(self.channel.verbs.query(self.settings, number, self.moment()))

    def close(self, number: str) -> Evidence:
        """Ask to close a number."""
        return self.run(self.channel.verbs.close(self.settings, number, self.moment()))

    def open(self, evidence: Evidence) -> Sheet:
        """The client opens what it was given, as its kind says: `redirect` by GET, `form` by POST, else the sheet.

        Where an order is local (`Scene.is_local`) this is what makes it at the channel. The sandbox leads a browser to
        its sheet: 302 or 303 with /sandbox/sheet and the fields in the query.
        """
        assert isinstance(evidence, Accepted), evidence
        invoke = evidence.invoke
        match invoke.kind:
            case "redirect":
                return self._browse(Request("GET", invoke.params["url"], ()))
            case "form":
                fields = {name: value for name, value in invoke.params.items() if name != "action"}
                headers = (("content-type", "application/x-www-form-urlencoded"),)
                return self._browse(Request("POST", invoke.params["action"], headers, urlencode(fields).encode()))
            case _:
                return self._browse(Request("GET", invoke.sandbox_url or "", ()))

    def _browse(self, request: Request) -> Sheet:
        for _ in range(2):
            parts = urlsplit(request.url)
            if parts.path == "/sandbox/sheet":
                return self.open_sheet(dict(parse_qsl(parts.query, keep_blank_values=True)))
            reply = self.answer(request)
            assert isinstance(reply, Reply), reply
            assert reply.status in {302, 303}, (reply.status, reply.body[:200])
            request = Request("GET", urljoin(request.url, reply.headers["location"]), ())
        raise AssertionError("the sandbox does not lead to its sheet")

    def open_sheet(self, fields: Mapping[str, str]) -> Sheet:
        """The sheet that a client opens with what it was given."""
        return stages.open_sheet(self.stage, fields, self.now)

    def shop(self, number: str, deed: Deed = "pay", faults: Faults | None = None) -> Sheet:
        """The shopper does something with an order that is at the channel."""
        self.stage, sheet = stages.act(self.stage, Act(number, deed, faults or Faults()), self.now, self.entropy())
        return sheet

    def pay(self, number: str) -> bool:
        """The shopper pays; False when the sandbox will not have it."""
        sheet = self.shop(number)
        return sheet.condition == "paid" and sheet.problem is None

    def paid(self, scene: Scene | None = None, amount_minor: int = AMOUNT_MINOR, serial: int = 0) -> str:
        """The number of a payment that the shopper has paid, its notification still waiting."""
        number, evidence = self.place(scene, serial, amount_minor)
        assert self.open(evidence).condition == "payable", "the sheet of an accepted order cannot be paid"
        assert self.pay(number), "the sandbox does not let the shopper pay an accepted order"
        return number

    def due(self) -> tuple[Delivery, ...]:
        """What the channel sends now; timers that are due ring before."""
        self.stage, deliveries = stages.advance(self.stage, self.now, self.entropy())
        return deliveries

    def settle(self, delivery: Delivery, status: int = 200, body: bytes = b"") -> None:
        """The merchant's answer to a delivery."""
        outcome = Outcome(status, "refused", int(self.now.timestamp() * 1000), 1, body)
        self.stage = stages.settle(self.stage, delivery, outcome, self.now)

    def notify(self, number: str, twist: str = "") -> Message:
        """A freshly signed notification of a number, or one that is forged in this way."""
        again = stages.redeliver(self.stage, number, self.now)
        assert again is not None, "the sandbox has nothing to tell of this number"
        self.stage = replace(again, faults=replace(Faults(), **{twist: 1}) if twist else Faults())
        found = [delivery for delivery in self.due() if delivery.number == number]
        self.stage = replace(self.stage, faults=Faults())
        return message_of(found[0])

    def read(self, message: Message, later: timedelta = timedelta()) -> Genuine | Spurious:
        """Read a notification, now or later."""
        return self.channel.verbs.read_notification(self.settings, message, self.now + later)

    def heard(self) -> list[Genuine]:
        """Every notification due now, read and answered as taken; all must be genuine."""
        found: list[Genuine] = []
        for delivery in self.due():
            read = self.read(message_of(delivery))
            assert isinstance(read, Genuine), read
            found.append(read)
            reply = self.channel.verbs.answer_notification("accepted")
            self.settle(delivery, reply.status, reply.body)
        return found

    def a_refund(self, number: str, amount_minor: int, serial: int = 900) -> Refund:
        """A refund of a paid number."""
        paid = next(one for one in self.sandbox.verbs.list_orders(self.stage.state) if one.number == number)
        amounts = (Money(amount_minor, "CNY"), Money(paid.amount_minor, "CNY"))
        return Refund(self.number(serial), number, paid.transaction_no, *amounts, "退货", NOTIFY_URL)

    def refund(self, refund: Refund) -> RefundEvidence:
        """Ask for it."""
        return self.run(self.channel.refunds.refund(self.settings, refund, self.moment()))

    def query_refund(self, refund: Refund) -> RefundEvidence:
        """Ask what became of it."""
        return self.run(self.channel.refunds.query_refund(self.settings, refund, self.moment()))

    def statement(self, kind: StatementKind = "trade", days: int = 0) -> StatementAnswer:
        """Fetch the statement of the day of NOW, or some days later."""
        of = StatementOf((NOW + timedelta(hours=8)).date() + timedelta(days=days), kind)
        return self.run(self.channel.statements.fetch_statement(self.settings, of, self.moment()))

    def secrets(self) -> tuple[str, ...]:
        """Pieces of what was given to the client that must never be seen in a log or in print."""
        texts = [value for name, value in self.credentials.items() if _is_secret(name)]
        return tuple(_piece(text) for text in texts if text)


def message_of(delivery: Delivery) -> Message:
    """A delivery as it arrives: headers by lower-case name, exact bytes."""
    return Message({name.lower(): value for name, value in delivery.request.headers}, delivery.request.body)


def _is_secret(name: str) -> bool:
    return any(word in name for word in ("private", "secret", "v3_key", "aes_key"))


def _piece(text: str) -> str:
    lines = [line for line in text.splitlines() if line and not line.startswith("-----")]
    return lines[min(2, len(lines) - 1)]
