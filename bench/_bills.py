"""Bills of any length in each channel's own form, written to a file without ever being whole in memory.

Every tenth row is a refund. Numbers are scrambled, so that the file packs about as well as a real one. Written from the
channels' documents, not with their code. Must not know: how a bill is read, how long anything takes.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, cast

DAY = date(2026, 11, 21)
REFUND_EVERY = 10
PAID_MINOR, REFUNDED_MINOR, FEE_MINOR = 2800, 1000, 17
_SPREAD = 2_654_435_761
_PACKING = 1

_WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
_WECHAT_FOOT = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_ALIPAY_HEAD = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_ZM_WIDTHS = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2),
    *(6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98),
)


@dataclass(frozen=True, slots=True)
class Bill:
    """Whose bill, and how many rows it has."""

    account: str
    app: str
    rows: int

    @property
    def refunds(self) -> int:
        """How many of the rows are refunds."""
        return len(range(REFUND_EVERY - 1, self.rows, REFUND_EVERY))


@dataclass(frozen=True, slots=True)
class Sums:
    """What a trade bill's last line says: how many rows, and what they add up to in fen."""

    rows: int
    paid_minor: int
    refunded_minor: int
    fee_minor: int


def wechatpay(bill: Bill, path: Path) -> None:
    """The trade bill (ALL) in gzip: UTF-8 with BOM, CRLF, a backtick before each cell, the totals at the end."""
    paid, refunds = bill.rows - bill.refunds, bill.refunds
    sums = Sums(bill.rows, paid * PAID_MINOR, refunds * REFUNDED_MINOR, paid * FEE_MINOR)
    write_wechatpay(path, (wechat_row(bill, serial) for serial in range(bill.rows)), sums)


def write_wechatpay(path: Path, rows: Iterable[str], sums: Sums) -> None:
    """A trade bill of these rows, with these totals."""
    paid, refunded = _yuan(sums.paid_minor), _yuan(sums.refunded_minor)
    totals = [f"{sums.rows}.0", paid, refunded, "0.00", _yuan(sums.fee_minor), paid, refunded]
    with gzip.open(path, "wb", compresslevel=_PACKING) as packed, _text(_bytes(packed), "utf-8-sig", "\r\n") as out:
        out.write(_WECHAT_HEAD + "\n")
        out.writelines(rows)
        out.write(f"{_WECHAT_FOOT}\n`" + ",`".join(totals) + "\n")


def payment_number(serial: int) -> str:
    """The number of a row's payment, in the form of ours."""
    return f"01K{_scrambled(serial)}{_scrambled(serial + 7)[1:]}"


def refund_number(serial: int) -> str:
    """The number of a row's refund, in the form of ours."""
    return f"01R{_scrambled(serial)}{_scrambled(serial + 7)[1:]}"


def channel_number(serial: int) -> str:
    """The channel's number of a row's payment."""
    return f"4200002{_scrambled(serial + 7)}{_scrambled(serial)}"


def channel_refund_number(serial: int) -> str:
    """The channel's number of a row's refund."""
    return f"503000{_scrambled(serial)}{_scrambled(serial + 7)}"


def wechat_row(bill: Bill, serial: int) -> str:
    """A row of the trade bill with its line end."""
    other = _scrambled(serial + 7)
    numbers = f"`{channel_number(serial)},`{payment_number(serial)}"
    head = f"`{DAY} {_clock(serial)},`{bill.app},`{bill.account},`0,`,{numbers}"
    who = f"`oUpF8uM{other}O_M2pxb1Q9zNj"
    if is_refund(serial):
        back = f"`{channel_refund_number(serial)},`{refund_number(serial)},`10.00,`0.00,`ORIGINAL,`SUCCESS"
        rest = f"`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,{back},`山行咖啡 订单,`,`0.00000,`0.60%,`0.00,`10.00,`"
    else:
        rest = (
            "`JSAPI,`SUCCESS,`OTHERS,`CNY,`28.00,`0.00,`0,`0,`0.00,`0.00,`,`,`山行咖啡 订单,`,`0.17000,`0.60%,"
            "`28.00,`0.00,`"
        )
    return f"{head},{who},{rest}\n"


def alipay(bill: Bill, path: Path) -> None:
    """The bill of trades: a zip with one CSV in GBK, names too, cells padded with tabs, the totals as comments."""
    paid, refunds = bill.rows - bill.refunds, bill.refunds
    member = f"{bill.account}0156_{DAY:%Y%m%d}_业务明细.csv".encode("gbk").decode("cp437")
    with _member(path, member) as packed, _text(packed, "gbk", "\r\n") as out:
        out.write(f"#支付宝业务明细查询\n#账号：[{bill.account}0156]\n")
        out.write(f"#-----------------业务明细列表----------------\n{_ALIPAY_HEAD}\n")
        out.writelines(_alipay_row(serial) for serial in range(bill.rows))
        out.write("#-----------------业务明细列表结束------------------\n")
        for name, back, count, total in (
            ("交易", "", paid, paid * PAID_MINOR),
            ("退款", "退款", refunds, -refunds * REFUNDED_MINOR),
        ):
            out.write(f"#{name}合计：{count}笔，商家实收{back}共{_yuan(total)}元，商家优惠{back}共0.00元\n")


