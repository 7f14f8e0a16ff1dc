"""What befalls the installation while it works: crashes, pauses, clocks that jump, and evidence that contradicts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from shunfu.gateway.evidence import Accepted, Closed, Evidence, Invoke, NotFound, NotPaid, Refused, Unknown
from shunfu.gateway.flow import Request
from shunfu.gateway.refund import (
    RefundAbnormal,
    RefundAccepted,
    RefundClosed,
    RefundEvidence,
    RefundNotYet,
    RefundProcessing,
)
from shunfu.kernel.errors import Refusal, TransientFault
from shunfu.kernel.ids import encode, public
from shunfu.payments import record_statement
from shunfu.refunds import Named, arrived, record_evidence
from shunfu.webhooks import Replay, replay_message
from simulation.channels import refund_at_console
from simulation.edge import Clients
from simulation.lying import lying_notification
from simulation.mail import Mail
from simulation.memory.storage import Change, Row
from simulation.network import START, World
from simulation.site import Life, Site

STORM_SECONDS = 2400.0
CONTRADICTIONS = 8
AT_ONCE = 0.35
"""How often a state that is new is contradicted, where a seed has contradictions at all."""
REPLAYS = 8
PROCESSES = ("server-0", "server-1", "worker-0", "worker-1")


@dataclass(slots=True)
class Mischief:
    """Plans the blows of one seed."""

    site: Site
    clients: Clients
    mail: Mail

    @property
    def world(self) -> World:
        """What all share."""
        return self.site.world

    def plan(self) -> None:
        """Everything that will befall, at its time."""
        rng, loop = self.world.chance.story, self.world.loop
        self.site.server.store.observers.append(self.see)
        for _ in range(3):
            self._storm("server_crashed", rng.random(), lambda: self._crash(f"server-{rng.randrange(2)}"))
            self._storm("worker_crashed", rng.random(), lambda: self._crash(f"worker-{rng.randrange(2)}"))
            self._storm("process_paused", rng.random(), self._pause)
            self._storm("clock_forward", rng.random(), lambda: self._jump(1))
            self._storm("clock_backward", rng.random(), lambda: self._jump(-1))
            self._storm("database_restarted", rng.random(), self._restart_database)
            self._storm("refund_behind_our_back", rng.random(), self._refund_behind_our_back)
        for _ in range(CONTRADICTIONS):
            loop.at(None, rng.random() * STORM_SECONDS, self._contradict)
        for _ in range(REPLAYS):
            loop.at(None, rng.random() ** 0.5 * STORM_SECONDS, self._send_again)
        for _ in range(2):
            loop.at(None, rng.random() * STORM_SECONDS, self._ask_for_webhook)

    def _storm(self, name: str, place: float, strike: Any) -> None:
        def due() -> None:
            if self.world.chance.hits(name):
                strike()

        self.world.loop.at(None, place * STORM_SECONDS, due)

    def _crash(self, name: str) -> None:
        self.site.kill(name)
        self.world.loop.at(None, 0.5 + self.world.chance.story.random() ** 3 * 200, self.begin_again, name)

    def begin_again(self, name: str) -> None:
        """A process that is not there begins again."""
        if self.site.lives[name] is None:
            self.site.begin(name)

    def _pause(self) -> None:
        rng = self.world.chance.story
        self.site.pause(rng.choice(PROCESSES), 1 + rng.random() ** 2 * 200)

    def _jump(self, direction: int) -> None:
        rng = self.world.chance.story
        seconds = rng.choice((5.0, 70.0, 400.0, 4000.0, 40000.0)) * (0.5 + rng.random())
        name = rng.choice(PROCESSES)
        life = self.site.lives[name]
        before = life.process.clock_offset_seconds if life else 0.0
        self.site.set_clock(name, before + direction * seconds)

    def _restart_database(self) -> None:
        self.site.server.restart(0.05 + self.world.chance.story.random() * 5)

    def see(self, changes: list[Change]) -> None:
        """A state has just changed: a contradiction may come while it is new."""
        rng = self.world.chance.story
        for table, old, new in changes:
            if table not in {"payments", "refunds"} or new is None or (old and old["state"] == new["state"]):
                continue
            if rng.random() < AT_ONCE and not self.world.chance.is_healed:
                self.world.loop.at(None, rng.random() ** 3 * 20, self._contradict_about, new)

    def _contradict(self) -> None:
        """A word about anything, about what is in a rare state as about the rest."""
        rng = self.world.chance.story
        rows = self.site.server.store.committed(rng.choice(("payments", "refunds")))
        if rows:
            state = rng.choice(sorted({row["state"] for row in rows}))
            self._contradict_about(rng.choice([row for row in rows if row["state"] == state]))

    def _contradict_about(self, row: Row) -> None:
        """A word that is not so, through the notification's door or the statement's."""
        rng, chance = self.world.chance.story, self.world.chance
        if chance.hits("contradicting_notification"):
            self._lie_by_notification(row)
        if chance.hits("contradicting_statement"):
            life = self.site.lives[rng.choice(PROCESSES)]
            if life is not None:
                self.world.loop.spawn(life.process, self._lie_by_statement(life, row, rng))

    def _lie_by_notification(self, row: dict[str, Any]) -> None:
        host = self.site.hosts[row["channel"]]
        number = encode(row["refund_id"] if "refund_id" in row else row["payment_id"])
        payment_number = encode(row["payment_id"]) if "refund_id" in row else None
        message = lying_notification(host, number, payment_number, row["amount_minor"])
        self.mail.send(Request("POST", row["notify_url"], tuple(message.headers.items()), message.body))

    async def _lie_by_statement(self, life: Life, row: dict[str, Any], rng: random.Random) -> None:
        house, merchant_id = life.house, row["merchant_id"]
        try:
            if "refund_id" in row:
                evidence: RefundEvidence = rng.choice(REFUND_WORDS)
                arrival = arrived(evidence, "statement", house.source.now())
                await record_evidence(house.refunds, Named(merchant_id, row["refund_id"]), arrival)
            else:
                words: Evidence = rng.choice(PAYMENT_WORDS)
                await record_statement(house.payments, merchant_id, row["payment_id"], words)
        except TransientFault:
            return
        except Exception as error:
            if not life.process.is_dead:
                self.clients.bugs.append(f"a statement met {type(error).__name__}: {error}")

    def _refund_behind_our_back(self) -> None:
        """The merchant's people asked the channel for a refund themselves, under a number that we keep and have not sent."""
        rows = [
            row
            for row in self.site.server.store.committed("refunds")
            if row["state"] in {"REQUESTED", "REJECTED"} and row["sends"] == 0
        ]
        if not rows:
            self.world.chance.counts["refund_behind_our_back"] -= 1
            return
        row = self.world.chance.story.choice(rows)
        host = self.site.hosts[row["channel"]]
        at = host.at()
        asked = {
            "number": encode(row["refund_id"]),
            "payment": encode(row["payment_id"]),
            "amount": row["amount_minor"],
            "notify_url": row["notify_url"],
        }
        host.take(refund_at_console(host.stage.state, asked, at), at)

    def _send_again(self) -> None:
        """A message that went long ago comes again, to its own address or to another account's."""
        rng, chance, sent = self.world.chance.story, self.world.chance, self.mail.sent
        if not sent:
            return
        request = rng.choice(sent)
        if chance.hits("notification_replayed"):
            self.mail.send(request)
        if chance.hits("notification_other_account"):
            own = request.url.split("/")[-3]
            other = next(name for name in self.site.accounts if name != own)
            merchant, account = public("mer", self.site.merchant_id), public("acc", self.site.accounts[other])
            url = f"{request.url.split('/notifications/')[0]}/notifications/{other}/{merchant}/{account}"
            self.mail.send(Request("POST", url, request.headers, request.body))

    def _ask_for_webhook(self) -> None:
        """Somebody asks for a message of the feed once more."""
        rows = self.site.server.store.committed("webhook_messages")
        life = self.site.lives[self.world.chance.story.choice(PROCESSES)]
        if rows and life is not None:
            row = self.world.chance.story.choice(rows)
            self.world.loop.spawn(life.process, self._replay(life, row))

    async def _replay(self, life: Life, row: dict[str, Any]) -> None:
        try:
            await replay_message(life.house.webhooks, Replay(row["merchant_id"], row["message_id"]))
        except (TransientFault, Refusal):
            return


PAYMENT_WORDS: tuple[Evidence, ...] = (
    Accepted(Invoke("qr", {"code_url": "template://pay/again"}, START)),
    Refused("risk", "RISK"),
    Unknown("the statement is not clear"),
    NotPaid("WAITING"),
    Closed("CLOSED"),
    NotFound("NOT_FOUND"),
)
"""Every word about a payment but the one that money moved."""
REFUND_WORDS: tuple[RefundEvidence, ...] = (
    RefundAccepted("TR1"),
    RefundNotYet("NO_BALANCE"),
    Refused("risk", "RISK"),
    Unknown("the statement is not clear"),
    NotFound("NOT_FOUND"),
    RefundProcessing("TR1"),
    RefundAbnormal("TR1"),
    RefundClosed("CLOSED"),
)
"""Every word about a refund but the one that money moved."""
