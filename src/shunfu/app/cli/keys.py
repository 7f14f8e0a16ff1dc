"""`shunfu keys`: the installation's keys, their rotation, and merchants' API keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from shunfu.app.cli.flags import flags
from shunfu.app.cli.options import Config, DataFolder, Format

app = typer.Typer(help="Keys: how old they are, new ones for old ones.", no_args_is_help=True, rich_markup_mode=None)
api_app = typer.Typer(help="A merchant's API keys.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(api_app, name="api")
MerchantOption = Annotated[str, typer.Option("--merchant", help="mer_…")]


@app.command("list")
def list_all(
    merchant: Annotated[str | None, typer.Option("--merchant", help="mer_…; default: the installation's own.")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Show which keys there are, since when, until when, and what they are used for. Never a key.

    Example: shunfu keys list --merchant mer_…
    """
    from shunfu.app import commands, keys

    report = keys.list_keys(commands.settings_for(data, config), merchant)
    typer.echo(commands.written(report, output))


@app.command()
def rotate(
    data_keys: Annotated[bool, typer.Option("--data-keys", help="New data keys for every merchant.")] = False,
    signing: Annotated[bool, typer.Option("--signing", help="A new key for payment links and cursors.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Drop the old keys that nothing needs.")] = False,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Put a new key encryption key into the key file and wrap everything with it; a server may run meanwhile.

    After a crash run it again: it finishes what was begun. Back up the key file before and after.

    Example: shunfu keys rotate

    Example: shunfu keys rotate --retire
    """
    from shunfu.app import commands, keys

    options = keys.RotateOptions(data_keys, signing, retire)
    report = keys.rotate(commands.settings_for(data, config), options)
    typer.echo(commands.written(report, output))


@app.command()
def extend(
    to: Annotated[Path, typer.Option("--to", help="The new file, mode 0600.")],
    promote: Annotated[bool, typer.Option("--promote", help="Add none: use those that were added before.")] = False,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Write the keys with a new key encryption key and signing key to a new file: for keys in SHUNFU_KEYS.

    The new keys open and verify only, until --promote; restart every server with the new text before each next step.

    Example: shunfu keys extend --to ring.json

    Example: shunfu keys extend --promote --to ring2.json
    """
    from shunfu.app import commands, keys

    report = keys.extend(commands.settings_for(data, config), to, is_promoting=promote)
    typer.echo(commands.written(report, output))


@dataclass(frozen=True, slots=True)
class IssueFlags:
    """The options of `shunfu keys api issue`."""

    merchant: MerchantOption
    label: Annotated[str, typer.Option("--label", help="What the key is for.")]
    capability: Annotated[list[str] | None, typer.Option("--capability", help="What it may do; default: all.")] = None
    days: Annotated[int | None, typer.Option("--days", min=1, max=3650, help="How long; default: api_key_days.")] = None
    output: Format = "text"
    data: DataFolder = None
    config: Config = None


@api_app.command("issue")
@flags(IssueFlags)
def issue(told: IssueFlags) -> None:
    """Issue an API key, shown this once.

    Example: shunfu keys api issue --merchant mer_… --label approvals --capability refunds:approve --days 90
    """
    from shunfu.app import commands, keys
    from shunfu.merchants import ALL_CAPABILITIES, NewKey

    settings = commands.settings_for(told.data, told.config)
    capabilities = frozenset(told.capability or ()) or ALL_CAPABILITIES
    wish = NewKey(told.label, capabilities, days=told.days or settings.whole("api_key_days"))
    typer.echo(commands.written(keys.issue_key(settings, told.merchant, wish), told.output))


@api_app.command("list")
def list_api(merchant: MerchantOption, output: Format = "text", data: DataFolder = None, config: Config = None) -> None:
    """Show a merchant's API keys, revoked and expired ones too.

    Example: shunfu keys api list --merchant mer_…
    """
    from shunfu.app import commands, keys

    report = keys.list_merchant_keys(commands.settings_for(data, config), merchant)
    typer.echo(commands.written(report, output))


@api_app.command()
def revoke(
    merchant: MerchantOption,
    key: Annotated[str, typer.Argument(help="key_…, as `shunfu keys api list` shows it.")],
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Revoke an API key: its next request is answered 401.

    Example: shunfu keys api revoke --merchant mer_… key_…
    """
    from shunfu.app import commands, keys

    report = keys.revoke_key(commands.settings_for(data, config), merchant, key)
    typer.echo(commands.written(report, output))
