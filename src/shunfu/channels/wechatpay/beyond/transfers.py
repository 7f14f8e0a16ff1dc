"""Transfers to a shopper 商家转账 in confirm mode at WeChat Pay. Must not know: sockets, our states.

Source: pay.weixin.qq.com, "商家转账": accepted, then WAIT_USER_CONFIRM until the shopper confirms in WeChat, closed
after 24 hours. Whatever is not 200 leaves the outcome unknown: another out_bill_no could pay twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.beyond.asking import Said, ask, missing
from shunfu.channels.wechatpay.beyond.reading import ID, money_at
from shunfu.channels.wechatpay.beyond.sensitive import encrypt_sensitive
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, parse_time, text_at
from shunfu.gateway.transfer import (
    Transfer,
    TransferEvidence,
    TransferFailed,
    TransferProcessing,
    TransferReport,
    TransferSucceeded,
    TransferWaiting,
)
from shunfu.kernel.money import Money

NAME_FROM_FEN = 200_000
"""From 2000 yuan on the shopper's real name is obligatory."""
NAME_NOT_BELOW_FEN = 30
LEAST_FEN = 10
REPORTS: Mapping[str, tuple[str, ...]] = {
    "1000": ("活动名称", "奖励说明"),
    "1002": ("补贴类型",),
    "1005": ("岗位类型", "报酬说明"),
    "1009": ("采购商品名称",),
    "1010": ("回收商品名称",),
    "1011": ("赔付原因",),
}
"""What must be told about each purpose; of a purpose that is not listed WeChat judges itself."""
_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
_GOES_ON = frozenset({"ACCEPTED", "PROCESSING", "TRANSFERING", "TRANSFERRING", "CANCELING"})
_ENDED = frozenset({"FAIL", "CANCELLED"})
_PACKAGE = re.compile(r"[\x21-\x7e]{1,2048}", re.ASCII)


