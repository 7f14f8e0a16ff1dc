"""Runs the sandbox: binds 127.0.0.1, loads or makes its states, publishes credentials, serves until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shunfu.app.sandbox.dice import Dice
from shunfu.app.sandbox.host import AnyStage, Host
from shunfu.app.sandbox.keeping import Kept, credentials_text, read_kept, write_private
from shunfu.app.sandbox.web import build_app
from shunfu.app.serve import listen, serve_app, until_stopped
from shunfu.driver import discover
from shunfu.driver.registry import AnySandbox
from shunfu.gateway.sandbox import read_stage
from shunfu.gateway.sandbox import stage as stages
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What `shunfu sandbox` was asked for; port 0 picks a free one.

    `credentials` is written (mode 0600) once the port listens; `state` keeps keys and orders between runs; `notify_key`
    says which of a channel's keys signs notifications, for the channels that have such a choice (None leaves it). With
    a `seed` all randomness but the making of RSA keys comes from it.
    """

    port: int
    credentials: Path
    state: Path
    clock_speed: float = 1.0
    notify_key: str | None = None
    return_origins: tuple[str, ...] = ()
    seed: str | None = None


def run(options: SandboxOptions) -> None:
    """Serve a stand-in for every channel until SIGINT or SIGTERM. Raises SetupFault when it cannot start."""
    source = Source(SystemClock(), SystemEntropy())
    with listen("127.0.0.1", options.port) as listener:
        host = begin(options, discover().sandboxes, source)
        host.save()
        until_stopped(lambda stop: _serve(host, options, listener, stop))


async def _serve(host: Host, options: SandboxOptions, listener: socket.socket, stop: asyncio.Event) -> None:
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(host.run())
    running.add_done_callback(lambda _: stop.set())
    try:
        app = build_app(host, options.return_origins)
        await serve_app(app, listener, stop, lambda: _publish(host, options.credentials, base_url))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        host.save()


def _publish(host: Host, credentials: Path, base_url: str) -> None:
    described = {name: stage.sandbox.verbs.describe(stage.state, base_url) for name, stage in host.stages.items()}
    write_private(credentials, credentials_text(base_url, described))
    sys.stdout.write(f"sandbox listens on {base_url}, credentials in {credentials}; control page {base_url}/sandbox\n")
    sys.stdout.flush()


def begin(options: SandboxOptions, sandboxes: Mapping[str, AnySandbox], source: Source) -> Host:
    """A host of every sandbox under this run's settings, each with its kept state or else a new one.

    Raises SetupFault.
    """
    _check(options, sandboxes)
    kept = _read(options.state)
    dice = Dice(options.seed, source.entropy, kept.steps)
    begun = [_stage(sandbox, kept, (options, dice, source)) for sandbox in sandboxes.values()]
    offset_ms = next((stage.pace.offset_ms for stage in begun if stage.sandbox.name in kept.texts), 0)
    return Host([_under(options, stage, offset_ms, source) for stage in begun], options.state, source, dice)


def _check(options: SandboxOptions, sandboxes: Mapping[str, AnySandbox]) -> None:
    choices = dict.fromkeys(key for sandbox in sandboxes.values() for key in sandbox.notify_keys)
    if options.notify_key is not None and options.notify_key not in choices:
        raise SetupFault(f"--notify-key must be one of {', '.join(choices)}.")
    if not 0.001 <= options.clock_speed <= 1e6:
        raise SetupFault("--clock-speed must be between 0.001 and 1000000.")


def _read(path: Path) -> Kept:
    """The kept states; none when there is no file yet."""
    try:
        return read_kept(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Kept()
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: ValueError | OSError) -> SetupFault:
    return SetupFault(f"Cannot read {path} ({error}); move it away to begin anew.")


def _stage(sandbox: AnySandbox, kept: Kept, under: tuple[SandboxOptions, Dice, Source]) -> AnyStage:
    """The kept stage of a sandbox, or a new one."""
    options, dice, source = under
    text = kept.texts.get(sandbox.name)
    try:
        return read_stage(sandbox, text) if text else stages.create(sandbox, source.now(), dice.roll(sandbox.name))
    except ValueError as error:
        raise _unreadable(options.state, error) from None


def _under(options: SandboxOptions, stage: AnyStage, offset_ms: int, source: Source) -> AnyStage:
    """A stage under this run's settings; a new one joins the others at their business time."""
    advance_seconds = (offset_ms - stage.pace.offset_ms) / 1000
    stage = stages.set_clock(stage, options.clock_speed, advance_seconds, source.now())
    key = options.notify_key
    return stages.switch_key(stage, key) if key is not None and key in stage.sandbox.notify_keys else stage
