"""`shunfu ledger`: the books by day as a table, and their proof against rooms and a second count."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from rich.console import Console
from rich.table import Table

from shunfu.app.commands import in_house
from shunfu.app.settings import Settings
from shunfu.app.wiring import House
from shunfu.db import Reader
from shunfu.gateway.wire import Json
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import PLATFORM, parse_public, public
from shunfu.kernel.money import Money
from shunfu.ledger import DAYS_MAX, LedgerDay, day_of, read_days
from shunfu.merchants import Merchant, get_merchant, list_merchants

SHOWN_DAYS = 7
"""So many days are shown when nothing else was asked for."""

HEAD = ("merchant", "day", "channel", "currency", "captured", "surplus", "refunded", "fees", "settled", "held")
WORDS = 4
"""The first columns are words, the others amounts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days of whose books: dates as typed, inclusive; None: the last seven days, every merchant and channel."""

    merchant: str | None = None
    first: str | None = None
    last: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A day of one merchant's books."""

    merchant: str
    day: LedgerDay


def show_days(settings: Settings, asked: Asked) -> list[Line]:
    """The days that were asked for, by merchant. Raises SetupFault for a wrong date or an unknown merchant."""

    async def work(house: House) -> list[Line]:
        first, last = span_of(asked, day_of(house.source.now()))
        async with house.database.reading() as reader:
            return [
                Line(public("mer", merchant.merchant_id), day)
                for merchant in await _merchants(reader, asked.merchant)
                for day in await read_days(reader, merchant.merchant_id, first, last, asked.channel)
            ]

    return in_house(settings, work)


def span_of(asked: Asked, today: date) -> tuple[date, date]:
    """The first and the last day. Raises SetupFault."""
    last = _date("--to", asked.last) if asked.last else today
    first = _date("--from", asked.first) if asked.first else last - timedelta(days=SHOWN_DAYS - 1)
    if not timedelta() <= last - first < timedelta(days=DAYS_MAX):
        raise SetupFault(f"From {first} to {last}: give at most {DAYS_MAX} days, the first of them with --from.")
    return first, last


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SetupFault(f"{option} {text!r} is no day; write it like 2026-11-28.") from error


async def _merchants(reader: Reader, name: str | None) -> list[Merchant]:
    if name is not None:
        merchant_id = parse_public("mer", name)
        found = await get_merchant(reader, merchant_id) if merchant_id else None
        if found is None:
            raise SetupFault(f"There is no merchant {name}.")
        return [found]
    everyone: list[Merchant] = []
    after = PLATFORM
    while page := await list_merchants(reader, after):
        everyone += page
        after = page[-1].merchant_id
    return everyone


def as_json(lines: Iterable[Line]) -> dict[str, Json]:
    """The lines for a program; amounts in minor units."""
    items: list[Json] = [
        {"merchant": line.merchant, **asdict(line.day), "day": line.day.day.isoformat()} for line in lines
    ]
    return {"time_zone": "Asia/Shanghai", "days": items}


def print_days(lines: Sequence[Line]) -> None:
    """A table on a terminal, elsewhere plain columns; amounts in major units."""
    rows = [_cells(line) for line in lines]
    if not sys.stdout.isatty():
        sys.stdout.write(_plain([HEAD, *rows]))
        return
    table = Table(caption="Days in China (UTC+8). Refunded is all that went back, of surplus too.")
    for place, name in enumerate(HEAD):
        table.add_column(name, justify="left" if place < WORDS else "right", no_wrap=place >= WORDS)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _cells(line: Line) -> tuple[str, ...]:
    day = line.day
    refunded = day.refunded_minor + day.surplus_refunded_minor + day.over_refunded_minor
    columns = (day.captured_minor, day.surplus_minor, refunded, day.fees_minor, day.settled_minor, day.held_minor)
    amounts = (Money(minor, day.currency).major() for minor in columns)
    return line.merchant, day.day.isoformat(), day.channel or "-", day.currency, *amounts


def _plain(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines: list[str] = []
    for row in rows:
        cells = [
            cell.ljust(width) if place < WORDS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
