"""Keys end: which end counts, when somebody is warned, and that nobody is warned twice of the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.support import START, rows
from merchants.support import KEY, RING, SANDBOX, SANDBOX_OF_TEMPLATE, TOY, Town, change, found
from shunfu.db import Database, Outbox, Transaction
from shunfu.driver import Registry
from shunfu.gateway.port import Expiry
from shunfu.kernel.event import Event
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.merchants import (
    Accounts,
    ExpiryTools,
    KeyExpiry,
    KeyRing,
    Lives,
    NewKey,
    issue_api_key,
    judge,
    list_api_keys,
    list_expiries,
    revoke_api_key_by_id,
    soonest,
    warn_of,
)
from shunfu.merchants.key_contents import new_contents

DAY = timedelta(days=1)
WHO = ("key_x", "the key")


def after(days: float) -> KeyExpiry:
    """A key that ends so many days from now."""
    return judge("api_key", WHO, START + days * DAY, START)


@pytest.mark.parametrize(
    ("days", "step", "left"),
    [
        (400, None, 400),
        (30, None, 30),
        (29.999, "30", 29),
        (7, "30", 7),
        (6.999, "7", 6),
        (1, "7", 1),
        (0.999, "1", 0),
        (0.001, "1", 0),
        (0, "ended", 0),
        (-5, "ended", 0),
    ],
)
def test_the_steps(days: float, step: str | None, left: int) -> None:
    expiry = after(days)
    assert (expiry.step, expiry.days_left, expiry.is_expired) == (step, left, days <= 0)


def test_a_key_without_an_end_is_a_warning_of_its_own() -> None:
    expiry = judge("api_key", WHO, None, START)
    assert (expiry.step, expiry.ends, expiry.is_expired, expiry.days_left) == ("endless", "", False, None)


def test_what_ends_first_stands_first_and_what_never_ends_before_it() -> None:
    one, two, never = after(3), after(2), judge("api_key", WHO, None, START)
    assert soonest([one, two, never]) == (never, two, one)


@pytest.fixture
async def town(database: Database) -> Town:
    """A town whose first API keys have a year before them."""
    return await found(database)


def tools_of(town: Town, ring: KeyRing = RING, dated: datetime | None = None) -> ExpiryTools:
    """The tools, with a channel whose credentials carry a date if one is given."""

    def expiries(credentials: Mapping[str, str]) -> tuple[Expiry, ...]:
        assert credentials == SANDBOX, "the credentials are opened"
        return (Expiry("cert", dated),) if dated else ()

    registry = Registry({"toy": replace(TOY, expiries=expiries)}, {"toy": SANDBOX_OF_TEMPLATE})
    accounts = Accounts(registry, town.vault, town.source)
    outbox = Outbox({"KeyWarned": ("alarm",)}, town.source)
    return ExpiryTools(town.database, town.source, outbox, accounts, ring, Lives(key_days=365, credential_days=90))


async def expiries(town: Town, tools: ExpiryTools, merchant_id: UUID | None = None) -> tuple[KeyExpiry, ...]:
    """The test side's keys, or another's."""
    async with town.database.reading() as reader:
        return await list_expiries(tools, reader, merchant_id or town.sides.test.merchant_id)


async def test_a_merchants_keys_with_their_ends(town: Town) -> None:
    account_id = await town.database.transact(lambda tx: town.accounts.add(tx, town.sides.test, "toy", SANDBOX))
    listed = await expiries(town, tools_of(town, dated=START + 20 * DAY))
    told = [(one.kind, one.subject.partition("_")[0], one.name, one.days_left, one.step) for one in listed]
    assert told[:2] == [
        ("channel_account", "acc", "cert", 20, "30"),
        ("channel_account", "acc", "credentials", 90, None),
    ]
    assert sorted(told[2:]) == [
        ("api_key", "key", "first key", 365, None),
        ("data_key", "dek", "channel_credentials", 365, None),
    ]
    assert listed[0].subject == public("acc", account_id)
    assert not await expiries(town, tools_of(town), UUID(int=404)), "another merchant's are not ours"


async def test_other_credentials_begin_anew_and_the_same_sealed_anew_do_not(town: Town) -> None:
    account_id = await town.database.transact(lambda tx: town.accounts.add(tx, town.sides.test, "toy", SANDBOX))
    merchant_id = town.sides.test.merchant_id

    async def left() -> int | None:
        (credentials,) = [one for one in await expiries(town, tools_of(town)) if one.name == "credentials"]
        return credentials.days_left

    town.clock.instant += 80 * DAY
    assert await town.database.transact(lambda tx: town.accounts.reseal(tx, merchant_id)) == 1
    assert await left() == 10
    told = ("toy", SANDBOX)
    await town.database.transact(lambda tx: town.accounts.replace(tx, merchant_id, account_id, told))
    assert await left() == 90
    before_this_version = "UPDATE channel_accounts SET given_at = NULL, created_at = created_at + interval '1 day'"
    await change(town.database, before_this_version)
    assert await left() == 11, "a row that a server before this version wrote counts from when it was made"


async def test_the_installations_own_keys(town: Town) -> None:
    contents = new_contents(town.source)
    town.clock.instant += 340 * DAY
    listed = await expiries(town, tools_of(town, KeyRing.of(contents)), PLATFORM)
    told = {one.kind: (one.subject, one.name, one.step) for one in listed}
    assert told == {
        "wrapping_key": (public("kek", contents.active), "key_file", "30"),
        "signing_key": ("installation", "signing", "30"),
    }
    unknown = await expiries(town, tools_of(town, KeyRing({KEY.key_id: KEY}, KEY.key_id, RING.signer)), PLATFORM)
    assert {one.step for one in unknown} == {"endless"}


async def alarms(town: Town) -> list[tuple[Any, ...]]:
    """What was told so far."""
    return await rows(
        town.database,
        "SELECT merchant_id, body ->> 'subject', body ->> 'step', body ->> 'alarm' FROM events"
        " WHERE name = 'KeyWarned' ORDER BY id",
    )


async def test_each_step_is_told_once_and_a_new_end_anew(town: Town) -> None:
    merchant_id, tools = town.sides.test.merchant_id, tools_of(town)

    async def look() -> int:
        return await warn_of(tools, merchant_id, await expiries(town, tools))

    assert await look() == 0
    counts: list[int] = []
    for day in (335, 336, 340, 359, 363, 365, 366):
        town.clock.instant = START + day * DAY
        counts.append(await look() + await look())
    assert counts == [0, 1, 0, 1, 0, 1, 0]
    steps = [(step, alarm) for _, _, step, alarm in await alarms(town)]
    assert steps == [("30", "key_expiring"), ("7", "key_expiring"), ("ended", "key_expired")]
    later = (START + 400 * DAY).isoformat()
    await change(town.database, f"UPDATE api_keys SET expires_at = '{later}' WHERE merchant_id = '{merchant_id}'")
    town.clock.instant = START + 395 * DAY
    assert await look() == 1, "another end is another warning"
    assert {row[0] for row in await alarms(town)} == {merchant_id}


async def test_a_key_from_before_that_never_ends_is_told_of_once(town: Town) -> None:
    merchant_id, tools = town.sides.test.merchant_id, tools_of(town)
    await change(town.database, "UPDATE api_keys SET expires_at = NULL")
    for _ in range(2):
        await warn_of(tools, merchant_id, await expiries(town, tools))
    ((_, subject, step, alarm),) = await alarms(town)
    assert (step, alarm) == ("endless", "key_without_expiry")
    assert parse_public("key", subject) is not None


async def test_a_warning_that_is_rolled_back_is_given_the_next_time(town: Town) -> None:
    merchant_id, tools = town.sides.test.merchant_id, tools_of(town)
    town.clock.instant += 364.5 * DAY
    due = await expiries(town, tools)

    class Broken(Outbox):
        async def publish(self, tx: Transaction, event: Event) -> UUID:
            raise ConnectionError(tx, event)

    with pytest.raises(ConnectionError):
        await warn_of(replace(tools, outbox=Broken({}, town.source)), merchant_id, due)
    assert not await alarms(town)
    assert await warn_of(tools, merchant_id, due) == 1


async def test_every_new_key_ends_and_a_revoked_one_is_warned_of_no_more(town: Town) -> None:
    merchant = town.sides.test
    for days in (0, -1, 3651):
        with pytest.raises(AssertionError):
            await town.database.transact(
                lambda tx, days=days: issue_api_key(tx, town.source, merchant, NewKey("x", days=days))
            )
    await town.database.transact(lambda tx: issue_api_key(tx, town.source, merchant, NewKey("short", days=3)))
    async with town.database.reading() as reader:
        newest, first = await list_api_keys(reader, merchant.merchant_id)
    assert (newest.label, newest.expires_at) == ("short", START + 3 * DAY)
    assert newest.is_in_force(START)
    assert not newest.is_in_force(START + 3 * DAY)
    assert first.expires_at == START + 365 * DAY
    for expected in (True, False):
        is_revoked = await town.database.transact(
            lambda tx: revoke_api_key_by_id(tx, town.source, (merchant.merchant_id, newest.key_id))
        )
        assert is_revoked is expected
    other = (town.sides.live.merchant_id, first.key_id)
    assert not await town.database.transact(lambda tx: revoke_api_key_by_id(tx, town.source, other))
    assert {one.name for one in await expiries(town, tools_of(town))} == {"first key"}
