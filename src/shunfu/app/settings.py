"""Settings: `shunfu.toml`, overridden by `SHUNFU_*`, overridden by flags. Typed; unknown keys are errors.

Each value remembers where it came from, so that `doctor` can say so. Secrets come only by file or environment, and
print as stars.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret

PREFIX = "SHUNFU_"
FILE_VARIABLE = "SHUNFU_CONFIG"
TESTS_PREFIX = "SHUNFU_TEST_"
_DIGITS = re.compile(r"[0-9]{1,18}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
Raw: TypeAlias = str | int | float | bool
Value: TypeAlias = str | int | float | Path | Secret[str] | None


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting: how to read it, its default, and one line of help."""

    read: Callable[[Raw], Value]
    default: Value
    help: str


def _text(raw: Raw) -> str:
    if not isinstance(raw, str) or not raw:
        raise ValueError("a text")
    return raw


def _path(raw: Raw) -> Path:
    return Path(_text(raw)).expanduser()


def _secret(raw: Raw) -> Secret[str]:
    return Secret(_text(raw))


def _whole(low: int, high: int) -> Callable[[Raw], int]:
    def read(raw: Raw) -> int:
        is_text = isinstance(raw, str) and _DIGITS.fullmatch(raw) is not None
        if isinstance(raw, bool) or not (isinstance(raw, int) or is_text) or not low <= int(raw) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(raw)

    return read


def _number(low: float, high: float) -> Callable[[Raw], float]:
    def read(raw: Raw) -> float:
        is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
        is_text = isinstance(raw, str) and _DECIMAL.fullmatch(raw) is not None
        if not (is_number or is_text) or not low <= (float(raw) if is_text else cast("float", raw)) <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(raw)

    return read


def _one_of(*choices: str) -> Callable[[Raw], str]:
    def read(raw: Raw) -> str:
        if raw not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return str(raw)

    return read


def _switch(raw: Raw) -> bool:
    if not isinstance(raw, bool) and not (isinstance(raw, str) and raw in {"true", "false"}):
        raise ValueError("true or false")
    return raw is True or raw == "true"


def _hour(raw: Raw) -> int | None:
    if raw == "off":
        return None
    try:
        return _whole(0, 23)(raw)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from error


def _web_address(raw: Raw) -> str:
    text = _text(raw).rstrip("/")
    if not text.startswith(("http://", "https://")) or "?" in text or "#" in text:
        raise ValueError("an http or https address without a query")
    return text


