"""A bill's rows in our words: columns by the names in the header, every sum checked against the last line.

Amounts are yuan with decimals; each data cell begins with a backtick and text may hold commas. Which columns there are
depends on the kind of bill. Source: pay.weixin.qq.com "申请交易账单", "申请资金账单". Must not know: how bills come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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
_FUNDS_KINDS: tuple[tuple[str, LineKind], ...] = (
    ("手续费", "fee"),
    ("退款", "refund"),
    ("交易", "payment"),
    ("转账", "transfer"),
)


@dataclass(slots=True)
class Totals:
    """What the rows add up to, to be compared with the summary."""

    count: int = 0
    sums: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, name: str, amount: int) -> None:
        """One more amount under a column's name."""
        self.sums[name] = self.sums.get(name, 0) + amount


def read_bill(lines: Iterator[str], kind: StatementKind) -> Iterator[StatementLine]:
    """The lines of a bill in order. Raises StatementDamaged, at the latest when the summary does not agree."""
    columns = columns_of(next(lines, ""))
    if not _NEEDED[kind] <= set(columns):
        raise StatementDamaged("the bill's header lacks a column")
    read: Callable[[Row, Totals], StatementLine] = _trade if kind == "trade" else _funds
    totals = Totals()
    for line in lines:
        if not line.startswith("`"):
            check_summary(kind, line, lines, totals)
            return
        totals.count += 1
        yield read(_row(columns, line), totals)
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


def _trade(row: Row, totals: Totals) -> StatementLine:
    for column in SUMS["trade"].values():
        if column in row:
            totals.add(column, amount_of(row[column]))
    refund_number = _none_if_zero(row.get("商户退款单号", ""))
    is_refund = bool(refund_number) or "退款成功时间" in row
    moved = -_fen(row.get("退款金额", "0")) if is_refund else _fen(row["应结订单金额"])
    state = row.get("退款状态", "") if is_refund else row.get("交易状态", "SUCCESS")
    time = (row.get("退款成功时间") or row.get("退款申请时间") or row["交易时间"]) if is_refund else row["交易时间"]
    return StatementLine(
        kind="refund" if is_refund else "payment",
        number=row["商户订单号"],
        refund_number=refund_number,
        channel_transaction_no=row["微信订单号"],
        channel_refund_no=_none_if_zero(row.get("微信退款单号", "")),
        amount_minor=moved,
        fee_minor=_fen(row["手续费"]),
        currency=row["货币种类"],
        state=state,
        happened_at=_time(time),
    )


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


def _fen(text: str) -> int:
    """An amount in fen; what is smaller than a fen cannot be money that moved."""
    fen, rest = divmod(amount_of(text), FEN)
    if rest:
        raise StatementDamaged("an amount has parts of a fen")
    return fen


def _none_if_zero(text: str) -> str:
    return "" if text == "0" else text


def _time(text: str) -> datetime:
    if _TIME.fullmatch(text) is None:
        raise StatementDamaged("a time is malformed")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise StatementDamaged("a time does not exist") from None
