"""Keys are rotated under way: cut off after any step and run again, everything opens; nothing needed is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from db.support import rows
from merchants.support import REGISTRY, SANDBOX, Town, change, found
from shunfu.db import Database
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM
from shunfu.merchants import (
    Accounts,
    KeyRing,
    Place,
    Rotated,
    RotationStage,
    RotationTools,
    Vault,
    make_key_file,
    publish_signing_key,
    read_audit,
    read_key_file,
    renew_data_keys,
    replace_key_file,
    retire_keys,
    rotate_wrapping_key,
    use_signing_key,
    verify_audit,
    write_checkout_token,
)
from shunfu.merchants.staff import reseal_totps
from shunfu.merchants.staff.resealing import totp_place
from shunfu.merchants.tokens import read_checkout_token

PURPOSES = tuple(f"purpose {number}" for number in range(3))
STAFF_ID = UUID(int=0x57AFF)


class Killed(Exception):
    """The process ended here."""


@dataclass
class Bank:
    """A town whose keys are in a file, with something sealed for every purpose of both sides, and an authenticator."""

    town: Town
    path: Path
    sealed: list[tuple[Place, dict[str, str | int]]]

    def tools(self, ring: KeyRing | None = None) -> RotationTools:
        """The tools of a process that starts now."""
        ring = ring or read_key_file(self.path)
        town = self.town
        vault = Vault(ring, town.source)

        async def reseal(name: str) -> int:
            return await reseal_totps((town.database, town.source, ring), name)

        return RotationTools(
            database=town.database,
            source=town.source,
            ring=ring,
            vault=vault,
            accounts=Accounts(REGISTRY, vault, town.source),
            keep=partial(replace_key_file, self.path),
            reseal=reseal,
        )

    async def opens(self, ring: KeyRing | None = None) -> bool:
        """Whether everything opens, in a process that starts now or with a ring that was read before."""
        ring = ring or read_key_file(self.path)
        vault = Vault(ring, self.town.source)
        async with self.town.database.reading() as reader:
            for place, envelope in self.sealed:
                assert (await vault.open(reader, place, envelope)).reveal() == place.text().encode()
            accounts = Accounts(REGISTRY, vault, self.town.source)
            (account,) = await accounts.usable(reader, self.town.sides.test.merchant_id)
            assert account.settings == SANDBOX
        ((totp,),) = await rows(self.town.database, "SELECT totp FROM staff")
        envelope = cast("Mapping[str, object]", totp)
        return await ring.unwrap(totp_place(STAFF_ID), envelope) == b"authenticator"

    async def actions(self) -> list[str]:
        """What the installation's log says, oldest first."""
        async with self.town.database.reading() as reader:
            assert (await verify_audit(reader, PLATFORM)).is_whole
            return [row.entry.action for row in reversed(await read_audit(reader, PLATFORM, 100))]

    async def wrapped_with(self) -> set[str]:
        """Which keys anything is wrapped with."""
        told = await rows(
            self.town.database, "SELECT wrapped ->> 'k' FROM data_keys UNION SELECT totp ->> 'k' FROM staff"
        )
        return {str(name) for (name,) in told}


@pytest.fixture
async def bank(database: Database, tmp_path: Path) -> Bank:
    """A bank before its first rotation."""
    path = tmp_path / "keys.json"
    town = await found(database)
    make_key_file(path, town.source)
    bank = Bank(town, path, [])
    ring = read_key_file(path)
    vault = Vault(ring, town.source)
    for side in (town.sides.test, town.sides.live):
        for purpose in PURPOSES:
            place = Place(side.merchant_id, "things", "sealed", town.source.new_id())
            envelope = await database.transact(
                lambda tx, at=place, why=purpose: vault.seal(tx, at, why, at.text().encode())
            )
            bank.sealed.append((place, envelope))
    accounts = Accounts(REGISTRY, vault, town.source)
    await database.transact(lambda tx: accounts.add(tx, town.sides.test, "toy", SANDBOX))
    totp = await ring.wrap(totp_place(STAFF_ID), b"authenticator", town.source.entropy.take(12))
    await change(
        database,
        "INSERT INTO staff (merchant_id, staff_id, login_name, name, password_hash, totp, created_at)"
        " VALUES ($1, $2, 'lin', 'Lin', 'x', $3, $4)",
        *(PLATFORM, STAFF_ID, totp, town.source.now()),
    )
    return bank


