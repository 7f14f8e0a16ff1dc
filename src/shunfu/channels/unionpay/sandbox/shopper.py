"""What the shopper does at UnionPay's sheet: pay, cancel, wrong password, leave. Must not know: HTML, signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from shunfu.channels.unionpay.sandbox.orders import DEFECTIVE_MINOR
from shunfu.channels.unionpay.sandbox.state import DEFECTIVE, PENDING, SUCCESS, Order, State
from shunfu.channels.unionpay.sandbox.telling import letter_of_order, numbers, outcome_of
from shunfu.gateway.sandbox.till import Movement, fee_of
from shunfu.gateway.sandbox.values import Act, At, PlacedOrder, Sheet, Step
from shunfu.gateway.scenario import payment_twist

RETURN = "/gateway/api/frontReturn.do"
_WORDS = {PENDING: "NOTPAY", SUCCESS: "SUCCESS", DEFECTIVE: "SUCCESS"}


def open_sheet(state: State, fields: Mapping[str, str], at: At) -> Sheet:
    """Read what `upsdk.pay`, the app's control or the QR code gave: a tn or the code's address."""
    order = state.order_with_token(fields.get("tn") or fields.get("code_url") or "")
    return Sheet(None, "invalid", "tn_unknown") if order is None else look(order, at.business_ms)


def look(order: Order, now_ms: int) -> Sheet:
    """Whether an order can be paid now: nothing has become of it, and its payTimeout is still to come."""
    shown, back_url = placed(order), _back_url(order)
    if order.is_paid:
        return Sheet(shown, "paid", "already_paid", back_url)
    if order.code != PENDING:
        return Sheet(shown, "closed", "order_closed", back_url)
    if outcome_of(order, now_ms) != PENDING:
        return Sheet(shown, "expired", "order_expired", back_url)
    return Sheet(shown, "payable", None, back_url)


def act(state: State, act: Act, at: At) -> tuple[Step[State], Sheet]:
    """Do it: only `pay` on a payable order changes anything; the sheet tells the order as it is afterwards."""
    order = state.order_numbered(act.number)
    if order is None:
        return Step(state), Sheet(None, "invalid", "order_unknown")
    seen = look(order, at.business_ms)
    if seen.condition != "payable":
        return Step(state), seen
    if act.deed != "pay":
        return Step(state), replace(seen, problem=act.deed)
    if payment_twist(order.amount) == "no_balance":
        return Step(state), replace(seen, problem="no_balance")
    step = pay(state, order, at)
    return step, replace(look(step.state.orders[order.key], at.business_ms), problem=None)


def pay(state: State, order: Order, at: At) -> Step[State]:
    """The order paid, its money in the till, and the notification of it."""
    query_id, trace_no = numbers(at, "01", order.number)
    code = DEFECTIVE if order.amount == DEFECTIVE_MINOR else SUCCESS
    paid = replace(order, code=code, query_id=query_id, trace_no=trace_no, paid_ms=at.business_ms)
    movement = Movement(at.business_ms, "payment", order.number, query_id, order.amount, fee_of(order.amount))
    state = replace(state.with_order(paid), till=state.till.book(movement))
    return Step(state, (letter_of_order(state, paid),))


def placed(order: Order) -> PlacedOrder:
    """The order as the host and its testers see it."""
    return PlacedOrder(
        number=order.number,
        trade_type=order.door.upper(),
        state=_WORDS.get(order.code, "CLOSED"),
        amount_minor=order.amount,
        currency="CNY",
        description=order.description,
        notify_url=order.back_url,
        created_ms=order.created_ms,
        expires_ms=order.expires_ms,
        paid_ms=order.paid_ms,
        transaction_no=order.query_id,
    )


def _back_url(order: Order) -> str:
    """The sandbox's own page that posts the result to frontUrl, as UnionPay's cashier does."""
    return f"{order.origin}{RETURN}?{urlencode({'tn': order.token})}" if order.front_url else ""
