"""What a verified message says, as evidence. Must not know: signatures, HTTP, our states.

Source: 全渠道平台接入接口规范 5.1.0 (交易状态查询, 后台通知); the evidence table of docs/states.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shunfu.channels.unionpay import codes
from shunfu.channels.unionpay.codec import Fields
from shunfu.channels.unionpay.times import full, made_at, parse_full, parse_short, txn_time
from shunfu.gateway.evidence import Closed, Evidence, NotFound, NotPaid, Paid, Unknown
from shunfu.gateway.refund import RefundClosed, RefundEvidence, RefundProcessing, RefundSucceeded
from shunfu.kernel.money import MAX_MINOR, Money

ORDER_SECONDS = 24 * 3600
"""The longest life of an order, counted from its number: payTimeout is never later.

A query's caller names only the number. So payTimeout travels in reqReserved, which UnionPay repeats in every answer; if
it does not come back, this longest life is assumed.
"""

LATE_SECONDS = 300
"""How long after payTimeout a payment may still arrive: only then does a failed try mean that none will."""

QUERY, PAYMENT, REFUND, UNDO = "00", "01", "04", "31"
CNY = "156"

_DEADLINE = re.compile(r"until([0-9]{14})", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}", re.ASCII)
_NAME = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
_CODE = re.compile(r"[0-9A-Z]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """A number that was asked about, the merchant whose it is, and the request's txnType."""

    mer_id: str
    number: str
    kind: str = QUERY

    def is_about(self, fields: Fields) -> bool:
        """Whether an answer tells of this very transaction and request: merId, orderId, txnTime and txnType.

        A query that found something answers with the txnType of what it found, which its reader judges.
        """
        names = (fields.get("merId"), fields.get("orderId"), fields.get("txnTime"))
        has_found = self.kind == QUERY and fields.get("respCode") == codes.OK
        is_same_kind = has_found or fields.get("txnType") == self.kind
        return is_same_kind and names == (self.mer_id, self.number, txn_time(self.number))


def reserved_until(deadline: datetime) -> str:
    """The `reqReserved` of an order: the end of its life, for the answers to its queries."""
    return f"until{full(deadline)}"


def latest_deadline(number: str) -> datetime:
    """The latest payTimeout that an order of this number can have."""
    return (made_at(number) or datetime.min.replace(tzinfo=UTC)) + timedelta(seconds=ORDER_SECONDS)


def code_at(fields: Fields, name: str) -> str:
    """A two-character answer code, or an empty text when it is none."""
    value = fields.get(name, "")
    return value if _CODE.fullmatch(value) else ""


def name_at(fields: Fields, name: str) -> str:
    """A machine name (a number of an order, of a transaction), or an empty text when it is none."""
    value = fields.get(name, "")
    return value if _NAME.fullmatch(value) else ""


def read_query(fields: Fields, asked: Asked, now: datetime) -> Evidence:
    """Evidence in the answer to a query: `respCode` tells of the query, then `origRespCode` of the payment."""
    code = code_at(fields, "respCode")
    if code == codes.NOT_FOUND:
        return NotFound(code)
    if code != codes.OK:
        return Unknown(f"query: respCode {code}".strip())
    if fields.get("txnType") != PAYMENT:
        return Unknown("the transaction that was asked about is no payment")
    found = code_at(fields, "origRespCode")
    if found in codes.PAID:
        return read_paid(fields)
    if found in codes.UNPAID:
        return NotPaid(found)
    if found not in codes.FAILED:
        return Unknown(f"origRespCode {found} does not say what became of it")
    is_over = now >= _deadline(fields, asked.number) + timedelta(seconds=LATE_SECONDS)
    return Closed(found) if is_over else NotPaid(found)


def read_paid(fields: Fields) -> Paid | Unknown:
    """The payment in a query's answer or in a notification, whose code says that money moved."""
    amount, moment = read_amount(fields), read_moment(fields)
    account, transaction_no = name_at(fields, "merId"), name_at(fields, "queryId")
    if amount is None:
        return Unknown("amount of a paid transaction is malformed")
    if moment is None or not account or not transaction_no:
        return Unknown("paid transaction is incomplete")
    return Paid(amount, account, account, transaction_no, moment)


def read_refund_query(fields: Fields, amount: Money) -> RefundEvidence:
    """Evidence in the answer to a query of a refund or an undo of this amount: a number stands for one amount only."""
    code = code_at(fields, "respCode")
    if code == codes.NOT_FOUND:
        return NotFound(code)
    if code != codes.OK or fields.get("txnType") not in {REFUND, UNDO}:
        return Unknown(f"query of a refund: respCode {code}, txnType {name_at(fields, 'txnType')}")
    if read_amount(fields) != amount:
        return Unknown("the refund with this number is of another amount")
    found = code_at(fields, "origRespCode")
    if found in codes.PAID:
        return read_refunded(fields)
    if found in codes.PENDING:
        return RefundProcessing(name_at(fields, "queryId"))
    return RefundClosed(found) if found in codes.FAILED else Unknown(f"origRespCode {found} of a refund")


def read_refunded(fields: Fields) -> RefundSucceeded | Unknown:
    """The refund or undo in an answer or notification, whose code says that money went back."""
    amount, moment, refund_no = read_amount(fields), read_moment(fields), name_at(fields, "queryId")
    if amount is None or moment is None or not refund_no:
        return Unknown("finished refund is incomplete")
    return RefundSucceeded(amount, refund_no, moment)


def read_amount(fields: Fields) -> Money | None:
    """`txnAmt` in fen, positive, in renminbi; None when it is anything else."""
    text = fields.get("txnAmt", "")
    is_sound = _AMOUNT.fullmatch(text) is not None and fields.get("currencyCode") == CNY
    return Money(int(text), "CNY") if is_sound and 0 < int(text) <= MAX_MINOR else None


def read_moment(fields: Fields) -> datetime | None:
    """When it happened: `traceTime`, which has no year, near `txnTime`; txnTime itself where there is none."""
    sent = parse_full(fields.get("txnTime", ""))
    trace = fields.get("traceTime", "")
    return parse_short(trace, sent) if sent and trace else sent


def _deadline(fields: Fields, number: str) -> datetime:
    latest = latest_deadline(number)
    found = _DEADLINE.fullmatch(fields.get("reqReserved", ""))
    told = parse_full(found.group(1)) if found else None
    return min(told, latest) if told else latest
