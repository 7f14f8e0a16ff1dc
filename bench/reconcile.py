"""Reconciliation: a WeChat Pay bill of 1,000,000 lines against as many payments and refunds, seconds and memory.

A process of its own takes the bill in and matches it, as the worker does: parse, COPY, match in PostgreSQL, post,
finish. The breaks that were seeded must be found exactly. Beside it DuckDB reads the same bill unpacked and joins it
with the same books from a Parquet file; it checks no cell and keeps nothing. Memory is the peak of our process and,
apart, of all of PostgreSQL's together (proportional set size).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from _bills import DAY
from _books import FEE_PERMYRIAD, KINDS, MIDNIGHT, SEEDED, Books, Whose
from _meter import cpu_seconds, peak_mib, ratio
from _rig import Rig, rig
from shunfu.app.settings import load
from shunfu.app.wiring import open_house
from shunfu.db.driver import session
from shunfu.kernel.ids import encode
from shunfu.merchants import read_key_file
from shunfu.reconcile import RunState, Stage, Supply, Wish, reconcile_day


def reconcile_here(told: list[str]) -> dict[str, Any]:
    """Reconcile in this process: seconds until the lines are in, seconds of matching, MiB, and what was found."""
    folder, app_url, bill, merchant, account = told
    settings = load({"data_folder": folder}, {})
    content = Path(bill).read_bytes()
    last: dict[Stage, float] = {}

    def watch(stage: Stage, _count: int) -> None:
        last[stage] = time.monotonic()

    async def work() -> dict[str, Any]:
        async with open_house(settings, app_url, read_key_file(settings.key_file)) as house:
            began = time.monotonic()
            wish = Wish(UUID(merchant), UUID(account), DAY, house.source.new_id(), "bench", FEE_PERMYRIAD)
            wish = replace(wish, supply=Supply(content))
            run = await reconcile_day(house.reconcile, wish, watch)
            ended = time.monotonic()
        if run.state is not RunState.DONE:
            raise SystemExit(f"the run ended {run.state}: {run.reason}")
        seconds = {"take_in": last["read"] - began, "match_and_post": ended - last["read"], "total": ended - began}
        rounded = {name: round(value, 1) for name, value in seconds.items()}
        processor = round(time.process_time(), 1)
        return {"seconds": rounded, "processor_seconds": processor, "mib": peak_mib(), "summary": run.summary}

    return asyncio.run(work())


@dataclass(slots=True)
class Peak:
    """The most memory that was seen, in MiB."""

    mib: float = 0.0


@contextlib.contextmanager
def watching(postmaster: int) -> Generator[Peak]:
    """Watch PostgreSQL's memory: every process's share of it together, five times a second."""
    peak, stop = Peak(), threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            peak.mib = max(peak.mib, sum(_share_mib(pid) for pid in _family(postmaster)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _family(postmaster: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=False)
    return [postmaster, *(int(pid) for pid in done.stdout.split())]


def _share_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except (OSError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def by_duckdb(plain: Path, books: Path) -> dict[str, Any]:
    """Read the plain bill and join it with the books: seconds, MiB, and how many numbers do not agree."""
    began = time.monotonic()
    base = duckdb.connect()
    base.execute("SET threads = 2")
    found = base.execute(DUCKDB_JOIN, {"bill": str(plain), "books": str(books)}).fetchone()
    assert found is not None, "a count has a row"
    return {"seconds": round(time.monotonic() - began, 1), "mib": peak_mib(), "numbers_that_differ": found[0]}


DUCKDB_JOIN = """
WITH cells AS (
    SELECT substr("商户订单号", 2) AS paid, substr("商户退款单号", 2) AS back, substr("应结订单金额", 2) AS amount,
           substr("退款金额", 2) AS refunded, substr("手续费", 2) AS fee
    FROM read_csv($bill, header = true, all_varchar = true, quote = '', null_padding = true)
    WHERE "交易时间" LIKE '`____-__-__ %'
), bill AS (
    SELECT CASE WHEN back = '0' THEN paid ELSE back END AS number,
           CASE WHEN back = '0' THEN amount::DECIMAL(18, 2) ELSE -refunded::DECIMAL(18, 2) END AS amount,
           fee::DECIMAL(18, 5) AS fee
    FROM cells
), lines AS (
    SELECT number, count(*) AS lines, min(amount) AS amount, max(fee) AS fee FROM bill GROUP BY number
)
SELECT count(*) FROM lines FULL JOIN read_parquet($books) AS books USING (number)
WHERE books.amount IS NULL OR lines.amount IS NULL OR lines.amount <> books.amount OR lines.lines > 1
   OR NOT books.is_today OR lines.amount > 0 AND lines.fee <> round(lines.amount * 0.006, 2)
