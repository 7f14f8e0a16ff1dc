"""Payments created a second over HTTP, beside the same SQL by pgbench and beside raw RSA signing, all in one run.

One payment is two requests: `POST /v1/orders` and `POST /v1/orders/{id}/payments` (`wechatpay/miniprogram`), with an
API key and an Idempotency-Key each. The server signs twice for it (the prepay request and `paySign`); the sandbox, a
process of its own, checks the first signature and signs its reply; the server verifies that one. Compared with

- pgbench, on the same PostgreSQL and at the same concurrency, running the statements that the use-cases send for one
  order and one payment, with the same transactions and the same values: authenticate twice, begin and finish two
  Idempotency-Keys, save the order with its expiry job, admit and save the payment with the janitor's job, record the
  channel's reply. It is what the SQL alone allows. The WAL that each writes for one payment shows how faithful that is;
  over HTTP it also holds the janitor's first visit, five seconds after each payment.
- RSA-2048 signatures a second in one thread: two a payment bound what one core can do, whatever is around them.

The load comes from this process. Server, sandbox, PostgreSQL and client share the machine, so the processor time of
each for one payment is told too, and says where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any

from _load import Caller, Load, for_seconds
from _meter import cpu_seconds, percentile_ms, ratio, raw_rsa
from _pgbench import (
    Pgbench,
    binary,
    bound,
    document,
    id_line,
    id_text,
    identity,
    new_id,
    statements_in,
    text,
    transaction,
)
from _rig import Rig, Side, rig
from shunfu.db import Query, named_queries
from shunfu.merchants.model import read_api_key

LEVELS = (1, 8, 32)
SIGNS_A_PAYMENT = 2
WARM_SECONDS = 1.0
ORDER = {
    "amount_minor": 2800,
    "currency": "CNY",
    "subject": "手冲咖啡 两杯",
    "items": [{"name": "手冲咖啡", "quantity": 2, "amount_minor": 1400}],
}
PAYMENT = {"method": "wechatpay/miniprogram", "payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
APP, DB = named_queries("shunfu.app"), named_queries("shunfu.db")
MERCHANTS, PAYMENTS = named_queries("shunfu.merchants"), named_queries("shunfu.payments")
EXAMPLE = Query(
    "example",
    """SELECT o.items, p.payer, p.invoke, p.channel_account, p.channel_app, e.body AS evidence FROM payments p
    JOIN orders o USING (merchant_id, order_id) JOIN payment_evidence e USING (merchant_id, payment_id)
    WHERE p.merchant_id = $1 AND p.state = 'PENDING' ORDER BY p.payment_id LIMIT 1""",
    "Values of a payment that the server made.",
)
ANSWERS = Query(
    "answers",
    """SELECT DISTINCT ON (length(path)) body FROM idempotency_keys
    WHERE merchant_id = $1 AND body IS NOT NULL ORDER BY length(path)""",
    "An order's and a payment's answer that the server kept.",
)
WAL = Query("wal", "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn", "How much WAL was ever written.")


@dataclass(frozen=True, slots=True)
class Values:
    """What the server wrote for one payment, as SQL literals for pgbench."""

    items: str
    payer: str
    invoke: str
    evidence: str
    accounts: tuple[str, str]
    answers: tuple[str, str]


async def pay(caller: Caller, base_url: str, api_key: str) -> None:
    """One order and one payment."""
    headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": uuid.uuid4().hex}
    order = json.loads(await caller.post("order", f"{base_url}/v1/orders", 201, json=ORDER, headers=headers))
    headers["Idempotency-Key"] = uuid.uuid4().hex
    url = f"{base_url}/v1/orders/{order['id']}/payments"
    payment = json.loads(await caller.post("payment", url, 201, json=PAYMENT, headers=headers))
    if payment["state"] != "PENDING":
        raise SystemExit(f"the payment is {payment['state']}")


def script(side: Side, values: Values) -> list[str]:
    """The statements of one order and one payment, in the use-cases' order and transactions."""
    me, order, payment = identity(side.merchant_id), new_id("o"), new_id("p")
    paths = ("'/v1/orders'", f"'/v1/orders/ord_' || {id_text('o')} || '/payments'")
    return [
        *(id_line(letter) for letter in "opkleacj"),
        *_begin(side, paths[0], "k", order),
        *transaction(
            bound(
                PAYMENTS["add_order"],
                *(me, order, "NULL", "2800", "'CNY'", text(str(ORDER["subject"])), values.items, "NULL", "'OPEN'"),
                *("now() + interval '30 minutes'", "now()", "'[]'"),
            ),
            _job(me, "j", "'payments.expire'", id_text("o", 36)),
        ),
        _finish(me, paths[0], "k", values.answers[0]),
        *_begin(side, paths[1], "l", payment),
        *transaction(
            bound(PAYMENTS["lock_order"], me, order),
            bound(PAYMENTS["list_payments"], me, order),
            bound(MERCHANTS["list_channel_accounts"], me),
            bound(MERCHANTS["newest_data_key"], me, "'payer'"),
            bound(
                PAYMENTS["add_payment"],
                *(me, payment, order, "'wechatpay'", "'miniprogram'", identity(side.account_id), *values.accounts),
                *("2800", "'CNY'", "'SENDING'", values.payer, "now() + interval '40 minutes'", "now()"),
                *(text("https://pay.example.com/notifications"), "NULL", "NULL", "NULL", "0", "NULL"),
            ),
            _job(me, "a", "'payments.ask'", id_text("p", 36)),
        ),
        *transaction(
            bound(PAYMENTS["lock_order_of_payment"], me, payment),
            bound(PAYMENTS["list_payments"], me, order),
            bound(
                PAYMENTS["save_decision"],
                *(me, payment, "'SENDING'", "'PENDING'", "NULL", values.invoke, "NULL", "false", "0", "NULL", "0"),
                *("NULL", "now()", new_id("e"), "'reply'", "'accepted'", values.evidence, "NULL", "NULL", "now()"),
            ),
        ),
        _finish(me, paths[1], "l", values.answers[1]),
    ]


