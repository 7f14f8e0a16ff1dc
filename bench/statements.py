"""Reading bills: rows a second and memory for 1,000,000 rows of each channel, beside the least that any reader must do.

A bill in the channel's own form is written to a temporary file, packed as it travels. A process of its own reads it
through the channel's port, line by line, every cell checked and the totals compared. The limit is the same bytes
unpacked and split: by csv.reader where the form has commas, into lines where it has fixed widths. Seconds are of
processor time. Memory is the peak above what the process had before the file came in; the packed file is part of it.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _bills import DAY, WRITERS, Bill, plain
from _meter import peak_mib, ratio
from shunfu.driver.registry import discover
from shunfu.gateway.contract.rig import BASE_URL, NOW
from shunfu.gateway.statement import StatementFile, StatementOf

CHARSETS = {"wechatpay": "utf-8-sig", "alipay": "gbk"}
"""In which charset the channels with commas write; the others have fixed widths."""


def read(name: str, path: Path, credentials: Path) -> dict[str, float]:
    """Read a bill through the port, in this process: rows, seconds and MiB."""
    channel = discover().channels[name]
    settings = channel.load(json.loads(credentials.read_text("utf-8")))
    before = peak_mib(afresh=True)
    file = StatementFile(StatementOf(DAY, "trade"), path.read_bytes())
    began = time.process_time()
    rows = sum(1 for _ in channel.statements.read_statement(settings, file))
    return {"rows": rows, "seconds": time.process_time() - began, "mib": peak_mib() - before}


def split(name: str, path: Path) -> float:
    """Seconds that unpacking and splitting the same bytes take."""
    began = time.process_time()
    with plain(path) as source:
        charset = CHARSETS.get(name)
        rows = csv.reader(io.TextIOWrapper(source, charset, newline="")) if charset else io.BufferedReader(source)  # type: ignore[arg-type]  # any binary reader will do
        for _ in rows:
            pass
    return time.process_time() - began


def measure(name: str, rows: int, folder: Path) -> dict[str, Any]:
    """One channel: write, read in another process, split."""
    registry = discover()
    sandbox = registry.sandboxes[name]
    given = sandbox.verbs.describe(sandbox.verbs.create_state(NOW, secrets.token_bytes(32)), BASE_URL).client
    credentials, path = folder / "credentials.json", folder / name
    credentials.write_text(json.dumps(dict(given)), "utf-8")
    channel = registry.channels[name]
    identity = channel.identity(channel.load(given))
    WRITERS[name](Bill(identity.account, identity.app, rows), path)
    command = [sys.executable, __file__, "--read", name, str(path), str(credentials)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the bill of {name} was not read: {done.stderr[-600:]}")
    took, bare = json.loads(done.stdout), split(name, path)
    if took["rows"] != rows:
        raise SystemExit(f"the bill of {name} has {rows} rows, and {took['rows']} were read")
    packed = path.stat().st_size
    path.unlink()
    return {
        "rows_a_second": round(rows / took["seconds"]),
        "bare_split_rows_a_second": round(rows / bare),
        "ratio_to_bare_split": ratio(bare, took["seconds"]),
        "peak_mib": round(took["mib"], 1),
        "of_these_packed_file_mib": round(packed / 2**20, 1),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each bill")
    parser.add_argument("--read", nargs=3, metavar=("CHANNEL", "FILE", "CREDENTIALS"), help="read one bill, here")
    told = parser.parse_args()
    if told.read:
        name, path, credentials = told.read
        print(json.dumps(read(name, Path(path), Path(credentials))))
        return
    with tempfile.TemporaryDirectory(prefix="shunfu-bench-") as folder:
        names = [name for name in discover().channels if name in WRITERS]
        channels = {name: measure(name, told.rows, Path(folder)) for name in names}
    print(json.dumps({"cores": os.cpu_count(), "rows": told.rows, "channels": channels}, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
