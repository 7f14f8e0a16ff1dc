"""Profit sharing at the sandbox: receivers, orders, returns, unfreezing. Must not know: signatures, HTTP headers.

Source: pay.weixin.qq.com, "分账" and its error tables: from one minute to 30 days after the payment, 30 percent at most
of what was paid less the fee. Receivers whose account ends in 9999 are abnormal and get nothing; one who was taken off
the list meanwhile has no relation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox.beyond import shared_rows as rows
from shunfu.channels.wechatpay.sandbox.beyond.bodies import (
    differs,
    fingerprint,
    invalid,
    missing,
    not_enough,
    param_error,
    read_body,
)
from shunfu.channels.wechatpay.sandbox.beyond.freezing import MOST_PERCENT, frozen_rest, is_frozen, unsplit
from shunfu.channels.wechatpay.sandbox.beyond.state import ShareReturnRow, ShareRow, SharingRow
from shunfu.channels.wechatpay.sandbox.orders import find_paid, wrong_appid
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import Rule, is_fen, is_flag, matches, text
from shunfu.channels.wechatpay.sandbox.state import Order, State
from shunfu.channels.wechatpay.sandbox.wire import Said, open_field, problem
from shunfu.gateway.reading import JsonObject
from shunfu.gateway.sandbox.values import Timer

TOO_SOON_MS = 60_000
ORDERS_MAX = 50
RETURN_MS = 180 * 86_400_000
SECONDS = 30.0
_NUMBER = Rule(matches(r"[0-9A-Za-z_\-|*@]{1,64}"), is_required=True)
_TYPE = Rule(matches("MERCHANT_ID|PERSONAL_OPENID"), is_required=True)
_ACCOUNT = Rule(text(64), is_required=True)
_RELATIONS = "STORE|STAFF|STORE_OWNER|PARTNER|HEADQUARTER|BRAND|DISTRIBUTOR|USER|SUPPLIER|SERVICE_PROVIDER|CUSTOM"
_DELETE: Mapping[str, Rule] = {"appid": Rule(text(32), is_required=True), "type": _TYPE, "account": _ACCOUNT}
_ADD: Mapping[str, Rule] = {
    **_DELETE,
    "name": Rule(text(1024)),
    "relation_type": Rule(matches(_RELATIONS), is_required=True),
    "custom_relation": Rule(text(10)),
}
_SHARE: Mapping[str, Rule] = {
    "type": _TYPE,
    "account": _ACCOUNT,
    "name": Rule(text(1024)),
    "amount": Rule(is_fen, is_required=True),
    "description": Rule(text(80), is_required=True),
}
_ORDER: Mapping[str, Rule] = {
    "appid": Rule(text(32), is_required=True),
    "transaction_id": Rule(text(32), is_required=True),
    "out_order_no": _NUMBER,
    "receivers": Rule(item=_SHARE, shortest=1, longest=50, is_required=True),
    "unfreeze_unsplit": Rule(is_flag, is_required=True),
}
_UNFREEZE: Mapping[str, Rule] = {
    "transaction_id": Rule(text(32), is_required=True),
    "out_order_no": _NUMBER,
    "description": Rule(text(80), is_required=True),
}
_RETURN: Mapping[str, Rule] = {
    "order_id": Rule(text(64)),
    "out_order_no": Rule(text(64)),
    "out_return_no": _NUMBER,
    "return_mchid": Rule(text(32), is_required=True),
    "amount": Rule(is_fen, is_required=True),
    "description": Rule(text(80), is_required=True),
}


def add_receiver(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Put on the list; a merchant's name is obligatory and must open with the key that the request names."""
    del found
    body = read_body(call, _ADD)
    if isinstance(body, Said):
        return Outcome(state, body)
    wrong = wrong_appid(state, body["appid"]) or _wrong_name(state, body, call)
    if wrong:
        return Outcome(state, wrong)
    kept = {**state.beyond.receivers, _key(body): str(body["relation_type"])}
    told = {
        name: body[name] for name in ("type", "account", "name", "relation_type", "custom_relation") if name in body
    }
    return Outcome(replace(state, beyond=replace(state.beyond, receivers=kept)), Said(200, told))


