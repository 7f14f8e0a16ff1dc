"""Runs the sandbox: binds 127.0.0.1, loads or makes its states, publishes credentials, serves until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shunfu.app.sandbox.host import AnyStand, Host, Stand
from shunfu.app.sandbox.keeping import credentials_text, read_states, write_private
from shunfu.app.sandbox.web import build_app
from shunfu.app.serve import listen, serve_app, until_stopped
from shunfu.driver import discover
from shunfu.driver.registry import AnySandbox
from shunfu.gateway.sandbox import Pace, Sandbox
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What `shunfu sandbox` was asked for; port 0 picks a free one.

    `credentials` is written (mode 0600) once the port listens; `state` keeps keys and orders between runs; `notify_key`
    says which of a channel's keys signs notifications, for the channels that have such a choice.
    """

    port: int
    credentials: Path
    state: Path
    clock_speed: float = 1.0
    notify_key: str = "order"
    return_origins: tuple[str, ...] = ()


def run(options: SandboxOptions) -> None:
    """Serve a stand-in for every channel until SIGINT or SIGTERM. Raises SetupFault when it cannot start."""
    source = Source(SystemClock(), SystemEntropy())
    with listen("127.0.0.1", options.port) as listener:
        host = Host(begin(options, discover().sandboxes, source), options.state, source)
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
    described = {name: stand.sandbox.verbs.describe(stand.state, base_url) for name, stand in host.stands.items()}
    write_private(credentials, credentials_text(base_url, described))
    sys.stdout.write(f"sandbox listens on {base_url}, credentials in {credentials}\n")
    sys.stdout.flush()


def begin(options: SandboxOptions, sandboxes: Mapping[str, AnySandbox], source: Source) -> list[AnyStand]:
    """Every sandbox under this run's settings, with its kept state or else a new one. Raises SetupFault."""
    _check(options, sandboxes)
    kept = _read(options.state, sandboxes)
    pace = next((sandboxes[name].verbs.get_pace(state) for name, state in kept.items()), Pace())
    return [_stand(sandbox, kept.get(name), (options, pace, source)) for name, sandbox in sandboxes.items()]


def _check(options: SandboxOptions, sandboxes: Mapping[str, AnySandbox]) -> None:
    choices = dict.fromkeys(key for sandbox in sandboxes.values() for key in sandbox.notify_keys)
    if options.notify_key not in choices:
        raise SetupFault(f"--notify-key must be one of {', '.join(choices)}.")
    if not 0.001 <= options.clock_speed <= 1e6:
        raise SetupFault("--clock-speed must be between 0.001 and 1000000.")


def _read(path: Path, sandboxes: Mapping[str, AnySandbox]) -> dict[str, object]:
    """The kept states by channel; none when there is no file yet."""
    try:
        texts = read_states(path.read_text(encoding="utf-8"))
        return {name: sandbox.verbs.read_state(texts[name]) for name, sandbox in sandboxes.items() if name in texts}
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise SetupFault(f"Cannot read {path} ({error}); move it away to begin anew.") from None


def _stand(sandbox: Sandbox[S], kept: S | None, under: tuple[SandboxOptions, Pace, Source]) -> Stand[S]:
    """One sandbox under this run's settings; a new one joins the others at their business time."""
    (options, pace, source), verbs = under, sandbox.verbs
    now = source.now()
    state = verbs.create_state(now, source.entropy.take(32)) if kept is None else kept
    advance_seconds = (pace.offset_ms - verbs.get_pace(state).offset_ms) / 1000
    state = verbs.set_clock(state, options.clock_speed, advance_seconds, now)
    if options.notify_key in sandbox.notify_keys:
        state = verbs.set_notify_key(state, options.notify_key)
    return Stand(sandbox, state)
