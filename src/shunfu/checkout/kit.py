"""What every shopper page shares: texts by language, the template environment, amounts and Shanghai clock times.

Used by the checkout, the sandbox wallet and the demo shop. Must not know: orders, payments, HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shunfu.kernel.plain import SHANGHAI, amount_parts

Language = Literal["zh-CN", "en"]
Say = Callable[..., str]
"""Turns a text key and its named values into a sentence of one language."""

_HERE = Path(__file__).parent
_FILES: Mapping[Language, str] = {"zh-CN": "zh.json", "en": "en.json"}


def static_dir() -> Path:
    """The folder of style sheets and scripts that shopper pages load."""
    return _HERE / "static"


@cache
def load_texts(folder: Path, language: Language) -> Mapping[str, str]:
    """Every text of one folder in one language, by key."""
    return cast("dict[str, str]", json.loads((folder / _FILES[language]).read_text(encoding="utf-8")))


@cache
def client_texts(language: Language) -> Mapping[str, str]:
    """Every sentence that a client shows, by key: its own, and the shared ones about refusals and methods."""
    name = _FILES[language]
    own = cast("dict[str, str]", json.loads((_HERE / "texts" / f"client.{name}").read_text(encoding="utf-8")))
    shared = load_texts(_HERE / "texts", language)
    return {**own, **{key: text for key, text in shared.items() if key.startswith(("refused.", "reason."))}}


def label_of(labels: Mapping[str, str], language: Language, otherwise: str) -> str:
    """A channel's name in a language, else in any, else the text given."""
    return labels.get(language) or next(iter(labels.values()), otherwise)


def speaker(language: Language, *folders: Path) -> Say:
    """A function that says a key of these folders; the shared page texts are always among them."""
    table: dict[str, str] = {}
    for folder in (_HERE / "texts", *folders):
        table.update(load_texts(folder, language))

    def say(key: str, /, **values: object) -> str:
        return table[key].format_map(values) if values else table[key]

    return say


def either(say: Say, key: str, otherwise: str) -> str:
    """The text of a key that comes from outside, or of `otherwise` where no text has that key."""
    try:
        return say(key)
    except KeyError:
        return say(otherwise)


@cache
def environment(*folders: Path) -> Environment:
    """A template environment: escaping on, an unknown name is an error; shared layout and macros included."""
    loader = FileSystemLoader([*folders, _HERE / "templates"])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    cast("dict[str, object]", made.globals)["amount_parts"] = amount_parts
    return made


def clock_text(moment: datetime, now: datetime) -> str:
    """`14:32` in Shanghai, with the day before it (`11-23 14:32`) when that is not today."""
    there, today = moment.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    return there.strftime("%H:%M" if there.date() == today else "%m-%d %H:%M")


def moment_text(moment: datetime) -> str:
    """`2026-11-22 14:02` in Shanghai."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def is_web_address(address: str | None) -> bool:
    """Whether an address from outside may become a link: http or https with a host, never `javascript:`."""
    if address is None:
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def origin_of(address: str | None) -> str | None:
    """`https://host:port` of an address, fit for a Content-Security-Policy, or None."""
    if address is None or not is_web_address(address):
        return None
    parts = urlsplit(address)
    is_plain = all(character.isalnum() or character in ".-:[]" for character in parts.netloc)
    return f"{parts.scheme}://{parts.netloc}" if is_plain else None


def with_query(address: str, **added: str) -> str:
    """The address with these query fields set, others kept."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))


def security_policy(*form_targets: str | None, is_leading_on: bool = False) -> str:
    """The Content-Security-Policy of a shopper page; a form may also lead to the origins of these addresses.

    With `is_leading_on` it may lead to any site over TLS: browsers ask the policy about each redirect too, and only the
    channel knows over which hosts it leads.
    """
    origins = dict.fromkeys(origin for origin in map(origin_of, form_targets) if origin is not None)
    targets = " ".join(("'self'", *origins, *(("https:",) if is_leading_on else ())))
    return (
        "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
        f"form-action {targets}; base-uri 'none'; object-src 'none'"
    )
