"""What queries and notifications of combined orders say. Must not know: signatures, who pays."""

from __future__ import annotations

from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.gateway.sandbox.values import beijing


def combined_content(state: State, whole: Order) -> dict[str, object]:
    """A combined order as its query replies it and its one notification encrypts it; paid facts only when paid."""
    parts = [_part(state, whole, state.orders[number]) for number in whole.parts]
    shown: dict[str, object] = {
        "combine_appid": whole.appid or state.material.appid,
        "combine_mchid": state.material.mchid,
        "combine_out_trade_no": whole.number,
        "sub_orders": parts,
    }
    return {**shown, "combine_payer_info": {"openid": whole.openid}} if whole.openid else shown


def _part(state: State, whole: Order, part: Order) -> dict[str, object]:
    shown: dict[str, object] = {
        "mchid": state.material.mchid,
        "out_trade_no": part.number,
        "attach": part.attach,
        "trade_state": part.state if part.transaction_id else whole.state,
    }
    if not part.transaction_id:
        return {**shown, "amount": {"total_amount": part.total, "currency": part.currency}}
    money = {"total_amount": part.total, "payer_amount": part.total, "currency": "CNY", "payer_currency": "CNY"}
    return {
        **shown,
        "trade_type": part.trade_type,
        "bank_type": "OTHERS",
        "success_time": beijing(part.paid_ms).isoformat(timespec="seconds"),
        "transaction_id": part.transaction_id,
        "amount": money,
    }
