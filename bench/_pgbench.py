"""pgbench on our own statements: the texts of `queries.sql`, each `$n` replaced by an SQL expression.

pgbench is the limit that a program in any language has on this server: a C client that prepares the statements once and
does nothing between them. A new id is `:id_<letter>`, made from a counter, so that ids rise as ours do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from shunfu.db import Query, Urls
from shunfu.db.embedded.account import choose_account
from shunfu.db.embedded.binaries import find_binaries
from shunfu.db.embedded.settings import EmbeddedSettings

_ARGUMENT = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"--[^\n]*")
_RATE = re.compile(r"tps = ([0-9.]+)")
_LATENCY = re.compile(r"latency average = ([0-9.]+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
SERIAL = r"\set serial :serial + 1"


def new_id(letter: str) -> str:
    r"""An id for this transaction, one for each letter: `\set` with `id_line` before it is used."""
    return f"lpad(to_hex(:id_{letter}::bigint), 32, '0')::uuid"


def id_text(letter: str, length: int = 26) -> str:
    """The same id as text of a length."""
    return f"lpad(:id_{letter}::text, {length}, '0')"


def id_line(letter: str) -> str:
    """The pgbench line that makes `new_id(letter)`: unlike any other client's, transaction's and letter's."""
    return rf"\set id_{letter} ((:run * 1000 + :client_id) * 10000000 + :serial) * 32 + {ord(letter) - ord('a')}"


def bound(query: Query, *expressions: str) -> str:
    """The statement on one line, its arguments replaced by these SQL expressions in order."""
    text = _ARGUMENT.sub(lambda found: f"({expressions[int(found[1]) - 1]})", _COMMENT.sub("", query.text))
    return " ".join(text.split()) + ";"


def text(value: str) -> str:
    """An SQL text literal without a colon, which pgbench might take for a variable."""
    return "'" + value.replace("'", "''").replace(":", "' || chr(58) || '") + "'"


def binary(value: bytes) -> str:
    """An SQL bytea literal."""
    return f"decode('{value.hex()}', 'hex')"


def identity(value: UUID) -> str:
    """An SQL uuid literal."""
    return f"'{value}'::uuid"


def document(value: object) -> str:
    """An SQL jsonb literal; colons inside its strings are escaped, and those between are followed by a space."""
    written = json.dumps(value, ensure_ascii=False)
    return "'" + re.sub(r":(?=[^ ])", r"\\u003a", written).replace("'", "''") + "'::jsonb"


def statements_in(script: list[str]) -> dict[str, int]:
    """How many round trips a script makes, and how many of its transactions write."""
    sql = [line for line in script if not line.startswith("\\")]
    commits, is_open = 0, False
    for line in sql:
        if line.startswith("BEGIN"):
            is_open = True
        elif line in {"COMMIT;", "ROLLBACK;"}:
            is_open = False
            commits += line == "COMMIT;"
        elif not is_open:
            commits += "INSERT INTO" in line or line.startswith("UPDATE")
    return {"round_trips": len(sql), "writing_transactions": commits}


def read_only(*statements: str) -> list[str]:
    """What `Database.reading` sends around its statements."""
    return ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;", *statements, "ROLLBACK;"]


def transaction(*statements: str) -> list[str]:
    """What `Database.transact` sends around its statements."""
    return ["BEGIN ISOLATION LEVEL READ COMMITTED;", *statements, "COMMIT;"]


@dataclass(slots=True)
class Pgbench:
    """Runs scripts against one server as the application's own role. Each run makes other ids."""

    urls: Urls
    folder: Path
    runs: int = 0

    def run(self, script: list[str], clients: int, seconds: float) -> dict[str, float]:
        """Transactions a second and their average latency, over whole seconds. SystemExit when any failed."""
        self.runs += 1
        path = self.folder / f"pgbench-{self.runs}.sql"
        path.write_text("\n".join([SERIAL, *script]) + "\n", "utf-8")
        path.chmod(0o644)
        settings = EmbeddedSettings(self.folder / "postgres", allow_nobody=True)
        program = find_binaries(settings, choose_account(settings)).program("pgbench")
        options = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds)))]
        done = subprocess.run(
            [program, *options, "-D", f"run={self.runs}", "-D", "serial=0", "-f", str(path)],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        rate, latency, failed = (pattern.search(done.stdout) for pattern in (_RATE, _LATENCY, _FAILED))
        if done.returncode != 0 or rate is None or latency is None or (failed and failed[1] != "0"):
            raise SystemExit(f"pgbench: {done.stderr[-800:]}{done.stdout[-400:]}")
        return {"a_second": round(float(rate[1]), 1), "average_ms": float(latency[1])}

    def _environment(self) -> dict[str, str]:
        """libpq's names for the address, so that no password is an argument that `ps` shows."""
        parts = urlsplit(self.urls.app_url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PGHOST": query.get("host", parts.hostname or ""),
            "PGPORT": query.get("port", str(parts.port or 5432)),
            "PGDATABASE": parts.path.lstrip("/"),
            "PGUSER": unquote(parts.username or query.get("user", "")),
            "PGPASSWORD": unquote(parts.password or query.get("password", "")),
            "PGOPTIONS": "-c search_path=shunfu -c timezone=UTC -c jit=off",
        }
