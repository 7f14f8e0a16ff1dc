"""Profit sharing 分账 at WeChat Pay. Must not know: sockets, our states.

Source: pay.weixin.qq.com, "分账": asynchronous; a finished order may hold failed shares (`CLOSED`), whose money stays
the merchant's. The same number again asks for nothing more.
"""

from __future__ import annotations

from urllib.parse import quote

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.beyond.asking import Said, ask, missing, refusal
from shunfu.channels.wechatpay.beyond.reading import ID, money_at, objects_at
from shunfu.channels.wechatpay.beyond.sensitive import encrypt_sensitive
from shunfu.channels.wechatpay.codes import canonical
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import NotFound, Refused, RefusedReason, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, integer_at, parse_time, text_at
from shunfu.gateway.sharing import (
    Receiver,
    ReceiverAnswer,
    ReceiverKept,
    ShareBack,
    ShareBackAnswer,
    ShareBackReport,
    ShareEnd,
    ShareReport,
    Sharing,
    SharingAnswer,
    SharingNotYet,
    SharingReport,
    Unfreezing,
    Unsplit,
    UnsplitAnswer,
)
from shunfu.kernel.money import MAX_MINOR, Money

_ROOT = "/v3/profitsharing"
_TYPES = {"merchant": "MERCHANT_ID", "person": "PERSONAL_OPENID"}
_ENDS: dict[str, ShareEnd] = {
    "PENDING": "pending",
    "PROCESSING": "pending",
    "SUCCESS": "succeeded",
    "CLOSED": "failed",
    "FAILED": "failed",
}
_REFUSED: dict[str, RefusedReason] = {
    "PARAM_ERROR": "invalid_request",
    "NO_AUTH": "not_permitted",
    "RULE_LIMIT": "risk",
}
_RECEIVER_REFUSED: dict[str, RefusedReason] = {**_REFUSED, "INVALID_REQUEST": "invalid_request"}


