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
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from shunfu.kernel.errors import SetupFault
from shunfu.kernel.secret import Secret

PREFIX = "SHUNFU_"
FILE_VARIABLE = "SHUNFU_CONFIG"
TESTS_PREFIX = "SHUNFU_TEST_"
_DIGITS = re.compile(r"[0-9]{1,18}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
Raw: TypeAlias = str | int | float | bool
Value: TypeAlias = str | int | float | Path | Secret[str] | None
Network: TypeAlias = IPv4Network | IPv6Network


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


def _issuer(raw: Raw) -> str:
    """An identity provider's own name, letter for letter: it is compared with what tokens say."""
    text = _text(raw)
    parts = urlsplit(text)
    if not _is_origin(f"{parts.scheme}://{parts.netloc}") or "?" in text or "#" in text:
        raise ValueError("an https address without a query")
    return text


def _listed(raw: Raw) -> tuple[str, ...]:
    return tuple(part for item in (raw.split(",") if isinstance(raw, str) else [""]) if (part := item.strip()))


def _networks(raw: Raw) -> str:
    """Addresses and CIDRs, each as a network without host bits, joined by commas."""
    try:
        found = [str(ip_network(part)) for part in _listed(raw)]
    except ValueError:
        found = list[str]()
    if not found:
        raise ValueError("addresses or networks with commas between, such as 127.0.0.1, 10.0.0.0/8")
    return ", ".join(found)


def _origins(raw: Raw) -> str:
    """Exact web origins, joined by commas; plain http only on this machine."""
    found = _listed(raw)
    if not found or not all(map(_is_origin, found)):
        raise ValueError("https origins with commas between, such as https://shop.example.com")
    return ", ".join(found)


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    is_near = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return (parts.scheme == "https" or is_near) and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"


def default_data_folder() -> Path:
    """/var/lib/shunfu for root, else the user's data folder (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/shunfu")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shunfu"


KNOBS: dict[str, Knob] = {
    "data_folder": Knob(_path, None, "Where the embedded database and the key file live."),
    "key_file": Knob(_path, None, "The key file, mode 0600; default: keys.json in the data folder."),
    "keys": Knob(_secret, None, "The text of a key file, instead of the file: for containers, from the environment."),
    "kms_command": Knob(_text, None, "A program that has a key service wrap data keys; its words are apart by spaces."),
    "kms_timeout_seconds": Knob(_number(0.1, 60), 5.0, "How long that program may take."),
    "kms_wraps": Knob(_switch, default=True, help="false: that program only opens what it wrapped; to move away."),
    "api_key_days": Knob(_whole(1, 3650), 365, "How long a new API key lasts, unless its maker says otherwise."),
    "key_days": Knob(_whole(1, 3650), 365, "How old our own keys and webhook secrets may grow."),
    "credential_days": Knob(_whole(1, 3650), 365, "How old a channel's credentials may grow."),
    "database_url": Knob(_secret, None, "A PostgreSQL 15+ of yours; without it the embedded one is used."),
    "migration_url": Knob(_secret, None, "The same database as its owner; default: database_url with SET ROLE."),
    "user": Knob(_text, None, "As root: the user to become before anything starts."),
    "host": Knob(_text, "127.0.0.1", "The address to listen on."),
    "port": Knob(_whole(1, 65535), 8700, "The port to listen on."),
    "public_url": Knob(_web_address, None, "Where channels and shoppers reach us; default: http://host:port."),
    "trusted_proxies": Knob(_networks, "", "Whose X-Forwarded-For, -Proto, -Host are believed; default: nobody's."),
    "limit_address_per_minute": Knob(_whole(0, 1_000_000), 3000, "Requests of one address (IPv6: one /64); 0: any."),
    "limit_key_per_minute": Knob(
        _whole(0, 1_000_000), 6000, "Requests of one API key, staff session or checkout link; 0: any."
    ),
    "limit_login_per_minute": Knob(_whole(0, 1_000_000), 30, "Tries to log in from one address; 0: any."),
    "limit_sign_in_per_minute": Knob(
        _whole(0, 1_000_000), 300, "Sign-ins of shoppers from one address, which may be a whole network's; 0: any."
    ),
    "limit_failures_per_minute": Knob(
        _whole(0, 1_000_000), 120, "Wrong keys, links and signatures of one address; 0: any."
    ),
    "request_seconds": Knob(_whole(1, 600), 30, "A request's head and body must have arrived within this time."),
    "handling_seconds": Knob(_whole(1, 600), 50, "A request's answer must have begun within this time."),
    "keep_alive_seconds": Knob(_whole(1, 600), 15, "An idle connection is kept this long."),
    "connections_max": Knob(_whole(1, 100_000), 1000, "Connections at once; who comes then is told 503."),
    "hsts_seconds": Knob(
        _whole(0, 315_360_000), 63_072_000, "With an https public_url: browsers insist on TLS for this long; 0: off."
    ),
    "hsts_subdomains": Knob(_switch, default=False, help="Browsers insist on TLS for every name below ours too."),
    "oidc_issuer": Knob(_issuer, None, "The identity provider that staff may log in by, as its tokens name it."),
    "oidc_client_id": Knob(_text, None, "Who we are at the identity provider."),
    "oidc_client_secret": Knob(_secret, None, "What we show to the identity provider."),
    "oidc_trusts_amr": Knob(
        _switch, default=False, help="A second factor that the identity provider vouches for counts as ours."
    ),
    "cors_origins": Knob(_origins, "", "Sites whose scripts may call /v1/checkout and /v1/shoppers."),
    "metrics_port": Knob(_whole(0, 65535), 0, "Where Prometheus reads /metrics, a listener of its own; 0: nowhere."),
    "metrics_host": Knob(_text, "127.0.0.1", "That listener's address; another than this machine's needs a token."),
    "metrics_token": Knob(_secret, None, "Prometheus must show it as its bearer token."),
    "otel_endpoint": Knob(_web_address, None, "An OpenTelemetry collector (OTLP over HTTP) that traces are sent to."),
    "otel_sample": Knob(_number(0, 1), 1.0, "Which share of the traces is kept."),
    "shopper_session_minutes": Knob(_whole(5, 1440), 120, "How long a shopper who signed in stays so."),
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
    "telemetry_rate": Knob(_number(0, 1), 1.0, "Which share of visits is asked to tell how checkout went."),
    "telemetry_days": Knob(_whole(1, 365), 90, "How long is kept how visits went."),
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
    def trusted_proxies(self) -> tuple[Network, ...]:
        """The networks whose proxy headers are believed."""
        return tuple(ip_network(part) for part in _listed(self.text("trusted_proxies")))

    @property
    def oidc(self) -> tuple[str, str, Secret[str]] | None:
        """Issuer, client id and client secret of the identity provider. Raises SetupFault for some without the rest."""
        issuer, client_id = self.values["oidc_issuer"], self.values["oidc_client_id"]
        secret = self.secret("oidc_client_secret")
        if issuer is None and client_id is None and secret is None:
            return None
        if issuer is None or client_id is None or secret is None:
            raise SetupFault("Set oidc_issuer, oidc_client_id and oidc_client_secret together, or none of them.")
        return cast("str", issuer), cast("str", client_id), secret

    @property
    def cors_origins(self) -> frozenset[str]:
        """The origins whose scripts may call the checkout's routes."""
        return frozenset(_listed(self.text("cors_origins")))

    @property
    def otel_endpoint(self) -> str | None:
        """Where traces are sent; None: nowhere."""
        return cast("str | None", self.values["otel_endpoint"])

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


SHOWN = (
    "public_url",
    "refund_approval_above_minor",
    "webhooks_allow_private",
    "api_key_days",
    "key_days",
    "credential_days",
    "retention_idempotency_days",
    "retention_bodies_days",
    "retention_jobs_days",
    "telemetry_rate",
    "telemetry_days",
)
"""What a merchant's staff may see of the installation: what bears on their own work, nothing of the machine."""


def shown_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """The settings in force that merchants' staff see, as (name, value, where it comes from)."""
    return [(name, str(settings.values[name]), settings.sources[name]) for name in SHOWN]
