"""Log forging at the real edge (A52): whatever is in a path, a header or a subject, one request is one line."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, json, socket, sys
from urllib.parse import unquote
from fastapi import FastAPI, Request
from shunfu.app import logs
from shunfu.app.http.limits import Limits
from shunfu.app.http.peers import Peers, Proxies
from shunfu.app.http.problems import install
from shunfu.app.serve import serve_app
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy

logs.configure(sys.argv[1])
app = FastAPI()
install(app)

@app.get("/crash")
async def crash(request: Request) -> None:
    raise LookupError(unquote(request.url.query) + request.headers["user-agent"])

async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()
    source = Source(SystemClock(), SystemEntropy())
    def ready() -> None:
        print(listener.getsockname()[1], flush=True)
        asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: stop.set())
    await serve_app(Peers(Limits(app, source), Proxies()), listener, stop, ready)

asyncio.run(main())
"""
FORGED = "timestamp=2026-11-28 level=error event=forged"
HOSTILE = ("%0A", "%0D%0A", "%1B%5B2J%1B%5B31m", "%E2%80%A8", "%C2%85", "%00", "%0B", "%E2%80%AE")


def ask(port: int, target: str, header: bytes) -> bytes:
    head = f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nUser-Agent: "
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        line.sendall(head.encode() + header + b"\r\n\r\n")
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_one_request_is_one_line(log_format: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, log_format], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(process.stdout.readline())
        for hostile in HOSTILE:
            forged = FORGED.replace(" ", "%20")
            missing = ask(port, f"/no{hostile}{forged}", b"a\xe2\x80\xa8\xc2\x9b31m\x85")
            assert missing.startswith(b"HTTP/1.1 404 ")
            crashed = ask(port, f"/crash?{hostile}{forged}", b"\xc2\x85" + FORGED.encode())
            assert crashed.startswith(b"HTTP/1.1 500 ")
            assert b"LookupError" not in crashed
            assert b"forged" not in crashed
        assert ask(port, "/x", b"a\x1b[2J").startswith(b"HTTP/1.1 400 "), "a control is no header's"
        process.stdin.close()
        process.wait(30)
    lines = log.read_bytes().decode().removesuffix("\n").split("\n")
    requests = [line for line in lines if re.search(r"event='?request'?|\"event\": \"request\"", line)]
    assert len(requests) == 2 * len(HOSTILE)
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("timestamp=2026-11-28 ") for line in lines)
    if log_format == "json":
        events = [json.loads(line) for line in lines]
        assert {event["event"] for event in events if "logger" not in event} == {"request", "bug"}
        assert {event["logger"] for event in events if "logger" in event} == {"uvicorn.error"}
    else:
        assert all(line.startswith("timestamp=") for line in lines)
