"""No signature, key, token, card, phone or identity number survives in a log line; numbers of orders do."""

from __future__ import annotations

import pytest

from shunfu.channels.unionpay import CHANNEL
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests.rig import state


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("accNo=6216000000000018&merId=1", "6216000000000018"),
        ("paid with 6216000000000018.", "6216000000000018"),
        ("phoneNo=13800138000", "13800138000"),
        ("call 13800138000 now", "13800138000"),
        ("certifId=110101199003071234", "110101199003071234"),
        ("is 11010119900307123X here", "11010119900307123X"),
        ('{"backendToken": "pCDvuqThTtKw14UMOkgTSQ==", "appId": "a"}', "pCDvuqThTtKw14UMOkgTSQ"),
        ("{'accessToken': 'abc/def+ghi='}", "abc/def+ghi"),
        ("secure_key=ab12cd", "ab12cd"),
        ("cvn2=123&a=1", "123"),
        ("signature=JeA4S2%2B6TbGo9yj%3D&x=1", "6TbGo9yj"),
    ],
)
def test_scrubbed(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in CHANNEL.scrub(text)


def test_what_is_needed_to_find_a_payment_stays() -> None:
    text = "merId=777290058110048&orderId=01KAXYZ&txnTime=20261122142935&respCode=12&respMsg=重复交易[2010002]"
    assert CHANNEL.scrub(text) == text
    assert CHANNEL.scrub("queryId=782611221429350674028") == "queryId=782611221429350674028"


def test_whole_messages() -> None:
    fields = wire.signed(state(), {"accNo": "6216000000000018", "orderId": "20261122"}, Pen("01", "UTF-8"))
    raw = "&".join(f"{name}={value}" for name, value in fields.items())
    for text in (raw, repr(raw), wire.form(fields).decode()):
        scrubbed = CHANNEL.scrub(text)
        assert fields["signature"][40:80] not in scrubbed
        assert "6216000000000018" not in scrubbed
        assert "20261122" in scrubbed
    key = state().material.merchant_private_key
    assert key.split("\n")[2] not in CHANNEL.scrub(f"key: {key}")
    assert key.split("\n")[2] not in CHANNEL.scrub(repr(key))
