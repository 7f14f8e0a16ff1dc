"""`shunfu ledger`: the books, shown and proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from shunfu.app.cli.flags import flags
from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(help="The books.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def check(output: Format = "text", data: DataFolder = None, config: Config = None) -> None:
    """Prove the books of every merchant: from their entries, by a second count, against payments and refunds.

    Example: shunfu ledger check --format json
    """
    from shunfu.app import commands

    proof = commands.check_ledger(commands.settings_for(data, config))
    typer.echo(commands.written(proof, output))
    raise SystemExit(0 if proof["ok"] else 1)


@dataclass(frozen=True, slots=True)
class ShowFlags:
    """The options of `shunfu ledger show`."""

    merchant: Annotated[str | None, typer.Option("--merchant", help="mer_…; default: every merchant.")] = None
    first: Annotated[str | None, typer.Option("--from", help="A day in China; default: six days before --to.")] = None
    last: Annotated[str | None, typer.Option("--to", help="The last day, included; default: today.")] = None
    channel: Annotated[str | None, typer.Option("--channel", help="wechatpay")] = None
    output: Format = "text"
    data: DataFolder = None
    config: Config = None


@app.command()
@flags(ShowFlags)
def show(told: ShowFlags) -> None:
    """Show what was captured, refunded, kept and paid out, by merchant, day in China and channel.

    Example: shunfu ledger show --merchant mer_… --from 2026-11-01 --to 2026-11-30 --channel wechatpay
    """
    from shunfu.app import books, commands

    asked = books.Asked(told.merchant, told.first, told.last, told.channel)
    lines = books.show_days(commands.settings_for(told.data, told.config), asked)
    if told.output == "json":
        typer.echo(commands.written(books.as_json(lines), told.output))
    else:
        books.print_days(lines)
