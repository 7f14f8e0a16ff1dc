"""Refunds at the sandbox: asked for, shown, sent another way, and how they end. Must not know: signatures.

Money leaves the till when a refund succeeds; until then it is set aside, so that NOT_ENOUGH comes as it would.
Source: pay.weixin.qq.com "申请退款", "查询单笔退款", "发起异常退款", "退款结果通知".
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox.letters import Event, tell
from shunfu.channels.wechatpay.sandbox.refund_rules import (
    ABNORMAL,
    REFUND,
    find_order,
    not_enough,
    set_aside,
    why_not_abnormal,
    why_not_now,
)
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import fault_in, not_an_object
from shunfu.channels.wechatpay.sandbox.state import Order, RefundOrder, State
from shunfu.channels.wechatpay.sandbox.wire import Said, problem
from shunfu.gateway.reading import JsonObject, object_at, parse_object
from shunfu.gateway.sandbox.chance import one_less
from shunfu.gateway.sandbox.till import Movement, fee_back
from shunfu.gateway.sandbox.values import At, Faults, PlacedRefund, RefundEnd, Step, Timer, beijing
from shunfu.gateway.scenario import SLOW_REFUND_SECONDS, refund_twist

REFUND_SECONDS = 300.0
_ENDS = {"succeeded": "SUCCESS", "abnormal": "ABNORMAL", "closed": "CLOSED"}
_SUMMARIES = {"SUCCESS": "退款成功", "ABNORMAL": "退款异常", "CLOSED": "退款关闭"}


def refund(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new refund, or the same one again as it is now; HTTP 200 says only that it was taken."""
    del found
    body = parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(REFUND, body)
    if wrong:
        return Outcome(state, wrong)
    old = state.refunds.get(str(body["out_refund_no"]))
    if old:
        return Outcome(state, _shown(old) if old.fingerprint == _fingerprint(body) else _differs())
    order = find_order(state, body)
    if isinstance(order, Said):
        return Outcome(state, order)
    amount = int(str(object_at(body, "amount")["refund"]))
    refused = why_not_now(state, order, object_at(body, "amount"), call.now_ms)
    if refused or refund_twist(amount) == "no_balance":
        return Outcome(state, refused or not_enough())
    return _take(state, order, body, call)


