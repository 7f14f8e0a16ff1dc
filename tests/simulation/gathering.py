"""What the checker is given at the end of a seed: rows, the channels' truth, and what was seen from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.facts import TABLES, Facts, facts_from_rows
from simulation.healing import PROBE_SECONDS, Healing
from simulation.network import ChannelHost

if TYPE_CHECKING:
    from simulation.running import Play


def facts_of(play: Play, healing: Healing) -> Facts:
    """The facts of one seed."""
    return facts_from_rows(
        {table: play.store.committed(table) for table in TABLES},
        channels={name: _truth(host) for name, host in play.site.hosts.items()},
        heard=[
            {"channel": name, "external_id": letter, "fault": fault}
            for name, host in play.site.hosts.items()
            for letter, fault in host.heard
        ],
        webhooks=play.site.receiver.got,
        answers=play.clients.answers,
        snapshots=play.observer.snapshots,
        moves=[
            {"table": table, "id": key, "before": before, "after": after}
            for table, key, before, after in play.observer.moves
        ],
        probe={"seconds": healing.probe_seconds, "limit_seconds": PROBE_SECONDS},
    )


def _truth(host: ChannelHost) -> dict[str, Any]:
    """What a channel's sandbox knows."""
    state, verbs = host.stage.state, host.stage.sandbox.verbs
    return {
        "orders": [
            {
                "number": one.number,
                "is_paid": one.state == "PAID",
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "transaction_no": one.transaction_no,
            }
            for one in verbs.list_orders(state)
        ],
        "refunds": [
            {
                "number": one.number,
                "order_number": one.order_number,
                "is_done": one.state == "DONE",
                "amount_minor": one.amount_minor,
                "currency": one.currency,
            }
            for one in verbs.list_refunds(state)
        ],
        "movements": [
            {
                "kind": one.kind,
                "number": one.number,
                "refund_number": one.refund_number,
                "amount_minor": abs(one.amount_minor),
            }
            for one in state.till.movements
        ],
    }
