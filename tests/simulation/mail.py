"""Notifications between the channels and the servers: lost, doubled, late, out of turn, damaged, astray, and again later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Message
from shunfu.gateway.sandbox.values import Delivery, Outcome
from shunfu.kernel.errors import NotFoundHere, TransientFault
from shunfu.kernel.ids import parse_public
from shunfu.notifications import Address, receive
from simulation.network import ChannelHost, World, corrupted
from simulation.site import Life, Site

PATIENCE_SECONDS = 5.0
HELD_SECONDS = 120.0
KEPT = 40
SILENCE = Outcome(0, "timeout", 0, 5000)


@dataclass(slots=True)
class Mail:
    """The way of every notification. `sent` are those that went, for whoever sends one again."""

    world: World
    site: Site | None = None
    sent: list[Request] = field(default_factory=list[Request])
    held: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    bugs: list[str] = field(default_factory=list[str])

    def deliver(self, host: ChannelHost, delivery: Delivery, settle: Callable[[Outcome], None]) -> None:
        """A channel sends one: it hears the first answer, or nothing after its time-out."""
        chance, request = self.world.chance, delivery.request
        heard: list[Outcome] = []

        def settled(outcome: Outcome) -> None:
            if not heard:
                heard.append(outcome)
                settle(outcome)

        self.world.trace.add(self.world.loop.now, host.name, f"notifies {delivery.notification_id} {delivery.fault}")
        self.world.loop.at(None, PATIENCE_SECONDS, settled, SILENCE)
        self.sent = [*self.sent, request][-KEPT:]
        if chance.hits("notification_lost"):
            return
        wait_seconds = chance.travel_seconds()
        if chance.hits("notification_delayed"):
            wait_seconds += 1 + chance.schedule.random() ** 6 * 30 * 86400
        if request.body and chance.hits("notification_corrupted"):
            request = replace(request, body=corrupted(request.body, chance))
        if chance.hits("notification_duplicated"):
            for _ in range(1 + int(chance.schedule.random() ** 4 * 20)):
                self.world.later(wait_seconds + chance.schedule.random() ** 3 * 60, self._arrive, request, settled)
        if chance.hits("notification_reordered"):
            self._hold(lambda: self._arrive(request, settled))
            return
        self.world.later(wait_seconds, self._arrive, request, settled)
        self._release()

    def _hold(self, arrive: Callable[[], None]) -> None:
        """This one arrives after the next, or when none comes."""
        self.held.append(arrive)
        self.world.later(HELD_SECONDS, self._release)

    def _release(self) -> None:
        held, self.held = self.held, []
        for arrive in held:
            self.world.later(1.0, arrive)

    def send(self, request: Request) -> None:
        """Somebody sends a message whose answer he does not care for."""
        self.world.later(self.world.chance.travel_seconds(), self._arrive, request, _ignore)

    def _arrive(self, request: Request, settled: Callable[[Outcome], None]) -> None:
        assert self.site is not None, "the mail is connected before anything is sent"

        def answered(reply: Reply | None) -> None:
            if reply is not None:
                settled(Outcome(reply.status, "", 0, 1, reply.body))

        self.site.serve(lambda life: self._take(life, request), answered, PATIENCE_SECONDS)

    async def _take(self, life: Life, request: Request) -> Reply:
        """What the HTTP edge makes of a notification."""
        headers = {name.lower(): value for name, value in request.headers}
        _, _, channel, merchant, account = urlsplit(request.url).path.split("/")
        merchant_id, account_id = parse_public("mer", merchant), parse_public("acc", account)
        assert merchant_id is not None
        assert account_id is not None
        address = Address(channel, merchant_id, account_id)
        try:
            received = await receive(life.house.notifications, address, Message(headers, request.body))
        except NotFoundHere:
            return Reply(404, {}, b"")
        except TransientFault:
            return Reply(503, {}, b"")
        except Exception as error:
            if not life.process.is_dead:
                self.bugs.append(f"a notification met {type(error).__name__}: {error}")
            return Reply(500, {}, b"")
        what = f"{received.judgement.verdict}:{received.judgement.reason}"
        self.world.trace.add(self.world.loop.now, life.process.name, f"notified {what}")
        return received.reply


def _ignore(_outcome: Any) -> None:
    """Nobody waits for it."""
