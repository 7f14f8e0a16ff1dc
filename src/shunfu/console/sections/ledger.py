"""The ledger: what every account holds, the days, and the newest transfers, with the proof that both sides agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from shunfu.checkout.kit import Say, either
from shunfu.console.api import Asked, ConsoleTools, Done, Guard, Section, acted, part_of, shown
from shunfu.console.exports import Export, Rows, add_export, china_time
from shunfu.console.kit import ActForm, Frame, Label, Listing, MenuEntry, second_text
from shunfu.console.model import EXPORT_ROWS, PAGE_ROWS
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, page_links, render_panels
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import StateConflict
from shunfu.kernel.ids import encode, public
from shunfu.kernel.money import Money
from shunfu.kernel.plain import SHANGHAI, amount_text
from shunfu.ledger import Balance, LedgerDay, LedgerLine, prove, read_balances, read_days, read_transfers

PATH = "/console/ledger"
READ = frozenset({"ledger:read"})
DAYS_SHOWN = 31
_PAYMENTS = frozenset({"capture", "capture_surplus"})
_REFUNDS = frozenset({"refund", "refund_surplus", "refund_over"})


@dataclass(frozen=True, slots=True)
class Books:
    """A merchant's books at one moment: what every account holds, the last days, a page of transfers."""

    balances: Sequence[Balance]
    days: Sequence[LedgerDay]
    lines: Sequence[LedgerLine]


def render_ledger(frame: Frame, books: Books, listing: Listing, label: Label) -> str:
    """The books as HTML."""
    say = frame.say
    prove_it = ActForm(f"{PATH}/prove", say("console.ledger.prove"), say("console.ledger.prove.text"))
    page = PanelPage(
        title=say("console.ledger"),
        export=f"{PATH}/export",
        main=(
            _balances(frame, books.balances),
            _days(frame, books.days, label),
            _transfers(frame, books.lines),
            Panel(say("console.ledger.proof"), acts=(prove_it,)),
        ),
        pages=page_links(frame, listing, PATH),
    )
    return render_panels(frame, "ledger", page)


def _balances(frame: Frame, balances: Sequence[Balance]) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(_account(frame, one.code), note=one.code),
            Cell(_money(one.debit_minor, one.currency)),
            Cell(_money(one.credit_minor, one.currency)),
            Cell(_money(one.balance_minor, one.currency)),
        )
        for one in balances
    ]
    names = ("account", "debit", "credit", "balance")
    columns = [Column(say(f"console.ledger.column.{name}"), name != "account") for name in names]
    return Panel(say("console.ledger.balances"), columns=columns, rows=rows, empty=_empty(frame))


def _days(frame: Frame, days: Sequence[LedgerDay], label: Label) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(day.day.isoformat(), note=frame.word(label(day.channel)) if day.channel else "—"),
            Cell(_money(day.captured_minor + day.surplus_minor, day.currency)),
            Cell(_money(day.refunded_minor + day.surplus_refunded_minor + day.over_refunded_minor, day.currency)),
            Cell(_money(day.fees_minor, day.currency)),
            Cell(_money(day.settled_minor, day.currency)),
            Cell(_money(day.held_minor, day.currency)),
        )
        for day in reversed(days)
    ]
    names = ("day", "captured", "refunded", "fees", "settled", "held")
    columns = [Column(say(f"console.ledger.column.{name}"), name != "day") for name in names]
    return Panel(say("console.ledger.days"), say("console.ledger.days.of", days=DAYS_SHOWN), columns=columns, rows=rows)


def _transfers(frame: Frame, lines: Sequence[LedgerLine]) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(either(say, f"console.ledger.recipe.{one.recipe}", "console.ledger.recipe.other"), _cause(one)),
            Cell(one.debit, is_code=True),
            Cell(one.credit, is_code=True),
            Cell(amount_text(one.amount)),
            Cell(second_text(one.happened_at)),
        )
        for one in lines
    ]
    names = ("recipe", "debit", "credit", "amount", "when")
    columns = [Column(say(f"console.ledger.column.{name}"), name == "amount") for name in names]
    return Panel(say("console.ledger.transfers"), columns=columns, rows=rows, empty=_empty(frame))


