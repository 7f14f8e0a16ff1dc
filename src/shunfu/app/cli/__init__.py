"""The command line. A command imports its room when it is called, so that `--help` answers at once."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

import shunfu
from shunfu.app.cli import audit, backup, hooks, keys, ledger, reconcile, staff
from shunfu.app.cli.flags import flags
from shunfu.app.cli.options import Config, DataFolder, Format

EXIT_SETUP = 2
HELP = """Shunfu 顺付: take payments in mini programs, on your own server.

Begin with: shunfu demo

Exit codes: 0 done, 1 a check failed, 2 something must be set up first (the message says what).
"""
app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would print local variables, and with them secrets
)
merchant_app = typer.Typer(help="Merchants and their keys.", no_args_is_help=True, rich_markup_mode=None)
account_app = typer.Typer(help="A merchant's accounts at channels.", no_args_is_help=True, rich_markup_mode=None)
signature_app = typer.Typer(
    help="The signature workbench. Exit codes: 0 it holds, 1 it does not, 2 the input is not enough.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(signature_app, name="signature")
app.add_typer(merchant_app, name="merchant")
app.add_typer(account_app, name="account")
app.add_typer(ledger.app, name="ledger")
app.add_typer(audit.app, name="audit")
app.add_typer(backup.app, name="backup")
app.add_typer(staff.app, name="staff")
app.add_typer(keys.app, name="keys")
app.add_typer(hooks.app)
app.add_typer(reconcile.app)


def main() -> None:
    """The entry point: faults of the set-up are one line and exit code 2."""
    from shunfu.kernel.errors import Fault

    try:
        app()
    except Fault as fault:
        fail(str(fault))


def fail(message: str) -> NoReturn:
    """One line that says what to do, exit code 2."""
    sys.stderr.write(f"shunfu: {message}\n")
    raise SystemExit(EXIT_SETUP)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options of every command."""
    if version:
        typer.echo(f"shunfu {shunfu.__version__}")
        raise typer.Exit


@app.command()
def demo(
    check: Annotated[bool, typer.Option("--check", help="Buy once over HTTP, print JSON, stop.")] = False,
    info: Annotated[Path | None, typer.Option("--info", help="Write what a tester needs to this file.")] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Where the demo keeps its data.")] = None,
    port: Annotated[int, typer.Option("--port", help="First of three ports; 0 picks free ones.")] = 8700,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the shop in a browser.")] = True,
) -> None:
    """A shop, a server and a sandbox on this machine: buy something with one tap.

    Example: shunfu demo --check
    """
    from shunfu.app.demo.run import DemoOptions, run_demo

    raise SystemExit(run_demo(DemoOptions(check, info, folder, port, browser)))


