"""`shunfu backup`: take, prove and restore backups of the embedded database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(help="Backups of the embedded database.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def now(
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="How many to keep; default: backup_keep.")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Take a base backup, beside the log that is archived all the time. The key file is not in it.

    Exit code 1: it was taken, but the log does not arrive in the archive.

    Example: shunfu backup now --keep 14
    """
    from shunfu.app import backup, commands

    with _bar(output) as progress:
        report = backup.back_up(backup.own_settings(data, config), keep, progress)
    typer.echo(commands.written(report, output))
    raise SystemExit(0 if report["ok"] else 1)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="The backup; default: the newest.")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Prove a backup: checksums, a log without a gap, a real recovery in a scratch folder, and its books.

    Example: shunfu backup verify --format json
    """
    from shunfu.app import backup, commands

    report = backup.verify_backup(backup.own_settings(data, config), name)
    typer.echo(commands.written(report, output))
    raise SystemExit(0 if report["ok"] else 1)


@app.command()
def restore(
    to: Annotated[str, typer.Option("--to", help="A time with its zone, as 2026-11-28T14:30:00+08:00, or latest.")],
    name: Annotated[str | None, typer.Option("--backup", help="The backup to begin from; default: the best.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Take it over also if a check fails.")] = False,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Put the database back to a moment. Stop `shunfu up` first; the old data is kept beside the new.

    No money leaves afterwards until each open payment and refund has been asked about at its channel.

    Example: shunfu backup restore --to 2026-11-28T14:30:00+08:00
    """
    from shunfu.app import backup, commands

    order = backup.Order(to, name, anyway)
    report = backup.restore_backup(backup.own_settings(data, config), order)
    typer.echo(commands.written(report, output))
    raise SystemExit(0 if report["ok"] else 1)


@app.command()
def restored(output: Format = "text", data: DataFolder = None, config: Config = None) -> None:
    """Say that a database of yours was restored with its own tools: money waits until the channels were asked.

    Example: SHUNFU_DATABASE_URL=postgresql://… shunfu backup restored
    """
    from shunfu.app import backup, commands

    report = backup.note_restored(commands.settings_for(data, config))
    typer.echo(commands.written(report, output))


@contextmanager
def _bar(output: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on a terminal; elsewhere nothing is printed."""
    if output == "json" or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("base backup", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("base backup", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
