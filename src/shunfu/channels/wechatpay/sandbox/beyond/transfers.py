"""Transfers to a shopper at the sandbox, confirm mode. Must not know: signatures, HTTP headers.

Money is set aside when a transfer is taken and comes back when it fails. Not confirmed within 24 hours it is closed.
Source: pay.weixin.qq.com, "商家转账" and its error tables. An amount of the book may lose the reply or refuse.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox.beyond.bodies import (
    differs,
    fingerprint,
    invalid,
    missing,
    not_enough,
    param_error,
    read_body,
    when,
)
from shunfu.channels.wechatpay.sandbox.beyond.freezing import frozen_total
from shunfu.channels.wechatpay.sandbox.beyond.state import TransferBill
from shunfu.channels.wechatpay.sandbox.beyond.transfer_ends import CLOSE_SECONDS, bill_content, hold
from shunfu.channels.wechatpay.sandbox.orders import refused_by_amount, wrong_appid
from shunfu.channels.wechatpay.sandbox.refund_rules import set_aside
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import Rule, matches, text
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Said, open_field
from shunfu.gateway.reading import JsonObject, parse_object
from shunfu.gateway.sandbox.values import Timer
from shunfu.gateway.scenario import payment_twist

LEAST, NAME_FROM, NAME_NOT_BELOW = 10, 200_000, 30
CANCEL_SECONDS = 10.0
REPORTS: Mapping[str, tuple[str, ...]] = {
    "1000": ("活动名称", "奖励说明"),
    "1002": ("补贴类型",),
    "1004": (),
    "1005": ("岗位类型", "报酬说明"),
    "1009": ("采购商品名称",),
    "1010": ("回收商品名称",),
    "1011": ("赔付原因",),
    "1013": (),
}
"""The scenes that this merchant may use, and what must be told in each."""
_REPORT: Mapping[str, Rule] = {
    "info_type": Rule(text(15), is_required=True),
    "info_content": Rule(text(32), is_required=True),
}
_BILL: Mapping[str, Rule] = {
    "appid": Rule(text(32), is_required=True),
    "out_bill_no": Rule(matches("[0-9A-Za-z]{1,32}"), is_required=True),
    "transfer_scene_id": Rule(text(36), is_required=True),
    "openid": Rule(matches(r"[0-9A-Za-z_\-]{1,64}"), is_required=True),
    "user_name": Rule(text(1024)),
    "transfer_amount": Rule(lambda value: type(value) is int and value >= LEAST, is_required=True),
    "transfer_remark": Rule(text(32), is_required=True),
    "notify_url": Rule(matches(r"https?://[^\s?#]{1,247}")),
    "user_recv_perception": Rule(text(32)),
    "transfer_scene_report_infos": Rule(item=_REPORT, longest=10, is_required=True),
}


def transfer(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """A new transfer, or the same one again as it is now; 200 says only that it was taken."""
    del found
    body = read_body(call, _BILL)
    if isinstance(body, Said):
        return Outcome(state, body)
    wrong = wrong_appid(state, body["appid"]) or _wrong_name(state, body, call) or _wrong_reports(body)
    old = state.beyond.transfers.get(str(body["out_bill_no"]))
    if wrong or old:
        is_same = old is not None and old.fingerprint == fingerprint(body)
        return Outcome(state, wrong or (_taken(old) if old and is_same else differs()))
    amount = int(str(body["transfer_amount"]))
    refused = refused_by_amount(amount)
    if refused is None and amount > available(state, call.now_ms):
        refused = not_enough("商户运营账户资金不足")
    if refused:
        return Outcome(state, refused)
    bill = _bill(body, call)
    timer = Timer(f"beyond/transfer-close/{bill.number}", CLOSE_SECONDS)
    is_lost = payment_twist(amount) == "reply_lost"
    return Outcome(hold(state, bill), _taken(bill), timers=(timer,), is_lost=is_lost)


def ask(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The transfer with this number of ours, or 404."""
    del call
    bill = state.beyond.transfers.get(unquote(found.group(1)))
    return Outcome(state, Said(200, bill_content(state, bill, "mch_id")) if bill else missing("转账单据不存在"))


