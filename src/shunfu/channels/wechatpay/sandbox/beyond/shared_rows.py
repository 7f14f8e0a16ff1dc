"""How sharing orders and returns look on the wire, and how they end. Must not know: requests.

Money leaves the till when a share succeeds and comes back when a return does.
"""

from __future__ import annotations

from dataclasses import replace

from shunfu.channels.wechatpay.sandbox.beyond.bodies import when
from shunfu.channels.wechatpay.sandbox.beyond.freezing import frozen_rest
from shunfu.channels.wechatpay.sandbox.beyond.state import ShareReturnRow, ShareRow, SharingRow
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.sandbox.values import At, Step

ABNORMAL_ENDING = "9999"


def shown(row: SharingRow) -> dict[str, object]:
    """A sharing order as it is replied."""
    return {
        "transaction_id": row.transaction_id,
        "out_order_no": row.number,
        "order_id": row.order_id,
        "state": row.state,
        "receivers": [_share_shown(share) for share in row.shares],
    }


def return_shown(row: SharingRow, back: ShareReturnRow) -> dict[str, object]:
    """A return as it is replied."""
    content: dict[str, object] = {
        "order_id": row.order_id,
        "out_order_no": row.number,
        "out_return_no": back.number,
        "return_id": back.return_id,
        "return_mchid": back.mchid,
        "amount": back.amount,
        "description": back.description,
        "result": back.result,
        "create_time": when(back.created_ms),
        "finish_time": when(back.finished_ms or back.created_ms),
    }
    return {**content, "fail_reason": back.fail_reason} if back.fail_reason else content


def end_sharing(state: State, number: str, at: At) -> Step[State]:
    """Every pending share ends; then the rest is unfrozen, if that was asked for."""
    row = state.beyond.sharings.get(number)
    if row is None or row.state == "FINISHED":
        return Step(state)
    shares = tuple(_ended(state, share, at) for share in row.shares)
    for share in shares:
        if share.result == "SUCCESS":
            state = _booked(state, Movement(at.business_ms, "share", row.order_number, share.detail_id, -share.amount))
    done = replace(row, shares=shares, state="FINISHED")
    state = replace(state, beyond=state.beyond.with_sharing(done))
    return Step(_unfrozen(state, done, at) if row.unfreezes else state)


def end_return(state: State, number: str, at: At) -> Step[State]:
    """The receiver's money is the merchant's again."""
    back = state.beyond.returns.get(number)
    if back is None or back.result != "PROCESSING":
        return Step(state)
    row = state.beyond.sharings[back.sharing_number]
    done = replace(back, result="SUCCESS", finished_ms=at.business_ms)
    state = replace(state, beyond=state.beyond.with_return(done))
    return Step(_booked(state, Movement(at.business_ms, "share_back", row.order_number, back.return_id, back.amount)))


def _ended(state: State, share: ShareRow, at: At) -> ShareRow:
    reason = ""
    if f"{share.type} {share.account}" not in state.beyond.receivers:
        reason = "NO_RELATION"
    elif share.account.endswith(ABNORMAL_ENDING):
        reason = "ACCOUNT_ABNORMAL"
    result = "CLOSED" if reason else "SUCCESS"
    return replace(share, result=result, fail_reason=reason, finished_ms=at.business_ms)


def _unfrozen(state: State, row: SharingRow, at: At) -> State:
    """The merchant's own share is told like a receiver's, as WeChat does."""
    order = state.orders[row.order_number]
    rest = frozen_rest(state, order, at.business_ms)
    numbers = (*state.beyond.unfrozen, row.order_number)
    state = replace(state, beyond=replace(state.beyond, unfrozen=numbers))
    if row.shares or rest <= 0:
        return state
    detail_id, now_ms = f"3601{at.digits(19, 'unfreeze')}", at.business_ms
    own = ShareRow("MERCHANT_ID", state.material.mchid, rest, "解冻给分账方", detail_id, now_ms, "SUCCESS", "", now_ms)
    return replace(state, beyond=state.beyond.with_sharing(replace(row, shares=(own,))))


def _booked(state: State, movement: Movement) -> State:
    return state.with_till(state.till.book(movement))


def _share_shown(share: ShareRow) -> dict[str, object]:
    content: dict[str, object] = {
        "type": share.type,
        "account": share.account,
        "amount": share.amount,
        "description": share.description,
        "detail_id": share.detail_id,
        "result": share.result,
        "create_time": when(share.created_ms),
        "finish_time": when(share.finished_ms or share.created_ms),
    }
    return {**content, "fail_reason": share.fail_reason} if share.fail_reason else content
