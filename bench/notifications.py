"""Notifications verified, decrypted and committed through the real route, beside raw RSA and the same SQL by pgbench.

Every message is genuine and new: signed with the sandbox's own private key, encrypted under the APIv3 key, each about
another pending payment. The payments are saved through the payments room's own store in set-up, because making
thousands over HTTP would take longer than what is measured.

Three things are measured apart. *Taken in*: the POST, from the first byte to the channel's reply, which is sent after
the commit; the server runs without its worker, so nothing else happens meanwhile. *Applied*: then a server with its
worker starts and works through what was taken in, until every payment is CAPTURED and in the ledger. *Flooded*: the
rate that server and worker hold together is found, then twice that is sent on a clock that waits for nobody, and sent
again as the channel does when no 2xx comes; every message that was acknowledged is looked up afterwards. The first two
are compared with

- pgbench on the same PostgreSQL and at the same concurrency, running what the route sends for one notification: the
  channel account, the payment, and one transaction with nonce, id, message with body, and event with its job;
- RSA-2048 verifications a second in one thread: one a notification bounds what one core can do.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import secrets
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from _flood import Flood, Message
from _load import Caller, for_seconds
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
from _rig import CHANNEL, Rig, Side, rig
from shunfu.app.wiring import House
from shunfu.db import Job, Query, Transaction, named_queries
from shunfu.driver import discover
from shunfu.kernel.ids import encode
from shunfu.kernel.money import Money
from shunfu.payments import store
from shunfu.payments.model import Item, Order, OrderState, Payment, PaymentState
from shunfu.payments.usecases.tools import ASK_JOB, EXPIRE_JOB

LEVELS = (1, 8)
MESSAGES_A_SECOND = 400
"""More than the server takes in, so that a level ends by time and not for want of messages."""
BARE_PAYMENTS = 1000
ROWS_A_TRANSACTION = 100
APPLY_SECONDS_MAX = 120.0
HELD_AT_ONCE = 16
FLOOD_FACTOR = 2.0
WAITS_SHORTENED = 20.0
"""The channel's waits before a retry pass so many times as fast: 15 s are 0.75 s."""
AMOUNT = Money(2800, "CNY")
KEPT = Query(
    "kept",
    "SELECT DISTINCT external_id FROM notifications WHERE merchant_id = $1 AND verdict = 'accepted'",
    "Every message that was taken in.",
)
DB, MERCHANTS = named_queries("shunfu.db"), named_queries("shunfu.merchants")
NOTIFICATIONS, PAYMENTS = named_queries("shunfu.notifications"), named_queries("shunfu.payments")
CAPTURED = Query(
    "captured", "SELECT count(*) FROM payments WHERE merchant_id = $1 AND state = 'CAPTURED'", "How many are paid."
)
EXAMPLE = Query(
    "example",
    """SELECT n.headers, n.evidence, e.body AS event FROM notifications n
    JOIN events e ON e.merchant_id = n.merchant_id AND e.name = 'PaymentReported'
    WHERE n.merchant_id = $1 AND n.verdict = 'accepted' LIMIT 1""",
    "Values of a notification that the server kept.",
)
POINTLESS = "There was nothing to measure: every message was refused. See the server's log."


@dataclass(frozen=True, slots=True)
class Post:
    """One genuine notification, ready to send."""

    headers: dict[str, str]
    body: bytes


