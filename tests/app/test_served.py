"""What `up` serves, in a process of its own: the server within its bounds, and its metrics on a second listener."""

from __future__ import annotations

import http.client
import subprocess
import sys

from pages.serving import free_listener
from shunfu.db import Urls

SCRIPT = """
import sys
from shunfu.app import logs
from shunfu.app.settings import load
from shunfu.app.up import serve_house
from shunfu.kernel.ids import PLATFORM
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import KeyRing
from shunfu.merchants.envelope import Key

logs.configure("text")
ring = KeyRing({PLATFORM: Key(PLATFORM, Secret(b"k" * 32))}, PLATFORM, Signer(Secret(b"s" * 32)))
told = {"port": sys.argv[2], "metrics_port": sys.argv[3], "data_folder": sys.argv[4]}
told["public_url"] = "https://pay.example.com"
serve_house(load(told, {}), sys.argv[1], ring, lambda: print("ready", flush=True))
"""


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def free_port() -> int:
    listener, url = free_listener()
    listener.close()
    return int(url.rpartition(":")[2])


def test_server_and_metrics_side_by_side(database_urls: Urls, tmp_path: object) -> None:
    port, metrics_port = free_port(), free_port()
    command = [sys.executable, "-c", SCRIPT, database_urls.app_url, str(port), str(metrics_port), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            status, headers, _ = get(port, "/healthz")
            assert status == 200
            assert headers["strict-transport-security"] == "max-age=63072000"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert get(port, "/metrics")[0] == 404
            status, _, text = get(metrics_port, "/metrics")
            assert status == 200
            assert 'shunfu_http_request_seconds_count{method="GET",route="/healthz",status="2xx"} 1.0' in text
            assert "shunfu_database_up 1.0" in text
            assert get(metrics_port, "/metrics", "evil.example")[0] == 403
        finally:
            process.terminate()
        assert process.wait(30) == 0
