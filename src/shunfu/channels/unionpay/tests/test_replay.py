"""Genuine signatures in the wrong place: our requests as notifications, texts split anew, replies to other calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from shunfu.channels.unionpay import CHANNEL, codec
from shunfu.channels.unionpay.refunds import UnionPayRefunds
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests.rig import UnionPayRig, new_rig, scene, settings, state
from shunfu.channels.unionpay.times import txn_time
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Accepted, Evidence, NotFound, Refused, Unknown
from shunfu.gateway.flow import Reply
from shunfu.gateway.port import Genuine, Message, Spurious

BROWSERS, KEYED = ["h5", "page"], ["11", "12"]
PAID_FACTS = {
    "txnType": "01", "txnSubType": "01", "bizType": "000201", "accessType": "0", "txnAmt": "8600",
    "currencyCode": "156", "queryId": "782611221429350674028", "traceTime": "1122143000", "respCode": "00",
}  # fmt: skip


def placed(rig: UnionPayRig, return_url: str, name: str = "h5") -> Evidence:
    prepay = replace(rig.prepay(scene(name)), return_url=return_url)
    return rig.run(CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment()))


def form_of(evidence: Evidence) -> dict[str, str]:
    assert isinstance(evidence, Accepted), evidence
    return {name: value for name, value in evidence.invoke.params.items() if name != "action"}


def heard(rig: UnionPayRig, fields: dict[str, str]) -> Genuine | Spurious:
    return CHANNEL.verbs.read_notification(rig.settings, Message({}, codec.form(fields)), NOW)


def facts(rig: UnionPayRig, **changes: str) -> dict[str, str]:
    number = rig.number()
    whole = {**PAID_FACTS, "merId": rig.settings.mer_id, "orderId": number, "txnTime": txn_time(number) or ""}
    return {name: value for name, value in {**whole, **changes}.items() if value}


def joined(fields: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same text to sign in fewer fields: one swallows those behind it."""
    pieces = codec.canonical(fields).split("&")
    for begin in range(len(pieces)):
        for end in range(begin + 2, len(pieces) + 1):
            whole = (*pieces[:begin], "&".join(pieces[begin:end]), *pieces[end:])
            read = {name: value for name, _, value in (piece.partition("=") for piece in whole)}
            again = {**read, "signature": fields["signature"]}
            if again != fields:
                yield again


@pytest.mark.parametrize("method", KEYED)
@pytest.mark.parametrize("name", BROWSERS)
def test_address_of_the_shop_is_no_place_for_more_fields(method: str, name: str) -> None:
    """The key is the same both ways: what stands in frontUrl after `&` could be read as fields that UnionPay signed."""
    rig = new_rig(method)
    planted = codec.canonical(facts(rig))
    for url in (f"https://merchant.example/r?{planted}&version=5.1.0&z=1", "https://merchant.example/r?a=1&b=2"):
        assert placed(rig, url, name) == Refused("invalid_request", "frontUrl")
    prepay = replace(rig.prepay(scene("app")), notify_url="https://merchant.example/n?a=1&b=2")
    flow = CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment())
    assert rig.run(flow) == Refused("invalid_request", "backUrl")
    rig = new_rig(method)
    refund = replace(rig.a_refund(rig.paid(), 100), notify_url="https://merchant.example/n?a=1&b=2")
    assert rig.refund(refund) == Refused("invalid_request", "backUrl")
    undo = replace(rig.a_refund(rig.number(), 8600), channel_transaction_no="1&respCode=00")
    flow_of_undo = UnionPayRefunds().undo(rig.settings, undo, rig.moment())
    assert rig.run(flow_of_undo) == Refused("invalid_request", "origQryId")


@pytest.mark.parametrize("method", ["01", *KEYED])
def test_address_of_the_shop_keeps_its_meaning(method: str) -> None:
    rig = new_rig(method)
    assert form_of(placed(rig, "https://merchant.example/r?a=1"))["frontUrl"] == "https://merchant.example/r?a=1"
    strange = form_of(placed(rig, "https://merchant.example/山 {x}\r\n%26?a=\"'\ud800"))["frontUrl"]
    assert strange == "https://merchant.example/%E5%B1%B1%20%7Bx%7D%0D%0A%26?a=%22'?"
    if method == "01":
        assert form_of(placed(rig, "https://merchant.example/r?a=1&b=2"))["frontUrl"].endswith("?a=1&b=2")


@pytest.mark.parametrize("method", ["01", *KEYED])
def test_our_own_form_is_no_notification(method: str) -> None:
    rig = new_rig(method)
    fields = form_of(placed(rig, "https://merchant.example/r"))
    assert isinstance(heard(rig, fields), Spurious)