def _empty(frame: Frame) -> Empty:
    return Empty("book", frame.say("console.ledger.none"), frame.say("console.ledger.none.text"))


_ACCOUNTS: Mapping[str, str] = {
    "channel_receivable": "console.ledger.account.channel_receivable",
    "sales": "console.ledger.account.sales",
    "owed_to_shoppers": "console.ledger.account.owed_to_shoppers",
    "over_refunded": "console.ledger.account.over_refunded",
    "fees": "console.ledger.account.fees",
    "bank": "console.ledger.account.bank",
}


def _account(frame: Frame, code: str) -> str:
    """An account in words; one that has none by its code."""
    key = _ACCOUNTS.get(code.partition(":")[0])
    return frame.say(key) if key else code


def _cause(line: LedgerLine) -> str:
    """The page of the payment or the refund that a transfer came of."""
    if line.recipe in _PAYMENTS:
        return f"/console/payments/{public('pay', line.reference_id)}"
    return f"/console/refunds/{public('rfd', line.reference_id)}" if line.recipe in _REFUNDS else ""


def _money(minor: int, currency: str) -> str:
    return amount_text(Money(minor, currency))


async def look_at_books(tools: ConsoleTools, merchant_id: UUID, before: UUID) -> Books:
    """A merchant's books, and transfers with an id below `before`: one more than a page where older ones follow."""
    last = tools.payments.now().astimezone(SHANGHAI).date()
    async with tools.payments.database.reading() as reader:
        return Books(
            await read_balances(reader, merchant_id),
            await read_days(reader, merchant_id, last - timedelta(days=DAYS_SHOWN - 1), last),
            await read_transfers(reader, merchant_id, before, PAGE_ROWS + 1),
        )


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of the ledger."""
    add_export(router, tools, _export(tools))

    @router.get("/ledger")
    async def ledger(request: Request) -> Response:
        """Balances, days and transfers."""

        async def draw(request: Request, frame: Frame) -> str:
            merchant_id = frame.visitor.caller.merchant_id
            part = part_of(tools, request, merchant_id, "transfers")
            books = await look_at_books(tools, merchant_id, part.before)
            lines, listing = part.cut(books.lines, lambda line: line.transfer_id)
            return render_ledger(frame, Books(books.balances, books.days, lines), listing, tools.label)

        return await shown(tools, request, READ, draw)

    @router.post("/ledger/prove")
    async def prove_books(request: Request) -> Response:
        """Add up every entry, and say whether debits and credits agree in each transaction."""

        async def act(asked: Asked) -> Done:
            async with tools.payments.database.reading() as reader:
                proof = await prove(reader, asked.visitor.caller.merchant_id)
            if proof.unbalanced:
                raise StateConflict("The books do not balance.")
            return Done(PATH, "books_balance")

        return await acted(tools, request, Guard("ledger:read", PATH), act)


COLUMNS = ("transfer", "recipe", "about", "debit", "credit", "amount", "currency", "time")


def _export(tools: ConsoleTools) -> Export:
    def columns(say: Say) -> list[str]:
        return [say(f"console.column.{name}") for name in COLUMNS]

    async def rows(request: Request, frame: Frame) -> Rows:
        del request
        merchant_id, before = frame.visitor.caller.merchant_id, FIRST
        while found := await _transfers_below(tools, merchant_id, before):
            for one in found:
                ids, money = (encode(one.transfer_id), one.recipe, encode(one.reference_id)), one.amount
                codes = one.debit, one.credit
                yield (*ids, *codes, money.major(), money.currency, china_time(one.happened_at))
            before = found[-1].transfer_id

    return Export("/ledger/export", "ledger", READ, columns, rows)


async def _transfers_below(tools: ConsoleTools, merchant_id: UUID, before: UUID) -> Sequence[LedgerLine]:
    async with tools.payments.database.reading() as reader:
        return await read_transfers(reader, merchant_id, before, EXPORT_ROWS)


SECTION = Section(MenuEntry("ledger", PATH, "console.ledger", "book", READ, "console.group.money"), add_routes)
