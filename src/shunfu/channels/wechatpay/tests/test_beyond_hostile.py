"""The sandbox beyond payments under junk: every member of every good body replaced; it answers, and moves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.sandbox import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.beyond_rig import make_rig
from shunfu.gateway.contract.beyond_combine import combined
from shunfu.gateway.contract.beyond_sharing import RECEIVER, back, sharing, unfreezing
from shunfu.gateway.contract.beyond_shipping import shipment
from shunfu.gateway.contract.beyond_transfer import transfer
from shunfu.gateway.contract.rig import Rig
from shunfu.gateway.flow import Flow, Reply, Request
from shunfu.gateway.login import PlatformToken
from shunfu.gateway.shipping import CombinedShipment, Receipt, ShippingAsked

JUNK: tuple[Any, ...] = (None, True, -1, 5, 1e300, "", "é\u2028", "1" * 5000, [], [[]], [5], {}, {"a": []}, [{}])
AnyRig = Rig[Settings, State]


def requests_of(rig: AnyRig, token: PlatformToken) -> Iterator[Request]:
    """One good request to each address that takes a body."""
    channel, settings, moment = rig.channel, rig.settings, rig.moment()
    assert channel.combine is not None
    assert channel.sharing is not None
    assert channel.transfers is not None
    assert channel.shipping is not None
    whole, ship = combined(rig), shipment(rig, rig.number())
    flows: tuple[Flow[Any], ...] = (
        channel.combine.prepay_combined(settings, whole, moment),
        channel.combine.close_combined(settings, whole, moment),
        channel.sharing.add_receiver(settings, RECEIVER, moment),
        channel.sharing.remove_receiver(settings, RECEIVER, moment),
        channel.sharing.share(settings, sharing(rig, "4200", 10), moment),
        channel.sharing.unfreeze(settings, unfreezing(rig, "4200"), moment),
        channel.sharing.take_back(settings, back(rig, 10), moment),
        channel.transfers.transfer(settings, transfer(rig), moment),
        channel.shipping.upload(settings, ship, token, moment),
        channel.shipping.upload_combined(
            settings, CombinedShipment(whole.number, rig.payer, (ship, ship), rig.now), token, moment
        ),
        channel.shipping.query_shipping(settings, rig.number(), token, moment),
        channel.shipping.list_shipping(settings, ShippingAsked("shipped", rig.now, rig.now, "1", 2), token, moment),
        channel.shipping.remind_receipt(settings, Receipt(rig.number(), rig.now), token, moment),
        channel.shipping.is_managed(settings, token, moment),
        channel.login.fetch_token(settings, moment),
        channel.login.read_phone(settings, "x.y", token, moment),
    )
    return (next(flow) for flow in flows)


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one member, at any depth, replaced by junk or left out."""
    if isinstance(value, dict):
        for name in value:  # pyright: ignore[reportUnknownVariableType]
            yield {key: kept for key, kept in cast("dict[str, Any]", value).items() if key != name}
            yield from ({**value, name: junk} for junk in JUNK)
            yield from ({**value, name: deeper} for deeper in spoiled(value[name]))
    elif isinstance(value, list) and value:
        yield from ([deeper, *value[1:]] for deeper in spoiled(value[0]))


@pytest.mark.parametrize("index", range(16))
def test_junk_is_answered_and_moves_nothing(index: int) -> None:
    rig = make_rig()
    rig.paid()
    rig.advance(60)
    token = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()))
    assert isinstance(token, PlatformToken)
    good = list(requests_of(rig, token))[index]
    balance = rig.stage.state.till.balance_minor
    before = rig.stage
    for body in spoiled(json.loads(good.body)):
        text = json.dumps(body)
        if "/v3/" in good.url:
            target = good.url.removeprefix(rig.settings.base_url)
            request = codec.build_request(rig.settings, codec.Line(good.method, target), rig.moment(), text)
        else:
            request = Request(good.method, good.url, good.headers, text.encode())
        answer = rig.answer(request)
        assert isinstance(answer, Reply)
        assert answer.status in {200, 204, 400, 403, 404}, (body, answer.body)
        if not rig.stage.state.beyond.transfers:
            assert rig.stage.state.till.balance_minor == balance
        rig.stage = before


def test_all_good_requests_are_counted() -> None:
    rig = make_rig()
    token = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()))
    assert isinstance(token, PlatformToken)
    assert len(list(requests_of(rig, token))) == 16