"""


def export_books(built: Rig, folder: Path) -> Path:
    """What the books have of the day and of the evening before it, as a Parquet file."""
    told, parquet = folder / "books.csv", folder / "books.parquet"
    asyncio.run(_export(built, told))
    columns = {"number": "VARCHAR", "amount": "DECIMAL(18, 2)", "is_today": "BOOLEAN"}
    duckdb.read_csv(str(told), header=True, columns=columns).write_parquet(str(parquet))
    return parquet


async def _export(built: Rig, told: Path) -> None:
    async with session(built.urls.admin_url) as connection:
        rows = await connection.fetch(EXPORT)
    with told.open("w", encoding="ascii") as out:
        out.write("number,amount,is_today\n")
        out.writelines(f"{encode(row['id'])},{row['minor'] / 100:.2f},{row['at'] >= MIDNIGHT}\n" for row in rows)


EXPORT = """
SELECT payment_id AS id, captured_minor AS minor, captured_at AS at FROM shunfu.payments WHERE state = 'CAPTURED'
UNION ALL
SELECT refund_id, -amount_minor, succeeded_at FROM shunfu.refunds WHERE state = 'SUCCEEDED'
"""


def measure(rows: int) -> dict[str, Any]:
    """Fill the books, write the bill, reconcile, and let DuckDB do the comparison alone."""
    with rig() as built:
        whose = asyncio.run(_whose(built))
        books = Books(whose, rows)
        began = time.monotonic()
        books.fill(built.urls.admin_url)
        bill = built.folder / "bill.gz"
        books.write_bill(bill)
        made_seconds = time.monotonic() - began
        told = (str(built.folder), built.urls.app_url, str(bill), str(whose.merchant_id), str(whose.account_id))
        before = cpu_seconds(built.postmaster, with_children=True)
        with watching(built.postmaster) as peak:
            ours = _in_process("--here", *told)
        postgresql = {
            "postgresql_processor_seconds": round(cpu_seconds(built.postmaster, with_children=True) - before, 1),
            "postgresql_peak_mib": round(peak.mib),
        }
        _check(ours["summary"], books)
        theirs = _beside(built, bill)
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
        "plain_bill_mib": theirs.pop("bill_mib"),
        "making_the_books_seconds": round(made_seconds, 1),
        "ours": {**_told(ours, rows), **postgresql},
        "duckdb": theirs,
        "ratio_of_seconds": ratio(ours["seconds"]["total"], theirs["seconds"]),
        "breaks": books.expected,
        "statement_net_minor": ours["summary"]["equation"]["statement_net_minor"],
    }


def _told(ours: dict[str, Any], rows: int) -> dict[str, Any]:
    seconds = ours["seconds"]
    return {
        "seconds": seconds,
        "rows_a_second": round(rows / seconds["total"]),
        "processor_seconds": ours["processor_seconds"],
        "peak_mib": ours["mib"],
    }


def _check(summary: dict[str, Any], books: Books) -> None:
    """The seeded breaks and no other were found, and everything adds up."""
    found = {kind: told["count"] for kind, told in summary["breaks"].items()}
    if found != books.expected:
        raise SystemExit(f"seeded {books.expected}, found {found}")
    if summary["lines"] != books.rows or summary["equation"]["unexplained_minor"]:
        raise SystemExit(f"the run does not add up: {summary}")


def _beside(built: Rig, bill: Path) -> dict[str, Any]:
    plain = built.folder / "bill.csv"
    with gzip.open(bill) as packed, plain.open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 20)
    theirs = _in_process("--duckdb", str(plain), str(export_books(built, built.folder)))
    expected = sum(SEEDED for kind in (*KINDS, "missing_there"))
    if theirs["numbers_that_differ"] != expected:
        raise SystemExit(f"DuckDB found {theirs['numbers_that_differ']} numbers that differ, not {expected}")
    return {**theirs, "bill_mib": round(plain.stat().st_size / 2**20)}


def _in_process(*told: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, *told], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{told[0]} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


async def _whose(built: Rig) -> Whose:
    side = built.paid
    async with open_house(built.settings, built.urls.app_url, built.ring) as house, house.database.reading() as reader:
        account = await house.accounts.open(reader, side.merchant_id, side.account_id)
    assert account is not None, "the rig made it"
    return Whose(side.merchant_id, side.account_id, account.identity.account, account.identity.app)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="lines of the bill")
    parser.add_argument("--here", nargs=5, metavar=("FOLDER", "URL", "BILL", "MERCHANT", "ACCOUNT"))
    parser.add_argument("--duckdb", nargs=2, metavar=("BILL", "BOOKS"))
    told = parser.parse_args()
    if told.here:
        print(json.dumps(reconcile_here(told.here)))
    elif told.duckdb:
        print(json.dumps(by_duckdb(*(Path(path) for path in told.duckdb))))
    else:
        print(json.dumps(measure(told.rows), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
