"""What must hold of each order at once, and of all of them by the independent checker."""

from __future__ import annotations

from typing import Any

from checker.check import check
from checker.facts import facts_from_rows
from crash.cases import Case, number_of, uuid_of
from crash.facts import all_rows, answers_of, heard_by, truth_of
from crash.operations import Wanted
from crash.site import Site

LIVE = frozenset({"SENDING", "UNKNOWN", "PENDING"})


async def look_at(site: Site, case: Case, wanted: Wanted) -> list[str]:
    """What is wrong with one order after crash and time: how it ended, jobs that are left, breaks half repaired."""
    order: Any = (await site.world.get(f"/v1/orders/{case.order_id}")).json()
    refunds = await site.peek(
        "SELECT state FROM refunds WHERE order_id = $1 ORDER BY refund_id", uuid_of(case.order_id)
    )
    return [
        *_ends(order, tuple(state for (state,) in refunds), wanted),
        *await _breaks(site, order),
        *[f"a job is left: {job}" for job in await site.waiting()],
    ]


def _ends(order: Any, refunds: tuple[object, ...], wanted: Wanted) -> list[str]:
    wrong: list[str] = []
    if order["state"] != wanted.order:
        wrong.append(f"the order is {order['state']} and not {wanted.order}")
    states = tuple(sorted(payment["state"] for payment in order["payments"]))
    if states != wanted.payments and not (wanted.is_bought and states in {("CAPTURED",), ("CAPTURED", "CLOSED")}):
        wrong.append(f"the payments are {states} and not {wanted.payments}")
    if refunds != wanted.refunds:
        wrong.append(f"the refunds are {refunds} and not {wanted.refunds}")
    return wrong


async def _breaks(site: Site, order: Any) -> list[str]:
    """Every run came to its end; what a statement found is found once, and what was approved is carried out."""
    runs = await site.peek("SELECT state, reason FROM reconcile_runs WHERE state <> 'DONE'")
    ids = [one["id"] for one in order["payments"]]
    subjects = [*ids, *map(number_of, ids), *(str(uuid_of(one)) for one in ids)]
    rows = await site.peek("SELECT kind, state FROM reconcile_breaks WHERE subject = ANY($1::text[])", subjects)
    wrong = [f"{len(rows)} breaks: {rows}"] if len(rows) > 1 else []
    wrong += [f"a break is left {state}" for _, state in rows if state in {"APPROVED", "PROPOSED"}]
    return wrong + [f"a run is left {run}" for run in runs]


async def look_at_all(site: Site) -> list[str]:
    """What the checker finds in all that there is now: rows, the channel's truth, answers, webhooks, snapshots."""
    facts = facts_from_rows(
        await all_rows(site.world.house.database),
        channels={site.channel: truth_of(site.line.stage)},
        heard=heard_by(site.line.stage),
        webhooks=site.receiver.got,
        answers=answers_of(site.answers),
        snapshots=site.snapshots,
    )
    return [str(finding) for finding in check(facts)]