def default_data_folder() -> Path:
    """/var/lib/shunfu for root, else the user's data folder (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/shunfu")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shunfu"


KNOBS: dict[str, Knob] = {
    "data_folder": Knob(_path, None, "Where the embedded database and the key file live."),
    "key_file": Knob(_path, None, "The key file, mode 0600; default: keys.json in the data folder."),
    "database_url": Knob(_secret, None, "A PostgreSQL 15+ of yours; without it the embedded one is used."),
    "migration_url": Knob(_secret, None, "The same database as its owner; default: database_url with SET ROLE."),
    "user": Knob(_text, None, "As root: the user to become before anything starts."),
    "host": Knob(_text, "127.0.0.1", "The address to listen on."),
    "port": Knob(_whole(1, 65535), 8700, "The port to listen on."),
    "public_url": Knob(_web_address, None, "Where channels and shoppers reach us; default: http://host:port."),
    "pool_size": Knob(_whole(2, 200), 10, "Database connections of this process."),
    "signing_threads": Knob(_whole(1, 64), 2, "Threads that sign requests to channels."),
    "janitor_divisor": Knob(_number(1, 1000), 1.0, "Shortens every wait of the janitor; 20 in the demo."),
    "janitor_pending_seconds": Knob(
        _number(0, 3600), 0.0, "Asks about pending payments at this rate; 0: by timetable."
    ),
    "refund_approval_above_minor": Knob(
        _whole(0, 99_999_999_999), 500_000, "A refund above this many minor units needs a second key's approval."
    ),
    "webhooks_allow_private": Knob(
        _switch,
        default=False,
        help="Test sides may be told by webhook on this machine and in private networks, by http too.",
    ),
    "backup_folder": Knob(_path, None, "Backups of the embedded database; default: backups in the data folder."),
    "backup_hour": Knob(_hour, 3, "When `up` backs up each day, by this machine's clock; off: it does not."),
    "backup_keep": Knob(_whole(1, 1000), 7, "How many base backups are kept, with the log between them."),
    "archive_timeout_seconds": Knob(_whole(1, 3600), 60, "The embedded database's log is archived at least so often."),
    "audit_anchor_file": Knob(
        _path, None, "Where `up` notes daily where every audit chain ends; default: in the data folder."
    ),
    "log_format": Knob(_one_of("text", "json"), "text", "How log lines are written."),
    "retention_idempotency_days": Knob(_whole(1, 3650), 30, "How long an Idempotency-Key repeats its answer."),
    "retention_bodies_days": Knob(_whole(1, 3650), 400, "How long raw notification bodies are kept."),
    "retention_jobs_days": Knob(_whole(1, 3650), 7, "How long finished jobs are kept."),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its source: `default`, the file's name, an environment variable, or a flag."""

    values: Mapping[str, Value]
    sources: Mapping[str, str]

    def text(self, name: str) -> str:
        """A text setting that has a value."""
        return cast("str", self.values[name])

    def whole(self, name: str) -> int:
        """A whole-number setting."""
        return cast("int", self.values[name])

    def is_on(self, name: str) -> bool:
        """A switch."""
        return cast("bool", self.values[name])

    def number(self, name: str) -> float:
        """A number setting."""
        return cast("float", self.values[name])

    def secret(self, name: str) -> Secret[str] | None:
        """A secret setting, or None."""
        return cast("Secret[str] | None", self.values[name])

    @property
    def data_folder(self) -> Path:
        """Where the embedded database and the key file live."""
        return cast("Path | None", self.values["data_folder"]) or default_data_folder()

    @property
    def backup_folder(self) -> Path:
        """Where backups of the embedded database lie: best on another disk."""
        return cast("Path | None", self.values["backup_folder"]) or self.data_folder / "backups"

    @property
    def backup_hour(self) -> int | None:
        """At which hour of the machine's clock `up` backs up; None: never."""
        return cast("int | None", self.values["backup_hour"])

    @property
    def audit_anchor_file(self) -> Path:
        """Where it is noted daily where every audit chain ends: best where the database's owner cannot write."""
        return cast("Path | None", self.values["audit_anchor_file"]) or self.data_folder / "audit-anchors.jsonl"

    @property
    def key_file(self) -> Path:
        """The key file."""
        return cast("Path | None", self.values["key_file"]) or self.data_folder / "keys.json"

    @property
    def user(self) -> str | None:
        """As root: the user to become."""
        return cast("str | None", self.values["user"])

    @property
    def public_url(self) -> str:
        """Where channels and shoppers reach us, without a trailing slash."""
        given = cast("str | None", self.values["public_url"])
        host = self.text("host")
        return given or f"http://{f'[{host}]' if ':' in host else host}:{self.whole('port')}"


def load(flags: Mapping[str, Raw | None], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Read every setting. Raises SetupFault that names the key, its source and what is expected."""
    values: dict[str, Value] = {name: knob.default for name, knob in KNOBS.items()}
    sources = dict.fromkeys(KNOBS, "default")
    path = file or Path(environment.get(FILE_VARIABLE, "shunfu.toml"))
    layers = [
        (f"{path.name}", _from_file(path, is_wanted=file is not None or FILE_VARIABLE in environment)),
        ("environment", _from_environment(environment)),
        ("flag", {name: raw for name, raw in flags.items() if raw is not None}),
    ]
    for source, layer in layers:
        for name, raw in layer.items():
            values[name] = _read(name, raw, source)
            sources[name] = f"{PREFIX}{name.upper()}" if source == "environment" else source
    return Settings(values, sources)


def _from_file(path: Path, *, is_wanted: bool) -> dict[str, Raw]:
    try:
        return cast("dict[str, Raw]", tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        if is_wanted:
            raise SetupFault(f"The settings file {path} is missing.") from error
        return {}
    except (OSError, ValueError) as error:
        raise SetupFault(f"The settings file {path} cannot be read: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Raw]:
    ours = [name for name in environment if name.startswith(PREFIX) and not name.startswith(TESTS_PREFIX)]
    names = [name for name in ours if name != FILE_VARIABLE]
    return {name[len(PREFIX) :].lower(): environment[name] for name in names}


def _read(name: str, raw: Raw, source: str) -> Value:
    knob = KNOBS.get(name)
    if knob is None:
        raise SetupFault(f"There is no setting {name!r} (from {source}); known: {', '.join(KNOBS)}.")
    try:
        return knob.read(raw)
    except ValueError as error:
        raise SetupFault(f"The setting {name!r} (from {source}) must be {error}.") from error


def describe() -> list[tuple[str, str, str]]:
    """Every setting as (name, default, help), for the reference page."""
    return [(name, "" if knob.default is None else str(knob.default), knob.help) for name, knob in KNOBS.items()]
