"""How transfers end at the sandbox: confirmed by the shopper, cancelled, or after 24 hours. Must not know: requests.

A tester's hands reach a transfer like an order: its sheet is the confirmation page, paying it is confirming it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shunfu.channels.wechatpay.sandbox.beyond.bodies import when
from shunfu.channels.wechatpay.sandbox.beyond.state import TransferBill
from shunfu.channels.wechatpay.sandbox.letters import Event, tell
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import Act, At, Condition, PlacedOrder, Sheet, Step

CLOSE_SECONDS = 86_400.0
_CONDITIONS: Mapping[str, tuple[Condition, str | None]] = {
    "WAIT_USER_CONFIRM": ("payable", None),
    "SUCCESS": ("paid", "already_paid"),
}


def hold(state: State, bill: TransferBill) -> State:
    """The transfer taken: its money is set aside."""
    state = replace(state, beyond=state.beyond.with_transfer(bill))
    movement = Movement(bill.created_ms, "transfer", bill.number, bill.bill_no, -bill.amount)
    return state.with_till(state.till.book(movement))


def find_sheet(state: State, fields: Mapping[str, str]) -> Sheet | None:
    """The confirmation page that `wx.requestMerchantTransfer` opens; None when that is not what was given."""
    package = fields.get("package", "")
    is_ours = (fields.get("mchId"), fields.get("appId")) == (state.material.mchid, state.material.appid)
    bills = state.beyond.transfers.values()
    bill = next((bill for bill in bills if is_ours and package and bill.package == package), None)
    return look(bill) if bill else None


def look(bill: TransferBill) -> Sheet:
    """Whether it can be confirmed now."""
    condition, problem = _CONDITIONS.get(bill.state, ("closed", "order_closed"))
    return Sheet(placed(bill), condition, problem)


def act(state: State, act: Act, at: At) -> tuple[Step[State], Sheet] | None:
    """Carry out the shopper's deed on a transfer: `pay` confirms it. None when there is no such transfer."""
    bill = state.beyond.transfers.get(act.number)
    if bill is None:
        return None
    seen = look(bill)
    if seen.condition != "payable":
        return Step(state), seen
    if act.deed != "pay":
        return Step(state), replace(seen, problem=act.deed)
    step = _end(state, bill, "SUCCESS", at)
    return step, Sheet(placed(step.state.beyond.transfers[bill.number]), "paid")


def close_by_itself(state: State, number: str, at: At) -> Step[State]:
    """24 hours without a confirmation: closed, and the money is back."""
    bill = state.beyond.transfers.get(number)
    if bill is None or bill.state != "WAIT_USER_CONFIRM":
        return Step(state)
    return _end(state, replace(bill, fail_reason="OVERDUE_CLOSE"), "FAIL", at)


def end_cancel(state: State, number: str, at: At) -> Step[State]:
    """The cancelling is done, and the money is back."""
    bill = state.beyond.transfers.get(number)
    return _end(state, bill, "CANCELLED", at) if bill and bill.state == "CANCELING" else Step(state)


def list_transfers(state: State) -> tuple[PlacedOrder, ...]:
    """Every transfer as testers see orders."""
    return tuple(placed(bill) for bill in state.beyond.transfers.values())


def placed(bill: TransferBill) -> PlacedOrder:
    """A transfer as testers see an order: what is paid is the shopper's."""
    return PlacedOrder(
        number=bill.number,
        trade_type="TRANSFER",
        state=bill.state,
        amount_minor=bill.amount,
        currency="CNY",
        description=bill.remark,
        notify_url=bill.notify_url,
        created_ms=bill.created_ms,
        expires_ms=bill.created_ms + int(CLOSE_SECONDS * 1000),
        paid_ms=bill.updated_ms if bill.state == "SUCCESS" else 0,
        transaction_no=bill.bill_no,
    )


def bill_content(state: State, bill: TransferBill, account: str) -> dict[str, object]:
    """A transfer as queries and notifications tell it; they name the merchant differently."""
    content: dict[str, object] = {
        account: state.material.mchid,
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.bill_no,
        "appid": state.material.appid,
        "state": bill.state,
        "transfer_amount": bill.amount,
        "transfer_remark": bill.remark,
        "openid": bill.openid,
        "create_time": when(bill.created_ms),
        "update_time": when(bill.updated_ms),
    }
    return {**content, "fail_reason": bill.fail_reason} if bill.fail_reason else content


def _end(state: State, bill: TransferBill, word: str, at: At) -> Step[State]:
    bill = replace(bill, state=word, updated_ms=at.business_ms)
    state = replace(state, beyond=state.beyond.with_transfer(bill))
    if word != "SUCCESS":
        movement = Movement(at.business_ms, "transfer_back", bill.number, bill.bill_no, bill.amount)
        state = state.with_till(state.till.book(movement))
    content = bill_content(state, bill, "mchid")
    told = {name: content[name] for name in content if name not in {"appid", "transfer_remark"}}
    event = Event(
        "MCHTRANSFER.BILL.FINISHED", bill.number, bill.notify_url, "mch_payment", "商家转账单据终态通知", told,
        key=bill.named_key,
    )  # fmt: skip
    return Step(state, tell(event, at))
