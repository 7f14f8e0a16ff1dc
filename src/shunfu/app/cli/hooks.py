"""The commands for webhooks: `shunfu listen` and `shunfu trigger`. Each imports its room when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from shunfu.app.cli.flags import flags
from shunfu.app.cli.options import Format

app = typer.Typer(rich_markup_mode=None)
Info = Annotated[Path | None, typer.Option("--info", help="The file that `shunfu demo --info` wrote.")]
Url = Annotated[str | None, typer.Option("--url", help="Where the API is, as https://pay.example.com.")]
Key = Annotated[str | None, typer.Option("--key", help="An API key of the test side.", envvar="SHUNFU_TEST_KEY")]


@dataclass(frozen=True, slots=True)
class ListenFlags:
    """The options of `shunfu listen`."""

    info: Info = None
    url: Url = None
    key: Key = None
    forward_to: Annotated[str | None, typer.Option("--forward-to", help="Send each to this server as well.")] = None
    events: Annotated[str | None, typer.Option("--events", help="Only these types: order.paid,order.closed")] = None
    secret: Annotated[str | None, typer.Option("--secret", help="whsec_… to sign with; default: a fresh one.")] = None
    since: Annotated[str | None, typer.Option("--since", help="Begin after this message (evt_…); default: now.")] = None
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False


@app.command()
@flags(ListenFlags)
def listen(told: ListenFlags) -> None:
    """Print webhooks as they happen, and forward them to a server on this machine. Ctrl-C ends it.

    Nothing is registered and no public address is needed: what is forwarded is signed with a secret that is printed
    first, and is byte for byte what an endpoint is sent.

    Example: shunfu listen --info demo.json --forward-to http://127.0.0.1:3000/hook
    """
    from shunfu.app import logs
    from shunfu.app.listen import ListenOptions, run_listen
    from shunfu.app.remote import target_of

    logs.configure("text", level=40)
    types = frozenset(name.strip() for name in (told.events or "").split(",") if name.strip())
    target = target_of(told.info, told.url, told.key)
    raise SystemExit(run_listen(ListenOptions(target, told.forward_to, types, told.secret, told.since, told.is_json)))


@app.command()
def trigger(
    event: Annotated[str | None, typer.Argument(help="The event, such as order.paid.")] = None,
    info: Info = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the events that can be made to happen.")] = False,
    output: Format = "text",
) -> None:
    """Make an event really happen at a test side, and wait for its webhook: exit code 1 if it does not come in 30 s.

    Example: shunfu trigger order.paid --info demo.json
    """
    from shunfu.app import commands
    from shunfu.app import trigger as room
    from shunfu.app.remote import target_of

    if listing or event is None:
        typer.echo("\n".join(room.DEEDS))
        raise typer.Exit(0 if listing else 2)
    done = room.trigger(target_of(info, None, None), event)
    typer.echo(commands.written(done.report(event), output))
    raise SystemExit(0 if done.message is not None else 1)
