"""Times and amounts as Alipay writes them: at +08:00, in yuan with two decimals. Must not know: what they are of."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from shunfu.kernel.money import MAX_MINOR, Money

CHINA = timezone(timedelta(hours=8))

_YUAN = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2}))?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


def china_time(moment: datetime) -> str:
    """A moment as Alipay writes it: `yyyy-MM-dd HH:mm:ss` at +08:00."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def parse_china_time(value: object) -> datetime | None:
    """The inverse of `china_time` (a fraction of a second after it is cut off), in UTC, or None."""
    if not isinstance(value, str) or _TIME.fullmatch(value[:19]) is None or len(value) > 26:
        return None
    try:
        return datetime.fromisoformat(f"{value[:19]}+08:00").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_yuan(value: object) -> int | None:
    """Fen of a text in yuan with at most two decimals, or None."""
    found = _YUAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    sign, whole, fraction = found.groups("")
    minor = int(whole) * 100 + int(f"{fraction:0<2}")
    return None if minor > MAX_MINOR else -minor if sign else minor


def parse_money(value: object) -> Money | None:
    """An amount of yuan above zero, or None."""
    minor = parse_yuan(value)
    return Money(minor, "CNY") if minor is not None and minor > 0 else None
