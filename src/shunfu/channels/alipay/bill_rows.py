"""A row of a bill, found by its columns' names, as a line of ours. Must not know: zip, HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shunfu.channels.alipay.values import parse_china_time, parse_yuan
from shunfu.gateway.statement import LineKind, StatementDamaged, StatementKind, StatementLine

_KINDS: Mapping[str, LineKind] = {
    "交易": "payment",
    "退款": "refund",
    "在线支付": "payment",
    "交易付款": "payment",
    "交易退款": "refund",
    "收费": "fee",
    "退费": "fee",
    "服务费": "fee",
    "转账": "transfer",
    "提现": "withdrawal",
}
_TOTAL = re.compile(
    r"#(交易|退款|支出|收入)合计：([0-9]{1,9})笔，(?:商家实收(?:退款)?)?共(-?[0-9]+(?:\.[0-9]{1,2})?)元"
)
_NAME, _REQUEST_NO = "商品名称", "退款批次号/请求号"
_TRADE = ("支付宝交易号", "商户订单号", "业务类型", "完成时间", "订单金额(元)", "商家实收(元)", "服务费(元)")
_FUNDS = ("业务流水号", "商户订单号", "发生时间", "收入金额(+元)", "支出金额(-元)", "账户余额(元)", "业务类型")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a bill has what counts: how many columns there are, which one is the product's name, places by name."""

    count: int
    name_at: int
    places: tuple[tuple[str, int], ...]

    def fields(self, row: list[str]) -> dict[str, str]:
        """A row's cells by column. A comma in a product's name is not quoted: the cells too many belong to it."""
        surplus, after = len(row) - self.count, self.name_at
        if surplus == 0:
            return {name: row[place].strip() for name, place in self.places}
        if surplus < 0 or after < 0:
            raise StatementDamaged("a row of the bill has another number of cells")
        return {name: row[place + surplus if place > after else place].strip() for name, place in self.places}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a kind of bill must have, with plain brackets: some bills write wide ones."""

    kind: StatementKind
    needed: tuple[str, ...]

    @staticmethod
    def of(kind: StatementKind) -> Layout:
        """The layout of this kind of bill."""
        return Layout(kind, _TRADE if kind == "trade" else _FUNDS)

    def columns(self, row: list[str]) -> Columns:
        """Where each column is; raises StatementDamaged unless all that count are there once."""
        places = {_plain(cell): place for place, cell in enumerate(row)}
        if len(places) != len(row) or any(name not in places for name in self.needed):
            raise StatementDamaged("the bill has other columns than we know")
        wanted = tuple((name, places[name]) for name in (*self.needed, _REQUEST_NO) if name in places)
        return Columns(len(row), places.get(_NAME, -1), wanted)


@dataclass(slots=True)
class Totals:
    """Count and sum in fen by what the bill calls them."""

    sums: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    def read(self, comment: str) -> None:
        """Take a total from a comment line, if it states one."""
        found = _TOTAL.match(comment)
        if found:
            self.sums[found.group(1)] = (int(found.group(2)), _minor(found.group(3)))

    def add(self, layout: Layout, fields: Mapping[str, str]) -> None:
        """Count a row."""
        if layout.kind == "trade":
            self._count(fields["业务类型"], _minor(fields["商家实收(元)"]))
            return
        income, outgo = _minor(fields["收入金额(+元)"]), -abs(_minor(fields["支出金额(-元)"]))
        self._count("收入" if income > 0 else "支出", income or outgo)

    def agrees(self, counted: Totals) -> bool:
        """Whether every total that is stated is what was counted, and none is missing for what was counted."""
        names = {"交易", "退款"} if {"交易", "退款"} & self.sums.keys() else {"支出", "收入"}
        if not names <= self.sums.keys():
            return False
        return all(self.sums[name] == counted.sums.get(name, (0, 0)) for name in names)

    def _count(self, name: str, minor: int) -> None:
        count, total = self.sums.get(name, (0, 0))
        self.sums[name] = (count + 1, total + minor)


def read_line(layout: Layout, fields: Mapping[str, str]) -> StatementLine:
    """The line of a row; raises StatementDamaged when a time or an amount is malformed."""
    return _trade(fields) if layout.kind == "trade" else _funds(fields)


def _trade(fields: Mapping[str, str]) -> StatementLine:
    """Bills differ in the sign of the fee: a payment takes it from the merchant, a refund brings it back."""
    kind, fee = _KINDS.get(fields["业务类型"], "other"), abs(_minor(fields["服务费(元)"]))
    moment = parse_china_time(fields["完成时间"])
    if moment is None:
        raise StatementDamaged("a row of the bill has no time")
    refund_number = fields.get(_REQUEST_NO, "") if kind == "refund" else ""
    return StatementLine(
        kind=kind,
        number=fields["商户订单号"],
        refund_number=refund_number,
        channel_transaction_no=fields["支付宝交易号"],
        channel_refund_no=refund_number,
        amount_minor=_minor(fields["订单金额(元)"]),
        fee_minor=-fee if kind == "refund" else fee,
        currency="CNY",
        state=fields["业务类型"],
        happened_at=moment,
    )


def _funds(fields: Mapping[str, str]) -> StatementLine:
    moment = parse_china_time(fields["发生时间"])
    if moment is None:
        raise StatementDamaged("a row of the bill has no time")
    kind = _KINDS.get(fields["业务类型"], "other")
    amount = _minor(fields["收入金额(+元)"]) - abs(_minor(fields["支出金额(-元)"]))
    return StatementLine(
        kind=kind,
        number=fields["商户订单号"],
        refund_number="",
        channel_transaction_no=fields["业务流水号"],
        channel_refund_no="",
        amount_minor=0 if kind == "fee" else amount,
        fee_minor=-amount if kind == "fee" else 0,
        currency="CNY",
        state=fields["业务类型"],
        happened_at=moment,
        balance_minor=_minor(fields["账户余额(元)"]),
    )


def _plain(name: str) -> str:
    return name.strip().replace("（", "(").replace("）", ")").lstrip("\ufeff")


def _minor(text: str) -> int:
    minor = parse_yuan(text.strip().lstrip("+")) if text.strip() else 0
    if minor is None:
        raise StatementDamaged("a row of the bill has a malformed amount")
    return minor
