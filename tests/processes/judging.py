"""What must hold after all is up again: every answer is still given, all money is here once, no job is stuck."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from db.support import rows
from processes.fleet import CHANNEL, Fleet, wait_for
from processes.load import Load
from shunfu.app.commands import prove_merchant
from shunfu.app.wiring import House
from shunfu.db.driver import session as plain_session
from shunfu.kernel.ids import decode, public

LEFT = (
    "SELECT kind, key, state, last_error FROM jobs WHERE merchant_id = $1 AND (state = 'dead' OR lease_until > $2"
    " OR (state = 'waiting' AND run_at <= $2))"
)


async def end_leases_of_the_dead(fleet: Fleet) -> None:
    """A minute passes for requests that died in flight: their keys may be taken over at once."""
    async with plain_session(fleet.urls.admin_url) as admin:
        await admin.execute("UPDATE shunfu.idempotency_keys SET lease_until = created_at WHERE status IS NULL")


async def judge(fleet: Fleet, load: Load) -> None:
    """All that was promised to clients and channel is there, and nothing twice."""
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
    await _assert_channel_agrees(load)


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
    """As many orders as wishes, as many captures in the ledger as payments, each order's events without a gap."""
    ((orders,),) = await rows(house.database, "SELECT count(*) FROM orders WHERE merchant_id = $1", merchant)
    assert orders == load.wishes, f"{load.wishes} orders were wished for, there are {orders}"
    posted = await rows(
        house.database, "SELECT reference_id, count(*) FROM transfers WHERE merchant_id = $1 GROUP BY 1", merchant
    )
    assert Counter(dict(posted)) == Counter(map(_uuid, load.paid))
    gaps = await rows(
        house.database,
        "SELECT body->>'order_id' FROM events WHERE merchant_id = $1 AND body ? 'sequence' GROUP BY 1"
        " HAVING count(*) <> max((body->>'sequence')::int) OR count(*) <> count(DISTINCT body->>'sequence')",
        merchant,
    )
    assert gaps == [], f"events of these orders are numbered with gaps: {gaps}"


async def _assert_channel_agrees(load: Load) -> None:
    """Of this merchant the channel has the orders that we know of, and was paid exactly what the shoppers paid."""
    url = f"{load.sandbox.credentials['control_url']}/orders?channel={CHANNEL}&limit=99999"
    async with load.session.get(url) as answer:
        told = (await answer.json())["items"]
    mine = [one for one in told if public("mer", load.shop.merchant.merchant_id) in one["notify_url"]]
    paid = Counter(one["order_no"] for one in mine if one["paid_at"])
    assert paid == Counter(payment_id.partition("_")[2] for payment_id in load.paid)


def _uuid(payment_id: str) -> UUID:
    found = decode(payment_id.partition("_")[2])
    assert found is not None
    return found
