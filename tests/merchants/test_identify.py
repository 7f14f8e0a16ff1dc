"""Who asks: a key in force on its own side is a caller; every other header gets the one same answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db.support import rows, sql
from merchants.support import Town, found
from shunfu.db import Database, Transaction
from shunfu.kernel.caller import Caller
from shunfu.kernel.errors import Unauthenticated
from shunfu.kernel.ids import encode, public
from shunfu.kernel.secret import Secret
from shunfu.merchants import NewKey, identify, issue_api_key, revoke_api_key
from shunfu.merchants.model import ALL_CAPABILITIES, hash_secret, read_api_key


@pytest.fixture
async def town(database: Database) -> Town:
    return await found(database)


async def ask(town: Town, header: str | None) -> Caller:
    async with town.database.reading() as reader:
        return await identify(reader, header, town.clock.now())


async def refusal(town: Town, header: str | None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await ask(town, header)
    assert caught.value.errors == ()
    assert caught.value.members == {}
    return str(caught.value)


async def test_a_key_in_force_is_a_caller(town: Town) -> None:
    for side, key in ((town.sides.test, town.sides.test_key), (town.sides.live, town.sides.live_key)):
        presented = read_api_key(key.reveal())
        assert presented is not None
        subject = public("key", presented.key_id)
        expected = Caller(side.merchant_id, "api_key", subject, ALL_CAPABILITIES, side.mode == "live")
        for form in ("Bearer {}", "bearer {}", "BEARER {}", "Bearer  {} "):
            assert await ask(town, form.format(key.reveal())) == expected


async def test_every_wrong_form_is_the_same_answer(town: Town) -> None:
    test, live = town.sides.test_key.reveal(), town.sides.live_key.reveal()
    test_id, live_id = encode(town.sides.test.merchant_id), encode(town.sides.live.merchant_id)
    unknown = encode(town.source.new_id())
    headers = [
        None,
        "",
        "Bearer",
        "Bearer ",
        test,
        f"Basic {test}",
        f"Token {test}",
        f"Bearer{test}",
        f"Bearer:{test}",
        f"Bearer Bearer {test}",
        f"Bearer {test},{test}",
        f"Bearer {test}x",
        f"Bearer {test[:-1]}",
        f"Bearer {test[:-43]}{'A' * 43}",
        f"Bearer {test[:-43]}{live[-43:]}",
        f"Bearer {test.replace('sk_test', 'sk_live')}",
        f"Bearer {live.replace('sk_live', 'sk_test')}",
        f"Bearer {test.replace(test_id, live_id)}",
        f"Bearer {test.replace(test_id, unknown)}",
        f"Bearer {test.replace(test.split('_')[3], unknown)}",
        "Bearer sk_test_' OR 1=1 --",
        "Bearer \0",
        "Bearer " + "文" * 1000,
    ]
    answers = {await refusal(town, header) for header in headers}
    assert answers == {(Unauthenticated.__doc__ or "").strip()}


async def test_a_revoked_key_is_refused_at_once_and_only_that_one(town: Town) -> None:
    second = await town.database.transact(lambda tx: issue_api_key(tx, town.source, town.sides.test, NewKey("second")))
    first = town.sides.test_key.reveal()
    await ask(town, f"Bearer {first}")

    async def revoke(tx: Transaction) -> bool:
        return await revoke_api_key(tx, town.source, first)

    assert await town.database.transact(revoke) is True
    await refusal(town, f"Bearer {first}")
    await ask(town, f"Bearer {second.reveal()}")
    assert await town.database.transact(revoke) is False


async def test_revoking_what_is_no_key_does_nothing(town: Town) -> None:
    for text in ("", "sk_test_x", "文"):
        revoke = town.database.transact(lambda tx, text=text: revoke_api_key(tx, town.source, text))
        assert await revoke is False
    assert await rows(town.database, "SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL") == [(0,)]


async def test_a_key_ends_when_it_expires(town: Town) -> None:
    ends = town.clock.now() + timedelta(seconds=10)
    update = sql("UPDATE api_keys SET expires_at = $2 WHERE merchant_id = $1")
    await town.database.transact(lambda tx: tx.execute(update, town.sides.test.merchant_id, ends))
    header = f"Bearer {town.sides.test_key.reveal()}"
    town.clock.advance(9.999)
    await ask(town, header)
    town.clock.advance(0.001)
    await refusal(town, header)


async def test_only_the_hash_of_a_secret_is_stored(town: Town) -> None:
    key = town.sides.test_key.reveal()
    stored = await rows(town.database, "SELECT k::text FROM api_keys k")
    assert key[-43:] not in repr(stored)
    found = await rows(
        town.database, "SELECT secret_sha256 FROM api_keys WHERE merchant_id = $1", town.sides.test.merchant_id
    )
    assert found == [(hash_secret(key[-43:]),)]
    assert isinstance(town.sides.test_key, Secret)
    assert key not in repr(town.sides)


async def test_two_sides_share_nothing_but_the_organisation(town: Town) -> None:
    test, live = town.sides.test, town.sides.live
    assert test.organisation_id == live.organisation_id
    assert test.merchant_id != live.merchant_id
    assert (test.mode, live.mode) == ("test", "live")
    assert town.sides.test_key.reveal()[-43:] != town.sides.live_key.reveal()[-43:]