@app.command()
def up(
    user: Annotated[str | None, typer.Option("--user", help="As root: the user to become.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port to listen on.")] = None,
    public_url: Annotated[str | None, typer.Option("--public-url", help="Where channels reach us.")] = None,
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Run server and worker, with the embedded database unless SHUNFU_DATABASE_URL names one.

    Example: shunfu up --user shunfu --public-url https://pay.example.com
    """
    from shunfu.app.up import run_up

    flags = {"user": user, "host": host, "port": port, "public_url": public_url, "data_folder": _text(data)}
    run_up(flags, config)


@dataclass(frozen=True, slots=True)
class SandboxFlags:
    """The options of `shunfu sandbox`."""

    credentials: Annotated[Path, typer.Option("--credentials", help="Where to write the credentials (JSON, 0600).")]
    port: Annotated[int, typer.Option("--port", help="The port to listen on; 0 picks a free one.")] = 8701
    state: Annotated[Path | None, typer.Option("--state", help="Where it keeps its state.")] = None
    clock_speed: Annotated[float, typer.Option("--clock-speed", help="How fast its clock runs.")] = 1.0
    notify_key: Annotated[str | None, typer.Option("--notify-key", help="Which of its keys a channel signs with.")] = (
        None
    )
    return_origin: Annotated[list[str] | None, typer.Option("--return-origin", help="Where sheets lead back.")] = None
    seed: Annotated[str | None, typer.Option("--seed", help="Draw all but RSA keys from this, to repeat a run.")] = None


@app.command()
@flags(SandboxFlags)
def sandbox(told: SandboxFlags) -> None:
    """A stand-in for every channel: any client can be pointed at it. No real money. Its control page is /sandbox.

    With --seed a run repeats: the same calls in the same order get the same numbers and the same drawn faults. RSA keys
    are OpenSSL's own and stay in the state file: begin from a copy of that file to repeat the keys too.

    Example: shunfu sandbox --port 8701 --credentials sandbox.json
    """
    from shunfu.app.sandbox.command import SandboxOptions, run

    kept = told.state or told.credentials.with_suffix(".state.json")
    origins = tuple(told.return_origin or ())
    run(SandboxOptions(told.port, told.credentials, kept, told.clock_speed, told.notify_key, origins, told.seed))


@app.command("demo-part", hidden=True)
def demo_part(
    name: Annotated[str, typer.Argument(help="server, sandbox or shop.")],
    config: Annotated[Path, typer.Option("--config", help="The demo's own file for this part.")],
) -> None:
    """One process of the demo; `shunfu demo` starts it."""
    from importlib import import_module

    from shunfu.app.demo.parts import told_by

    import_module(f"shunfu.app.demo.part_{name}").run(told_by(config))


@app.command()
def migrate(data: DataFolder = None, config: Config = None) -> None:
    """Bring the database's schema to this version.

    Example: SHUNFU_DATABASE_URL=postgresql://… shunfu migrate
    """
    from shunfu.app import commands

    typer.echo(commands.migrate(commands.settings_for(data, config)))


@dataclass(frozen=True, slots=True)
class DoctorFlags:
    """The options of `shunfu doctor`."""

    output: Format = "text"
    live: Annotated[str | None, typer.Option("--live", help="Walk to a first real payment at this channel.")] = None
    credentials: Annotated[Path | None, typer.Option("--credentials", help="With --live: the account's file.")] = None
    ask: Annotated[bool, typer.Option("--ask", help="With --live: ask the channel about a number never used.")] = False
    language: Annotated[Literal["zh-CN", "en", "both"], typer.Option("--lang", help="With --live.")] = "both"
    data: DataFolder = None
    config: Config = None


@app.command()
@flags(DoctorFlags)
def doctor(told: DoctorFlags) -> None:
    """Check configuration, clock, keys and database, and say what to do.

    With --live it is the checklist for a merchant's first real payment of one fen: what can be checked from here is
    checked, and what only a real account can prove is said to be so.

    Example: shunfu doctor --format json

    Example: shunfu doctor --live wechatpay --credentials wechatpay.json
    """
    from shunfu.app.doctor import examine, print_report

    given = {"data_folder": _text(told.data)}
    if told.live is None:
        raise SystemExit(print_report(examine(given, told.config), told.output))

    from shunfu.app import logs
    from shunfu.app.live import LiveOptions, walk

    logs.configure("text", level=logging.ERROR)
    options = LiveOptions(told.live, told.credentials, told.ask, told.language, told.output)
    raise SystemExit(walk(options, given, told.config))


Channel = Annotated[str, typer.Argument(help="The channel, such as wechatpay.")]
Input = Annotated[Path, typer.Option("--input", help='The message as a JSON object; "-" is standard input.')]
Speech = Annotated[Literal["zh-CN", "en", "both"], typer.Option("--lang", help="The language of the reason.")]


@signature_app.command("sign")
def signature_sign(channel: Channel, message: Input, language: Speech = "both") -> None:
    """Print the exact text that is signed, and its signature with the given key.

    Example: shunfu signature sign wechatpay --input message.json
    """
    from shunfu.app.signature import work

    raise SystemExit(work("sign", channel, message, language))


@signature_app.command("verify")
def signature_verify(channel: Channel, message: Input, language: Speech = "both") -> None:
    """Say whether a message's signature holds; if not, which step fails and the likeliest cause.

    Example: shunfu signature verify wechatpay --input message.json
    """
    from shunfu.app.signature import work

    raise SystemExit(work("verify", channel, message, language))


@signature_app.command("decrypt")
def signature_decrypt(channel: Channel, message: Input, language: Speech = "both") -> None:
    """Print the plaintext of what a message carries encrypted.

    Example: shunfu signature decrypt wechatpay --input message.json
    """
    from shunfu.app.signature import work

    raise SystemExit(work("decrypt", channel, message, language))


@merchant_app.command("create")
def merchant_create(
    name: Annotated[str, typer.Option("--name", help="The name that shoppers see.")],
    return_origin: Annotated[list[str] | None, typer.Option("--return-origin", help="https://shop.example.com")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Found an organisation: a test and a live merchant, an API key each, shown this once.

    Example: shunfu merchant create --name 山前咖啡 --return-origin https://shop.example.com
    """
    from shunfu.app import commands

    made = commands.create_merchant(commands.settings_for(data, config), name, tuple(return_origin or ()))
    typer.echo(commands.written(made, output))


@merchant_app.command("key")
def merchant_key(
    merchant: Annotated[str, typer.Option("--merchant", help="mer_…")],
    label: Annotated[str, typer.Option("--label", help="What the key is for.")],
    capability: Annotated[list[str] | None, typer.Option("--capability", help="What it may do; default: all.")] = None,
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Issue one more API key, shown this once: a large refund needs two, one that asks and one that approves.

    Example: shunfu merchant key --merchant mer_… --label approvals --capability refunds:approve
    """
    from shunfu.app import commands

    settings = commands.settings_for(data, config)
    made = commands.issue_key(settings, merchant, label, tuple(capability or ()))
    typer.echo(commands.written(made, output))


@account_app.command("add")
def account_add(
    merchant: Annotated[str, typer.Option("--merchant", help="mer_…")],
    channel: Annotated[str, typer.Option("--channel", help="wechatpay")],
    credentials: Annotated[Path, typer.Option("--credentials", help="A JSON file of the channel's credentials.")],
    output: Format = "text",
    data: DataFolder = None,
    config: Config = None,
) -> None:
    """Give a merchant an account at a channel; the credentials are sealed before they are stored.

    Example: shunfu account add --merchant mer_… --channel wechatpay --credentials wechatpay.json
    """
    from shunfu.app import commands

    settings = commands.settings_for(data, config)
    made = commands.add_account(settings, merchant, channel, credentials)
    typer.echo(commands.written(made, output))


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