def ask_by_bill_no(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The transfer with this number of WeChat's, or 404."""
    del call
    number = unquote(found.group(1))
    bill = next((bill for bill in state.beyond.transfers.values() if bill.bill_no == number), None)
    return Outcome(state, Said(200, bill_content(state, bill, "mch_id")) if bill else missing("转账单据不存在"))


def cancel(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """Begin to cancel while the shopper has not confirmed; again is as once. The body may be empty."""
    bill = state.beyond.transfers.get(unquote(found.group(1)))
    if call.body and parse_object(call.body) is None:
        return Outcome(state, param_error("/", "请求体不是合法的JSON对象"))
    if bill is None:
        return Outcome(state, missing("转账单据不存在"))
    if bill.state in {"CANCELING", "CANCELLED"}:
        return Outcome(state, _cancelling(bill))
    if bill.state != "WAIT_USER_CONFIRM":
        return Outcome(state, invalid("当前单据状态不支持撤销"))
    bill = replace(bill, state="CANCELING", updated_ms=call.now_ms)
    timer = Timer(f"beyond/transfer-cancel/{bill.number}", CANCEL_SECONDS)
    return Outcome(replace(state, beyond=state.beyond.with_transfer(bill)), _cancelling(bill), timers=(timer,))


def available(state: State, now_ms: int) -> int:
    """What the merchant can send: not what refunds wait for, nor what is frozen for sharing."""
    return state.till.balance_minor - set_aside(state) - frozen_total(state, now_ms)


def _wrong_name(state: State, body: JsonObject, call: SignedCall) -> Said | None:
    amount = int(str(body["transfer_amount"]))
    if "user_name" not in body:
        return param_error("/user_name", "转账金额大于等于2000元时，收款用户姓名必填") if amount >= NAME_FROM else None
    if amount < NAME_NOT_BELOW:
        return param_error("/user_name", "转账金额小于0.3元时，不支持传入收款用户姓名")
    opened = open_field(state.keys, call.named_key, str(body["user_name"])) if call.named_key else None
    return None if opened else param_error("/user_name", "敏感信息解密失败，请检查加密所用的微信支付公钥")


def _wrong_reports(body: JsonObject) -> Said | None:
    needed = REPORTS.get(str(body["transfer_scene_id"]))
    if needed is None:
        return param_error("/transfer_scene_id", "未获得该转账场景的使用权限")
    told = [str(report["info_type"]) for report in cast("list[JsonObject]", body["transfer_scene_report_infos"])]
    if sorted(told) == sorted(needed):
        return None
    return param_error("/transfer_scene_report_infos", "转账场景报备信息与场景要求不一致")


def _bill(body: JsonObject, call: SignedCall) -> TransferBill:
    return TransferBill(
        number=str(body["out_bill_no"]),
        bill_no=f"1330{call.at.digits(12, 'bill')}{call.at.beijing:%Y%m%d}{call.at.digits(16, 'bill tail')}",
        openid=str(body["openid"]),
        amount=int(str(body["transfer_amount"])),
        remark=str(body["transfer_remark"]),
        notify_url=str(body.get("notify_url", "")),
        package=b64encode(call.at.draw("package")).decode(),
        fingerprint=fingerprint(body),
        named_key=call.named_key,
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )


def _taken(bill: TransferBill) -> Said:
    content: dict[str, object] = {
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.bill_no,
        "create_time": when(bill.created_ms),
        "state": bill.state,
    }
    if bill.state == "WAIT_USER_CONFIRM":
        content["package_info"] = bill.package
    return Said(200, {**content, "fail_reason": bill.fail_reason} if bill.fail_reason else content)


def _cancelling(bill: TransferBill) -> Said:
    content: dict[str, object] = {
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.bill_no,
        "state": bill.state,
        "update_time": when(bill.updated_ms),
    }
    return Said(200, content)


_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
ROUTES = (
    Route("POST", _BILLS, transfer),
    Route("GET", f"{_BILLS}/out-bill-no/([^/]+)", ask),
    Route("GET", f"{_BILLS}/transfer-bill-no/([^/]+)", ask_by_bill_no),
    Route("POST", f"{_BILLS}/out-bill-no/([^/]+)/cancel", cancel),
)
