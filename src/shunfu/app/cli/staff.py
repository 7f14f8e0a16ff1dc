"""`shunfu staff`: the people who work in the console."""

from __future__ import annotations

from typing import Annotated

import typer

from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(help="The people who work in the console.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def link(
    merchant: Annotated[str, typer.Option("--merchant", help="mer_…: one side of the organisation.")],
    role: Annotated[
        str, typer.Option("--role", help="owner, operator, finance, support, developer or viewer.")
    ] = "viewer",
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Make a link by which one person becomes staff. It works once, and for a day: hand it over privately.

    Example: shunfu staff link --merchant mer_… --role finance
    """
    from shunfu.app import commands, staffing

    report = staffing.staff_link(commands.settings_for(data, config), merchant, role)
    typer.echo(commands.written(report, output))


@app.command()
def disable(
    login_name: Annotated[str, typer.Argument(help="Whose login name.")],
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Put a person out: every session ends at once, and the name cannot log in again.

    Example: shunfu staff disable lin
    """
    from shunfu.app import commands, staffing

    report = staffing.disable(commands.settings_for(data, config), login_name)
    typer.echo(commands.written(report, output))


@app.command()
def reset(
    login_name: Annotated[str, typer.Argument(help="Whose login name.")],
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Make a link by which a person gets a new authenticator for a lost one; it asks for the password too.

    Every session of the person ends at once, and nobody logs in by the name until the link is used.

    Example: shunfu staff reset mei
    """
    from shunfu.app import commands, staffing

    report = staffing.reset(commands.settings_for(data, config), login_name)
    typer.echo(commands.written(report, output))