def _begin(side: Side, path: str, letter: str, resource: str) -> list[str]:
    """Authenticate, and put the Idempotency-Key in flight."""
    me, key = identity(side.merchant_id), read_api_key(side.api_key)
    assert key is not None, "the rig made the key"
    row = (me, "'POST'", path, f"md5(:id_{letter}::text)", f"sha256('{letter}')", resource, new_id("c"))
    return [
        bound(MERCHANTS["get_api_key"], me, identity(key.key_id)),
        bound(APP["begin_request"], *row, "now() + interval '60 seconds'", "now()"),
    ]


def _finish(me: str, path: str, letter: str, answer: str) -> str:
    row = (me, "'POST'", path, f"md5(:id_{letter}::text)", new_id("c"))
    return bound(APP["finish_request"], *row, "201", "'application/json'", answer)


def _job(me: str, letter: str, kind: str, key: str) -> str:
    """A job that no worker takes up during the run."""
    return bound(DB["enqueue_job"], me, new_id(letter), kind, key, "'{}'", "now() + interval '1 hour'", "16", "now()")


def prepare(rig_: Rig) -> Values:
    """Warm the server, then give pgbench's merchant what the first payment of a merchant makes."""
    asyncio.run(for_seconds(WARM_SECONDS, 4, lambda caller: pay(caller, rig_.base_url, rig_.paid.api_key)))
    asyncio.run(for_seconds(0.01, 1, lambda caller: pay(caller, rig_.base_url, rig_.bare.api_key)))
    rig_.analyse()
    with rig_.house() as (runner, house):
        (row,) = runner.run(house.database.single(EXAMPLE, rig_.paid.merchant_id))
        first, second = runner.run(house.database.single(ANSWERS, rig_.paid.merchant_id))
    return Values(
        items=document(row["items"]),
        payer=document(row["payer"]),
        invoke=document(row["invoke"]),
        evidence=document(row["evidence"]),
        accounts=(text(row["channel_account"]), text(row["channel_app"])),
        answers=(binary(first["body"]), binary(second["body"])),
    )