class WeChat:
    """Signs and encrypts as the channel does, with the private key that the sandbox hands to testers."""

    def __init__(self, credentials: dict[str, Any]) -> None:
        self._told = credentials[CHANNEL]
        key = load_pem_private_key(credentials["sandbox_side"]["platform_private_key"].encode(), None)
        assert isinstance(key, RSAPrivateKey), "WeChat Pay signs with RSA"
        self._key = key
        self._cipher = AESGCM(self._told["api_v3_key"].encode())

    def post(self, number: str) -> Post:
        """The notification that a number was paid."""
        now = datetime.now(UTC)
        paid_at = now.astimezone().isoformat(timespec="seconds")
        nonce = secrets.token_hex(6)
        plaintext = json.dumps(self._transaction(number, paid_at), ensure_ascii=False)
        sealed = self._cipher.encrypt(nonce.encode(), plaintext.encode(), b"transaction")
        resource = {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": "transaction",
            "nonce": nonce,
        }
        envelope = {"id": str(uuid4()), "create_time": paid_at, "resource_type": "encrypt-resource"}
        envelope |= {"event_type": "TRANSACTION.SUCCESS", "summary": "支付成功"}
        body = json.dumps({**envelope, "resource": resource}, ensure_ascii=False).encode()
        return Post(self._headers(str(int(now.timestamp())), body), body)

    def _headers(self, stamp: str, body: bytes) -> dict[str, str]:
        nonce = secrets.token_hex(16)
        signature = self._key.sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        return {
            "Content-Type": "application/json",
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self._told["platform_serial"],
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    def _transaction(self, number: str, paid_at: str) -> dict[str, object]:
        amount = {"total": AMOUNT.minor, "payer_total": AMOUNT.minor, "currency": "CNY", "payer_currency": "CNY"}
        return {
            "appid": self._told["appid"],
            "mchid": self._told["mchid"],
            "out_trade_no": number,
            "transaction_id": f"42{secrets.randbelow(10**26):026d}",
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "attach": "",
            "success_time": paid_at,
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": amount,
        }


async def save_payments(house: House, side: Side, told: dict[str, str], ids: list[UUID]) -> None:
    """Pending payments under these ids, each of an order of its own, with the jobs that real ones have."""
    now = datetime.now(UTC)
    for first in range(0, len(ids), ROWS_A_TRANSACTION):
        some = ids[first : first + ROWS_A_TRANSACTION]

        async def story(tx: Transaction, some: list[UUID] = some) -> None:
            for payment_id in some:
                order, payment = _pending(side, told, payment_id, now)
                await store.add_order(tx, order)
                await store.add_payment(tx, payment)
                for kind, key in ((EXPIRE_JOB, order.order_id), (ASK_JOB, payment_id)):
                    await house.jobs.enqueue(tx, Job(side.merchant_id, kind, str(key), {}, order.expires_at))

        await house.database.transact(story)


def _pending(side: Side, told: dict[str, str], payment_id: UUID, now: datetime) -> tuple[Order, Payment]:
    ends = now + timedelta(hours=1)
    order = Order(
        merchant_id=side.merchant_id,
        order_id=uuid4(),
        merchant_order_no=None,
        amount=AMOUNT,
        subject="手冲咖啡",
        items=(Item("手冲咖啡", 1, AMOUNT.minor),),
        return_url=None,
        state=OrderState.OPEN,
        expires_at=ends,
        created_at=now,
    )
    payment = Payment(
        merchant_id=side.merchant_id,
        payment_id=payment_id,
        order_id=order.order_id,
        channel=CHANNEL,
        scene="miniprogram",
        account_id=side.account_id,
        channel_account=told["mchid"],
        channel_app=told["appid"],
        amount=AMOUNT,
        state=PaymentState.PENDING,
        deadline=ends,
        created_at=now,
        notify_url="https://pay.example.com/notifications",
    )
    return order, payment


def script(side: Side, example: dict[str, Any], body: bytes) -> list[str]:
    """What the route sends for one notification, in its order and transactions."""
    me, account = identity(side.merchant_id), identity(side.account_id)
    payment = "lpad(to_hex(:k::bigint), 32, '0')::uuid"
    source = f"wechatpay/{side.account_id}"
    later = "now() + interval '1 hour'"  # its job is due then: no worker takes it up during the run
    kept = (me, new_id("n"), "'wechatpay'", account, "'accepted'", "'verified'", id_text("x", 36))
    return [
        *(id_line(letter) for letter in "nxevj"),
        rf"\set k random(1, {BARE_PAYMENTS})",
        bound(MERCHANTS["get_channel_account"], me, account),
        bound(PAYMENTS["get_payment"], me, payment),
        *transaction(
            bound(DB["insert_inbox"], me, text(f"{source}/nonce"), id_text("v", 32), "sha256('body')", "now()"),
            bound(DB["insert_inbox"], me, text(source), id_text("x", 36), "''", "now()"),
            bound(
                NOTIFICATIONS["keep"],
                *(*kept, "'TRANSACTION.SUCCESS'", id_text("n"), document(example["evidence"])),
                *(document(example["headers"]), "sha256('body')", "now()", binary(body), "now()"),
            ),
            bound(
                DB["publish_event"],
                *(me, new_id("e"), "'PaymentReported'", document(example["event"]), "now()", later),
                *(f"ARRAY[{new_id('j')}]", f"ARRAY[{text('on:payments.apply_report')}]", id_text("e", 36)),
                *('\'{"event": "PaymentReported"}\'::jsonb', "16"),
            ),
        ),
    ]


async def take_in(rig_: Rig, posts: deque[Post], at_once: int, seconds: float) -> dict[str, Any]:
    """Send until the time is over or the messages are."""
    url = rig_.base_url + rig_.paid.notification_path()

    async def send(caller: Caller) -> None:
        if not posts:
            await asyncio.sleep(0.01)
            return
        post = posts.popleft()
        await caller.post("notification", url, 200, data=post.body, headers=post.headers)

    before = cpu_seconds(rig_.server_pid), cpu_seconds(rig_.postmaster, with_children=True)
    load = await for_seconds(seconds, at_once, send)
    spent = cpu_seconds(rig_.server_pid) - before[0], cpu_seconds(rig_.postmaster, with_children=True) - before[1]
    count = load.count("notification")
    return {
        "at_once": at_once,
        "notifications": count,
        "a_second": round(count / load.seconds, 1),
        "p50_ms": percentile_ms(load.samples["notification"], 50),
        "p99_ms": percentile_ms(load.samples["notification"], 99),
        "cpu_ms_each": {"server": round(spent[0] / count * 1000, 2), "postgresql": round(spent[1] / count * 1000, 2)},
        "a_second_of_server_cpu": round(count / spent[0], 1),
    }


def apply_all(rig_: Rig, wanted: int) -> dict[str, Any]:
    """Start a server with its worker and wait until every payment that was reported is captured."""
    with rig_.house() as (runner, house):
        rig_.start_server()
        before, began = cpu_seconds(rig_.server_pid), time.monotonic()
        already = done = _captured(runner, house, rig_.paid)
        while done < wanted and time.monotonic() - began < APPLY_SECONDS_MAX:
            time.sleep(0.05)
            done = _captured(runner, house, rig_.paid)
    count, took = done - already, time.monotonic() - began
    if done < wanted or not count:
        raise SystemExit(f"{wanted} payments were reported and {done} were captured in {took:.0f} s")
    spent = cpu_seconds(rig_.server_pid) - before
    return {
        "payments": count,
        "a_second": round(count / took, 1),
        "server_cpu_ms_each": round(spent / count * 1000, 2),
        "a_second_of_server_cpu": round(count / spent, 1),
    }


def _captured(runner: asyncio.Runner, house: House, side: Side) -> int:
    return int(runner.run(house.database.single(CAPTURED, side.merchant_id))[0][0])


def prepare(rig_: Rig, seconds: float) -> list[Post]:
    """Save the payments of both merchants and sign a message for each of the first one's."""
    posts = more(rig_, round(seconds * MESSAGES_A_SECOND) * len(LEVELS) + 20)
    with rig_.house() as (runner, house):
        bare = [UUID(int=number) for number in range(1, BARE_PAYMENTS + 1)]
        runner.run(save_payments(house, rig_.bare, rig_.credentials[CHANNEL], bare))
    return posts


def more(rig_: Rig, count: int) -> list[Post]:
    """Save so many payments of the first merchant and sign a message for each."""
    wechat = WeChat(rig_.credentials)
    with rig_.house() as (runner, house):
        ids = [house.source.new_id() for _ in range(count)]
        runner.run(save_payments(house, rig_.paid, rig_.credentials[CHANNEL], ids))
    return [wechat.post(encode(payment_id)) for payment_id in ids]


def flood(rig_: Rig, seconds: float) -> dict[str, Any]:
    """Find the rate that server and worker hold, send twice as much, and look up all that was acknowledged."""
    held = asyncio.run(take_in(rig_, deque(more(rig_, round(seconds * MESSAGES_A_SECOND))), HELD_AT_ONCE, seconds))
    a_second = FLOOD_FACTOR * held["a_second"]
    posts = more(rig_, round(a_second * seconds))
    messages = [Message(json.loads(post.body)["id"], post.headers, post.body) for post in posts]
    waits = tuple(wait / WAITS_SHORTENED for wait in discover().sandboxes[CHANNEL].waits_seconds)
    flooded = Flood(rig_.base_url + rig_.paid.notification_path(), waits)
    asyncio.run(flooded.run(messages, a_second))
    with rig_.house() as (runner, house):
        rows = runner.run(house.database.single(KEPT, rig_.paid.merchant_id))
    lost = set(flooded.seconds) - {row["external_id"] for row in rows}
    report = flooded.report(len(messages), a_second)
    return {"held_a_second": held["a_second"], **report, "acknowledged_and_lost": len(lost)}


def warm_up(rig_: Rig, posts: deque[Post]) -> dict[str, Any]:
    """Take in the first messages, and learn from one what the server keeps."""
    asyncio.run(take_in(rig_, deque(posts.popleft() for _ in range(20)), 4, 1.0))
    rig_.analyse()
    with rig_.house() as (runner, house):
        rows = runner.run(house.database.single(EXAMPLE, rig_.paid.merchant_id))
    if not rows:
        raise SystemExit(POINTLESS)
    return dict(rows[0])


def measure(rig_: Rig, seconds: float) -> dict[str, Any]:
    """The whole run."""
    posts = deque(prepare(rig_, seconds))
    body, total = posts[0].body, len(posts)
    rig_.start_server("--no-worker")
    example, pgbench = warm_up(rig_, posts), Pgbench(rig_.urls, rig_.folder)
    rsa = raw_rsa(min(1.0, seconds))
    statements, levels = script(rig_.bare, example, body), list[dict[str, Any]]()
    for at_once in LEVELS:
        level = asyncio.run(take_in(rig_, posts, at_once, seconds))
        bare = pgbench.run(statements, at_once, seconds)["a_second"]
        levels.append({**level, "pgbench_a_second": bare, "ratio_to_pgbench": ratio(level["a_second"], bare)})
    best = max(level["a_second_of_server_cpu"] for level in levels)
    return {
        "cores": os.cpu_count(),
        "seconds_each": seconds,
        "taken_in": levels,
        "sql_of_a_notification": statements_in(statements),
        "applied": apply_all(rig_, total - len(posts)),
        "flooded": flood(rig_, seconds),
        "rsa_2048": {**rsa, "ratio_of_a_core_to_verifying_alone": ratio(best, rsa["verifies_a_second"])},
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of HTTP and pgbench, at 1 and 8 at once")
    seconds = parser.parse_args().seconds
    with rig() as built:
        report = measure(built, seconds)
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
