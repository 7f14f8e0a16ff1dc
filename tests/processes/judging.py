"""What must hold after all is up again: every answer is still given, all money is here once, no job is stuck."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from checker.check import check
from checker.facts import facts_from_rows
from crash.facts import all_rows, answers_of, heard_by, truth_of
from crash.report import put
from db.support import rows
from processes.fleet import CHANNEL, Fleet, wait_for
from processes.load import Load
from shunfu.app.commands import prove_merchant
from shunfu.app.wiring import House
from shunfu.db.driver import session as plain_session
from shunfu.kernel.ids import decode

RESULTS = Path(__file__).resolve().parents[2] / "build" / "process-faults.json"
LEFT = (
    "SELECT kind, key, state, last_error FROM jobs WHERE merchant_id = $1 AND (state = 'dead' OR lease_until > $2"
    " OR (state = 'waiting' AND run_at <= $2))"
)


async def end_leases_of_the_dead(fleet: Fleet) -> None:
    """A minute passes for requests that died in flight: their keys may be taken over at once."""
    async with plain_session(fleet.urls.admin_url) as admin:
        await admin.execute("UPDATE shunfu.idempotency_keys SET lease_until = created_at WHERE status IS NULL")


async def judge(fleet: Fleet, load: Load, faults: dict[str, int]) -> None:
    """All that was promised to clients and channel is there, and nothing twice. What was done is kept as numbers."""
    assert faults, "something was done"
    assert all(faults.values()), f"a fault that never came is not tested: {faults}"
    assert load.paid, "something was bought"
    await assert_answers_stand(load)
    async with fleet.house() as house:
        await wait_for(lambda: _is_captured(house, load), f"{len(load.paid)} captured payments")
        merchant = load.shop.merchant.merchant_id
        await wait_for(lambda: _is_quiet(house, merchant), "jobs that are done")
        async with house.database.reading() as reader:
            proof = await prove_merchant(reader, load.shop.merchant)
        assert proof["balanced"], proof
        assert not any(proof.get(name) for name in proof if name.startswith("diff")), proof
        await _assert_once(house, merchant, load)
        await _assert_checked(fleet, house, load)
    told = {"purchases": len(load.paid), "no_answer": load.silences, "come_again": load.busy}
    put(RESULTS, load.name, {"faults": faults, **told, "answers_asked_again": len(load.answers)})


async def assert_answers_stand(load: Load) -> None:
    """Asked again under its key, each answer comes as it came the first time, byte for byte."""
    for told in load.answers:
        again = await load.try_once(told.path, told.body, told.key)
        assert again is not None, f"the server does not answer {told.path}"
        assert (again.status, again.said) == (told.status, told.said), told


async def _is_captured(house: House, load: Load) -> bool:
    found = await rows(
        house.database,
        "SELECT payment_id FROM payments WHERE merchant_id = $1 AND state = 'CAPTURED'",
        load.shop.merchant.merchant_id,
    )
    return {payment_id for (payment_id,) in found} >= set(map(_uuid, load.paid))


async def _is_quiet(house: House, merchant: UUID) -> bool:
    left = await rows(house.database, LEFT, merchant, datetime.now(UTC))
    assert not [job for job in left if job[2] == "dead"], left
    return not left


async def _assert_once(house: House, merchant: UUID, load: Load) -> None:
    """As many orders as wishes, and as many captures in the ledger as payments."""
    ((orders,),) = await rows(house.database, "SELECT count(*) FROM orders WHERE merchant_id = $1", merchant)
    assert orders == load.wishes, f"{load.wishes} orders were wished for, there are {orders}"
    posted = await rows(
        house.database, "SELECT reference_id, count(*) FROM transfers WHERE merchant_id = $1 GROUP BY 1", merchant
    )
    assert Counter(dict(posted)) == Counter(map(_uuid, load.paid))


async def _assert_checked(fleet: Fleet, house: House, load: Load) -> None:
    """The independent checker finds nothing in the whole database, the sandbox's own file, and all that was answered."""
    bought = {one.partition("_")[2] for one in load.paid}

    async def is_saved() -> bool:
        return bought <= {one.number for one in fleet.stage().state.till.movements}

    await wait_for(is_saved, "the sandbox's file")
    stage = fleet.stage()
    facts = facts_from_rows(
        await all_rows(house.database),
        channels={CHANNEL: truth_of(stage)},
        heard=heard_by(stage),
        answers=answers_of((one.path, one.key, one.body.encode(), one.status, one.said) for one in load.answers),
        snapshots=load.snapshots,
        is_settled=False,
    )
    found = [str(finding) for finding in check(facts)]
    assert found == [], found


def _uuid(payment_id: str) -> UUID:
    found = decode(payment_id.partition("_")[2])
    assert found is not None
    return found
