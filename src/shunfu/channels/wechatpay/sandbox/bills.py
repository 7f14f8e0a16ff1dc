"""Bills at the sandbox: where a day's bill is to be had, and the download. Must not know: columns, signatures.

A day's bill is there from nine the next morning, for three months; the address lives for thirty seconds.
Source: pay.weixin.qq.com "申请交易账单", "申请资金账单", "下载账单".
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from hashlib import sha1

from shunfu.channels.wechatpay.sandbox.bill_text import write_funds, write_trades
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.state import IssuedBill, State
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import BEIJING, At, Faults

TOKEN_MS = 30_000
READY_HOUR = 9
KEPT = timedelta(days=92)
BILL_TYPES = ("ALL", "SUCCESS", "REFUND")
ACCOUNTS = ("BASIC", "OPERATION", "FEES")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def trade_bill(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Where the trade bill of a day is."""
    del found
    bill_type = _choice(call, "bill_type", BILL_TYPES)
    if bill_type is None:
        return Outcome(state, _param_error("bill_type"))
    kinds = {"SUCCESS": ("payment",), "REFUND": ("refund",)}.get(bill_type, ("payment", "refund"))
    return _issue(state, call, lambda movements: write_trades(state, movements, bill_type), kinds)


def fund_bill(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Where the bill of an account's movements of a day is; all money is in the basic account."""
    del found
    account = _choice(call, "account_type", ACCOUNTS)
    if account is None:
        return Outcome(state, _param_error("account_type"))
    kinds = ("payment", "refund", "transfer", "transfer_back", "share", "share_back") if account == "BASIC" else ()
    return _issue(state, call, write_funds, kinds)


def download(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The file itself, not signed; packed when the bill was asked for so."""
    del found
    bill = state.bills.get(call.query.get("token", [""])[0])
    if bill is None or bill.expires_ms <= call.now_ms:
        return Outcome(state, problem(400, "INVALID_REQUEST", "下载链接已失效，请重新申请账单", 268435461))
    plain = bill.text.encode()
    return Outcome(state, Said(200, file=gzip.compress(plain, mtime=0) if bill.is_packed else plain))


def _issue(
    state: State, call: SignedCall, write: Callable[[tuple[Movement, ...]], str], kinds: tuple[str, ...]
) -> Outcome:
    day, tar_type = _day(call), call.query.get("tar_type", [""])[0]
    if day is None or tar_type not in {"", "GZIP"}:
        return Outcome(state, _param_error("bill_date" if day is None else "tar_type"))
    refused = _why_not(day, call.at)
    if refused:
        return Outcome(state, refused)
    begin_ms = int(datetime.combine(day, time(), BEIJING).timestamp() * 1000)
    moved = tuple(one for one in state.till.between(begin_ms, begin_ms + 86_400_000) if one.kind in kinds)
    moved, faults = spoil(moved, call.faults, call.at)
    text = write(moved)
    if not text:
        return Outcome(state, problem(400, "NO_STATEMENT_EXIST", "账单文件不存在", 268435461), faults=faults)
    token = call.at.draw("bill").hex()
    bill = IssuedBill(token, text, tar_type == "GZIP", call.now_ms + TOKEN_MS)
    waiting = {name: one for name, one in state.bills.items() if one.expires_ms > call.now_ms}
    packed = "&tartype=gzip" if bill.is_packed else ""
    content: dict[str, object] = {
        "hash_type": "SHA1",
        "hash_value": sha1(text.encode(), usedforsecurity=False).hexdigest(),
        "download_url": f"{call.base_url}/v3/billdownload/file?token={token}{packed}",
    }
    return Outcome(replace(state, bills={**waiting, token: bill}), Said(200, content), faults=faults)


def spoil(moved: tuple[Movement, ...], faults: Faults, at: At) -> tuple[tuple[Movement, ...], Faults]:
    """The movements with some missing, some altered and some invented, and the faults that are left."""
    missing = _count(faults.rows_missing, len(moved))
    moved = moved[missing:]
    altered = _count(faults.rows_altered, len(moved))
    spoiled = tuple(replace(one, amount_minor=_away_from_zero(one.amount_minor)) for one in moved[:altered])
    extra = 1 if faults.rows_extra < 0 else faults.rows_extra
    moved = (*spoiled, *moved[altered:], *(_invented(at, index) for index in range(extra)))
    left = replace(
        faults,
        rows_missing=_left(faults.rows_missing, missing),
        rows_altered=_left(faults.rows_altered, altered),
        rows_extra=_left(faults.rows_extra, extra),
    )
    return moved, left


def _count(wanted: int, there: int) -> int:
    return there if wanted < 0 else min(wanted, there)


def _left(wanted: int, used: int) -> int:
    return wanted if wanted < 0 else wanted - used


def _away_from_zero(amount: int) -> int:
    return amount + 1 if amount > 0 else amount - 1


def _invented(at: At, index: int) -> Movement:
    number = at.draw("extra", index).hex()[:26].upper()
    noon_ms = at.business_ms - 86_400_000
    return Movement(noon_ms, "payment", number, f"4200{at.digits(24, 'extra', index)}", 100, 1)


def _day(call: SignedCall) -> date | None:
    given = call.query.get("bill_date", [""])[0]
    try:
        return date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except ValueError:
        return None


def _choice(call: SignedCall, name: str, choices: tuple[str, ...]) -> str | None:
    given = call.query.get(name, [choices[0]])[0]
    return given if given in choices else None


def _why_not(day: date, at: At) -> Said | None:
    ready_at = datetime.combine(day + timedelta(days=1), time(READY_HOUR), BEIJING)
    if day > at.beijing.date():
        return _param_error("bill_date")
    if at.beijing < ready_at:
        return problem(400, "STATEMENT_CREATING", "账单生成中，请稍后再试", 268435461)
    if at.beijing.date() - day > KEPT:
        return problem(400, "INVALID_REQUEST", "仅支持三个月内的账单下载", 268435461)
    return None


def _param_error(name: str) -> Said:
    words = f"参数不符合接口规则: {name}"
    return problem(400, "PARAM_ERROR", words, 268435461, field=name, issue=words, location="query")


ROUTES = (
    Route("GET", "/v3/bill/tradebill", trade_bill),
    Route("GET", "/v3/bill/fundflowbill", fund_bill),
    Route("GET", "/v3/billdownload/file", download),
)
