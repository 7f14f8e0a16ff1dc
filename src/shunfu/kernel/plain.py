"""Plain words in two languages: amounts, clock times in China, and a text said in Chinese and in English.

Must not know: what the texts are about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from shunfu.kernel.money import EXPONENTS, Money

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China keeps one offset all year, so no time-zone database is needed."""

LINE_TEXT = r"^[^\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069]*$"
"""One line of a text from outside: no control, no line break, nothing that turns the direction of writing."""

_SYMBOLS: Mapping[str, str] = {"CNY": "¥"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Words:
    """One text in Chinese and in English."""

    zh: str
    en: str

    def by_language(self) -> dict[str, str]:
        """As every answer of ours writes it: by language tag."""
        return {"zh-CN": self.zh, "en": self.en}

    def plus(self, *others: Words) -> Words:
        """This text and then others, in each language."""
        return Words(self.zh + "".join(other.zh for other in others), self.en + "".join(other.en for other in others))

    def filled(self, **values: Words | str) -> Words:
        """This text with its named places `{name}` filled, in each language with that language's value."""
        zh = {name: value.zh if isinstance(value, Words) else value for name, value in values.items()}
        en = {name: value.en if isinstance(value, Words) else value for name, value in values.items()}
        return Words(self.zh.format_map(zh), self.en.format_map(en))

    def as_sentence(self) -> Words:
        """With a capital letter and a full stop."""
        return Words(f"{self.zh}。", f"{self.en[:1].upper()}{self.en[1:]}.")


NOTHING = Words("", "")


def amount_text(money: Money) -> str:
    """`¥86.00`; thousands are grouped, the sign stands before the symbol."""
    symbol, whole, fraction = amount_parts(money)
    return f"{symbol}{whole}{fraction}"


def amount_parts(money: Money) -> tuple[str, str, str]:
    """Symbol, whole part and fraction (`¥`, `1,286`, `.00`), for pages that set them in different sizes."""
    whole, point, fraction = money.major().lstrip("-").partition(".")
    symbol = _SYMBOLS.get(money.currency, f"{money.currency} ")
    sign = "−" if money.minor < 0 else ""
    assert len(fraction) == EXPONENTS[money.currency]
    return sign + symbol, f"{int(whole):,}", point + fraction


def clock_words(moment: datetime, now: datetime) -> Words:
    """`14:03:22` in Shanghai; with the day when that is not today, and with the year when it is another."""
    there, today = moment.astimezone(SHANGHAI), now.astimezone(SHANGHAI)
    time = there.strftime("%H:%M:%S")
    if there.date() == today.date():
        return Words(time, time)
    zh, en = f"{there.month} 月 {there.day} 日 {time}", f"{time} on {there.day} {_MONTHS[there.month - 1]}"
    return Words(zh, en) if there.year == today.year else Words(f"{there.year} 年 {zh}", f"{en} {there.year}")