class WeChatTransfers:
    """Transfers of a direct merchant, confirmed by the shopper."""

    def list_purposes(self) -> Mapping[str, tuple[str, ...]]:
        """The scenes of 商家转账 and what WeChat wants to be told in each; which are granted, the console says."""
        return REPORTS

    def transfer(self, settings: Settings, transfer: Transfer, moment: Moment) -> Flow[TransferEvidence]:
        """Ask for it: Refused only when it cannot be sent at all, Unknown on every "no"."""
        wrong = _why_not(transfer)
        if wrong:
            return wrong
        said = yield from ask(settings, codec.Line("POST", _BILLS), moment, _body(settings, transfer))
        if isinstance(said, Unknown):
            return said
        return _evidence(settings, said.content, transfer.number) if said.status == 200 else said.unknown

    def query_transfer(self, settings: Settings, number: str, moment: Moment) -> Flow[TransferEvidence]:
        """Ask what became of our number."""
        said = yield from ask(settings, codec.Line("GET", f"{_BILLS}/out-bill-no/{quote(number, safe='')}"), moment)
        return said if isinstance(said, Unknown) else _asked(settings, said, number)

    def find_transfer(
        self, settings: Settings, channel_transfer_no: str, moment: Moment
    ) -> Flow[TransferReport | NotFound | Unknown]:
        """Ask what became of WeChat's number."""
        line = codec.Line("GET", f"{_BILLS}/transfer-bill-no/{quote(channel_transfer_no, safe='')}")
        said = yield from ask(settings, line, moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return missing(said, "NOT_FOUND", "RESOURCE_NOT_EXISTS", "ORDER_NOT_EXIST")
        report = read_transfer(settings, said.content)
        is_ours = report is not None and said.content.get("transfer_bill_no") == channel_transfer_no
        return report if report and is_ours else Unknown("reply is about another transfer")

    def cancel_transfer(self, settings: Settings, number: str, moment: Moment) -> Flow[TransferEvidence]:
        """Ask to end it; a 200 says only that WeChat will try."""
        line = codec.Line("POST", f"{_BILLS}/out-bill-no/{quote(number, safe='')}/cancel")
        said = yield from ask(settings, line, moment, {})
        return said if isinstance(said, Unknown) else _asked(settings, said, number)


def read_transfer(settings: Settings, content: JsonObject) -> TransferReport | None:
    """What a MCHTRANSFER.BILL.FINISHED notification or a query says, None when it names no number of ours."""
    number = text_at(content, "out_bill_no", ID)
    return TransferReport(number, _evidence(settings, content, number)) if number else None


def _why_not(transfer: Transfer) -> Refused | None:
    told = sorted(name for name, text in transfer.reports if text)
    if transfer.amount.currency != "CNY" or transfer.amount.minor < LEAST_FEN:
        return Refused("invalid_request", "transfer_amount")
    if transfer.amount.minor >= NAME_FROM_FEN and transfer.name is None:
        return Refused("payer", "user_name missing")
    if told != sorted(REPORTS.get(transfer.purpose, told)):
        return Refused("invalid_request", "transfer_scene_report_infos")
    return None


def _body(settings: Settings, transfer: Transfer) -> dict[str, object]:
    body: dict[str, object] = {
        "appid": settings.appid,
        "out_bill_no": transfer.number,
        "transfer_scene_id": transfer.purpose,
        "openid": transfer.shopper,
        "transfer_amount": transfer.amount.minor,
        "transfer_remark": transfer.remark[:32],
        "transfer_scene_report_infos": [{"info_type": name, "info_content": text} for name, text in transfer.reports],
    }
    if transfer.name is not None and transfer.amount.minor >= NAME_NOT_BELOW_FEN:
        body["user_name"] = encrypt_sensitive(settings, transfer.name)
    if transfer.notify_url:
        body["notify_url"] = transfer.notify_url
    return {**body, "user_recv_perception": transfer.perception} if transfer.perception else body


def _asked(settings: Settings, said: Said, number: str) -> TransferEvidence:
    if said.status != 200:
        return missing(said, "NOT_FOUND", "RESOURCE_NOT_EXISTS", "ORDER_NOT_EXIST")
    return _evidence(settings, said.content, number)


def _evidence(settings: Settings, content: JsonObject, number: str) -> TransferEvidence:
    channel_no, state = text_at(content, "transfer_bill_no", ID), codec.name_at(content, "state")
    account = content.get("mch_id", content.get("mchid", settings.mchid))
    if content.get("out_bill_no") != number or account != settings.mchid:
        return Unknown("reply is about another transfer")
    if channel_no is None or state is None:
        return Unknown("reply about the transfer is malformed")
    if state == "WAIT_USER_CONFIRM":
        return TransferWaiting(channel_no, _params(settings, content))
    if state == "SUCCESS":
        return _succeeded(content, channel_no, money_at(content, "transfer_amount"))
    if state in _ENDED:
        return TransferFailed(state, codec.name_at(content, "fail_reason") or "")
    return TransferProcessing(channel_no, state) if state in _GOES_ON else Unknown("state is not one that we know")


def _succeeded(content: JsonObject, channel_no: str, amount: Money | None) -> TransferEvidence:
    """The answer to the request names no amount: it goes on until a query does."""
    happened_at = parse_time(content.get("update_time"))
    if amount is None and "transfer_amount" not in content:
        return TransferProcessing(channel_no, "SUCCESS")
    if amount is None or happened_at is None:
        return Unknown("succeeded transfer is malformed")
    return TransferSucceeded(amount, channel_no, happened_at)


def _params(settings: Settings, content: JsonObject) -> dict[str, str]:
    """What `wx.requestMerchantTransfer` takes."""
    package = text_at(content, "package_info", _PACKAGE)
    return {"mchId": settings.mchid, "appId": settings.appid, "package": package} if package else {}