class WeChatSharing:
    """Profit sharing of a direct merchant."""

    def add_receiver(self, settings: Settings, receiver: Receiver, moment: Moment) -> Flow[ReceiverAnswer]:
        """Put somebody on the list; a merchant's name is obligatory and travels encrypted."""
        if receiver.kind == "merchant" and receiver.name is None:
            return Refused("invalid_request", "name missing")
        body = {**_account(settings, receiver), "relation_type": receiver.relation or "CUSTOM"}
        if receiver.relation in {"", "CUSTOM"}:
            body["custom_relation"] = receiver.custom_relation
        if receiver.name is not None:
            body["name"] = encrypt_sensitive(settings, receiver.name)
        said = yield from ask(settings, codec.Line("POST", f"{_ROOT}/receivers/add"), moment, body)
        return said if isinstance(said, Unknown) else _kept(said, receiver)

    def remove_receiver(self, settings: Settings, receiver: Receiver, moment: Moment) -> Flow[ReceiverAnswer]:
        """Take somebody off the list; who is not on it is off it."""
        line = codec.Line("POST", f"{_ROOT}/receivers/delete")
        said = yield from ask(settings, line, moment, _account(settings, receiver))
        if isinstance(said, Unknown):
            return said
        is_off = isinstance(missing(said, "RESOURCE_NOT_EXISTS"), NotFound)
        return ReceiverKept() if is_off else _kept(said, receiver)

    def share(self, settings: Settings, sharing: Sharing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask to share: a report (usually still pending), SharingNotYet, Refused on a listed code, else Unknown."""
        body: dict[str, object] = {
            "appid": settings.appid,
            "transaction_id": sharing.channel_transaction_no,
            "out_order_no": sharing.number,
            "receivers": [
                {
                    "type": _TYPES[share.receiver.kind],
                    "account": share.receiver.account,
                    "amount": share.amount.minor,
                    "description": share.description[:80],
                    **({"name": encrypt_sensitive(settings, share.receiver.name)} if share.receiver.name else {}),
                }
                for share in sharing.shares
            ],
            "unfreeze_unsplit": sharing.unfreezes_rest,
        }
        said = yield from ask(settings, codec.Line("POST", f"{_ROOT}/orders"), moment, body)
        return said if isinstance(said, Unknown) else _taken(said, sharing.number)

    def query_sharing(self, settings: Settings, sharing: Sharing | Unfreezing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask what became of it."""
        target = f"{_ROOT}/orders/{quote(sharing.number, safe='')}?transaction_id={sharing.channel_transaction_no}"
        said = yield from ask(settings, codec.Line("GET", target), moment)
        if isinstance(said, Unknown):
            return said
        return _report(said.content, sharing.number) if said.status == 200 else missing(said, "RESOURCE_NOT_EXISTS")

    def unfreeze(self, settings: Settings, unfreezing: Unfreezing, moment: Moment) -> Flow[SharingAnswer]:
        """Ask to give the rest to the merchant."""
        body = {
            "transaction_id": unfreezing.channel_transaction_no,
            "out_order_no": unfreezing.number,
            "description": unfreezing.description[:80],
        }
        said = yield from ask(settings, codec.Line("POST", f"{_ROOT}/orders/unfreeze"), moment, body)
        return said if isinstance(said, Unknown) else _taken(said, unfreezing.number)

    def take_back(self, settings: Settings, back: ShareBack, moment: Moment) -> Flow[ShareBackAnswer]:
        """Ask a receiving merchant's money back."""
        body = {
            "out_order_no": back.sharing_number,
            "out_return_no": back.number,
            "return_mchid": back.account,
            "amount": back.amount.minor,
            "description": back.description[:80],
        }
        said = yield from ask(settings, codec.Line("POST", f"{_ROOT}/return-orders"), moment, body)
        if isinstance(said, Unknown):
            return said
        return _back_report(said.content, back) if said.status == 200 else _no(said)

    def query_take_back(self, settings: Settings, back: ShareBack, moment: Moment) -> Flow[ShareBackAnswer]:
        """Ask what became of that."""
        number, sharing = quote(back.number, safe=""), quote(back.sharing_number, safe="")
        target = f"{_ROOT}/return-orders/{number}?out_order_no={sharing}"
        said = yield from ask(settings, codec.Line("GET", target), moment)
        if isinstance(said, Unknown):
            return said
        return _back_report(said.content, back) if said.status == 200 else missing(said, "RESOURCE_NOT_EXISTS")

    def query_unsplit(self, settings: Settings, channel_transaction_no: str, moment: Moment) -> Flow[UnsplitAnswer]:
        """Ask what of a payment can still be shared; 0 when nothing can."""
        target = f"{_ROOT}/transactions/{quote(channel_transaction_no, safe='')}/amounts"
        said = yield from ask(settings, codec.Line("GET", target), moment)
        if isinstance(said, Unknown):
            return said
        if said.status != 200:
            return missing(said, "RESOURCE_NOT_EXISTS", "ORDER_NOT_EXIST")
        fen = integer_at(said.content, "unsplit_amount")
        is_ours = said.content.get("transaction_id") == channel_transaction_no
        is_sound = is_ours and fen is not None and 0 <= fen <= MAX_MINOR
        return Unsplit(Money(fen or 0, "CNY")) if is_sound else Unknown("reply about the unsplit amount is malformed")


def _account(settings: Settings, receiver: Receiver) -> dict[str, object]:
    return {"appid": settings.appid, "type": _TYPES[receiver.kind], "account": receiver.account}


def _kept(said: Said, receiver: Receiver) -> ReceiverAnswer:
    if said.status != 200:
        return refusal(said, _RECEIVER_REFUSED)
    is_ours = said.content.get("account") == receiver.account
    return ReceiverKept() if is_ours else Unknown("reply is about another receiver")


def _taken(said: Said, number: str) -> SharingAnswer:
    return _report(said.content, number) if said.status == 200 else _no(said)


def _no(said: Said) -> SharingNotYet | Refused | Unknown:
    is_not_yet = said.status == 403 and canonical(said.code) == "NOT_ENOUGH"
    return SharingNotYet(said.code) if is_not_yet else refusal(said, _REFUSED)


def _report(content: JsonObject, number: str) -> SharingReport | Unknown:
    channel_no, state = text_at(content, "order_id", ID), codec.name_at(content, "state")
    rows = objects_at(content, "receivers")
    if content.get("out_order_no") != number:
        return Unknown("reply is about another sharing order")
    if channel_no is None or rows is None or state not in {"PROCESSING", "FINISHED"}:
        return Unknown("reply about the sharing order is malformed")
    shares = [_share(row) for row in rows]
    sound = tuple(share for share in shares if share is not None)
    if len(sound) != len(shares):
        return Unknown("a share is malformed")
    return SharingReport(channel_no, state == "FINISHED", sound)


def _share(row: JsonObject) -> ShareReport | None:
    end, amount = _ENDS.get(codec.name_at(row, "result") or ""), money_at(row, "amount")
    account = text_at(row, "account", ID)
    kind = next((kind for kind, name in _TYPES.items() if name == row.get("type")), None)
    if end is None or amount is None or account is None or kind is None:
        return None
    return ShareReport(
        kind="merchant" if kind == "merchant" else "person",
        account=account,
        amount=amount,
        end=end,
        reason=(codec.name_at(row, "fail_reason") or "") if end == "failed" else "",
        channel_share_no=text_at(row, "detail_id", ID) or "",
        finished_at=parse_time(row.get("finish_time")) if end != "pending" else None,
    )


def _back_report(content: JsonObject, back: ShareBack) -> ShareBackReport | Unknown:
    channel_no, amount = text_at(content, "return_id", ID), money_at(content, "amount")
    end = _ENDS.get(codec.name_at(content, "result") or "")
    if content.get("out_return_no") != back.number:
        return Unknown("reply is about another return")
    if channel_no is None or amount is None or end is None:
        return Unknown("reply about the return is malformed")
    reason = (codec.name_at(content, "fail_reason") or "") if end == "failed" else ""
    return ShareBackReport(channel_no, amount, end, reason)
