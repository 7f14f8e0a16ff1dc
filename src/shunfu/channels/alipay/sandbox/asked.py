"""What a caller asks and what the sandbox says, whichever protocol carries it. Must not know: signatures, bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from shunfu.channels.alipay.sandbox.state import State
from shunfu.gateway.faults import Faults
from shunfu.gateway.reading import JsonObject
from shunfu.gateway.sandbox.values import BEIJING, At, Letter, Timer, beijing

MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}

_YUAN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that was let in: `biz` is what is the method's own, `params` everything that stands beside it."""

    method: str
    app_id: str
    biz: JsonObject = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    origin: str
    at: At
    faults: Faults
    charset: str = "utf-8"
    sign_type: str = "RSA2"

    def text(self, name: str) -> str:
        """A text of the method's own, numbers as text too; empty when it is not there or something else."""
        value = self.biz.get(name, "")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number or isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the sandbox answers: fields on success, else a code and what is written beside it. `is_bare` has no code."""

    fields: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    code: str = "10000"
    sub_code: str = ""
    sub_msg: str = ""
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The state afterwards, what is said, what is to be told to the merchant, and what to be woken for."""

    state: State
    said: Said
    letters: tuple[Letter, ...] = ()
    timers: tuple[Timer, ...] = ()
    faults: Faults | None = None
    is_lost: bool = False


Handler: TypeAlias = Callable[[State, Asked], Done]


def failed(sub_code: str, sub_msg: str) -> Said:
    """A business "no"."""
    return Said(code="40004", sub_code=sub_code, sub_msg=sub_msg)


def invalid(sub_msg: str) -> Said:
    """A parameter of the method's own is missing or wrong."""
    return failed("ACQ.INVALID_PARAMETER", f"参数无效：{sub_msg}")


def parse_yuan(text: str) -> int:
    """Fen of an amount in yuan from 0.01 to 100000000, or 0 when it is none."""
    minor = int(Decimal(text).scaleb(2)) if _YUAN.fullmatch(text) else 0
    return minor if minor <= 10_000_000_000 else 0


def yuan(minor: int) -> str:
    """Fen as yuan with two decimals."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"


def clock(moment_ms: int) -> str:
    """A moment as Alipay writes it."""
    return f"{beijing(moment_ms):%Y-%m-%d %H:%M:%S}"


def parse_clock(text: str) -> int:
    """Unix milliseconds of a time as Alipay writes it; 0 when it is none."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