async def test_everything_is_wrapped_with_the_new_key_and_opens(bank: Bank) -> None:
    old = read_key_file(bank.path).active
    done = await rotate_wrapping_key(bank.tools())
    fresh = read_key_file(bank.path)
    assert done == Rotated(str(fresh.active), is_resumed=False, data_keys=7, authenticators=1)
    assert fresh.active != old
    assert old in fresh.keys, "the old key stays"
    assert await bank.wrapped_with() == {str(fresh.active)}
    assert await bank.opens()
    assert await bank.actions() == ["key.rotation_begun", "key.rotated"]


async def test_a_server_that_runs_on_opens_and_seals(bank: Bank) -> None:
    running = read_key_file(bank.path)
    vault = Vault(running, bank.town.source)
    await rotate_wrapping_key(bank.tools())
    assert await bank.opens(running), "it looks at the file when it meets the new key"
    place = Place(bank.town.sides.test.merchant_id, "things", "sealed", UUID(int=1))
    stale = read_key_file(bank.path)
    await rotate_wrapping_key(bank.tools())
    vault = Vault(stale, bank.town.source)
    await bank.town.database.transact(lambda tx: vault.seal(tx, place, "another purpose", b"x"))
    assert await bank.wrapped_with() == {str(read_key_file(bank.path).active)}, "it never wraps with a replaced key"


STEPS = [("key", 1), *(("data_keys", count) for count in range(1, 8)), ("authenticators", 1), ("done", 1)]


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_killed_after_any_step_and_run_again_everything_opens(bank: Bank, step: tuple[str, int]) -> None:
    old = read_key_file(bank.path).active

    def watch(stage: RotationStage, count: int) -> None:
        if (stage, count) == step:
            raise Killed

    with pytest.raises(Killed):
        await rotate_wrapping_key(replace(bank.tools(), watch=watch))
    assert await bank.opens(), "even if nobody ever goes on"
    begun = read_key_file(bank.path).active
    assert begun != old
    again = await rotate_wrapping_key(bank.tools())
    assert await bank.opens()
    assert await bank.wrapped_with() == {again.name}
    if step[0] == "done":
        assert not again.is_resumed
        assert await bank.actions() == ["key.rotation_begun", "key.rotated"] * 2
    else:
        assert again.is_resumed
        assert again.name == str(begun), "it goes on with the key that was begun"
        assert await bank.actions() == ["key.rotation_begun", "key.rotated"]


async def test_killed_while_the_file_is_written_nothing_has_changed(bank: Bank) -> None:
    before = bank.path.read_bytes()

    def keep(_: object, __: object) -> None:
        bank.path.with_name("keys.json.1.new").write_text('{"version": 2, "act')
        raise Killed

    with pytest.raises(Killed):
        await rotate_wrapping_key(replace(bank.tools(), keep=keep))
    assert bank.path.read_bytes() == before
    assert await bank.opens()
    assert not (await rotate_wrapping_key(bank.tools())).is_resumed


async def test_two_rotations_at_once_harm_nothing(bank: Bank) -> None:
    done = await asyncio.gather(*(rotate_wrapping_key(bank.tools()) for _ in range(2)), return_exceptions=True)
    assert [one for one in done if isinstance(one, Rotated)]
    await rotate_wrapping_key(bank.tools())
    assert await bank.opens()
    assert len(await bank.wrapped_with()) == 1


async def test_an_old_key_is_dropped_once_nothing_needs_it(bank: Bank) -> None:
    tools = bank.tools()
    old = tools.ring.active
    assert not (await retire_keys(tools)).dropped, "the key that wraps is no candidate"
    await rotate_wrapping_key(tools)
    early = await retire_keys(bank.tools())
    assert not early.dropped
    assert [key_id for key_id, _ in early.kept] == [old], "a server may not have looked at the file yet"
    bank.town.clock.instant += timedelta(hours=1)
    done = await retire_keys(bank.tools())
    assert done.dropped == (old,)
    assert old not in read_key_file(bank.path).keys
    assert await bank.opens()
    assert await bank.actions() == ["key.rotation_begun", "key.rotated"], (
        "the first key was in use before this log knew"
    )
    second = read_key_file(bank.path).active
    await rotate_wrapping_key(bank.tools())
    bank.town.clock.instant += timedelta(hours=1)
    assert (await retire_keys(bank.tools())).dropped == (second,)
    assert (await bank.actions())[-1] == "key.retired"
    assert not (await retire_keys(bank.tools())).dropped
    assert (await bank.actions()).count("key.retired") == 1


async def test_a_key_that_still_wraps_something_is_kept(bank: Bank) -> None:
    old = read_key_file(bank.path)
    ((name,),) = await rows(bank.town.database, "SELECT totp FROM staff")
    await rotate_wrapping_key(bank.tools())
    bank.town.clock.instant += timedelta(hours=2)
    await change(bank.town.database, "UPDATE staff SET totp = $1", name)  # as if a stale server had written it
    kept = await retire_keys(bank.tools())
    assert not kept.dropped
    ((key_id, why),) = kept.kept
    assert key_id == old.active
    assert "1 keys" in why
    assert await bank.opens()


