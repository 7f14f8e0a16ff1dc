"""A bill's rows in our words: columns by the names in the header, every sum checked against the last line.

Amounts are yuan with decimals; each data cell begins with a backtick and text may hold commas. Which columns there are
depends on the kind of bill. Source: pay.weixin.qq.com "申请交易账单", "申请资金账单". Must not know: how bills come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from shunfu.channels.wechatpay.codec import SHANGHAI
from shunfu.gateway.statement import LineKind, StatementDamaged, StatementKind, StatementLine

Row = Mapping[str, str]

SCALE = 100_000
"""Amounts are added up in hundred-thousandths of a yuan, for fees have five decimals."""
FEN = SCALE // 100
COUNTS: Mapping[StatementKind, str] = {"trade": "总交易单数", "funds": "资金流水总笔数"}
SUMS: Mapping[StatementKind, Mapping[str, str]] = {
    "trade": {
        "应结订单总金额": "应结订单金额",
        "退款总金额": "退款金额",
        "充值券退款总金额": "充值券退款金额",
        "手续费总金额": "手续费",
        "订单总金额": "订单金额",
        "申请退款总金额": "申请退款金额",
    },
    "funds": {"收入金额": "收入", "支出金额": "支出"},
}
_NEEDED: Mapping[StatementKind, frozenset[str]] = {
    "trade": frozenset({"交易时间", "微信订单号", "商户订单号", "应结订单金额", "货币种类", "手续费"}),
    "funds": frozenset({"记账时间", "微信支付业务单号", "业务类型", "收支类型", "收支金额", "账户结余"}),
}
_AMOUNT = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,5}))?", re.ASCII)
_COUNT = re.compile(r"([0-9]{1,12})(?:\.0+)?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_UNIT = re.compile(r"[(（]元[)）]\Z")
_UNSETTLED = frozenset({"PROCESSING", "FAIL", "ABNORMAL", "CHANGE", "CLOSED", "REVOKED"})
"""Refunds that are going on, failed, stuck or closed, and a payment that was taken back before it was settled."""
_FUNDS_KINDS: tuple[tuple[str, LineKind], ...] = (
    ("手续费", "fee"),
    ("退款", "refund"),
    ("交易", "payment"),
    ("转账", "transfer"),
    ("提现", "withdrawal"),
)


@dataclass(slots=True)
class Totals:
    """What the rows add up to, to be compared with the summary."""

    count: int = 0
    sums: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, name: str, amount: int) -> None:
        """One more amount under a column's name."""
        self.sums[name] = self.sums.get(name, 0) + amount

    def add_all(self, places: tuple[tuple[str, int], ...], cells: list[str]) -> None:
        """A row's amounts: each place is a column's name and number."""
        sums = self.sums
        for name, place in places:
            sums[name] = sums.get(name, 0) + amount_of(cells[place])


def read_bill(lines: Iterator[str], kind: StatementKind) -> Iterator[StatementLine]:
    """The lines of a bill in order. Raises StatementDamaged, at the latest when the summary does not agree."""
    columns = columns_of(next(lines, ""))
    if not _NEEDED[kind] <= set(columns):
        raise StatementDamaged("the bill's header lacks a column")
    totals = Totals()
    read = _TradeColumns.of(columns, totals).line if kind == "trade" else _FundsColumns(columns, totals).line
    for line in lines:
        if not line.startswith("`"):
            check_summary(kind, line, lines, totals)
            return
        totals.count += 1
        yield read(line)
    raise StatementDamaged("the bill has no summary")


def check_summary(kind: StatementKind, header: str, lines: Iterator[str], totals: Totals) -> None:
    """Compare the last two lines with what came before; nothing but empty lines may follow."""
    summary = _row(columns_of(header), next(lines, ""))
    count = _COUNT.fullmatch(summary.get(COUNTS[kind], ""))
    if count is None or int(count.group(1)) != totals.count:
        raise StatementDamaged("the number of rows is not the summary's")
    for name, column in SUMS[kind].items():
        if name in summary and amount_of(summary[name]) != totals.sums.get(column, 0):
            raise StatementDamaged(f"the sum is not the summary's: {name}")
    if any(line.strip() for line in lines):
        raise StatementDamaged("something follows the summary")


def columns_of(header: str) -> tuple[str, ...]:
    """The names of the columns, without the unit that some carry."""
    return tuple(_UNIT.sub("", name.strip()) for name in header.split(","))


