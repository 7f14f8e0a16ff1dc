"""`shunfu reconcile`: compare a day of every account with its channel's statement, show progress, report.

Also gives every account its daily job when the server starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from shunfu.app.commands import in_house
from shunfu.app.progress import progress_bars, watched
from shunfu.app.settings import Settings
from shunfu.app.wiring import House
from shunfu.db import Transaction
from shunfu.kernel.cursor import FIRST
from shunfu.kernel.errors import SetupFault, StateConflict
from shunfu.kernel.ids import PLATFORM, parse_public
from shunfu.merchants import COMMAND_LINE, get_merchant, list_merchants
from shunfu.reconcile import (
    Break,
    BreakPage,
    Run,
    RunState,
    Supply,
    Watch,
    Wish,
    begin_daily,
    list_breaks,
    reconcile_day,
)

BREAKS_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """What to reconcile. Without a channel or a merchant it is every one's; a file needs one account."""

    day: date
    channel: str | None = None
    merchant: str | None = None
    is_fetched: bool = True
    file: Path | None = None
    fee_permyriad: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account at which channel."""

    merchant_id: UUID
    account_id: UUID
    channel: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How an account's day ended: its run, or why there is none, and the breaks that it found."""

    account: Account
    run: Run | None
    reason: str | None
    breaks: tuple[Break, ...] = ()

    @property
    def state(self) -> str:
        """The run's state; FAILED without one."""
        return self.run.state.value if self.run else RunState.FAILED.value

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for anybody to do."""
        summary = self.run.summary if self.run and self.run.state is RunState.DONE else None
        return summary is not None and summary["open_breaks"] == 0


def reconcile(settings: Settings, options: Options) -> list[Reconciled]:
    """Reconcile, with progress on a terminal's standard error. Raises SetupFault with what to do."""
    content = _content(options)
    with progress_bars() as progress:

        async def work(house: House) -> list[Reconciled]:
            accounts = await chosen(house, options)
            if content is not None and len(accounts) != 1:
                raise SetupFault("A file is one account's statement: name it with --merchant and --channel.")
            overall = progress.add_task("accounts", total=len(accounts))
            found: list[Reconciled] = []
            for account in accounts:
                with watched(progress, account.channel) as watch:
                    found.append(await reconcile_account(house, account, options, (content, watch)))
                progress.advance(overall)
            return found

        return in_house(settings, work)


async def chosen(house: House, options: Options) -> list[Account]:
    """The accounts to reconcile. Raises SetupFault when there are none."""
    found: list[Account] = []
    async with house.database.reading() as reader:
        for merchant_id in await _merchants(house, options):
            found += [
                Account(merchant_id, account_id, channel)
                for account_id, channel in await house.accounts.named(reader, merchant_id)
                if options.channel in {None, channel}
            ]
    if not found:
        raise SetupFault("There is no such account; `shunfu account add` gives a merchant one.")
    return found


async def reconcile_account(
    house: House, account: Account, options: Options, supplied: tuple[bytes | None, Watch]
) -> Reconciled:
    """Reconcile one account's day. An account that cannot be opened, or is busy, keeps none of the others back."""
    content, watch = supplied
    wish = Wish(
        account.merchant_id,
        account.account_id,
        options.day,
        house.source.new_id(),
        COMMAND_LINE,
        options.fee_permyriad,
        Supply(content, options.is_fetched),
    )
    try:
        run = await reconcile_day(house.reconcile, wish, watch)
    except (StateConflict, SetupFault) as error:
        return Reconciled(account, None, str(error))
    found = await _breaks_of(house, account.merchant_id, run) if run.state is RunState.DONE else []
    return Reconciled(account, run, run.reason, tuple(found))


async def begin_reconciling(house: House) -> None:
    """Give every account its daily job, at the start of a server; one that has it is looked at now."""
    for merchant_id in await _every_merchant(house):

        async def story(tx: Transaction, merchant_id: UUID = merchant_id) -> None:
            for account_id, _ in await house.accounts.named(tx, merchant_id):
                await begin_daily(house.reconcile, tx, merchant_id, account_id)

        await house.database.transact(story)


async def _merchants(house: House, options: Options) -> Sequence[UUID]:
    if options.merchant is None:
        return await _every_merchant(house)
    merchant_id = parse_public("mer", options.merchant)
    async with house.database.glancing() as reader:
        if merchant_id is None or await get_merchant(reader, merchant_id) is None:
            raise SetupFault(f"There is no merchant {options.merchant!r}; `shunfu merchant create` printed it (mer_…).")
    return [merchant_id]


async def _every_merchant(house: House) -> list[UUID]:
    found: list[UUID] = []
    after = PLATFORM
    async with house.database.reading() as reader:
        while page := await list_merchants(reader, after):
            found += [merchant.merchant_id for merchant in page]
            after = page[-1].merchant_id
    return found


async def _breaks_of(house: House, merchant_id: UUID, run: Run) -> list[Break]:
    found: list[Break] = []
    before = FIRST
    while page := await list_breaks(house.reconcile, merchant_id, BreakPage(before, BREAKS_A_PAGE, run_id=run.run_id)):
        found += page
        before = page[-1].break_id
    return found


def _content(options: Options) -> bytes | None:
    if options.file is None:
        return None
    try:
        return options.file.read_bytes()
    except OSError as error:
        raise SetupFault(f"The statement {options.file} cannot be read: {error.strerror}.") from error
