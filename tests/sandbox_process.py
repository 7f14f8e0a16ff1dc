"""Runs the sandbox as a process of its own, and catches the notifications that it sends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from shunfu.gateway.flow import Reply, Request


@dataclass
class Sandbox:
    process: subprocess.Popen[str]
    folder: Path
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def wechatpay(self) -> dict[str, str]:
        return self.credentials["wechatpay"]

    @property
    def base_url(self) -> str:
        return self.wechatpay["base_url"]

    def control(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        content = b"" if body is None else json.dumps(body).encode()
        reply = send(Request(method, f"{self.credentials['control_url']}/{path}", (), content))
        return reply.status, json.loads(reply.body)

    def of(self, channel: str) -> dict[str, str]:
        """A channel's credentials."""
        return self.credentials[channel]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.communicate(timeout=20)
        return self.process.returncode


def spawn(folder: Path, return_origins: tuple[str, ...] = (), **options: object) -> Sandbox:
    """`shunfu sandbox` with these options."""
    given: dict[str, object] = {
        "port": 0,
        "credentials": folder / "credentials.json",
        "state": folder / "state.json",
        "clock_speed": 20.0,
        **options,
    }
    told = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    told += [text for origin in return_origins for text in ("--return-origin", origin)]
    command = [sys.executable, "-m", "shunfu", "sandbox", *told]
    return Sandbox(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), folder)


@contextmanager
def sandbox(folder: Path, return_origins: tuple[str, ...] = (), **options: object) -> Iterator[Sandbox]:
    """A sandbox that listens; its credentials are read."""
    path = folder / "credentials.json"
    path.unlink(missing_ok=True)
    started = spawn(folder, return_origins, **options)
    try:
        wait_until(lambda: path.exists() or started.process.poll() is not None, 30)
        assert path.exists(), started.process.communicate()[1]
        started.credentials = json.loads(path.read_text(encoding="utf-8"))
        yield started
    finally:
        started.stop()


def wait_until(is_done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def send(request: Request) -> Reply:
    """One HTTP request, redirects not followed."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(request.method, target, request.body or None, dict(request.headers))
        reply = connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, headers, reply.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Caught:
    path: str
    headers: Mapping[str, str]
    body: bytes


class Catcher:
    """A merchant's server that keeps what it gets and answers with the statuses it was given, then 200."""

    def __init__(self) -> None:
        self.caught: list[Caught] = []
        self.statuses: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def notify_url(self) -> str:
        return f"{self.base_url}/notify"

    def wait(self, count: int = 1, seconds: float = 10) -> list[Caught]:
        wait_until(lambda: len(self.caught) >= count, seconds)
        return self.caught

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        catcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                catcher.caught.append(Caught(self.path, dict(self.headers.items()), body))
                status = catcher.statuses.pop(0) if catcher.statuses else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("location", f"{catcher.base_url}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        return Handler
