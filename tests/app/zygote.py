"""A process that has imported everything the command line needs and forks for each command: seconds saved a call.

Reads one JSON line a request, `{"words", "folder", "environment", "out", "err"}`, and answers with the exit code.
Each command still runs in a process of its own, with its own environment, folder and output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path

import shunfu.app.audit
import shunfu.app.books
import shunfu.app.commands
import shunfu.app.database
import shunfu.app.doctor
import shunfu.app.keys
import shunfu.app.ring
import shunfu.app.serve
import shunfu.app.settings
import shunfu.app.staffing
import shunfu.app.up
import shunfu.app.wiring  # noqa: F401
from shunfu.app.cli import main

SECONDS = 60


def run(asked: dict[str, object]) -> int:
    """The exit code of one command, run in a child."""
    child = os.fork()
    if child == 0:
        os._exit(obey(asked))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def obey(asked: dict[str, object]) -> int:
    """In the child: be the command, and say how it ended."""
    signal.alarm(SECONDS)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(str(asked[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(Path(str(asked["folder"])))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[arg-type]
    sys.argv = ["shunfu", *asked["words"]]  # type: ignore[misc]
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
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)