def ask_refund(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The refund with this out_refund_no, or 404 RESOURCE_NOT_EXISTS."""
    del call
    known = state.refunds.get(unquote(found.group(1)))
    return Outcome(state, _shown(known) if known else _no_refund())


def apply_abnormal(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """An abnormal refund goes on, to a bank card of the payer or to the merchant."""
    body = parse_object(call.body)
    if body is None:
        return Outcome(state, not_an_object())
    wrong = fault_in(ABNORMAL, body)
    if wrong:
        return Outcome(state, wrong)
    known = state.refunds.get(str(body["out_refund_no"]))
    if known is None or known.refund_id != unquote(found.group(1)):
        return Outcome(state, _no_refund())
    refused = why_not_abnormal(state, known, body, call)
    if refused:
        return Outcome(state, refused)
    to_payer = body["type"] == "USER_BANK_CARD"
    channel, account = ("OTHER_BANKCARD", "用户银行卡") if to_payer else ("OTHER_BANKCARD", "商户结算银行账户")
    going = replace(known, state="PROCESSING", fate="SUCCESS", channel=channel, account=account, finished_ms=0)
    return Outcome(state.with_refund(going), _shown(going), timers=(_timer(going),))


def end_by_itself(state: State, number: str, at: At) -> Step[State]:
    """A refund that is going on ends as it was fated to."""
    known = state.refunds.get(number)
    return _end(state, known, known.fate, at) if known and known.state == "PROCESSING" else Step(state)


def end_refund(state: State, number: str, end: RefundEnd, at: At) -> Step[State] | None:
    """End a refund that is going on, now and this way; None when there is none."""
    known = state.refunds.get(number)
    return _end(state, known, _ENDS[end], at) if known and known.state == "PROCESSING" else None


def list_refunds(state: State) -> tuple[PlacedRefund, ...]:
    """Every refund, oldest first."""
    return tuple(_placed(known) for known in state.refunds.values())


def balance_minor(state: State) -> int:
    """What the merchant has at WeChat Pay, without what is set aside for refunds that are going on."""
    return state.till.balance_minor - set_aside(state)


def _take(state: State, order: Order, body: JsonObject, call: SignedCall) -> Outcome:
    amount = int(str(object_at(body, "amount")["refund"]))
    twist = refund_twist(amount)
    fate, faults = _fate(twist, call.faults)
    day, at = f"{call.at.beijing:%Y%m%d}", call.at
    taken = RefundOrder(
        number=str(body["out_refund_no"]),
        refund_id=f"5030{at.digits(6, 'refund')}{day}{at.digits(11, 'refund tail')}",
        order_number=order.number,
        transaction_id=order.transaction_id,
        amount=amount,
        total=order.total,
        reason=str(body.get("reason", "")),
        notify_url=str(body.get("notify_url", "")),
        fingerprint=_fingerprint(body),
        named_key=call.named_key,
        created_ms=call.now_ms,
        fate=fate,
    )
    state = state.with_order(replace(order, state="REFUND")).with_refund(taken)
    said = problem(500, "SYSTEM_ERROR", "系统超时", 268435457) if twist == "system_error" else _shown(taken)
    seconds = SLOW_REFUND_SECONDS if twist == "slow" else REFUND_SECONDS
    return Outcome(state, said, timers=(_timer(taken, seconds),), faults=faults)


def _fate(twist: str, faults: Faults) -> tuple[str, Faults | None]:
    """How a new refund will end: as its amount says, else as the faults to come say."""
    if twist in {"abnormal", "closed"}:
        return twist.upper(), None
    for name, fate in (("refund_abnormal", "ABNORMAL"), ("refund_closed", "CLOSED")):
        if getattr(faults, name):
            return fate, one_less(faults, name)
    return "SUCCESS", None


def _end(state: State, known: RefundOrder, word: str, at: At) -> Step[State]:
    ended = replace(known, state=word, finished_ms=at.business_ms)
    if word == "SUCCESS":
        before = sum(one.amount for one in _of_order(state, known) if one.state == "SUCCESS")
        given_back = fee_back(known.total, before, known.amount)
        movement = Movement(
            at.business_ms, "refund", known.order_number, known.transaction_id, -known.amount, -given_back,
            known.number, known.refund_id,
        )  # fmt: skip
        state = state.with_till(state.till.book(movement))
    event = Event(
        f"REFUND.{word}", known.order_number, known.notify_url, "refund", _SUMMARIES[word], _content(state, ended),
        key=known.named_key,
    )  # fmt: skip
    return Step(state.with_refund(ended), tell(event, replace(at, entropy=at.draw("refund", known.number, word))))


def _of_order(state: State, known: RefundOrder) -> tuple[RefundOrder, ...]:
    return tuple(one for one in state.refunds.values() if one.order_number == known.order_number)


def _content(state: State, ended: RefundOrder) -> dict[str, object]:
    """What the notification says; unlike the query it has `refund_status` and no currency."""
    shown: dict[str, object] = {
        "mchid": state.material.mchid,
        "transaction_id": ended.transaction_id,
        "out_trade_no": ended.order_number,
        "refund_id": ended.refund_id,
        "out_refund_no": ended.number,
        "refund_status": ended.state,
        "user_received_account": ended.account,
        "amount": {
            "total": ended.total,
            "refund": ended.amount,
            "payer_total": ended.total,
            "payer_refund": ended.amount,
        },
    }
    return {**shown, **_success_time(ended)}


def _shown(known: RefundOrder) -> Said:
    content: dict[str, object] = {
        "refund_id": known.refund_id,
        "out_refund_no": known.number,
        "transaction_id": known.transaction_id,
        "out_trade_no": known.order_number,
        "channel": known.channel,
        "user_received_account": known.account,
        "create_time": beijing(known.created_ms).isoformat(timespec="seconds"),
        "status": known.state,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": known.total,
            "refund": known.amount,
            "from": [],
            "payer_total": known.total,
            "payer_refund": known.amount,
            "settlement_total": known.total,
            "settlement_refund": known.amount,
            "discount_refund": 0,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    return Said(200, {**content, **_success_time(known)})


def _success_time(known: RefundOrder) -> dict[str, object]:
    is_done = known.state == "SUCCESS"
    return {"success_time": beijing(known.finished_ms).isoformat(timespec="seconds")} if is_done else {}


def _placed(known: RefundOrder) -> PlacedRefund:
    return PlacedRefund(
        known.number, known.order_number, known.state, known.amount, "CNY", known.refund_id, known.created_ms,
        known.finished_ms,
    )  # fmt: skip


def _timer(known: RefundOrder, seconds: float = REFUND_SECONDS) -> Timer:
    return Timer(f"refund/{known.number}", seconds)


def _fingerprint(body: JsonObject) -> str:
    return sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _differs() -> Said:
    return problem(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)


def _no_refund() -> Said:
    return problem(404, "RESOURCE_NOT_EXISTS", "退款单不存在", 268512771)


_REFUNDS = "/v3/refund/domestic/refunds"
ROUTES = (
    Route("POST", _REFUNDS, refund),
    Route("GET", f"{_REFUNDS}/([^/]+)", ask_refund),
    Route("POST", f"{_REFUNDS}/([^/]+)/apply-abnormal-refund", apply_abnormal),
)