@pytest.mark.parametrize("method", KEYED)
def test_text_split_anew_is_not_believed(method: str) -> None:
    """Even where a request of another system of the merchant's had more fields within an address."""
    rig = new_rig(method)
    planted = codec.canonical(facts(rig))
    order = {"version": "5.1.0", "encoding": "UTF-8", "payTimeout": "20261122144435", **facts(rig)}
    address = f"https://merchant.example/r?{planted}&version=5.1.0&z=1"
    request = codec.sign(rig.settings, {**order, "respCode": "", "frontUrl": address})
    torn = dict(parse_qsl(codec.canonical(request).replace("+", "%2B"), keep_blank_values=True))
    assert torn["respCode"] == "00"
    assert codec.verify(rig.settings, request, NOW) is not None
    genuine = wire.signed(state(), facts(rig, reserved="{a=b&c=d}"), Pen(method, "UTF-8"))
    assert isinstance(heard(rig, genuine), Genuine)
    own = form_of(placed(rig, "https://merchant.example/r"))
    for fields in (genuine, own):
        for again in joined(fields):
            assert isinstance(heard(rig, again), Spurious), again


@pytest.mark.parametrize("name", ["backUrl", "frontUrl", "payTimeout", "channelType", "origRespCode"])
@pytest.mark.parametrize("method", ["01", *KEYED])
def test_notification_has_no_fields_of_requests_or_queries(method: str, name: str) -> None:
    rig = new_rig(method)
    assert isinstance(heard(rig, wire.signed(state(), facts(rig), Pen(method, "UTF-8"))), Genuine)
    more = wire.signed(state(), facts(rig, **{name: "05"}), Pen(method, "UTF-8"))
    assert codec.verify(rig.settings, more, NOW) is None
    assert isinstance(heard(rig, more), Spurious)


@pytest.mark.parametrize("ours", ["01", *KEYED])
@pytest.mark.parametrize("theirs", ["01", *KEYED])
def test_only_the_accounts_own_method_is_believed(ours: str, theirs: str) -> None:
    """A secure key that an account happens to hold must not be a way around the certificate."""
    whole = replace(settings(ours), anchors=settings("01").anchors, secure_key=settings("11").secure_key)
    rig = new_rig(ours)
    signed = wire.signed(state(), facts(rig), Pen(theirs, "UTF-8"))
    distrust = codec.verify(whole, signed, NOW)
    assert (distrust is None) == (ours == theirs)
    read = CHANNEL.verbs.read_notification(whole, Message({}, codec.form(signed)), NOW)
    assert isinstance(read, Genuine if ours == theirs else Spurious)


def replied(rig: UnionPayRig, **changes: str) -> Reply:
    return wire.reply(state(), facts(rig, **changes), Pen("01", "UTF-8"))


@pytest.mark.parametrize("kind", ["00", "04", "31", "76", ""])
def test_reply_to_another_call_refuses_no_order(kind: str) -> None:
    rig = new_rig()
    flow = CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment())
    told = replied(rig, txnType=kind, respCode="31", queryId="")
    assert isinstance(rig.run(flow, lambda _: told), Unknown)
    own = replied(rig, respCode="31", queryId="")
    flow = CHANNEL.verbs.prepay(rig.settings, rig.prepay(scene("app")), rig.moment())
    assert rig.run(flow, lambda _: own) == Refused("configuration", "31")


@pytest.mark.parametrize(("kind", "evidence"), [("00", NotFound), ("01", Unknown), ("04", Unknown), ("76", Unknown)])
def test_reply_to_another_call_answers_no_query(kind: str, evidence: type[object]) -> None:
    rig = new_rig()
    told = replied(rig, txnType=kind, respCode="34")
    flow = CHANNEL.verbs.query(rig.settings, rig.number(), rig.moment())
    assert isinstance(rig.run(flow, lambda _: told), evidence)
    refund = rig.a_refund(rig.paid(serial=1), 100, 0)
    flow_of_refund = CHANNEL.refunds.query_refund(rig.settings, refund, rig.moment())
    assert isinstance(rig.run(flow_of_refund, lambda _: told), evidence)


@pytest.mark.parametrize(("kind", "evidence"), [("04", Refused), ("31", Unknown), ("00", Unknown), ("01", Unknown)])
def test_reply_to_another_call_refuses_no_refund(kind: str, evidence: type[object]) -> None:
    rig = new_rig()
    refund = rig.a_refund(rig.paid(serial=1), 100, 0)
    told = replied(rig, txnType=kind, respCode="36")
    flow = CHANNEL.refunds.refund(rig.settings, refund, rig.moment())
    assert isinstance(rig.run(flow, lambda _: told), evidence)