def measure(rig_: Rig, bare_sql: tuple[Pgbench, list[str]], at_once: int, seconds: float) -> dict[str, Any]:
    """One concurrency: HTTP, then pgbench with its script."""
    pgbench, statements = bare_sql
    before, wal = _spent(rig_), _wal_bytes(rig_)
    load = asyncio.run(for_seconds(seconds, at_once, lambda caller: pay(caller, rig_.base_url, rig_.paid.api_key)))
    count = load.count("payment")
    spent = {name: round((after - before[name]) / count * 1000, 2) for name, after in _spent(rig_).items()}
    wal_http = (_wal_bytes(rig_) - wal) / count
    wal = _wal_bytes(rig_)
    bare = pgbench.run(statements, at_once, seconds)
    wal_bare = (_wal_bytes(rig_) - wal) / (bare["a_second"] * max(1, round(seconds)))
    rate = round(count / load.seconds, 1)
    return {
        "at_once": at_once,
        "payments_a_second": rate,
        "order_ms": _tail(load, "order"),
        "payment_ms": _tail(load, "payment"),
        "cpu_ms_a_payment": spent,
        "payments_a_second_of_server_cpu": round(1000 / spent["server"], 1),
        "pgbench_a_second": bare["a_second"],
        "ratio_to_pgbench": ratio(rate, bare["a_second"]),
        "wal_bytes_a_payment": {"http": round(wal_http), "pgbench": round(wal_bare)},
    }


def _tail(load: Load, name: str) -> dict[str, float]:
    return {f"p{percent}": percentile_ms(load.samples[name], percent) for percent in (50, 99)}


def _spent(rig_: Rig) -> dict[str, float]:
    return {
        "server": cpu_seconds(rig_.server_pid),
        "sandbox": cpu_seconds(rig_.sandbox.pid),
        "postgresql": cpu_seconds(rig_.postmaster, with_children=True),
        "client": time.process_time(),
    }


def _wal_bytes(rig_: Rig) -> float:
    with rig_.house() as (runner, house):
        return float(runner.run(house.database.single(WAL))[0][0])


def account_for(levels: list[dict[str, Any]], signs_a_second: float) -> dict[str, Any]:
    """What two signatures cost of the server's time for a payment, at the highest rate that was reached."""
    best = max(levels, key=lambda level: level["payments_a_second"])
    signing_ms = SIGNS_A_PAYMENT / signs_a_second * 1000
    return {
        "signs_a_payment": SIGNS_A_PAYMENT,
        "payments_a_second_by_signing_alone": round(signs_a_second / SIGNS_A_PAYMENT),
        "ratio_to_signing_alone": ratio(best["payments_a_second_of_server_cpu"], signs_a_second / SIGNS_A_PAYMENT),
        "server_cpu_ms": {"signing": round(signing_ms, 2), "all": best["cpu_ms_a_payment"]["server"]},
        "signing_share_of_server_cpu": ratio(signing_ms, best["cpu_ms_a_payment"]["server"]),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="for each of HTTP and pgbench, at 1, 8 and 32 at once"
    )
    seconds = parser.parse_args().seconds
    with rig() as built:
        built.start_server()
        statements, pgbench = script(built.bare, prepare(built)), Pgbench(built.urls, built.folder)
        rsa = raw_rsa(min(1.0, seconds))
        levels = [measure(built, (pgbench, statements), at_once, seconds) for at_once in LEVELS]
    report = {
        "cores": os.cpu_count(),
        "seconds_each": seconds,
        "http": levels,
        "sql_of_a_payment": statements_in(statements),
        "rsa_2048": {**rsa, **account_for(levels, rsa["signs_a_second"])},
    }
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
