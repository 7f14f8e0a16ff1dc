"""`shunfu reconcile`: a day of every account against its channel's statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shunfu.app.cli.flags import flags
from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class ReconcileFlags:
    """The options of `shunfu reconcile`."""

    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The channel's day, 2026-11-27.")]
    channel: Annotated[str | None, typer.Option("--channel", help="wechatpay; default: every channel.")] = None
    merchant: Annotated[str | None, typer.Option("--merchant", help="mer_…; default: every merchant.")] = None
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch anew, or take what is kept.")] = True
    file: Annotated[Path | None, typer.Option("--file", help="This statement of trades, as downloaded.")] = None
    fee_permyriad: Annotated[
        int | None, typer.Option("--fee-permyriad", min=0, max=10_000, help="The agreed fee: 60 is 0.60 %.")
    ] = None
    output: Format = "text"
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook: summary, breaks, equation.")] = None
    data: DataFolder = None
    config: Config = None


@app.command()
@flags(ReconcileFlags)
def reconcile(told: ReconcileFlags) -> None:
    """Compare a day with the channels' statements: payments, refunds, fees and the books, to the last fen.

    Exit codes: 0 nothing is open, 1 there are open breaks or a day is not there yet, 2 something must be set up first.

    Example: shunfu reconcile --date 2026-11-27 --channel wechatpay --xlsx day.xlsx
    """
    from shunfu.app import commands
    from shunfu.app import reconcile_report as report
    from shunfu.app.reconciling import Options
    from shunfu.app.reconciling import reconcile as carry_out

    day = told.day.date()
    options = Options(day, told.channel, told.merchant, told.fetch, told.file, told.fee_permyriad)
    found = carry_out(commands.settings_for(told.data, told.config), options)
    if told.xlsx is not None:
        report.write_report(told.xlsx, day, found)
    if told.output == "json":
        typer.echo(commands.written(report.as_json(day, found), told.output))
    else:
        for line in report.print_lines(found):
            typer.echo(line)
    raise SystemExit(0 if all(one.is_clean for one in found) else 1)
