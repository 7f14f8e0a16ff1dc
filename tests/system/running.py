"""A demo as a user starts it: separate processes over HTTP, ended by their ids."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60.0
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that must come about; patience is long, so that a slow machine is not a failure."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.05)


def request(method: str, url: str, headers: dict[str, str], body: object = None) -> tuple[int, Any]:
    """One HTTP request; the answer's JSON value, or None."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        told = {"content-type": "application/json", **headers}
        connection.request(method, target, None if body is None else json.dumps(body), told)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in b"{[" and text else None
    finally:
        connection.close()


@dataclass
class RunningDemo:
    """A demo that is up, and what its `--info` file says."""

    process: subprocess.Popen[str]
    folder: Path
    info: dict[str, Any] = field(default_factory=dict)

    def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A call with the merchant's key."""
        headers = {"authorization": f"Bearer {self.info['api_key']}"}
        if method == "POST":
            headers["idempotency-key"] = uuid.uuid4().hex
        return request(method, self.info["base_url"] + path, headers, body)

    def control(self, path: str, body: object = None) -> tuple[int, Any]:
        """A call to the sandbox's control API."""
        return request("GET" if body is None else "POST", f"{self.info['control_url']}/{path}", {}, body)

    def pending(self) -> tuple[str, str]:
        """A new order with a pending payment: (order id, payment id)."""
        status, order = self.api("POST", "/v1/orders", {"amount_minor": 8600, "currency": "CNY", "subject": "咖啡豆"})
        assert status == 201, order
        wish = {"method": "wechatpay/miniprogram", "payer": OPENID}
        status, payment = self.api("POST", f"/v1/orders/{order['id']}/payments", wish)
        assert (status, payment["state"]) == (201, "PENDING"), payment
        return order["id"], payment["id"]

    def is_paid(self, order_id: str) -> bool:
        """Whether the order is paid; False while the server cannot answer."""
        try:
            status, order = self.api("GET", f"/v1/orders/{order_id}")
        except OSError:
            return False
        return status == 200 and order["state"] == "PAID"

    def child(self, name: str) -> int:
        """The process id of one of the demo's parts, or of its PostgreSQL."""
        for process in Path("/proc").glob("[0-9]*"):
            pid = process.name
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if name == "postgres" and words[0].endswith(b"/postgres") and str(self.folder).encode() in b" ".join(words):
                return int(pid)
            if b"demo-part" in words and name.encode() in words and str(self.folder).encode() in b" ".join(words):
                return int(pid)
        raise AssertionError(f"the demo has no process {name}")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop as Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode


def start_demo(folder: Path) -> RunningDemo:
    """Start a demo on free ports and wait for its info file."""
    path = folder / "info.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "shunfu", "demo", "--port", "0", "--no-browser"]
    command += ["--folder", str(folder / "demo"), "--info", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    demo = RunningDemo(process, folder / "demo")
    wait_until(lambda: path.exists() or process.poll() is not None, "the demo's info file")
    assert path.exists(), process.communicate()
    demo.info = json.loads(path.read_text())
    return demo
