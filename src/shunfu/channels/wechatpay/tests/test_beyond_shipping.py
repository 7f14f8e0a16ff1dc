"""Shipping information: every errcode of the table, the one second chance, combined orders, and hostile replies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shunfu.channels.wechatpay.beyond.shipping import WeChatShipping
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import make_rig
from shunfu.gateway.contract.beyond_combine import combined
from shunfu.gateway.contract.beyond_shipping import shipment
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.login import LoginRefused, PlatformToken
from shunfu.gateway.shipping import (
    CombinedShipment,
    Parcel,
    Receipt,
    Shipment,
    ShippingAsked,
    ShippingNotYet,
    ShippingPage,
    ShippingReport,
    ShippingTaken,
)
from shunfu.kernel.secret import Secret

VERBS = WeChatShipping()
ROOT = "/wxa/sec/order"
AnyRig = Rig[Settings, State]
Body = dict[str, object]

SHOWN: Body = {
    "transaction_id": "4200002002202211223321592140",
    "merchant_trade_no": "fake-tradeno-20221209132531-44",
    "merchant_id": "1900000109",
    "description": "🍌*1",
    "paid_amount": 916,
    "openid": "ogqztkPsejM9MQAFfwCQSCi4oNg3",
    "pay_time": 1670563533,
    "in_complaint": False,
    "order_state": 2,
    "shipping": {
        "finish_shipping": True,
        "shipping_list": [{"tracking_no": "JT1234567890", "express_company": "JTSD", "upload_time": 1670832735}],
    },
}
"""The example of the official document, shortened."""


def token_of(rig: AnyRig) -> PlatformToken:
    token = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()))
    assert isinstance(token, PlatformToken)
    return token


def paid(rig: AnyRig, wait_seconds: float = 60) -> str:
    number = rig.paid()
    rig.advance(wait_seconds)
    return number


def upload(rig: AnyRig, told: Shipment) -> object:
    return rig.run(VERBS.upload(rig.settings, told, token_of(rig), rig.moment()))


def body_of(rig: AnyRig, number: str) -> Body:
    """What our client sends, as a JSON object to spoil; nothing is sent."""
    seen: list[Request] = []
    flow = VERBS.upload(rig.settings, shipment(rig, number), PlatformToken(Secret("x"), rig.now), rig.moment())
    rig.run(flow, lambda request: (seen.append(request), Reply(500, {}, b""))[1])
    return json.loads(seen[0].body)


def post(rig: AnyRig, path: str, body: object, token: str | None = None) -> Body:
    given = token_of(rig).token.reveal() if token is None else token
    url = f"{rig.settings.platform_url}{path}?access_token={given}"
    answer = rig.answer(Request("POST", url, (), json.dumps(body).encode()))
    assert isinstance(answer, Reply)
    return json.loads(answer.body)


def platform(content: object, status: int = 200) -> Callable[[Request], Reply]:
    return lambda _: Reply(status, {}, json.dumps(content).encode())


def parcels(count: int, **changes: object) -> list[Body]:
    one: Body = {"tracking_no": "JT1", "express_company": "JTSD", "item_desc": "咖啡豆", **changes}
    return [one for _ in range(count)]


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"order_key": {"order_number_type": "1"}}, 47001),
        ({"order_key": {"order_number_type": 3}}, 268485194),
        ({"order_key": {"order_number_type": 2}}, 268485195),
        ({"order_key": {"order_number_type": 1, "out_trade_no": "x"}}, 268485196),
        ({"order_key": {"order_number_type": 1, "mchid": "x"}}, 268485197),
        ({"order_key": {"order_number_type": 1, "mchid": "1900000001", "out_trade_no": "x"}}, 10060001),
        ({"order_key": {"order_number_type": 2, "transaction_id": "4200"}}, 10060001),
        ({"upload_time": "2026-11-22 14:29:35"}, 47001),
        ({"upload_time": 1670832735}, 47001),
        ({"upload_time": "2026-11-22T14:29:35"}, 268485216),
        ({"logistics_type": "EXPRESS"}, 47001),
        ({"logistics_type": 5}, 10060005),
        ({"delivery_mode": "UNIFIED_DELIVERY"}, 47001),
        ({"delivery_mode": 3}, 268485224),
        ({"delivery_mode": 2, "logistics_type": 3, "is_all_delivered": True}, 10060006),
        ({"delivery_mode": 2}, 10060007),
        ({"delivery_mode": 2, "is_all_delivered": True, "shipping_list": parcels(16)}, 10060024),
        ({"delivery_mode": 2, "is_all_delivered": True, "shipping_list": []}, 10060014),
        ({"shipping_list": {}}, 47001),
        ({"shipping_list": parcels(2)}, 268485228),
        ({"shipping_list": ["x"]}, 47001),
        ({"shipping_list": parcels(1, item_desc="")}, 10060008),
        ({"shipping_list": parcels(1, item_desc="x" * 121)}, 10060009),
        ({"shipping_list": parcels(1, item_desc=5)}, 47001),
        ({"shipping_list": parcels(1, tracking_no="")}, 268485226),
        ({"shipping_list": parcels(1, express_company="")}, 268485227),
        ({"shipping_list": parcels(1, express_company="SF")}, 10060014),
        ({"shipping_list": parcels(1, express_company="x" * 129)}, 10060025),
        ({"shipping_list": parcels(1, tracking_no="x" * 129)}, 10060026),
        ({"payer": {}}, 47001),
        ({"payer": {"openid": "oAnotherShopper"}}, 10060031),
        ({}, 0),
    ],
)
def test_every_errcode(change: Body, errcode: int) -> None:
    rig = make_rig()
    body = {**body_of(rig, paid(rig)), **change}
    assert post(rig, f"{ROOT}/upload_shipping_info", body)["errcode"] == errcode
    assert bool(rig.stage.state.beyond.shipments) == (errcode == 0)


def test_just_paid_is_not_known_yet() -> None:
    rig = make_rig()
    number = paid(rig, 1)
    told = upload(rig, shipment(rig, number))
    assert isinstance(told, ShippingNotYet)
    rig.advance(2)
    assert isinstance(upload(rig, shipment(rig, number)), ShippingTaken)


def test_one_second_chance() -> None:
    rig = make_rig()
    number = paid(rig)
    first = shipment(rig, number)
    for i, expected in enumerate((ShippingTaken, ShippingTaken, Refused)):
        told = replace(first, parcels=(Parcel("豆", f"JT{i}", "JTSD"),), uploaded_at=rig.now + timedelta(seconds=i))
        assert isinstance(upload(rig, told), expected), i


def test_split_goes_on_until_the_last_parcel() -> None:
    rig = make_rig()
    number = paid(rig)
    told = replace(shipment(rig, number), is_split=True, is_complete=False)
    assert isinstance(upload(rig, told), ShippingTaken)
    report = rig.run(VERBS.query_shipping(rig.settings, number, token_of(rig), rig.moment()))
    assert isinstance(report, ShippingReport)
    assert (report.state, report.is_complete) == ("to_ship", False)
    two = (*told.parcels, Parcel("滤纸", "JT2", "JTSD"))
    rig.advance(60)
    done = replace(told, parcels=two, is_complete=True, uploaded_at=rig.now)
    assert isinstance(upload(rig, done), ShippingTaken)
    report = rig.run(VERBS.query_shipping(rig.settings, number, token_of(rig), rig.moment()))
    assert isinstance(report, ShippingReport)
    assert (report.state, report.tracking_nos) == ("shipped", ("JT1234567890", "JT2"))


@pytest.mark.parametrize(("logistics", "days"), [("virtual", 2), ("city", 2), ("pickup", 2), ("express", 10)])
def test_time_confirms(logistics: str, days: int) -> None:
    rig = make_rig()
    number = paid(rig)
    told = replace(shipment(rig, number), logistics=logistics)
    assert isinstance(upload(rig, told), ShippingTaken)
    states: list[str] = []
    for seconds in (days * 86400 - 1, 1, 86400):
        rig.advance(seconds)
        rig.due()
        report = rig.run(VERBS.query_shipping(rig.settings, number, token_of(rig), rig.moment()))
        assert isinstance(report, ShippingReport)
        states.append(report.state)
    assert states == ["shipped", "received", "completed"]
    rig.advance(60)
    assert upload(rig, replace(told, uploaded_at=rig.now)) == Refused("not_permitted", "10060002")


def test_second_shipment_starts_the_waiting_anew() -> None:
    rig = make_rig()
    number = paid(rig)
    upload(rig, shipment(rig, number))
    rig.advance(9 * 86400)
    again = replace(shipment(rig, number), parcels=(Parcel("豆", "JT2", "JTSD"),))
    assert isinstance(upload(rig, again), ShippingTaken)
    rig.advance(9 * 86400)
    rig.due()
    report = rig.run(VERBS.query_shipping(rig.settings, number, token_of(rig), rig.moment()))
    assert isinstance(report, ShippingReport)
    assert report.state == "shipped"


def test_refunded_cannot_be_shipped() -> None:
    rig = make_rig()
    number = paid(rig)
    rig.refund(rig.a_refund(number, 8600))
    rig.advance(86400)
    rig.due()
    assert upload(rig, shipment(rig, number)) == Refused("not_permitted", "10060004")
    report = rig.run(VERBS.query_shipping(rig.settings, number, token_of(rig), rig.moment()))
    assert isinstance(report, ShippingReport)
    assert report.state == "refunded"


def test_reminder_works_once_and_for_express() -> None:
    rig = make_rig()
    number = paid(rig)

    def remind() -> object:
        return rig.run(VERBS.remind_receipt(rig.settings, Receipt(number, rig.now), token_of(rig), rig.moment()))

    assert remind() == Refused("not_permitted", "10060004"), "nothing is shipped"
    upload(rig, shipment(rig, number))
    assert remind() == ShippingTaken()
    assert remind() == Refused("not_permitted", "10060004")


def ship_combined(rig: AnyRig, told: CombinedShipment) -> object:
    return rig.run(VERBS.upload_combined(rig.settings, told, token_of(rig), rig.moment()))


def test_combined_order_ships_by_parts() -> None:
    rig = make_rig()
    whole = combined(rig)
    assert rig.channel.combine is not None
    rig.run(rig.channel.combine.prepay_combined(rig.settings, whole, rig.moment()))
    rig.pay(whole.number)
    rig.advance(60)
    parts = tuple(shipment(rig, part.number) for part in whole.parts)
    told = CombinedShipment(whole.number, rig.payer, parts, rig.now)
    stranger = replace(parts[1], payment_number=paid(rig))
    assert isinstance(ship_combined(rig, replace(told, parts=(parts[0], stranger))), ShippingNotYet)
    assert rig.stage.state.beyond.shipments == {}, "all or none"
    twice = ship_combined(rig, replace(told, parts=(parts[0], parts[0])))
    assert twice == Refused("invalid_request", "10060013")
    assert ship_combined(rig, told) == ShippingTaken()
    assert set(rig.stage.state.beyond.shipments) == {part.number for part in whole.parts}
    assert isinstance(ship_combined(rig, replace(told, number=whole.parts[0].number)), ShippingNotYet)


@pytest.mark.parametrize(
    ("errcode", "expected"),
    [
        (0, ShippingTaken()), (10060001, ShippingNotYet("10060001")), (10060003, Refused("not_permitted", "10060003")),
        (40001, LoginRefused("token", "40001")), (42001, LoginRefused("token", "42001")),
        (45009, LoginRefused("too_frequent", "45009")), (48001, LoginRefused("not_permitted", "48001")),
        (-1, Unknown("errcode -1")), (10060023, Unknown("errcode 10060023")), (99, Unknown("errcode 99")),
    ],
)  # fmt: skip
def test_what_an_errcode_means(errcode: int, expected: object) -> None:
    rig = make_rig()
    token = PlatformToken(Secret("x"), rig.now)
    flow = VERBS.upload(rig.settings, shipment(rig, "number"), token, rig.moment())
    assert rig.run(flow, platform({"errcode": errcode, "errmsg": "x"})) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"merchant_id": "1900000001"}, {"merchant_trade_no": "another"}, {"order_state": 7}, {"order_state": "2"},
        {"paid_amount": "916"}, {"pay_time": -1}, {"pay_time": 1e9}, {"pay_time": 1 << 40}, {"transaction_id": None},
        {"shipping": {"shipping_list": 5}},
    ],
)  # fmt: skip
def test_spoiled_report_is_unknown(change: Body) -> None:
    rig = make_rig()
    token = PlatformToken(Secret("x"), rig.now)
    order = {**SHOWN, "merchant_id": rig.settings.mchid}
    number = str(SHOWN["merchant_trade_no"])
    good = platform({"errcode": 0, "order": order})
    report = rig.run(VERBS.query_shipping(rig.settings, number, token, rig.moment()), good)
    assert isinstance(report, ShippingReport)
    spoiled = {**order, **change}
    told = platform({"errcode": 0, "order": spoiled})
    assert isinstance(rig.run(VERBS.query_shipping(rig.settings, number, token, rig.moment()), told), Unknown)
    if change.get("merchant_trade_no") != "another":
        page = platform({"errcode": 0, "order_list": [spoiled], "has_more": False})
        asked = rig.run(VERBS.list_shipping(rig.settings, ShippingAsked(), token, rig.moment()), page)
        assert isinstance(asked, Unknown)


def test_page_without_its_next_is_unknown() -> None:
    rig = make_rig()
    token = PlatformToken(Secret("x"), rig.now)
    page = platform({"errcode": 0, "order_list": [], "has_more": True})
    assert isinstance(rig.run(VERBS.list_shipping(rig.settings, ShippingAsked(), token, rig.moment()), page), Unknown)


def test_list_looks_into_a_span_of_time() -> None:
    rig = make_rig()
    number = paid(rig)
    span = ShippingAsked(paid_from=rig.now - timedelta(hours=1), paid_until=rig.now)
    page = rig.run(VERBS.list_shipping(rig.settings, span, token_of(rig), rig.moment()))
    assert isinstance(page, ShippingPage)
    assert [report.payment_number for report in page.reports] == [number]
    empty = rig.run(VERBS.list_shipping(rig.settings, replace(span, paid_from=rig.now), token_of(rig), rig.moment()))
    assert empty == ShippingPage(())


def test_unknown_payment_is_not_found() -> None:
    rig = make_rig()
    told = rig.run(VERBS.query_shipping(rig.settings, "number", token_of(rig), rig.moment()))
    assert told == NotFound("10060001")


@pytest.mark.parametrize("body", [5, "x", None, []])
def test_wire_wants_an_object(body: object) -> None:
    rig = make_rig()
    assert post(rig, f"{ROOT}/get_order", body)["errcode"] == 47001
    assert post(rig, f"{ROOT}/get_order_list", {"page_size": "x"})["errcode"] == 47001
    assert post(rig, f"{ROOT}/get_order", {})["errcode"] == 10060014
    assert post(rig, f"{ROOT}/get_order", {}, token="")["errcode"] == 41001
