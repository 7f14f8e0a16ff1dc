"""What UnionPay says of a payment or a refund: the same words in the answer to a query and in a notification.

Must not know: signatures, HTTP. Source: 全渠道平台接入接口规范 5.1.0 (交易状态查询, 后台通知).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta

from shunfu.channels.unionpay.sandbox.state import LATE, PENDING, Order, Return, State
from shunfu.channels.unionpay.sandbox.wire import MESSAGES
from shunfu.gateway.sandbox.values import At, Letter, beijing

CUT = timedelta(hours=1)


def settlement_day(moment_ms: int) -> date:
    """The day whose file has this moment: a day runs from 23:00 to 23:00."""
    return (beijing(moment_ms) + CUT).date()


def numbers(at: At, *labels: str) -> tuple[str, str]:
    """A fresh queryId (21 digits) and traceNo (6 digits)."""
    trace_no = at.digits(6, "trace", *labels)
    return (
        f"{at.digits(2, 'head', *labels)}{at.beijing:%y%m%d%H%M%S}{trace_no}{at.digits(1, 'tail', *labels)}",
        trace_no,
    )


def outcome_of(order: Order, now_ms: int) -> str:
    """The code of a payment so far: an order that nobody paid in time has failed."""
    return LATE if order.code == PENDING and now_ms >= order.expires_ms else order.code


def facts_of_order(state: State, order: Order) -> dict[str, str]:
    """The fields that name a payment, and when it is paid what happened."""
    facts = {
        "txnType": "01",
        "txnSubType": order.txn_sub,
        "bizType": order.biz_type,
        "accessType": "0",
        "merId": state.material.mer_id,
        "orderId": order.number,
        "txnTime": order.txn_time,
        "txnAmt": str(order.amount),
        "currencyCode": "156",
        "reqReserved": order.reserved,
    }
    if not order.is_paid:
        return facts
    card = {"payCardType": "01", "issuerIdentifyMode": "0", "accNo": "6216***********0018"}
    return {**facts, **card, **_settled(order.query_id, order.trace_no, order.paid_ms), "settleAmt": facts["txnAmt"]}


def facts_of_return(state: State, one: Return) -> dict[str, str]:
    """The fields that name a refund or an undo, and when it is done what happened."""
    facts = {
        "txnType": one.kind,
        "txnSubType": "00",
        "bizType": one.biz_type,
        "accessType": "0",
        "merId": state.material.mer_id,
        "orderId": one.number,
        "txnTime": one.txn_time,
        "txnAmt": str(one.amount),
        "currencyCode": "156",
        "reqReserved": one.reserved,
        "queryId": one.query_id,
        "origQryId": one.original_id,
    }
    if not one.finished_ms:
        return facts
    return {**facts, **_settled(one.query_id, one.trace_no, one.finished_ms), "settleAmt": facts["txnAmt"]}


def letter_of_order(state: State, order: Order) -> Letter:
    """The notification of a paid order."""
    facts = {**facts_of_order(state, order), "respCode": order.code, "respMsg": MESSAGES[order.code]}
    content = _content(facts, order.sign_method, order.encoding)
    return Letter(f"01-{order.query_id}", order.number, "01", order.back_url, content, order.amount)


def letter_of_return(state: State, one: Return) -> Letter:
    """The notification of a finished refund or undo; the book of amounts is about payments alone."""
    facts = {**facts_of_return(state, one), "respCode": one.code, "respMsg": MESSAGES[one.code]}
    content = _content(facts, one.sign_method, one.encoding)
    return Letter(f"{one.kind}-{one.query_id}", one.order_number, one.kind, one.back_url, content)


def _settled(query_id: str, trace_no: str, at_ms: int) -> dict[str, str]:
    return {
        "queryId": query_id,
        "traceNo": trace_no,
        "traceTime": f"{beijing(at_ms):%m%d%H%M%S}",
        "settleDate": f"{settlement_day(at_ms):%m%d}",
        "settleCurrencyCode": "156",
    }


def _content(facts: Mapping[str, str], sign_method: str, encoding: str) -> str:
    return json.dumps({**facts, "signMethod": sign_method, "encoding": encoding}, ensure_ascii=False)