async def test_killed_after_an_old_key_was_dropped_the_log_still_says_so(bank: Bank) -> None:
    await rotate_wrapping_key(bank.tools())
    await rotate_wrapping_key(bank.tools())
    bank.town.clock.instant += timedelta(hours=1)

    def watch(_: RotationStage, __: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await retire_keys(replace(bank.tools(), watch=watch))
    assert await bank.opens()
    assert "key.retired" not in await bank.actions()
    assert not (await retire_keys(bank.tools())).dropped
    assert (await bank.actions())[-1] == "key.retired"


async def test_keys_in_a_variable_are_changed_by_the_operator(bank: Bank) -> None:
    contents = read_key_file(bank.path).contents
    tools = replace(bank.tools(KeyRing.of(contents)), keep=None)
    for story in (rotate_wrapping_key, retire_keys):
        with pytest.raises(SetupFault, match="SHUNFU_KEYS"):
            await story(tools)
    with pytest.raises(SetupFault, match="SHUNFU_KEYS"):
        publish_signing_key(tools)
    await rotate_wrapping_key(bank.tools())
    extended = replace(bank.tools(KeyRing.of(read_key_file(bank.path).contents)), keep=None)
    with pytest.raises(SetupFault, match="SHUNFU_KEYS"):
        await rotate_wrapping_key(extended)
    backwards = replace(extended, ring=KeyRing.of(replace(extended.ring.contents, active=contents.active)))
    done = await rotate_wrapping_key(bank.tools(backwards.ring))
    assert done.is_resumed, "what is not wrapped with the active key is, without a new key"
    assert await bank.wrapped_with() == {str(contents.active)}


async def test_data_keys_are_renewed_and_credentials_sealed_with_them(bank: Bank) -> None:
    merchant_id = bank.town.sides.test.merchant_id
    ((before,),) = await rows(bank.town.database, "SELECT sealed ->> 'k' FROM channel_accounts")
    tools = bank.tools()
    bank.town.clock.advance(1)
    assert await renew_data_keys(tools, merchant_id) == (4, 1)
    ((after,),) = await rows(bank.town.database, "SELECT sealed ->> 'k' FROM channel_accounts")
    assert before != after
    assert await bank.opens(), "what the old data keys sealed opens as before"
    place = Place(merchant_id, "things", "sealed", UUID(int=1))
    fresh = await bank.town.database.transact(lambda tx: tools.vault.seal(tx, place, PURPOSES[0], b"x"))
    assert fresh["k"] not in {envelope["k"] for _, envelope in bank.sealed}
    async with bank.town.database.reading() as reader:
        row = (await read_audit(reader, merchant_id, 1))[0]
    assert (row.entry.action, row.entry.detail["accounts"]) == ("data_keys.rotated", 1)
    assert await renew_data_keys(tools, UUID(int=404)) == (0, 0)


async def test_links_signed_before_are_believed_until_their_time_is_over(bank: Bank) -> None:
    town, running = bank.town, read_key_file(bank.path)
    merchant_id, ends = town.sides.test.merchant_id, town.source.now() + timedelta(days=400)
    old = write_checkout_token(running.signer, merchant_id, UUID(int=1), ends)
    tools = bank.tools()

    def is_believed(token: str, ring: KeyRing) -> bool:
        return read_checkout_token(ring.signer, token, town.source.now()) is not None

    assert publish_signing_key(tools)
    assert write_checkout_token(tools.ring.signer, merchant_id, UUID(int=1), ends) == old, "nobody signs with it yet"
    assert running.refresh()
    assert not publish_signing_key(bank.tools()), "cut off here it goes on with the same key"
    await use_signing_key(bank.tools())
    new = write_checkout_token(read_key_file(bank.path).signer, merchant_id, UUID(int=1), ends)
    assert new != old
    assert is_believed(new, running), "a server that only knows the published key believes what others sign with it"
    assert is_believed(old, read_key_file(bank.path))
    town.clock.instant += timedelta(days=44)
    assert (await retire_keys(bank.tools())).signing_dropped == 0
    town.clock.instant += timedelta(days=1)
    assert (await retire_keys(bank.tools())).signing_dropped == 1
    assert not is_believed(old, read_key_file(bank.path))
    assert is_believed(new, read_key_file(bank.path))
    assert (await bank.actions()) == ["key.signing_rotated"]
