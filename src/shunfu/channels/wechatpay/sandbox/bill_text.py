"""Bills as the files that WeChat makes: BOM, CRLF, backticks, yuan, two lines of summary. Must not know: HTTP, tokens.

Rows are made from the till's movements, spoiled or not, and the summary from the rows.
Source: pay.weixin.qq.com "申请交易账单", "申请资金账单" and their sample files, which do not have every word of a fund
flow's business types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import beijing

TRADE_COLUMNS = (
    "交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识",
    "交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额", "微信退款单号",
    "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "商品名称", "商户数据包", "手续费",
    "费率", "订单金额", "申请退款金额", "费率备注",
)  # fmt: skip
_OF_REFUNDS = frozenset({
    "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额",
})  # fmt: skip
_REFUND_TIMES = (
    "退款申请时间", "退款成功时间",
)  # fmt: skip
FUNDS_COLUMNS = (
    "记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型", "收支金额(元)",
    "账户结余(元)", "资金变更提交申请人", "备注", "业务凭证号",
)  # fmt: skip
_FUNDS_WORDS: Mapping[str, str] = {
    "payment": "交易",
    "refund": "退款",
    "transfer": "商家转账",
    "transfer_back": "商家转账退回",
    "share": "分账",
    "share_back": "分账回退",
}

Row = Mapping[str, str]


def write_trades(state: State, movements: Iterable[Movement], bill_type: str) -> str:
    """A trade bill: ALL, or only payments (SUCCESS) or only refunds (REFUND), each with its own columns; or empty.

    The movements are those that it shows.
    """
    rows = [_trade(state, one) for one in movements]
    columns = [name for name in TRADE_COLUMNS if bill_type != "SUCCESS" or name not in _OF_REFUNDS]
    if bill_type == "REFUND":
        place = columns.index("微信退款单号")
        columns[place:place] = _REFUND_TIMES
    totals = {
        "总交易单数": f"{len(rows)}.0",
        "应结订单总金额": _sum(rows, "应结订单金额"),
        "退款总金额": _sum(rows, "退款金额"),
        "充值券退款总金额": _sum(rows, "充值券退款金额"),
        "手续费总金额": _sum(rows, "手续费", 5),
        "订单总金额": _sum(rows, "订单金额"),
        "申请退款总金额": _sum(rows, "申请退款金额"),
    }
    return _file(columns, rows, totals) if rows else ""


def write_funds(movements: Iterable[Movement]) -> str:
    """A bill of the basic account's movements, the fee of each in a row of its own; or empty."""
    rows = [row for one in movements for row in _funds(one)]
    income = [row for row in rows if row["收支类型"] == "收入"]
    spent = [row for row in rows if row["收支类型"] == "支出"]
    totals = {
        "资金流水总笔数": f"{len(rows)}.0",
        "收入笔数": f"{len(income)}.0",
        "收入金额": _sum(income, "收支金额(元)"),
        "支出笔数": f"{len(spent)}.0",
        "支出金额": _sum(spent, "收支金额(元)"),
    }
    return _file(FUNDS_COLUMNS, rows, totals) if rows else ""


def _trade(state: State, moved: Movement) -> Row:
    order = state.orders.get(moved.number)
    is_refund = moved.kind == "refund"
    amount, zero = _yuan(abs(moved.amount_minor)), "0.00"
    refund = state.refunds.get(moved.refund_number)
    return {
        **_about(state, moved, order),
        "交易状态": "REFUND" if is_refund else "SUCCESS",
        "应结订单金额": zero if is_refund else amount,
        "代金券金额": zero,
        "退款申请时间": _time(refund.created_ms if refund else moved.at_ms),
        "退款成功时间": _time(moved.at_ms),
        "微信退款单号": moved.channel_refund_no or "0",
        "商户退款单号": moved.refund_number or "0",
        "退款金额": amount if is_refund else zero,
        "充值券退款金额": zero,
        "退款类型": "ORIGINAL" if is_refund else "",
        "退款状态": "SUCCESS" if is_refund else "",
        "手续费": _yuan(moved.fee_minor, 5),
        "费率": "0.60%",
        "订单金额": zero if is_refund else amount,
        "申请退款金额": amount if is_refund else zero,
        "费率备注": "",
    }


def _about(state: State, moved: Movement, order: Order | None) -> Row:
    """The cells that say whose trade it was and of what."""
    return {
        "交易时间": _time(moved.at_ms),
        "公众账号ID": (order.appid if order else "") or state.material.appid,
        "商户号": state.material.mchid,
        "特约商户号": "0",
        "设备号": "",
        "微信订单号": moved.channel_no,
        "商户订单号": moved.number,
        "用户标识": order.openid if order else "",
        "交易类型": order.trade_type if order else "JSAPI",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "商品名称": _plain(order.description) if order else "",
        "商户数据包": _plain(order.attach) if order else "",
    }


def _funds(moved: Movement) -> list[Row]:
    """A movement's row and its fee's: the balance between them is without the fee."""
    word = _FUNDS_WORDS[moved.kind]
    whole = _flow(moved, word, moved.amount_minor, moved.balance_minor + moved.fee_minor)
    if not moved.fee_minor:
        return [whole]
    fee_word = "扣除交易手续费" if moved.fee_minor > 0 else "退还交易手续费"
    return [whole, _flow(moved, fee_word, -moved.fee_minor, moved.balance_minor)]


def _flow(moved: Movement, word: str, amount: int, balance: int) -> Row:
    voucher = moved.refund_number or moved.number
    flow_no = f"{moved.at_ms}{len(word):02d}{moved.channel_no[-12:]}"
    return {
        "记账时间": _time(moved.at_ms),
        "微信支付业务单号": moved.channel_refund_no or moved.channel_no,
        "资金流水单号": flow_no,
        "业务名称": word,
        "业务类型": word,
        "收支类型": "收入" if amount >= 0 else "支出",
        "收支金额(元)": _yuan(abs(amount)),
        "账户结余(元)": _yuan(balance),
        "资金变更提交申请人": "system",
        "备注": "",
        "业务凭证号": voucher,
    }


def _file(columns: Iterable[str], rows: Iterable[Row], totals: Row) -> str:
    names = list(columns)
    lines = [",".join(names), *(_line(row[name] for name in names) for row in rows)]
    lines += [",".join(totals), _line(totals.values())]
    return "\ufeff" + "".join(f"{line}\r\n" for line in lines)


def _line(cells: Iterable[str]) -> str:
    return ",".join(f"`{cell}" for cell in cells)


def _yuan(minor: int, decimals: int = 2) -> str:
    sign, whole = "-" if minor < 0 else "", abs(minor)
    return f"{sign}{whole // 100}.{whole % 100:02d}".ljust(len(f"{sign}{whole // 100}") + 1 + decimals, "0")


def _sum(rows: Iterable[Row], column: str, decimals: int = 2) -> str:
    minor = sum(int(row[column].replace(".", "")) // 10 ** (decimals - 2) for row in rows)
    return _yuan(minor, decimals)


def _plain(text: str) -> str:
    return "".join(" " if character in "`\r\n" else character for character in text)


def _time(moment_ms: int) -> str:
    return f"{beijing(moment_ms):%Y-%m-%d %H:%M:%S}"
