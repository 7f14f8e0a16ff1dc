"""How long nobody can pay after kill -9 of the server, and of PostgreSQL, under load; beside what cannot be avoided.

Clients buy all the time (an order, a payment at the sandbox) and begin anew when they get no answer. A process is
killed, and the time runs until the first purchase that was begun after the kill is answered. The server is started
again at once, as a supervisor does; PostgreSQL by its own. Beside it, in the same run:

- for the server: importing it in a fresh interpreter, which every start pays;
- for PostgreSQL: its own recovery, from its log: from the first line of the new postmaster to "ready to accept
  connections". What is above that is the supervisor's pause, the pool's, and the client's.

At the end every payment that was answered is looked up in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from _meter import ratio
from _rig import CHANNEL, Rig, rig
from shunfu.db import Query
from shunfu.kernel.ids import encode

ORDER = {"amount_minor": 2800, "currency": "CNY", "subject": "手冲咖啡"}
PAYMENT = {"method": f"{CHANNEL}/miniprogram", "payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
CLIENTS = 4
PAUSE_SECONDS = 0.01
WARM_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
STAMP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC")
SAVED = Query("saved", "SELECT payment_id FROM payments WHERE merchant_id = $1", "Every payment that is there.")


@dataclass(slots=True)
class Buying:
    """Clients that never stop: for each purchase that was answered, when it began, when it ended, and the payment."""

    rig: Rig
    is_over: bool = False
    done: list[tuple[float, float, str]] = field(default_factory=list[tuple[float, float, str]])
    unanswered: int = 0

    async def run(self) -> None:
        """Buy until it is over."""
        connector = aiohttp.TCPConnector(limit=0)
        limit = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:
            await asyncio.gather(*(self._client(session) for _ in range(CLIENTS)))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while not self.is_over:
            began = time.monotonic()
            order = await self._post(session, "/v1/orders", ORDER)
            payment = await self._post(session, f"/v1/orders/{order['id']}/payments", PAYMENT) if order else None
            if payment is not None and payment["state"] == "PENDING":
                self.done.append((began, time.monotonic(), payment["id"]))
            else:
                self.unanswered += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _post(self, session: aiohttp.ClientSession, path: str, body: object) -> dict[str, Any] | None:
        """The answer when it is 201; what a client does with others is to begin anew."""
        headers = {"Authorization": f"Bearer {self.rig.paid.api_key}", "Idempotency-Key": uuid4().hex}
        try:
            async with session.post(self.rig.base_url + path, json=body, headers=headers) as answer:
                return await answer.json() if answer.status == 201 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def next_after(self, moment: float) -> float:
        """Seconds from a moment to the end of the first purchase that was begun after it."""
        ends = moment + PATIENCE_SECONDS
        while time.monotonic() < ends:
            later = [end for begin, end, _ in self.done if begin > moment]
            if later:
                return min(later) - moment
            await asyncio.sleep(PAUSE_SECONDS)
        raise SystemExit(f"nobody could pay for {PATIENCE_SECONDS:g} s after the kill")


def kill_server(rig_: Rig) -> None:
    """kill -9 of the server, and another one at once."""
    assert rig_.server is not None, "the server runs"
    rig_.server.kill()
    rig_.server.wait()
    rig_.server = None
    rig_.start_server()


def kill_postgres(rig_: Rig) -> None:
    """kill -9 of the postmaster; its supervisor, in this process, starts another."""
    pid = int((rig_.folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)


async def blow(buying: Buying, kill: Callable[[Rig], None]) -> float:
    """Seconds without payments after one kill under load."""
    await asyncio.sleep(WARM_SECONDS)
    began = time.monotonic()
    await asyncio.to_thread(kill, buying.rig)
    return await buying.next_after(began)


def own_recovery_seconds(log: Path, offset: int) -> float:
    """PostgreSQL's own recovery, by its log after a place: from its first line to being ready."""
    lines = [line for line in log.read_bytes()[offset:].decode("utf-8", "replace").splitlines() if STAMP.match(line)]
    begins = next(line for line in lines if "starting PostgreSQL" in line)
    ready = next(line for line in lines if "ready to accept connections" in line)
    return (_moment(ready) - _moment(begins)).total_seconds()


def _moment(line: str) -> datetime:
    found = STAMP.match(line)
    assert found is not None, "only lines with a time are looked at"
    return datetime.fromisoformat(found[1])


def import_seconds() -> float:
    """Importing the server in a fresh interpreter."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import shunfu.app.up"], check=True)
    return time.monotonic() - began


async def measure(rig_: Rig, rounds: int) -> dict[str, Any]:
    """Every kill, then whether all that was answered is there."""
    rig_.start_server()
    buying, log = Buying(rig_), rig_.folder / "postgres" / "postgres.log"
    load = asyncio.create_task(buying.run())
    server = [await blow(buying, kill_server) for _ in range(rounds)]
    postgres: list[float] = []
    own: list[float] = []
    for _ in range(rounds):
        offset = log.stat().st_size
        postgres.append(await blow(buying, kill_postgres))
        own.append(own_recovery_seconds(log, offset))
    await asyncio.sleep(WARM_SECONDS)
    buying.is_over = True
    await load
    imports = [await asyncio.to_thread(import_seconds) for _ in range(rounds)]
    return {
        "cores": os.cpu_count(),
        "clients": CLIENTS,
        "kills_each": rounds,
        "server": _beside(server, imports, "importing_the_server_seconds"),
        "postgresql": _beside(postgres, own, "its_own_recovery_seconds"),
        "purchases_answered": len(buying.done),
        "purchases_not_answered": buying.unanswered,
    } | {"answered_and_lost": await asyncio.to_thread(lost, rig_, buying)}


def _beside(measured: list[float], limit: list[float], name: str) -> dict[str, Any]:
    median, least = statistics.median(measured), statistics.median(limit)
    return {
        "seconds_to_the_first_payment": round(median, 2),
        "worst": round(max(measured), 2),
        name: round(least, 2),
        "ratio": ratio(median, least),
    }


def lost(rig_: Rig, buying: Buying) -> int:
    """How many payments were answered and are not in the database."""
    with rig_.house() as (runner, house):
        rows = runner.run(house.database.single(SAVED, rig_.paid.merchant_id))
    there = {f"pay_{encode(row['payment_id'])}" for row in rows}
    return len({payment_id for _, _, payment_id in buying.done} - there)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=3, help="of each kind")
    told = parser.parse_args()
    with rig() as built:
        report = asyncio.run(measure(built, told.kills))
    print(json.dumps(report, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
