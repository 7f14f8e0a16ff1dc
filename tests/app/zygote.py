"""A process that has imported everything the command line needs and forks for each command: seconds saved a call.

Reads one JSON line a request, `{"words", "folder", "environment", "out", "err"}`, and answers with the exit code.
Each command still runs in a process of its own, with its own environment, folder and output.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from typing import TypedDict

from shunfu.app.cli import main

COMMANDS = ("audit", "books", "commands", "database", "doctor", "keys", "ring", "serve", "staffing", "up", "wiring")
"""Modules of `shunfu.app` that commands import when they are called; here they are there already."""
SECONDS = 60


class Asked(TypedDict):
    """One command: its words, where and with what it runs, and the files for its output."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    out: str
    err: str


def run(asked: Asked) -> int:
    """The exit code of one command, run in a child."""
    child = os.fork()
    if child == 0:
        os._exit(obey(asked))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def obey(asked: Asked) -> int:
    """In the child: be the command, and say how it ended."""
    signal.alarm(SECONDS)
    for number, file in ((1, asked["out"]), (2, asked["err"])):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["shunfu", *asked["words"]]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:  # noqa: BLE001  # what the interpreter itself would do with it
        traceback.print_exc()
        return 1
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    for name in COMMANDS:
        importlib.import_module(f"shunfu.app.{name}")
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)
