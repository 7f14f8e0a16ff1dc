"""The end of every seed: no more faults, everybody back at work, time until nothing waits, and the people who help.

People do what only people may: decide, redirect, ask again for a refund that the channel closed, switch an endpoint on,
and read the channel's statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from shunfu.gateway.evidence import Paid
from shunfu.gateway.refund import RefundClosed, RefundEvidence, RefundSucceeded
from shunfu.gateway.sandbox.values import beijing
from shunfu.gateway.scenario import REFUNDS
from shunfu.kernel.ids import decode, encode, public
from shunfu.kernel.money import Money
from shunfu.payments import record_statement
from shunfu.refunds import Named, arrived, record_evidence
from shunfu.webhooks import Replay, enable_endpoint, read_feed, replay_message
from simulation.channels import BETA, settle_abnormal
from simulation.edge import Ask, Clients
from simulation.mischief import PROCESSES
from simulation.network import ChannelHost, World
from simulation.site import Life, Site

DAY = 86400.0
DAYS_MAX = 45
PROBE_SECONDS = 60.0
OPEN = frozenset({"SENDING", "UNKNOWN", "PROCESSING", "ABNORMAL"})
NEVER_FUNDED = 9923
"""The book of amounts: at a sandbox there is never money enough to refund this."""


class NeverQuiet(AssertionError):
    """After the last fault the simulation did not come to rest."""


@dataclass(slots=True)
class Healing:
    """Heals, waits, helps."""

    site: Site
    clients: Clients
    probe_seconds: float | None = None
    helped: Counter[str] = field(default_factory=Counter[str])
    read_to: int | None = None

    @property
    def world(self) -> World:
        """What all share."""
        return self.site.world

    def heal(self) -> None:
        """No fault any more, every process alive, every clock right."""
        self.world.chance.is_healed = True
        self.world.trace.add(self.world.loop.now, "world", "healed")
        for name in PROCESSES:
            life = self.site.lives[name]
            if life is None:
                self.site.begin(name)
            else:
                life.process.paused_until = 0.0
                self.site.set_clock(name, 0.0)

    def probe(self) -> None:
        """An ordinary purchase right after the last fault: how long it takes."""
        began = self.world.loop.now
        self._await(self._buy(began), PROBE_SECONDS * 4)

    async def _buy(self, began: float) -> None:
        expires_at = (self.world.now() + timedelta(hours=1)).isoformat()
        body = {"amount_minor": 4321, "expires_at": expires_at, "merchant_order_no": None}
        made = await self._insist(Ask("create_order", "/v1/orders", self.clients.key(), body))
        order = made["id"]
        path = f"/v1/orders/{order}/payments"
        wish = {"order": order, "method": "alpha/native"}
        payment = await self._insist(Ask("start_payment", path, self.clients.key(), wish))
        self.site.hosts["alpha"].shopper(payment["id"].partition("_")[2], "pay")
        while self._order_state(order) != "PAID":
            await self.clients.sleep(0.5)
        self.probe_seconds = self.world.loop.now - began

    def _order_state(self, order: str) -> str:
        order_id = decode(order.partition("_")[2])
        rows = self.site.server.store.tables["orders"].by(("order_id",)).get((order_id,), {})
        return next((slot.row["state"] for slot in rows if slot.row is not None), "")

    async def _insist(self, ask: Ask) -> dict[str, Any]:
        while True:
            answer = await self.clients.once(ask)
            if answer is not None and answer.is_final:
                return answer.told
            await self.clients.sleep(5.0)

    def drain(self) -> None:
        """Let time pass until nothing waits and nobody has anything to do."""
        for ask in self.clients.unfinished:
            self._await(self._insist(ask), DAY)
        self.clients.unfinished.clear()
        for _ in range(DAYS_MAX):
            self.world.loop.run_until(self._is_quiet, self.world.loop.now + DAY)
            if not self._help() and self._is_quiet():
                return
        raise NeverQuiet(f"still waiting: {self._waiting()}")

    def _await(self, work: Coroutine[Any, Any, Any], seconds: float) -> None:
        task = self.world.loop.spawn(self.clients.process, work)
        self.world.loop.run_until(task.done, self.world.loop.now + seconds)
        if not task.done():
            raise NeverQuiet(f"a client still waits after {seconds} s")
        task.result()

    def _is_quiet(self) -> bool:
        """Nothing is under way, at the channels or here."""
        if self.world.under_way or any(host.is_busy for host in self.site.hosts.values()):
            return False
        return not self._waiting()

    def _waiting(self) -> list[tuple[str, str, datetime]]:
        """The jobs that wait."""
        return [(job["kind"], job["key"], job["run_at"]) for job in self.site.waiting_jobs()]

    def _help(self) -> bool:
        """What people do when they look; whether there was anything to do."""
        works = [*self._decide(), *self._redirect(), *self._ask_again(), *self._enable(), *self._read_statements()]
        works += [*self._close_absent(), *self._send_given_up(), *self._read_on()]
        for work in works:
            self._await(work, DAY)
        return bool(works)

    def _decide(self) -> list[Coroutine[Any, Any, Any]]:
        return [
            self._insist(self._decision(row))
            for row in self.site.server.store.committed("refunds")
            if row["state"] == "REQUESTED"
        ]

    def _decision(self, row: dict[str, Any]) -> Ask:
        refund = public("rfd", row["refund_id"])
        is_approved = row["is_surplus"] or row["amount_minor"] % 2 == 0
        body = {"refund": refund, "is_approved": is_approved}
        word = "approve" if is_approved else "reject"
        return Ask("decide_refund", f"/v1/refunds/{refund}/{word}", self.clients.key(), body, "boss")

    def _redirect(self) -> list[Coroutine[Any, Any, Any]]:
        """An abnormal refund is sent elsewhere where the channel can, and paid out by the channel's people where not."""
        works: list[Coroutine[Any, Any, Any]] = []
        for row in self.site.server.store.committed("refunds"):
            if row["state"] != "ABNORMAL":
                continue
            host = self.site.hosts[row["channel"]]
            number = encode(row["refund_id"])
            if number not in host.stage.state.refunds:
                continue
            at = host.at()
            if row["channel"] == BETA and host.stage.state.refunds[number].state == "ABNORMAL":
                refund = public("rfd", row["refund_id"])
                path = f"/v1/refunds/{refund}/redirect"
                works.append(self._insist(Ask("redirect_refund", path, self.clients.key(), {"refund": refund})))
            elif host.take(settle_abnormal(host.stage.state, number, at), at):
                works.append(self.clients.sleep(1.0))
        return works

    def _close_absent(self) -> list[Coroutine[Any, Any, Any]]:
        """A refund that the channel does not know and that no statement has is closed by a person's word."""
        works: list[Coroutine[Any, Any, Any]] = []
        for row in self.site.server.store.committed("refunds"):
            is_known = encode(row["refund_id"]) in self.site.hosts[row["channel"]].stage.state.refunds
            is_stuck = row["state"] in {"ABNORMAL", "PROCESSING"} or row["amount_minor"] == NEVER_FUNDED
            if row["state"] in OPEN and is_stuck and not is_known:
                named, absent = Named(row["merchant_id"], row["refund_id"]), RefundClosed("absent from the statement")
                works.append(self._at_server(lambda life, named=named, absent=absent: _tell(life, named, absent)))
                self.helped["absent"] += 1
        return works

    def _ask_again(self) -> list[Coroutine[Any, Any, Any]]:
        """A surplus whose refund ended without money: a person asks for a new one."""
        works: list[Coroutine[Any, Any, Any]] = []
        for row in self.site.server.store.committed("payments"):
            if not row["is_surplus"]:
                continue
            left = row["captured_minor"] - row["refunded_minor"] - row["refund_reserved_minor"]
            left = min(left, self._left_at_channel(row))
            if left > 0 and self._has_refund(row):
                payment = public("pay", row["payment_id"])
                amount_minor = left
                while amount_minor in REFUNDS and amount_minor > 1:  # the book of amounts never lets some go
                    amount_minor -= 1
                body = {"payment": payment, "amount_minor": amount_minor}
                path = f"/v1/payments/{payment}/refunds"
                works.append(self._insist(Ask("request_refund", path, self.clients.key(), body)))
        return works

    def _left_at_channel(self, row: dict[str, Any]) -> int:
        host = self.site.hosts[row["channel"]]
        number = encode(row["payment_id"])
        return host.stage.state.orders[number].amount_minor - host.stage.state.refunded_minor(number)

    def _has_refund(self, row: dict[str, Any]) -> bool:
        refunds = self.site.server.store.committed("refunds")
        return any(refund["payment_id"] == row["payment_id"] for refund in refunds)

    def _enable(self) -> list[Coroutine[Any, Any, Any]]:
        """A disabled endpoint is switched on again, and its owner reads what he was not sent."""
        return [
            self._at_server(partial(self._catch_up, row))
            for row in self.site.server.store.committed("webhook_endpoints")
            if row["state"] == "DISABLED"
        ]

    def _send_given_up(self) -> list[Coroutine[Any, Any, Any]]:
        """A message that was given up is sent once more by hand: it told of something that no later one repeats."""
        rows = [row for row in self.site.server.store.committed("webhook_deliveries") if row["state"] == "GIVEN_UP"]
        self.helped["replayed"] += len(rows)
        return [self._at_server(partial(self._replay, row)) for row in rows]

    async def _replay(self, row: dict[str, Any], life: Life) -> None:
        await replay_message(life.house.webhooks, Replay(row["merchant_id"], row["message_id"], row["endpoint_id"]))

    async def _catch_up(self, row: dict[str, Any], life: Life) -> None:
        await enable_endpoint(life.house.webhooks, (row["merchant_id"], row["endpoint_id"]))
        self.helped["enabled"] += 1
        self.read_to = self.read_to or 0

    def _read_on(self) -> list[Coroutine[Any, Any, Any]]:
        """Whoever was once switched off reads the feed from where he stopped: what committed late is in it too."""
        if self.read_to is None:
            return []
        places = [row["place"] for row in self.site.server.store.committed("webhook_messages")]
        return [self._at_server(self._read_feed)] if max(places, default=0) > self.read_to else []

    async def _read_feed(self, life: Life) -> None:
        (row,) = self.site.server.store.committed("webhook_endpoints")
        assert self.read_to is not None, "only who was switched off reads the feed"
        while True:
            feed = await read_feed(life.house.webhooks, row["merchant_id"], self.read_to, 50)
            if not feed.items:
                return
            for told in feed.items:
                self.site.receiver.read(row["url"], public("evt", told.message.message_id), told.message.body)
            self.read_to = feed.place

    async def _at_server(self, work: Callable[[Life], Coroutine[Any, Any, Any]]) -> None:
        life = self.site.any_server()
        assert life is not None, "after healing every server lives"
        await self.world.loop.spawn(life.process, work(life))

    def _read_statements(self) -> list[Coroutine[Any, Any, Any]]:
        """What the channel's till has and we have not is told to us, as reconciliation does."""
        works: list[Coroutine[Any, Any, Any]] = []
        for host in self.site.hosts.values():
            for movement in host.stage.state.till.movements:
                if movement.kind == "payment":
                    works += self._missing_payment(host, movement)
                elif movement.kind == "refund":
                    works += self._missing_refund(host, movement)
        self.helped["statement"] += len(works)
        return works

    def _missing_payment(self, host: ChannelHost, movement: Any) -> list[Coroutine[Any, Any, Any]]:
        payment_id = decode(movement.number)
        slot = self.site.server.store.tables["payments"].rows.get((self.site.merchant_id, payment_id))
        if slot is None or slot.row is None or slot.row["state"] == "CAPTURED":
            return []
        account = host.stage.state.merchant_no
        paid = Paid(Money(movement.amount_minor, "CNY"), account, account, movement.channel_no, beijing(movement.at_ms))
        assert payment_id is not None
        return [
            self._at_server(lambda life: record_statement(life.house.payments, self.site.merchant_id, payment_id, paid))
        ]

    def _missing_refund(self, host: ChannelHost, movement: Any) -> list[Coroutine[Any, Any, Any]]:
        refund_id = decode(movement.refund_number)
        slot = self.site.server.store.tables["refunds"].rows.get((self.site.merchant_id, refund_id))
        if slot is None or slot.row is None or slot.row["state"] == "SUCCEEDED":
            return []
        amount = Money(-movement.amount_minor, "CNY")
        told = RefundSucceeded(amount, movement.channel_refund_no, beijing(movement.at_ms))
        assert refund_id is not None
        named = Named(self.site.merchant_id, refund_id)
        return [self._at_server(lambda life: _tell(life, named, told))]


async def _tell(life: Life, named: Named, evidence: RefundEvidence) -> None:
    """What a statement says of a refund."""
    await record_evidence(life.house.refunds, named, arrived(evidence, "statement", life.house.source.now()))
