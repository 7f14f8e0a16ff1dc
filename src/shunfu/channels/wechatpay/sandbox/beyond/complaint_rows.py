"""How complaints look on the wire, and how a shopper files one. Must not know: requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from shunfu.channels.wechatpay.sandbox.beyond.bodies import when
from shunfu.channels.wechatpay.sandbox.beyond.state import ComplaintRow, ComplaintStep
from shunfu.channels.wechatpay.sandbox.letters import Event, tell
from shunfu.channels.wechatpay.sandbox.paying import NOBODY
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import close_field
from shunfu.gateway.sandbox.values import At, Letter, Step, beijing

NEGOTIATION_MAX = 300
TEXT_MAX = 2000
PHONE = "13900000000"
"""What every shopper here leaves as a phone number."""
_OPERATORS = {"U": "投诉人", "M": "商家"}
_CREATED = "USER_CREATE_COMPLAINT"
_ACTIONS = {_CREATED: "CREATE_COMPLAINT", "USER_CONTINUE_COMPLAINT": "CONTINUE_COMPLAINT"}


def file_complaint(state: State, number: str, text: str, at: At) -> Step[State] | None:
    """The shopper complains about a paid order, or once more; None when there is no such order or nothing is said."""
    order = state.orders.get(number)
    if order is None or not order.transaction_id or not 0 < len(text) <= TEXT_MAX:
        return None
    old = next((row for row in state.beyond.complaints.values() if row.order_number == number), None)
    if old:
        again = replace(old, state="PENDING", is_waiting=True, times=old.times + 1)
        row = add_step(again, "USER_CONTINUE_COMPLAINT", text, at)
    else:
        complaint_id = f"200201820{at.beijing:%Y%m%d}{at.digits(10, 'complaint')}"
        openid = order.openid or NOBODY
        new = ComplaintRow(
            complaint_id, number, order.transaction_id, order.total, openid, text, at.business_ms
        )  # fmt: skip
        row = add_step(new, _CREATED, text, at)
    state = replace(state, beyond=state.beyond.with_complaint(row))
    return Step(state, tell_of(state, row, at))


def add_step(row: ComplaintRow, kind: str, text: str, at: At) -> ComplaintRow:
    """The complaint with one more step of its negotiation; the oldest beyond 300 are forgotten."""
    log_id = f"3002854{at.digits(20, 'step', row.id)}"
    step = ComplaintStep(log_id, _OPERATORS[kind[0]], kind, text, at.business_ms)
    return replace(row, steps=(*row.steps, step)[-NEGOTIATION_MAX:])


def tell_of(state: State, row: ComplaintRow, at: At) -> tuple[Letter, ...]:
    """The notification of a complaint's last step: the complaint's number and what was done, no more."""
    step = row.steps[-1].kind
    kind = "COMPLAINT.CREATE" if step == _CREATED else "COMPLAINT.STATE_CHANGE"
    content = {"complaint_id": row.id, "action_type": _ACTIONS.get(step, step)}
    url, key = state.beyond.complaint_url, state.beyond.complaint_key
    return tell(Event(kind, row.order_number, url, "complaint", "投诉状态更新", content, key=key), at)


def made_on(row: ComplaintRow) -> date:
    """The day of the complaint, as WeChat counts days."""
    return beijing(row.made_ms).date()


def complaint_shown(state: State, row: ComplaintRow) -> dict[str, object]:
    """A complaint as queries reply it."""
    order = state.orders[row.order_number]
    refunds = [one for one in state.refunds.values() if one.order_number == row.order_number]
    refunded = sum(one.amount for one in refunds if one.state == "SUCCESS")
    return {
        "complaint_id": row.id,
        "complaint_time": when(row.made_ms),
        "complaint_detail": row.text,
        "complaint_state": row.state,
        "complainted_mchid": state.material.mchid,
        "payer_phone": close_field(state.keys, PHONE),
        "payer_openid": row.openid,
        "complaint_order_info": [
            {"transaction_id": row.transaction_id, "out_trade_no": row.order_number, "amount": row.amount}
        ],
        "complaint_full_refunded": refunded == order.total,
        "incoming_user_response": row.is_waiting,
        "user_complaint_times": row.times,
        "problem_description": "其他问题",
        "problem_type": "OTHERS",
        "user_tag_list": [],
    }


def step_shown(step: ComplaintStep) -> dict[str, object]:
    """One step of a negotiation."""
    return {
        "log_id": step.log_id,
        "operator": step.operator,
        "operate_time": when(step.at_ms),
        "operate_type": step.kind,
        "operate_details": step.text,
        "complaint_media_list": [],
    }