def _alipay_row(serial: int) -> str:
    number, other = _scrambled(serial), _scrambled(serial + 7)
    when = f"{DAY} {_clock(serial)}\t"
    is_back = is_refund(serial)
    kind, minor = ("退款", -REFUNDED_MINOR) if is_back else ("交易", PAID_MINOR)
    back = f"01R{number}{other}" if is_back else ""
    names = f"20261121220014{number}{other}\t,01K{number}{other}\t,{kind}\t,山行咖啡 订单\t,{when},{when}"
    sums = f"{_yuan(minor)}\t,{_yuan(minor)}\t,0.00\t,0.00\t,0.00\t,0.00\t,0.00\t,\t,0.00\t,0.00\t"
    fee = "0.00" if is_back else "-0.17"
    return f"{names},\t,\t,\t,\t,*行(138****{number[-4:]})\t,{sums},{back}\t,{fee}\t,0.00\t,\t\n"


def unionpay(bill: Bill, path: Path) -> None:
    """The normal file of a settlement day (ZM): a zip with one member of fixed widths, a space between two columns."""
    forms = (_zm_form(bill, is_refund=False), _zm_form(bill, is_refund=True))
    with _member(path, f"INN{DAY:%y%m%d}88ZM_{bill.account}") as packed, _text(packed, "latin-1", "\n") as out:
        for serial in range(bill.rows):
            number, other, clock = _scrambled(serial), _scrambled(serial + 7), _clock(serial).replace(":", "")
            out.write(forms[is_refund(serial)] % {"trace": number[:6], "clock": clock, "at": number, "by": other})


def _zm_form(bill: Bill, *, is_refund: bool) -> str:
    """A line with places for what changes from row to row, each as long as what goes there."""
    query_id = f"{DAY:%Y%m%d}0%(at)s"
    row = {
        0: "S22", 1: "00049992", 2: "00049992", 3: "%(trace)s", 4: f"{DAY:%m%d}%(clock)s", 5: "622202******0000",
        7: "0000", 8: "07", 9: query_id, 18: bill.account, 25: "0", 27: bill.account,
    }  # fmt: skip
    if is_refund:
        moved = f"D{REFUNDED_MINOR:012d}"
        row |= {6: f"{REFUNDED_MINOR:012d}", 11: "01R%(by)s%(at)s", 15: f"C{0:012d}", 16: moved, 19: "04"}
        row |= {26: f"{DAY:%Y%m%d}0%(by)s", 32: moved, 40: "01K%(by)s%(at)s"}
    else:
        moved = f"C{PAID_MINOR - FEE_MINOR:012d}"
        row |= {6: f"{PAID_MINOR:012d}", 11: "01K%(by)s%(at)s", 15: f"D{FEE_MINOR:012d}", 16: moved}
        row |= {19: "01", 32: moved}
    sample = {"trace": "0" * 6, "clock": "0" * 6, "at": "0" * 12, "by": "0" * 12}
    columns = [row.get(column, "") for column in range(len(_ZM_WIDTHS))]
    pads = [" " * (width - len(text % sample)) for text, width in zip(columns, _ZM_WIDTHS, strict=True)]
    return " ".join(text + pad for text, pad in zip(columns, pads, strict=True)) + "\n"


WRITERS: dict[str, Callable[[Bill, Path], None]] = {"wechatpay": wechatpay, "alipay": alipay, "unionpay": unionpay}
"""How to write the bill of trades of each channel that we have a writer for."""


@contextmanager
def plain(path: Path) -> Generator[IO[bytes]]:
    """The bytes of a bill, unpacked while they are read."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[0]) as member:
            yield member
    else:
        with gzip.open(path, "rb") as unpacked:
            yield _bytes(unpacked)


@contextmanager
def _member(path: Path, name: str) -> Generator[IO[bytes]]:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_PACKING) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        yield member


@contextmanager
def _text(packed: IO[bytes], charset: str, newline: str) -> Generator[io.TextIOWrapper]:
    wrapped = io.TextIOWrapper(io.BufferedWriter(packed, 1 << 20), charset, newline=newline)  # type: ignore[arg-type]  # zip and gzip writers are raw enough
    yield wrapped
    wrapped.flush()
    wrapped.detach().detach()


def _bytes(file: gzip.GzipFile) -> IO[bytes]:
    """It is one in all that matters, and the type checker's library does not know."""
    return cast("IO[bytes]", file)


def is_refund(serial: int) -> bool:
    """Whether a row is a refund."""
    return serial % REFUND_EVERY == REFUND_EVERY - 1


def _scrambled(serial: int) -> str:
    return f"{serial * _SPREAD % 10**12:012d}"


def _clock(serial: int) -> str:
    return f"{serial // 3600 % 24:02d}:{serial // 60 % 60:02d}:{serial % 60:02d}"


def _yuan(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
