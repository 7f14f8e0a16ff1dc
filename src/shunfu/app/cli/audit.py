"""`shunfu audit`: who did what to what, and the proof that nobody changed it afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(help="The audit log.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show(
    merchant: Annotated[str, typer.Option("--merchant", help="mer_…, or platform.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many rows, the newest first.")] = 20,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Show who did what to what.

    Example: shunfu audit show --merchant mer_… --limit 50
    """
    from shunfu.app import audit, commands

    report = audit.show_audit(commands.settings_for(data, config), merchant, limit)
    typer.echo(commands.written(report, output))


@app.command()
def verify(
    anchors: Annotated[Path | None, typer.Option("--anchors", help="An anchor file; default: the configured.")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Prove that nothing was edited, removed, inserted, reordered or cut off, for every merchant.

    Only anchors that the database's owner cannot write tell that a whole chain was written anew. Exit code 1: the
    report says which row and what was done to it.

    Example: shunfu audit verify --anchors /mnt/elsewhere/audit-anchors.jsonl --format json
    """
    from shunfu.app import audit, commands

    report = audit.verify_audit_log(commands.settings_for(data, config), anchors)
    typer.echo(commands.written(report, output))
    raise SystemExit(0 if report["ok"] else 1)


@app.command()
def anchor(
    to: Annotated[Path, typer.Option("--to", help="The file to append to.")],
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Append where every chain ends to a file, and print the root over all of them.

    `shunfu up` does it daily to the configured file; copy it, or the root, to where the database's owner cannot write.

    Example: shunfu audit anchor --to /mnt/elsewhere/audit-anchors.jsonl
    """
    from shunfu.app import audit, commands

    report = audit.anchor_audit(commands.settings_for(data, config), to)
    typer.echo(commands.written(report, output))
