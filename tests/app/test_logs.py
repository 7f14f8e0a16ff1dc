"""A log line is one line whatever is in it: nobody outside can forge a second one, and a traceback stays on its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, structlog
from shunfu.app import logs
from shunfu.kernel.secret import Secret
logs.configure(sys.argv[1])
log = structlog.stdlib.get_logger("test")
for text in json.loads(sys.argv[2]):
    log.info("told", path=text, nested={"inner": [text]}, key=Secret("canary-2c9f"))
    try:
        raise ValueError(text)
    except ValueError as error:
        log.error("bug", exc_info=error)
    structlog.contextvars.bind_contextvars(request=text)
    log.warning(text)
    structlog.contextvars.clear_contextvars()
log.debug("too quiet")
"""
FORGED = "timestamp=2026 level=error event=forged"
HOSTILE = [
    f"a\n{FORGED}",
    f"a\r\n{FORGED}",
    f"a\r{FORGED}",
    f"a\x0b{FORGED}\x0c\x1c\x1d\x1e",
    f"a\x85{FORGED}",
    f"a\u2028{FORGED}\u2029",
    "\x1b[2J\x1b[31mred\x07\x08",
    "a\0b",
    "\ud800 alone",
    "\u202e right to left",
    "a' event='forged",
    "普通的一行",
]


def run(log_format: str, texts: list[str]) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, log_format, json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert done.stdout == b""
    return done.stderr.decode("utf-8").splitlines()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_event_is_one_printable_line(log_format: str) -> None:
    lines = run(log_format, HOSTILE)
    assert len(lines) == 3 * len(HOSTILE)
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith(("timestamp=2026 ", '{"forged')) for line in lines)
    assert all("ValueError" in line and "Traceback" in line for line in lines[1::3])
    assert "canary-2c9f" not in "".join(lines)
    assert "too quiet" not in "".join(lines)
    assert "普通的一行" in lines[-1]


def test_a_line_of_json_is_json() -> None:
    for number, line in enumerate(run("json", HOSTILE)):
        told = json.loads(line)
        assert told.get("path", HOSTILE[number // 3]) == HOSTILE[number // 3]
        assert told["timestamp"].endswith("Z")
        assert told["level"] in {"info", "warning", "error"}
        assert told["event"] in {"told", "bug", HOSTILE[number // 3]}


def test_a_line_of_text_begins_with_time_level_and_event() -> None:
    first, *_ = run("text", ["plain"])
    keys = [word.partition("=")[0] for word in first.split(" ") if "=" in word]
    assert keys[:3] == ["timestamp", "level", "event"]
