"""Channel credentials on a real database: sealed at rest, bound to their row, and never on the wrong side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest

from db.support import rows, sql
from merchants.support import CANARY, KEY, OTHER_KEY, REAL, REGISTRY, RING, SANDBOX, SIGNER, Town, found
from shunfu.db import ConstraintViolated, Database, Transaction
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault
from shunfu.merchants import Accounts, EnvelopeBroken, KeyRing, Merchant, OpenAccount, Place, Vault, store

ALL_TEXT = "SELECT string_agg(a::text, ' ') FROM channel_accounts a"


@pytest.fixture
async def town(database: Database) -> Town:
    return await found(database)


async def add(town: Town, merchant: Merchant, credentials: Mapping[str, str] = SANDBOX) -> UUID:
    return await town.database.transact(lambda tx: town.accounts.add(tx, merchant, "toy", credentials))


async def opened(town: Town, accounts: Accounts, merchant: Merchant, account_id: UUID) -> OpenAccount | None:
    async with town.database.reading() as reader:
        return await accounts.open(reader, merchant.merchant_id, account_id)


def afresh(town: Town, ring: KeyRing = RING) -> Accounts:
    """Accounts of another process: nothing is in memory."""
    return Accounts(REGISTRY, Vault(ring, town.source), town.source)


async def test_an_account_is_opened_with_what_was_stored(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    for accounts in (town.accounts, afresh(town)):
        account = await opened(town, accounts, town.sides.test, account_id)
        assert account is not None
        assert (account.account_id, account.channel.name, account.is_sandbox) == (account_id, "toy", True)
        assert account.settings == SANDBOX
        assert account.identity.account == "http://sandbox"


async def test_the_database_never_holds_the_plaintext(town: Town) -> None:
    await add(town, town.sides.test)
    await add(town, town.sides.live, REAL)
    everything = [
        *await rows(town.database, ALL_TEXT),
        *await rows(town.database, "SELECT string_agg(d::text, ' ') FROM data_keys d"),
    ]
    text = repr(everything)
    assert "toy" in text
    assert CANARY not in text
    assert CANARY.encode().hex() not in text
    assert "secret" not in text


async def test_equal_credentials_are_sealed_differently(town: Town) -> None:
    for _ in range(3):
        await add(town, town.sides.test)
    sealed = await rows(town.database, "SELECT sealed->>'n', sealed->>'c' FROM channel_accounts")
    assert len({nonce for nonce, _ in sealed}) == len({text for _, text in sealed}) == 3
    assert await rows(town.database, "SELECT count(*) FROM data_keys") == [(1,)]


async def test_each_merchant_has_a_data_key_of_its_own(town: Town) -> None:
    await add(town, town.sides.test)
    await add(town, town.sides.live, REAL)
    keys = await rows(town.database, "SELECT merchant_id, wrapped->>'c', wrapped->>'k' FROM data_keys")
    assert {row[0] for row in keys} == {town.sides.test.merchant_id, town.sides.live.merchant_id}
    assert len({row[1] for row in keys}) == 2
    assert {row[2] for row in keys} == {str(KEY.key_id)}


COPY = """INSERT INTO channel_accounts SELECT $2, $3, 'test', channel, label, is_sandbox, sealed, created_at
          FROM channel_accounts WHERE merchant_id = $1 AND account_id = $4"""
COPY_KEYS = (
    "INSERT INTO data_keys SELECT $2, key_id, purpose, wrapped, created_at FROM data_keys WHERE merchant_id = $1"
)


@pytest.mark.parametrize("has_data_key", [False, True])
async def test_a_row_copied_to_another_merchant_does_not_open(town: Town, *, has_data_key: bool) -> None:
    """Somebody who can write to the database moves a row, with its data key or without, and gets nothing."""
    account_id = await add(town, town.sides.test)
    victim = town.sides.test.merchant_id
    other = (await found(town.database)).sides.test

    async def copy(tx: Transaction) -> None:
        await tx.execute(sql(COPY), victim, other.merchant_id, account_id, account_id)
        if has_data_key:
            await tx.execute(sql(COPY_KEYS), victim, other.merchant_id)

    await town.database.transact(copy)
    assert await opened(town, town.accounts, town.sides.test, account_id) is not None  # now it is in memory
    for accounts in (town.accounts, afresh(town)):
        with pytest.raises(EnvelopeBroken):
            await opened(town, accounts, other, account_id)


async def test_a_row_copied_beside_itself_does_not_open(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    mine, beside = town.sides.test.merchant_id, town.source.new_id()
    await town.database.transact(lambda tx: tx.execute(sql(COPY), mine, mine, beside, account_id))
    for accounts in (town.accounts, afresh(town)):
        with pytest.raises(EnvelopeBroken):
            await opened(town, accounts, town.sides.test, beside)


async def test_one_merchant_cannot_open_anothers_account(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    assert await opened(town, town.accounts, town.sides.live, account_id) is None


async def test_another_key_file_opens_nothing_and_says_so(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    for ring in (KeyRing({OTHER_KEY.key_id: OTHER_KEY}, OTHER_KEY.key_id, SIGNER), KeyRing({}, KEY.key_id, SIGNER)):
        with pytest.raises(EnvelopeBroken, match="key file"):
            await opened(town, afresh(town, ring), town.sides.test, account_id)


async def test_a_changed_key_encryption_key_still_opens_what_the_older_one_sealed(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    ring = KeyRing({KEY.key_id: KEY, OTHER_KEY.key_id: OTHER_KEY}, OTHER_KEY.key_id, SIGNER)
    account = await opened(town, afresh(town, ring), town.sides.test, account_id)
    assert account is not None
    assert account.settings == SANDBOX


async def test_the_use_case_refuses_the_wrong_side(town: Town) -> None:
    for merchant, credentials in ((town.sides.live, SANDBOX), (town.sides.test, REAL)):
        with pytest.raises(SetupFault, match="sandbox account belongs on a test side"):
            await add(town, merchant, credentials)
    assert await rows(town.database, "SELECT count(*) FROM channel_accounts") == [(0,)]


INSERT = "INSERT INTO channel_accounts VALUES ($1, $2, $3, 'toy', 'toy', $4, '{}', now())"


async def test_the_database_refuses_the_wrong_side(town: Town) -> None:
    """By its CHECK; and when the mode is written wrong, the foreign key holds it to the merchant's own."""
    live, test = town.sides.live.merchant_id, town.sides.test.merchant_id
    for merchant_id, mode, is_sandbox, sqlstate in (
        (live, "live", True, "23514"),
        (test, "test", False, "23514"),
        (live, "test", True, "23503"),
        (test, "live", False, "23503"),
    ):
        values = (merchant_id, town.source.new_id(), mode, is_sandbox)
        with pytest.raises(ConstraintViolated) as caught:
            await town.database.transact(lambda tx, values=values: tx.execute(sql(INSERT), *values))
        assert caught.value.sqlstate == sqlstate