@lru_cache(maxsize=8192)
def amount_of(text: str) -> int:
    """Yuan with up to five decimals as hundred-thousandths of a yuan; raises StatementDamaged."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise StatementDamaged("an amount is malformed")
    sign, yuan, decimals = found.groups()
    amount = int(yuan) * SCALE + int((decimals or "").ljust(5, "0"))
    return -amount if sign else amount


def _row(columns: tuple[str, ...], line: str) -> Row:
    cells = line.removeprefix("`").split(",`")
    if not line.startswith("`") or len(cells) != len(columns):
        raise StatementDamaged("a row has not as many cells as the header")
    return dict(zip(columns, cells, strict=True))


@dataclass(frozen=True, slots=True)
class _TradeColumns:
    """Where a bill of trades has what counts, by number: a million rows, and a look by name costs twice as much.

    -1 is a column that this bill has not; it reads as an empty cell.
    """

    totals: Totals
    count: int
    summed: tuple[tuple[str, int], ...]
    has_refunds_only: bool
    time: int
    asked_at: int
    refunded_at: int
    transaction: int
    number: int
    refund: int
    refund_number: int
    amount: int
    back: int
    currency: int
    fee: int
    state: int
    refund_state: int

    @classmethod
    def of(cls, columns: tuple[str, ...], totals: Totals) -> _TradeColumns:
        """The columns of a bill by its header."""
        at = {name: place for place, name in enumerate(columns)}
        names = (
            *("交易时间", "退款申请时间", "退款成功时间", "微信订单号", "商户订单号", "微信退款单号", "商户退款单号"),
            *("应结订单金额", "退款金额", "货币种类", "手续费", "交易状态", "退款状态"),
        )
        summed = tuple((name, at[name]) for name in SUMS["trade"].values() if name in at)
        return cls(totals, len(columns), summed, "退款成功时间" in at, *(at.get(name, -1) for name in names))

    def line(self, text: str) -> StatementLine:
        """A row's line."""
        cells = text[1:].split(",`")
        if len(cells) != self.count:
            raise StatementDamaged("a row has not as many cells as the header")
        cells.append("")
        self.totals.add_all(self.summed, cells)
        refund_number = _none_if_zero(cells[self.refund_number])
        is_refund = bool(refund_number) or self.has_refunds_only
        if is_refund:
            moved = -_fen(cells[self.back] if self.back >= 0 else "0")
            state = cells[self.refund_state]
            time = cells[self.refunded_at] or cells[self.asked_at] or cells[self.time]
        else:
            moved = _fen(cells[self.amount])
            state = cells[self.state] if self.state >= 0 else "SUCCESS"
            time = cells[self.time]
        return StatementLine(
            "refund" if is_refund else "payment",
            cells[self.number],
            refund_number,
            cells[self.transaction],
            _none_if_zero(cells[self.refund]),
            moved,
            _fen(cells[self.fee]),
            cells[self.currency],
            state,
            _time(time),
            None,
            state not in _UNSETTLED,
        )


@dataclass(frozen=True, slots=True)
class _FundsColumns:
    """The columns of a bill of funds, by name."""

    columns: tuple[str, ...]
    totals: Totals

    def line(self, text: str) -> StatementLine:
        """A row's line."""
        return _funds(_row(self.columns, text), self.totals)


def _funds(row: Row, totals: Totals) -> StatementLine:
    direction, amount = row["收支类型"], _fen(row["收支金额"])
    if direction not in {"收入", "支出"} or amount < 0:
        raise StatementDamaged("a movement of funds is neither in nor out")
    totals.add(direction, amount * FEN)
    kind = _funds_kind(row["业务类型"])
    number, channel_no = row.get("业务凭证号", ""), row["微信支付业务单号"]
    is_refund = kind == "refund"
    return StatementLine(
        kind=kind,
        number="" if is_refund else number,
        refund_number=number if is_refund else "",
        channel_transaction_no="" if is_refund else channel_no,
        channel_refund_no=channel_no if is_refund else "",
        amount_minor=amount if direction == "收入" else -amount,
        fee_minor=0,
        currency="CNY",
        state=row["业务类型"],
        happened_at=_time(row["记账时间"]),
        balance_minor=_fen(row["账户结余"]),
    )


def _funds_kind(word: str) -> LineKind:
    for part, kind in _FUNDS_KINDS:
        if part in word:
            return kind
    return "other"


@lru_cache(maxsize=8192)
def _fen(text: str) -> int:
    """An amount in fen; what is smaller than a fen cannot be money that moved."""
    fen, rest = divmod(amount_of(text), FEN)
    if rest:
        raise StatementDamaged("an amount has parts of a fen")
    return fen


def _none_if_zero(text: str) -> str:
    return "" if text == "0" else text


@lru_cache(maxsize=8192)
def _time(text: str) -> datetime:
    if _TIME.fullmatch(text) is None:
        raise StatementDamaged("a time is malformed")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise StatementDamaged("a time does not exist") from None
