"""A refund that its channel has although we never sent it: our database was restored to before the send."""

from datetime import timedelta

from flows.world import make_world
from shunfu.db import Database
from shunfu.gateway.refund import RefundProcessing
from shunfu.kernel.ids import parse_public
from shunfu.refunds import Named, arrived, record_evidence


async def test_what_the_channel_works_on_is_asked_about_though_nobody_has_approved_it(database: Database) -> None:
    """Before its approval a refund has no visits. The channel's word begins them: its next word may be lost."""
    world = await make_world(database)
    order = await world.order(amount_minor=900_000)
    payment_id = (await world.pay(order["id"])).json()["id"]
    await world.shopper_pays(payment_id)
    told = {"amount_minor": 600_000, "reason": "少了一件"}
    refund = (await world.post(f"/v1/payments/{payment_id}/refunds", told)).json()
    assert refund["state"] == "REQUESTED"
    merchant_id = (await world.sql("SELECT DISTINCT merchant_id FROM refunds"))[0][0]
    refund_id = parse_public("rfd", refund["id"])
    assert refund_id is not None
    now = world.clock.instant
    word = arrived(RefundProcessing("50300000000000000000000000001"), "notification", now)
    await record_evidence(world.house.refunds, Named(merchant_id, refund_id), word)
    world.clock.instant += timedelta(minutes=2)
    await world.work()
    found = (await world.get(f"/v1/refunds/{refund['id']}")).json()
    assert found["state"] == "PROCESSING"
    assert [line["door"] for line in found["timeline"]] == ["notification", "query"]