async def test_credentials_that_do_not_load_are_refused(town: Town) -> None:
    for told, words in (
        (("other", SANDBOX), "There is no channel 'other'; known: toy"),
        (("", SANDBOX), "There is no channel"),
        (("toy", {"url": "http://sandbox"}), "The credential secret is missing"),
    ):
        with pytest.raises(SetupFault, match=words):
            await town.database.transact(lambda tx, told=told: town.accounts.add(tx, town.sides.test, *told))


async def test_replaced_credentials_are_used_from_then_on(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    await opened(town, town.accounts, town.sides.test, account_id)
    told = ("toy", {**SANDBOX, "url": "http://elsewhere"})
    mine = town.sides.test.merchant_id
    await town.database.transact(lambda tx: town.accounts.replace(tx, mine, account_id, told))
    account = await opened(town, town.accounts, town.sides.test, account_id)
    assert account is not None
    assert account.identity.account == "http://elsewhere"


async def test_a_sandbox_account_does_not_become_a_real_one(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    for merchant, told in ((town.sides.test, REAL), (town.sides.live, SANDBOX)):
        with pytest.raises(SetupFault):
            await town.database.transact(
                lambda tx, merchant=merchant, told=told: town.accounts.replace(
                    tx, merchant.merchant_id, account_id, ("toy", told)
                )
            )


async def test_a_method_is_a_channel_and_a_scene(town: Town) -> None:
    first = await add(town, town.sides.test)
    town.clock.advance(1)
    await add(town, town.sides.test)
    mine = town.sides.test.merchant_id
    async with town.database.reading() as reader:
        picked = await town.accounts.for_method(reader, mine, "toy/native")
        assert picked is not None
        assert (picked[0].account_id, picked[1].name) == (first, "native")
        assert len(await town.accounts.usable(reader, mine)) == 1
        for method in ("", "toy", "toy/", "toy/miniprogram", "other/native", "/native", "toy/native/x"):
            assert await town.accounts.for_method(reader, mine, method) is None
        assert await town.accounts.for_method(reader, town.sides.live.merchant_id, "toy/native") is None


async def test_a_disabled_account_takes_nothing_new_but_still_opens(town: Town) -> None:
    account_id = await add(town, town.sides.test)
    mine = town.sides.test.merchant_id
    update = sql("UPDATE channel_accounts SET disabled_at = now() WHERE merchant_id = $1")
    await town.database.transact(lambda tx: tx.execute(update, mine))
    async with town.database.reading() as reader:
        assert await town.accounts.usable(reader, mine) == []
    assert await opened(town, town.accounts, town.sides.test, account_id) is not None


async def test_the_vault_seals_at_once_for_many(town: Town) -> None:
    """Two first seals of a purpose may each make a data key; whatever they make opens."""
    place = Place(town.sides.test.merchant_id, "t", "c", UUID(int=1))
    vault = Vault(RING, Source(SystemClock(), SystemEntropy()))

    async def seal(number: int) -> dict[str, str | int]:
        return await town.database.transact(lambda tx: vault.seal(tx, place, "p", f"{CANARY}{number}".encode()))

    sealed = await asyncio.gather(*(seal(number) for number in range(8)))
    fresh = Vault(RING, town.source)
    async with town.database.reading() as reader:
        for number, envelope in enumerate(sealed):
            secret = await fresh.open(reader, place, envelope)
            assert secret.reveal() == f"{CANARY}{number}".encode()
            assert CANARY not in repr(secret)
            with pytest.raises(EnvelopeBroken):
                await fresh.open(reader, replace(place, column="other"), envelope)


async def test_an_envelope_of_an_unknown_data_key_is_broken(town: Town) -> None:
    place = Place(town.sides.test.merchant_id, "t", "c", UUID(int=1))
    async with town.database.reading() as reader:
        with pytest.raises(EnvelopeBroken):
            await town.vault.open(reader, place, {"v": 1, "k": str(UUID(int=5)), "n": "", "c": "", "a": ""})
        assert await store.get_data_key(reader, place.merchant_id, UUID(int=5)) is None
