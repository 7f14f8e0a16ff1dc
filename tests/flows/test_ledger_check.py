"""`shunfu ledger check`: the books are proven from their entries and against the payments, and a lie is found."""

import asyncpg

from flows.world import World
from shunfu.app.commands import prove_books
from shunfu.db import Urls


async def owner(urls: Urls, statement: str) -> None:
    connection = await asyncpg.connect(urls.migration_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_proof_counts_what_is_there(world: World) -> None:
    for _ in range(3):
        _, payment_id = await world.pending()
        await world.shopper_pays(payment_id)
    proof = await prove_books(world.house)
    assert proof["ok"] is True
    (books,) = [books for books in proof["merchants"] if books["transactions"]]
    assert (books["transactions"], books["entries"], books["balanced"]) == (3, 6, True)
    by_code = {account["code"].split(":")[0]: account["balance_minor"] for account in books["accounts"]}
    assert by_code == {"channel_receivable": 3 * 8600, "sales": 3 * 8600}


async def test_a_missing_posting_is_found(world: World, database_urls: Urls) -> None:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    await owner(database_urls, "DELETE FROM shunfu.transfers")
    proof = await prove_books(world.house)
    assert proof["ok"] is False
    assert [line for books in proof["merchants"] for line in books["differences"]] == [payment_id]


async def test_a_posting_without_its_payment_is_found(world: World, database_urls: Urls) -> None:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    await owner(database_urls, "UPDATE shunfu.transfers SET reference_id = gen_random_uuid()")
    assert (await prove_books(world.house))["ok"] is False


async def test_another_amount_is_found(world: World, database_urls: Urls) -> None:
    _, payment_id = await world.pending()
    await world.shopper_pays(payment_id)
    await owner(database_urls, "UPDATE shunfu.transfers SET amount_minor = amount_minor + 1")
    assert (await prove_books(world.house))["ok"] is False
