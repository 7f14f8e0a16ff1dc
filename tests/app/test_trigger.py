"""`shunfu trigger`: each event really happens at a running demo, and its webhook reaches a registered endpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from shunfu.app.remote import target_of
from shunfu.app.trigger import DEEDS, trigger
from shunfu.kernel.errors import SetupFault
from system.running import RunningDemo, start_demo, wait_until


@pytest.fixture(scope="module")
def demo(open_folder: Path) -> Iterator[RunningDemo]:
    folder = open_folder / "trigger"
    folder.mkdir(mode=0o755)
    started = start_demo(folder)
    yield started
    started.stop()


class Hook(BaseHTTPRequestHandler):
    """A shop's server in a thread: takes everything, remembers the bodies."""

    bodies: list[dict[str, Any]]

    def do_POST(self) -> None:
        type(self).bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def told(demo: RunningDemo) -> Iterator[list[dict[str, Any]]]:
    """What a registered endpoint on this machine was told."""
    Hook.bodies = []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    code, made = demo.api("POST", "/v1/webhook_endpoints", {"url": f"http://127.0.0.1:{server.server_port}/"})
    assert code == 201, made
    yield Hook.bodies
    server.shutdown()
    server.server_close()


def info_of(demo: RunningDemo) -> Path:
    return demo.folder.parent / "info.json"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shunfu", "trigger", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize("event", DEEDS)
def test_the_event_happens_and_is_told(demo: RunningDemo, told: list[dict[str, Any]], event: str) -> None:
    done = run(event, "--info", str(info_of(demo)), "--format", "json")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert (report["ok"], report["event"]) == (True, event)
    assert report["order"].startswith("ord_")
    assert report["message"].startswith("evt_")
    wait_until(lambda: any(body["id"] == report["message"] for body in told), f"the webhook {event}")
    body = next(body for body in told if body["id"] == report["message"])
    assert (body["type"], body["subject"], body["sequence"]) == (event, report["order"], report["sequence"])
    sequences = [one["sequence"] for one in told if one["subject"] == report["order"]]
    assert list(dict.fromkeys(sequences)) == sorted(set(sequences)), "no older state after a newer one"
    if event.startswith("refund."):
        assert body["data"]["refund_id"] == report["refund"]


def test_the_list_names_what_can_happen() -> None:
    done = run("--list")
    assert (done.returncode, done.stdout.split()) == (0, list(DEEDS))


def test_an_event_that_cannot_be_made_is_said(demo: RunningDemo) -> None:
    done = run("payment.surplus", "--info", str(info_of(demo)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "order.paid" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_sandbox_nothing_can_be_paid(demo: RunningDemo) -> None:
    target = target_of(None, demo.info["base_url"], demo.info["api_key"])
    with pytest.raises(SetupFault, match="--info"):
        trigger(target, "order.paid")
    assert trigger(target, "order.closed").message is not None