def delete_receiver(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Take off the list."""
    del found
    body = read_body(call, _DELETE)
    if isinstance(body, Said):
        return Outcome(state, body)
    if _key(body) not in state.beyond.receivers:
        return Outcome(state, wrong_appid(state, body["appid"]) or missing("分账接收方不存在"))
    left = {key: kept for key, kept in state.beyond.receivers.items() if key != _key(body)}
    told = {"type": body["type"], "account": body["account"]}
    return Outcome(replace(state, beyond=replace(state.beyond, receivers=left)), Said(200, told))


def share(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new sharing order, or the same one again as it is now."""
    del found
    body = read_body(call, _ORDER)
    if isinstance(body, Said):
        return Outcome(state, body)
    shares = cast("list[JsonObject]", body["receivers"])
    wrong = wrong_appid(state, body["appid"]) or _wrong_shares(state, shares, call)
    return Outcome(state, wrong) if wrong else _take(state, body, shares, call)


def unfreeze(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Everything that is left goes to the merchant; it is a sharing order with a number of its own."""
    del found
    body = read_body(call, _UNFREEZE)
    return Outcome(state, body) if isinstance(body, Said) else _take(state, body, [], call)


def ask(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The sharing order of this payment, or 404."""
    row = state.beyond.sharings.get(unquote(found.group(1)))
    given = call.query.get("transaction_id", [""])[0]
    is_known = row is not None and row.transaction_id == given
    return Outcome(state, Said(200, rows.shown(row)) if row and is_known else missing("分账单不存在"))


def ask_unsplit(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """What of a payment can still be shared."""
    order = find_paid(state, unquote(found.group(1)))
    if order is None:
        return Outcome(state, missing("订单不存在"))
    told: dict[str, object] = {
        "transaction_id": order.transaction_id,
        "unsplit_amount": unsplit(state, order, call.now_ms),
    }
    return Outcome(state, Said(200, told))


def take_back(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new return from a receiving merchant, or the same one again as it is now."""
    del found
    body = read_body(call, _RETURN)
    if isinstance(body, Said):
        return Outcome(state, body)
    row = _named(state, body)
    old = state.beyond.returns.get(str(body["out_return_no"]))
    if row is None:
        return Outcome(state, missing("分账单不存在"))
    if old:
        is_same = old.fingerprint == fingerprint(body)
        return Outcome(state, Said(200, rows.return_shown(row, old)) if is_same else differs())
    refused = _why_no_return(state, row, body, call)
    if refused:
        return Outcome(state, refused)
    back = ShareReturnRow(
        number=str(body["out_return_no"]),
        return_id=f"3009{call.at.digits(24, 'return')}",
        sharing_number=row.number,
        mchid=str(body["return_mchid"]),
        amount=int(str(body["amount"])),
        description=str(body["description"]),
        fingerprint=fingerprint(body),
        created_ms=call.now_ms,
    )
    state = replace(state, beyond=state.beyond.with_return(back))
    return Outcome(
        state, Said(200, rows.return_shown(row, back)), timers=(Timer(f"beyond/return/{back.number}", SECONDS),)
    )


def ask_return(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The return, or 404."""
    back = state.beyond.returns.get(unquote(found.group(1)))
    if back is None or call.query.get("out_order_no", [""])[0] != back.sharing_number:
        return Outcome(state, missing("分账回退单不存在"))
    return Outcome(state, Said(200, rows.return_shown(state.beyond.sharings[back.sharing_number], back)))


def _take(state: State, body: JsonObject, shares: list[JsonObject], call: SignedCall) -> Outcome:
    old = state.beyond.sharings.get(str(body["out_order_no"]))
    if old:
        return Outcome(state, Said(200, rows.shown(old)) if old.fingerprint == fingerprint(body) else differs())
    order = find_paid(state, str(body["transaction_id"]))
    if order is None:
        return Outcome(state, missing("订单不存在"))
    refused = _why_not(state, order, sum(int(str(one["amount"])) for one in shares), call.now_ms)
    if refused:
        return Outcome(state, refused)
    row = SharingRow(
        number=str(body["out_order_no"]),
        order_id=f"3008{call.at.digits(24, 'sharing')}",
        order_number=order.number,
        transaction_id=order.transaction_id,
        shares=tuple(_share(one, index, call) for index, one in enumerate(shares)),
        unfreezes=body.get("unfreeze_unsplit") is True or not shares,
        fingerprint=fingerprint(body),
    )
    state = replace(state, beyond=state.beyond.with_sharing(row))
    return Outcome(state, Said(200, rows.shown(row)), timers=(Timer(f"beyond/share/{row.number}", SECONDS),))


def _why_not(state: State, order: Order, wanted: int, now_ms: int) -> Said | None:
    known = [row for row in state.beyond.sharings.values() if row.order_number == order.number]
    if not order.is_shared:
        return invalid("非分账订单不支持分账")
    if now_ms - order.paid_ms < TOO_SOON_MS:
        return invalid("订单处理中，暂时无法分账，请稍后再试")
    if not is_frozen(state, order, now_ms) or any(row.unfreezes for row in known):
        return invalid("订单已完结，不能再分账")
    if len(known) >= ORDERS_MAX:
        return invalid("分账次数超过上限")
    if wanted > frozen_rest(state, order, now_ms):
        return not_enough("分账金额不足")
    if wanted > unsplit(state, order, now_ms):
        return problem(403, "RULE_LIMIT", f"分账金额超过最大分账比例{MOST_PERCENT}%", 268435461)
    return None


def _why_no_return(state: State, row: SharingRow, body: JsonObject, call: SignedCall) -> Said | None:
    mchid, amount = str(body["return_mchid"]), int(str(body["amount"]))
    got = [one for one in row.shares if one.account == mchid and one.result == "SUCCESS"]
    back = [one for one in state.beyond.returns.values() if one.sharing_number == row.number and one.mchid == mchid]
    if not got or mchid == state.material.mchid:
        return invalid("回退方不是该分账单成功的商户接收方")
    if call.now_ms - got[0].finished_ms > RETURN_MS:
        return invalid("分账已超过180天，不能回退")
    if sum(one.amount for one in back if one.result != "FAILED") + amount > sum(one.amount for one in got):
        return not_enough("回退金额超过可回退金额")
    return None


def _named(state: State, body: JsonObject) -> SharingRow | None:
    sharings = state.beyond.sharings
    if "out_order_no" in body:
        row = sharings.get(str(body["out_order_no"]))
        return row if row and body.get("order_id", row.order_id) == row.order_id else None
    return next((row for row in sharings.values() if row.order_id == body.get("order_id")), None)


def _wrong_shares(state: State, shares: list[JsonObject], call: SignedCall) -> Said | None:
    for share in shares:
        wrong = _wrong_name(state, share, call, is_required=False)
        if wrong:
            return wrong
        if _key(share) not in state.beyond.receivers:
            return invalid("分账接收方关系不存在，请先添加分账接收方")
    return None


def _wrong_name(state: State, body: JsonObject, call: SignedCall, *, is_required: bool = True) -> Said | None:
    if "name" not in body:
        return param_error("/name", "缺少必填参数: name") if is_required and body["type"] == "MERCHANT_ID" else None
    opened = open_field(state.keys, call.named_key, str(body["name"])) if call.named_key else None
    return None if opened else param_error("/name", "敏感信息解密失败，请检查加密所用的微信支付公钥")


def _share(share: JsonObject, index: int, call: SignedCall) -> ShareRow:
    return ShareRow(
        type=str(share["type"]),
        account=str(share["account"]),
        amount=int(str(share["amount"])),
        description=str(share["description"]),
        detail_id=f"3601{call.at.digits(19, 'share', index)}",
        created_ms=call.now_ms,
    )


def _key(body: JsonObject) -> str:
    return f"{body['type']} {body['account']}"


_ROOT = "/v3/profitsharing"
ROUTES = (
    Route("POST", f"{_ROOT}/receivers/add", add_receiver),
    Route("POST", f"{_ROOT}/receivers/delete", delete_receiver),
    Route("POST", f"{_ROOT}/orders", share),
    Route("POST", f"{_ROOT}/orders/unfreeze", unfreeze),
    Route("GET", f"{_ROOT}/orders/([^/]+)", ask),
    Route("POST", f"{_ROOT}/return-orders", take_back),
    Route("GET", f"{_ROOT}/return-orders/([^/]+)", ask_return),
    Route("GET", f"{_ROOT}/transactions/([^/]+)/amounts", ask_unsplit),
)
