"""Bills at the sandbox: an address for thirty seconds, then a zip of what the till has of that day or month.

Must not know: signatures. Source: opendocs alipay.data.dataservice.bill.downloadurl.query; layout of real bills.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shunfu.channels.alipay.sandbox.asked import Asked, Done, Said, clock, failed, yuan
from shunfu.channels.alipay.sandbox.state import State, Ticket
from shunfu.channels.alipay.sandbox.zipping import write_zip
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import BEIJING, At, beijing

PATH = "/alipay/bill/"
READY_MS, LIFE_MS = 9 * 3_600_000, 30_000

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", re.ASCII)
_NAMES = {"trade": "业务明细", "signcustomer": "账务明细"}
_TRADE_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_FUNDS_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)


def ask(state: State, asked: Asked) -> Done:
    """The address of a bill; on the next day at nine it is made, and a day on which nothing moved has none."""
    kind, day = asked.text("bill_type"), asked.text("bill_date")
    if kind not in _NAMES:
        return Done(state, failed("TYPE_NOT_SUPPORTED", "账单类型不支持"))
    span = _span(day)
    if span is None:
        return Done(state, failed("INVAILID_ARGUMENTS", "入参不合法"))
    begin_ms, end_ms = span
    if asked.at.business_ms < end_ms + READY_MS:
        return Done(state, failed("isp.bill_not_exist", "账单不存在"))
    if not state.till.between(begin_ms, end_ms):
        return Done(state, failed("NO_BILL_DATA", "没有账单数据"))
    name = asked.at.draw("bill").hex()
    ticket = Ticket(kind, begin_ms, end_ms, asked.at.business_ms + LIFE_MS)
    live = {key: one for key, one in state.tickets.items() if one.expires_ms > asked.at.business_ms}
    address = f"{asked.origin}{PATH}{name}.csv.zip?biz_type={kind}&downloadFileName={day}.csv.zip&fileType=csv.zip"
    return Done(replace(state, tickets={**live, name: ticket}), Said({"bill_download_url": address}))


def download(state: State, path: str, at: At, faults: Faults) -> tuple[Reply, Faults]:
    """The bill behind an address, with the rows that a tester wants missing, extra or altered."""
    ticket = state.tickets.get(path.removeprefix(PATH).removesuffix(".csv.zip"))
    if ticket is None or ticket.expires_ms <= at.business_ms:
        page = "<html><body>下载链接已失效</body></html>".encode("gbk")
        return Reply(403, {"content-type": "text/html;charset=GBK"}, page), faults
    movements, faults = _damaged(state.till.between(ticket.begin_ms, ticket.end_ms), faults)
    headers = {"content-type": "application/zip", "content-disposition": 'attachment; filename="bill.csv.zip"'}
    return Reply(200, headers, _zip(state, ticket, movements, at)), faults


def _span(day: str) -> tuple[int, int] | None:
    if _DATE.fullmatch(day) is None:
        return None
    try:
        begin = datetime.strptime(day, "%Y-%m-%d" if len(day) == 10 else "%Y-%m").replace(tzinfo=BEIJING)
        end = begin + timedelta(days=1) if len(day) == 10 else (begin + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        return None
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)


def _damaged(movements: tuple[Movement, ...], faults: Faults) -> tuple[tuple[Movement, ...], Faults]:
    """One row a fetch, for each fault that is to come; totals are made of what is shown."""
    if faults.rows_missing and movements:
        movements, faults = movements[1:], replace(faults, rows_missing=max(faults.rows_missing - 1, -1))
    if faults.rows_altered and movements:
        first = replace(movements[0], amount_minor=movements[0].amount_minor + 1)
        movements, faults = (first, *movements[1:]), replace(faults, rows_altered=max(faults.rows_altered - 1, -1))
    if faults.rows_extra and movements:
        stranger = replace(movements[-1], kind="payment", number="EXTRA0000000000000000000001", channel_no="2" * 28)
        stranger = replace(stranger, amount_minor=1234, fee_minor=7, refund_number="", channel_refund_no="")
        movements, faults = (*movements, stranger), replace(faults, rows_extra=max(faults.rows_extra - 1, -1))
    return movements, faults


def _zip(state: State, ticket: Ticket, movements: Sequence[Movement], at: At) -> bytes:
    seller, name = state.material.seller_id, _NAMES[ticket.kind]
    rows = [_trade_row(state, one) for one in movements] if ticket.kind == "trade" else _funds_rows(state, movements)
    columns = _TRADE_COLUMNS if ticket.kind == "trade" else _FUNDS_COLUMNS
    rule = "-" * 40
    begin, end = (f"{beijing(moment_ms):%Y年%m月%d日 %H:%M:%S}" for moment_ms in (ticket.begin_ms, ticket.end_ms))
    top = [f"#支付宝{name}查询", f"#账号：[{seller}0156]", f"#起始日期：[{begin}]   终止日期：[{end}]"]
    totals = _trade_totals(movements) if ticket.kind == "trade" else _funds_totals(rows)
    bottom = [f"#{rule}{name}列表结束{rule}", *totals, f"#导出时间：[{at.beijing:%Y年%m月%d日 %H:%M:%S}]"]
    body = [",".join(f"{cell}\t" for cell in row) for row in rows]
    detail = [*top, f"#{rule}{name}列表{rule}", columns, *body, *bottom]
    summary = [*top, f"#{rule}{name}汇总列表{rule}", "类型,笔数", f"合计,{len(rows)}", bottom[-1]]
    file = f"{seller}0156_{beijing(ticket.begin_ms):%Y%m%d}_{name}"
    return write_zip({f"{file}.csv": _text(detail), f"{file}(汇总).csv": _text(summary)})


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("gbk", "replace")


def _trade_row(state: State, one: Movement) -> list[str]:
    """Twenty-five columns; the fee is negative where the seller pays it."""
    trade, amount = state.trades.get(one.number), yuan(one.amount_minor)
    kind, subject = ("退款" if one.kind == "refund" else "交易"), trade.subject if trade else "沙箱多出的一行"
    times = [clock(trade.created_ms if trade else one.at_ms), clock(one.at_ms)]
    nothing = ["0.00"] * 4
    money = [amount, amount, *nothing, "0.00", "", "0.00", "0.00", one.refund_number, yuan(-one.fee_minor), "0.00", ""]
    return [one.channel_no, one.number, kind, subject, *times, "", "", "", "", "顾客(san***@sandbox.example)", *money]


def _trade_totals(movements: Sequence[Movement]) -> list[str]:
    paid = [one.amount_minor for one in movements if one.kind != "refund"]
    back = [one.amount_minor for one in movements if one.kind == "refund"]
    return [
        f"#交易合计：{len(paid)}笔，商家实收共{yuan(sum(paid))}元，商家优惠共0.00元",
        f"#退款合计：{len(back)}笔，商家实收退款共{yuan(sum(back))}元，商家优惠退款共0.00元",
    ]


def _funds_rows(state: State, movements: Sequence[Movement]) -> list[list[str]]:
    """Two rows a movement where there is a fee: the money first, then the fee, each with the balance after it."""
    rows: list[list[str]] = []
    for one in movements:
        is_refund, after = one.kind == "refund", one.balance_minor
        rows.append(_funds_row(one, one.amount_minor, after + one.fee_minor, "交易退款" if is_refund else "在线支付"))
        if one.fee_minor:
            rows.append(_funds_row(one, -one.fee_minor, after, "退费" if is_refund else "收费"))
    for place, row in enumerate(rows):
        trade = state.trades.get(row[2])
        row[0], row[3] = f"{place + 1:016d}", trade.subject if trade else ""
    return rows


def _funds_row(one: Movement, amount: int, balance: int, kind: str) -> list[str]:
    income, outgo = (yuan(amount), "0.00") if amount > 0 else ("0.00", yuan(amount))
    note = one.refund_number
    return [
        "",
        one.channel_no,
        one.number,
        "",
        clock(one.at_ms),
        "",
        income,
        outgo,
        yuan(balance),
        "支付宝",
        kind,
        note,
    ]


def _funds_totals(rows: Sequence[Sequence[str]]) -> list[str]:
    incomes = [_fen(row[6]) for row in rows if row[6] != "0.00"]
    outgoes = [_fen(row[7]) for row in rows if row[6] == "0.00"]
    return [
        f"#支出合计：{len(outgoes)}笔，共{yuan(sum(outgoes))}元",
        f"#收入合计：{len(incomes)}笔，共{yuan(sum(incomes))}元",
    ]


def _fen(text: str) -> int:
    return int(text.replace(".", ""))
