"""Each account's day by itself: after its hour, once, missed days made up for, the day before looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconcile.desk import BEGIN, DAY, Desk
from shunfu.app.reconciling import begin_reconciling
from shunfu.gateway.statement import NoStatement, StatementNotReady
from shunfu.reconcile import request_run

ONE = timedelta(days=1)


async def days(desk: Desk) -> list[tuple[object, ...]]:
    return await desk.sql("SELECT day, state FROM reconcile_runs ORDER BY day, run_id")


async def done(desk: Desk) -> list[object]:
    """The days that are reconciled."""
    return [day for (day,) in await desk.sql("SELECT DISTINCT day FROM reconcile_runs WHERE state = 'DONE' ORDER BY 1")]


async def due(desk: Desk) -> object:
    """When the account's job comes next."""
    ((run_at,),) = await desk.sql("SELECT run_at FROM jobs WHERE kind = 'reconcile.daily'")
    return run_at


async def begin(desk: Desk) -> None:
    await begin_reconciling(desk.house)
    await desk.house.drain()


def quiet(desk: Desk, count: int = 20) -> None:
    """No statement on any of these days."""
    for place in range(-count, count):
        for kind in ("trade", "funds"):
            desk.told.statements[DAY + place * ONE, kind] = NoStatement("NO_STATEMENT_EXIST")


async def test_nothing_is_reconciled_before_the_first_payment(desk: Desk) -> None:
    await begin(desk)
    assert await days(desk) == []
    assert await due(desk) == BEGIN + timedelta(hours=48 + 10)


async def test_a_day_is_reconciled_once_after_its_hour(desk: Desk) -> None:
    paid = await desk.paid()
    desk.clock.instant = BEGIN + timedelta(hours=24 + 9)
    await begin(desk)
    assert await days(desk) == []
    assert await due(desk) == BEGIN + timedelta(hours=24 + 10)
    desk.say(paid.line())
    desk.clock.advance(3600)
    await desk.house.drain()
    assert await days(desk) == [(DAY, "DONE")]
    assert await due(desk) == BEGIN + timedelta(hours=48 + 10)
    await begin(desk)
    assert await days(desk) == [(DAY, "DONE")], "a restart reconciles nothing again"


async def test_a_statement_that_is_late_is_asked_for_each_half_hour(desk: Desk) -> None:
    paid = await desk.paid()
    desk.told.statements[DAY, "trade"] = StatementNotReady("STATEMENT_CREATING")
    await begin(desk)
    for _ in range(3):
        assert await due(desk) == desk.clock.now() + timedelta(minutes=30)
        desk.clock.advance(1800)
        await desk.house.drain()
    desk.say(paid.line())
    desk.clock.advance(1800)
    await desk.house.drain()
    assert await days(desk) == [(DAY, "DONE")]


async def test_days_that_were_missed_are_made_up_for(desk: Desk) -> None:
    quiet(desk)
    await desk.paid(at=BEGIN - timedelta(days=3))
    await begin(desk)
    assert await done(desk) == [DAY - 3 * ONE, DAY - 2 * ONE, DAY - ONE, DAY]
    desk.clock.advance(30 * 86400)
    quiet(desk, 60)
    await desk.house.drain()
    assert len(await done(desk)) == 4 + 7, "seven days back, the rest is a person's to ask for"


async def test_the_day_before_is_looked_at_again_when_its_other_side_comes(desk: Desk) -> None:
    late = await desk.paid(at=BEGIN + timedelta(hours=23, minutes=59))
    quiet(desk)
    await begin(desk)
    assert await desk.kinds() == [("missing_there", "payment", "OPEN", -late.amount_minor)]
    desk.say(late.line(), day=DAY + ONE)
    desk.clock.advance(86400)
    await desk.house.drain()
    assert [one.state.value for one in await desk.breaks()] == ["RESOLVED", "RESOLVED"]
    assert [one.state.value for one in await desk.breaks(DAY + ONE)] == ["RESOLVED"]


async def test_the_agreed_fee_of_the_last_run_is_kept(desk: Desk) -> None:
    paid, other = await desk.paid(amount_minor=2800), await desk.paid(amount_minor=2800, at=BEGIN + timedelta(days=1))
    desk.say(paid.line(fee_minor=17))
    await desk.run(fee_permyriad=60)
    desk.say(other.line(fee_minor=18), day=DAY + ONE)
    desk.clock.advance(86400)
    await begin(desk)
    assert await desk.kinds(DAY + ONE) == [("fee", "payment", "OPEN", 0)]


async def test_a_run_that_was_asked_for_waits_for_its_statement_and_is_carried_out(desk: Desk) -> None:
    paid = await desk.paid()
    desk.told.statements[DAY, "trade"] = StatementNotReady("STATEMENT_CREATING")
    run = await request_run(desk.house.reconcile, desk.wish())
    again = await request_run(desk.house.reconcile, desk.wish())
    assert again.run_id == run.run_id, "one unfinished run a day"
    await desk.house.drain()
    assert await days(desk) == [(DAY, "WAITING")]
    desk.say(paid.line())
    desk.clock.advance(1800)
    await desk.house.drain()
    assert await days(desk) == [(DAY, "DONE")]
    new = await request_run(desk.house.reconcile, replace(desk.wish(), requested_by="key_y"))
    assert new.run_id != run.run_id


async def test_alarms_are_sounded(desk: Desk, capsys: Any) -> None:
    await desk.paid()
    desk.say()
    await desk.run()
    desk.told.statements[DAY + ONE, "trade"] = StatementNotReady("X")
    await desk.house.drain()
    assert "alarm='reconcile_breaks'" in capsys.readouterr().out
