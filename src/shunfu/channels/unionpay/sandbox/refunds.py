"""Refunds and undoes at the sandbox: taken now, finished a little later. Must not know: signatures, HTTP.

Source: 全渠道平台接入接口规范 5.1.0 (退货, 消费撤销): refunds for 330 days, any number up to the whole; an undo of the
whole within the settlement day, when nothing was refunded.
"""

from __future__ import annotations

from dataclasses import replace

from shunfu.channels.unionpay.sandbox.orders import DAY_MS, Asking, Done, wrong_format
from shunfu.channels.unionpay.sandbox.state import FAILED, PENDING, SUCCESS, Order, Return, State, key_of
from shunfu.channels.unionpay.sandbox.telling import letter_of_return, numbers, settlement_day
from shunfu.gateway.faults import Faults
from shunfu.gateway.sandbox.chance import one_less
from shunfu.gateway.sandbox.till import Movement, fee_back
from shunfu.gateway.sandbox.values import At, Step, Timer
from shunfu.gateway.scenario import SLOW_REFUND_SECONDS, refund_twist

REFUND, UNDO = "04", "31"
REFUND_DAYS = 330
FINISH_SECONDS = 5
_NEEDED = ("orderId", "txnTime", "txnAmt", "backUrl")


def take(state: State, kind: str, asking: Asking) -> Done:
    """A refund (04) or an undo (31): taken with 00, or refused with nothing done."""
    fields, at = asking.fields, asking.at
    wrong = wrong_format(fields, _NEEDED)
    if wrong or not (fields.get("origQryId") or fields.get("origOrderId")):
        return Done(state, wrong or "13")
    key = key_of(fields["orderId"], fields["txnTime"])
    if key in state.returns or key in state.orders:
        return Done(state, "12")
    order, amount = _original(state, asking), int(fields["txnAmt"])
    refused = "35" if order is None else _why_not(state, order, amount, (kind, at.business_ms))
    if order is None or refused:
        return Done(state, refused)
    twist = refund_twist(amount)
    if twist == "no_balance":
        return Done(state, "64")
    faults, is_failing = _fault(asking.faults)
    one = _new_return(kind, order, asking, FAILED if is_failing or twist in {"abnormal", "closed"} else SUCCESS)
    wait_seconds = SLOW_REFUND_SECONDS if twist == "slow" else FINISH_SECONDS
    timer = Timer(f"refund:{one.key}", wait_seconds)
    more = {"queryId": one.query_id, "origQryId": one.original_id, "txnAmt": str(amount)}
    code = "06" if twist == "system_error" else "00"
    return Done(state.with_return(one), code, more if code == "00" else {}, timers=(timer,), faults=faults)


def finish(state: State, key: str, at: At, code: str = "") -> Step[State]:
    """End a refund that is going on, as it was fated or with this code; a failed one is told to nobody."""
    one = state.returns.get(key)
    if one is None or one.code != PENDING:
        return Step(state)
    ended = replace(one, code=code or one.fate, finished_ms=at.business_ms)
    if ended.code != SUCCESS:
        return Step(state.with_return(replace(ended, finished_ms=0)))
    order = state.orders[one.order_key]
    before = sum(r.amount for r in state.returns_of(order) if r.code == SUCCESS)
    movement = Movement(
        at_ms=at.business_ms,
        kind="refund",
        number=order.number,
        channel_no=order.query_id,
        amount_minor=-one.amount,
        fee_minor=-fee_back(order.amount, before, one.amount),
        refund_number=one.number,
        channel_refund_no=one.query_id,
    )
    state = replace(state.with_return(ended), till=state.till.book(movement))
    return Step(state, (letter_of_return(state, ended),))


def _original(state: State, asking: Asking) -> Order | None:
    fields = asking.fields
    query_id = fields.get("origQryId", "")
    found = state.orders.get(key_of(fields.get("origOrderId", ""), fields.get("origTxnTime", "")))
    if query_id:
        found = next((one for one in state.orders.values() if one.query_id == query_id), None)
    return found if found and found.is_paid else None


def _why_not(state: State, order: Order, amount: int, wish: tuple[str, int]) -> str:
    """35, 36 or 45, or an empty text; the wish is its kind and the moment."""
    kind, now_ms = wish
    earlier = state.returns_of(order)
    remaining = order.amount - sum(one.amount for one in earlier)
    if now_ms - order.paid_ms > REFUND_DAYS * DAY_MS:
        return "35"
    if remaining <= 0 or (kind == UNDO and earlier):
        return "45"
    if kind == UNDO and settlement_day(now_ms) != settlement_day(order.paid_ms):
        return "35"
    is_mismatch = amount != order.amount if kind == UNDO else amount > remaining
    return "36" if is_mismatch else ""


def _fault(faults: Faults) -> tuple[Faults | None, bool]:
    """The faults left when one of them lets this refund fail; UnionPay has no abnormal end, it only fails."""
    for name in ("refund_abnormal", "refund_closed"):
        if getattr(faults, name):
            return one_less(faults, name), True
    return None, False


def _new_return(kind: str, order: Order, asking: Asking, fate: str) -> Return:
    fields = asking.fields
    query_id, trace_no = numbers(asking.at, kind, fields["orderId"])
    return Return(
        number=fields["orderId"],
        txn_time=fields["txnTime"],
        kind=kind,
        biz_type=fields.get("bizType", "000201"),
        order_key=order.key,
        order_number=order.number,
        original_id=order.query_id,
        amount=int(fields["txnAmt"]),
        back_url=fields["backUrl"],
        reserved=fields.get("reqReserved", ""),
        sign_method=fields["signMethod"],
        encoding=fields["encoding"],
        query_id=query_id,
        trace_no=trace_no,
        created_ms=asking.at.business_ms,
        fate=fate,
    )
