"""The merchant's server: it takes webhooks, or not, and knows an order by the newest thing that it was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shunfu.kernel.ids import parse_public
from shunfu.webhooks import Outgoing, Sent
from simulation.loop import Process
from simulation.memory.storage import Store
from simulation.network import World

HANG_SECONDS = 20.0


@dataclass(slots=True)
class Receiver:
    """One server behind every endpoint. `got` is what reached it, in order; `is_known` says that the event was committed."""

    world: World
    store: Store
    got: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def carrier(self, process: Process) -> SimCarrier:
        """The way there from a process."""
        return SimCarrier(self, process)

    def read(self, endpoint: str, message_id: str, body: str) -> None:
        """A message arrives, or is read from the feed."""
        told = json.loads(body)
        event_id = parse_public("evt", message_id)
        self.got.append(
            {
                "endpoint": endpoint,
                "id": message_id,
                "type": told["type"],
                "subject": told["subject"],
                "sequence": told["sequence"],
                "state": told["data"].get("state"),
                "body": body,
                "is_known": event_id is not None and self._is_committed(event_id),
            }
        )

    def _is_committed(self, event_id: UUID) -> bool:
        found = self.store.tables["events"].by(("id",)).get((event_id,), {})
        return any(slot.row is not None for slot in found)


class SimCarrier:
    """Carries one message; what the network and the receiver do to it is drawn."""

    def __init__(self, receiver: Receiver, process: Process) -> None:
        self._receiver = receiver
        self._process = process

    async def send(self, outgoing: Outgoing) -> Sent:
        """Try once."""
        self._process.require_alive()
        world = self._receiver.world
        loop, chance = world.loop, world.chance
        world.trace.add(loop.now, self._process.name, f"webhook {outgoing.headers['webhook-id']}")
        await loop.pause(self._process, chance.travel_seconds())
        if chance.hits("receiver_gone"):
            return Sent(410, "http_410", 1)
        if chance.hits("receiver_failed"):
            return Sent(500, "http_500", 1)
        if chance.hits("receiver_hung"):
            await loop.pause(self._process, HANG_SECONDS)
            return Sent(None, "timeout", int(HANG_SECONDS * 1000))
        is_forgotten = chance.hits("receiver_forgot")
        self._receiver.read(outgoing.url, outgoing.headers["webhook-id"], outgoing.body.decode())
        await loop.pause(self._process, chance.travel_seconds())
        return Sent(None, "broken", 1) if is_forgotten else Sent(200, "ok", 1)
