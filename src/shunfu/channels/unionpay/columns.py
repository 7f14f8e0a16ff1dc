"""The two settlement files by their columns: fixed widths, one space between, cut by bytes. Must not know: zip, HTTP.

Source: 全渠道平台接入接口规范 5.1.0 (对账文件格式: 流水文件 ZM 和差错文件 ZME). The columns read are those that real
files confirmed; behind column 32 editions differ, and only the original order's number is read there, where it is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import accumulate
from operator import itemgetter

from shunfu.channels.unionpay.times import BEIJING, parse_short
from shunfu.gateway.statement import LineKind, StatementDamaged, StatementLine

ZM_WIDTHS = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2),
    *(6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98),
)
ZME_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)

_CODE, _SENT_AT, _AMOUNT, _QUERY_ID, _ORDER, _FEE, _SETTLED, _KIND = 0, 4, 6, 9, 11, 15, 16, 19
_ORIGINAL_ID, _MERCHANT, _NET, _ORIGINAL_ORDER = 26, 27, 32, 40
_E_TRACE, _E_FEE, _E_SETTLED, _E_MERCHANT = 3, 14, 15, 17

_KINDS: dict[str, LineKind] = {"01": "payment", "03": "payment", "04": "refund", "31": "refund", "33": "refund"}
_UNSIGNED = re.compile(r"[0-9]{12}", re.ASCII)
_SIGNED = re.compile(r"([CD])([0-9]{12})", re.ASCII)
_NUMBER = re.compile(r"[0-9A-Za-z]{0,40}", re.ASCII)
_SPACE = {32}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the normal file with the two amounts that the file's check compares, in fen, to the merchant."""

    line: StatementLine
    settled_minor: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a file begin and end, and the spaces between them, in bytes."""

    columns: tuple[slice, ...]
    length: int
    spaces: Callable[[bytes], tuple[int, ...]]

    @classmethod
    def of(cls, widths: tuple[int, ...]) -> Layout:
        """The layout of these widths, one space between two columns."""
        ends = tuple(accumulate(width + 1 for width in widths))
        columns = tuple(slice(end - width - 1, end - 1) for end, width in zip(ends, widths, strict=True))
        return cls(columns, ends[-1] - 1, itemgetter(*(end - 1 for end in ends[:-1])))

    def cut(self, raw: bytes) -> Line:
        """A line by its columns. A newer edition may add columns behind: longer is read. Raises StatementDamaged."""
        if len(raw) < self.length:
            raise StatementDamaged("a line is shorter than its columns")
        if set(self.spaces(raw)) != _SPACE:
            raise StatementDamaged("a line's columns are not where they should be")
        return Line(raw.decode("latin-1"), self.columns)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, cut when asked. Latin-1, since a name in Chinese fills two bytes for each character."""

    text: str
    columns: tuple[slice, ...]

    def __getitem__(self, column: int) -> str:
        return self.text[self.columns[column]].strip(" ")


ZM, ZME = Layout.of(ZM_WIDTHS), Layout.of(ZME_WIDTHS)


def read_zm(raw: bytes, mer_id: str, day: date) -> Row:
    """One line of the normal file. Raises StatementDamaged."""
    columns = ZM.cut(raw)
    if columns[_MERCHANT] != mer_id:
        raise StatementDamaged("a line is another merchant's")
    kind = _KINDS.get(columns[_KIND], "other")
    is_back = kind == "refund"
    amount_minor = _unsigned(columns[_AMOUNT])
    line = StatementLine(
        kind=kind,
        number=_original(columns[_ORIGINAL_ORDER]) if is_back else _number(columns[_ORDER]),
        refund_number=_number(columns[_ORDER]) if is_back else "",
        channel_transaction_no=_number(columns[_ORIGINAL_ID if is_back else _QUERY_ID]),
        channel_refund_no=_number(columns[_QUERY_ID]) if is_back else "",
        amount_minor=-amount_minor if is_back else amount_minor,
        fee_minor=-_signed(columns[_FEE]),
        currency="CNY",
        state=columns[_CODE],
        happened_at=_moment(columns[_SENT_AT], day),
    )
    return Row(line, _signed(columns[_SETTLED]), _signed(columns[_NET]))


def read_zme(raw: bytes, mer_id: str, day: date) -> StatementLine:
    """One line of the file of adjustments: its settled amount is what moved; no number of ours is in it.

    Raises StatementDamaged.
    """
    columns = ZME.cut(raw)
    if columns[_E_MERCHANT] != mer_id:
        raise StatementDamaged("a line is another merchant's")
    fee_minor = -_signed(columns[_E_FEE])
    return StatementLine(
        kind="other",
        number="",
        refund_number="",
        channel_transaction_no=_number(columns[_E_TRACE]),
        channel_refund_no="",
        amount_minor=_signed(columns[_E_SETTLED]) + fee_minor,
        fee_minor=fee_minor,
        currency="CNY",
        state=columns[_CODE],
        happened_at=_moment(columns[_SENT_AT], day),
    )


def _unsigned(text: str) -> int:
    if _UNSIGNED.fullmatch(text) is None:
        raise StatementDamaged("an amount is not 12 digits")
    return int(text)


def _signed(text: str) -> int:
    """C is to the merchant, D from it; an empty column is nothing."""
    found = _SIGNED.fullmatch(text)
    if found is None and text:
        raise StatementDamaged("an amount is not C or D and 12 digits")
    amount_minor = int(found.group(2)) if found else 0
    return -amount_minor if found and found.group(1) == "D" else amount_minor


def _number(text: str) -> str:
    if _NUMBER.fullmatch(text) is None:
        raise StatementDamaged("a number has characters that no number has")
    return text


def _original(text: str) -> str:
    """The original order's number; an older edition keeps something else in this column, or nothing."""
    return text if _NUMBER.fullmatch(text) else ""


def _moment(text: str, day: date) -> datetime:
    found = parse_short(text, datetime.combine(day, time(12), BEIJING))
    if found is None:
        raise StatementDamaged("a time is not MMddHHmmss")
    return found
