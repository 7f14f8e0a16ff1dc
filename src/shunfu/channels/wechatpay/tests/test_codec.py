"""Signatures, the replay window, probes, decryption and strict reading: nothing hostile passes and nothing raises."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as some

from shunfu.channels.wechatpay import CHANNEL, codec
from shunfu.channels.wechatpay.sandbox.wire import Signing, seal, signature_headers
from shunfu.channels.wechatpay.tests.rig import NOW, NUMBER, Rig, flip, keys, settings, with_header
from shunfu.gateway.evidence import Closed, NotPaid, Paid, Unknown
from shunfu.gateway.port import Genuine, Message, Spurious
from shunfu.gateway.reading import integer_at, parse_object, parse_time, parse_timestamp
from shunfu.kernel.money import Money

STAMP = int(NOW.timestamp())
TRANSACTION: dict[str, object] = {
    "mchid": "1900007291",
    "appid": "wxd678efh567hg6787",
    "out_trade_no": NUMBER,
    "transaction_id": "1217752501201407033233368018",
    "trade_state": "SUCCESS",
    "success_time": "2018-06-08T10:34:56+08:00",
    "amount": {"total": 100, "currency": "CNY"},
}


def signed(body: bytes, key_id: str | None = None) -> Message:
    signing = Signing(keys(), key_id or keys().material.public_key_id, NOW, b"entropy")
    return Message(signature_headers(body, signing), body)


def envelope(content: object, event_type: str = "TRANSACTION.SUCCESS") -> Message:
    text = content if isinstance(content, str) else json.dumps(content)
    resource = {"original_type": "transaction", **seal(keys(), text, "transaction", b"entropy")}
    whole = {"id": "EV-1", "create_time": "2018-06-08T10:34:56+08:00", "event_type": event_type, "resource": resource}
    return signed(json.dumps(whole).encode())


def read(message: Message) -> Genuine | Spurious:
    return CHANNEL.verbs.read_notification(settings(), message, NOW)


def paid_message() -> Message:
    rig = Rig()
    rig.order()
    rig.buy("pay")
    return rig.notify(NUMBER)


@pytest.mark.parametrize("key_id", [keys().material.public_key_id, keys().material.platform_serial])
def test_both_keys_verify_at_once(key_id: str) -> None:
    message = signed(b"{}", key_id)
    assert codec.verify(settings(), message.headers, message.body, NOW) is None


@pytest.mark.parametrize(
    ("mode", "key_id"),
    [("cert", keys().material.public_key_id), ("public_key", keys().material.platform_serial), ("both", "5157F09E")],
)
def test_serial_that_we_do_not_hold_is_distrusted(mode: str, key_id: str) -> None:
    message = signed(b"{}", key_id)
    assert codec.verify(settings(mode), message.headers, message.body, NOW) is not None


@pytest.mark.parametrize(("offset", "is_fresh"), [(0, True), (299, True), (-299, True), (300, False), (-300, False)])
def test_window_is_300_seconds(offset: int, is_fresh: bool) -> None:
    message = signed(b"{}")
    distrust = codec.verify(settings(), message.headers, message.body, NOW + timedelta(seconds=offset))
    assert (distrust is None) == is_fresh


@pytest.mark.parametrize(
    "stamp",
    ["", " ", "1e9", "-1", "+1", f"{STAMP}.0", f" {STAMP}", f"{STAMP} ", f"{STAMP}\n", "9" * 400, "0x10", "１７", "①",
     str(STAMP).translate({ord(str(d)): 0xFF10 + d for d in range(10)}), "1_0", "nan"],
)  # fmt: skip
def test_odd_timestamps_are_distrusted(stamp: str) -> None:
    message = with_header(signed(b"{}"), "wechatpay-timestamp", stamp)
    assert parse_timestamp(stamp) is None
    assert codec.verify(settings(), message.headers, message.body, NOW) is not None


@pytest.mark.parametrize("name", ["timestamp", "nonce", "serial", "signature"])
def test_each_header_is_needed(name: str) -> None:
    message = signed(b"{}")
    headers = {key: value for key, value in message.headers.items() if key != f"wechatpay-{name}"}
    distrust = codec.verify(settings(), headers, message.body, NOW)
    assert distrust is not None
    assert "missing" in distrust.reason


def test_other_signature_type_is_distrusted() -> None:
    message = with_header(signed(b"{}"), "wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3")
    assert codec.verify(settings(), message.headers, message.body, NOW) is not None


@pytest.mark.parametrize("noise", ["", "AAAA", "AEAD_wrong_padding", "签名", "="])
def test_probe_fails_like_any_bad_signature_and_is_told_apart(noise: str) -> None:
    message = with_header(paid_message(), "wechatpay-signature", f"WECHATPAY/SIGNTEST/{noise}")
    read_message = read(message)
    assert isinstance(read_message, Spurious)
    assert read_message.is_probe
    plain = read(with_header(message, "wechatpay-signature", f"{noise}AAAA"))
    assert isinstance(plain, Spurious)
    assert not plain.is_probe


@pytest.mark.parametrize("noise", [" ", "\n", "!", "-", "é"])
def test_signature_is_strict_base64(noise: str) -> None:
    message = signed(b"{}")
    spoiled = with_header(
        message,
        "wechatpay-signature",
        message.headers["wechatpay-signature"][:9] + noise + message.headers["wechatpay-signature"][9:],
    )
    assert codec.verify(settings(), spoiled.headers, spoiled.body, NOW) is not None


def test_body_moved_into_the_nonce_is_distrusted() -> None:
    """`nonce` and `body` are neighbours in the signed text; a line feed must not move the border between them."""
    signing = Signing(keys(), keys().material.public_key_id, NOW, b"entropy")
    headers = signature_headers(b"first\nsecond", signing)
    moved = {**headers, "wechatpay-nonce": f"{headers['wechatpay-nonce']}\nfirst"}
    assert codec.verify(settings(), headers, b"first\nsecond", NOW) is None
    assert codec.verify(settings(), moved, b"second", NOW) is not None


@given(some.integers(0, 10_000), some.binary(max_size=60))
@effort(max_examples=60, deadline=None)
def test_any_tampering_is_distrusted(position: int, tail: bytes) -> None:
    message = signed(b'{"id":"EV-1","resource":{}}')
    assert codec.verify(settings(), message.headers, flip(message.body, position), NOW) is not None
    if tail:
        assert codec.verify(settings(), message.headers, message.body + tail, NOW) is not None


@given(some.dictionaries(some.sampled_from(list(signed(b"{}").headers)), some.text(max_size=40)), some.binary())
@effort(max_examples=150, deadline=None)
def test_hostile_headers_and_bodies_never_raise(headers: dict[str, str], body: bytes) -> None:
    message = signed(body)
    assert isinstance(read(Message({**message.headers, **headers}, body)), Spurious)


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=8),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner),
    )
)
@effort(max_examples=100, deadline=None)  # fmt: skip
def test_signed_nonsense_never_raises(content: object) -> None:
    message = signed(json.dumps({"id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource": content}).encode())
    assert isinstance(read(message), Spurious)
    inner = read(envelope(content))
    assert isinstance(inner, Genuine) == isinstance(content, dict)


@pytest.mark.parametrize(
    "change",
    [{"ciphertext": "AAAA"}, {"nonce": "short"}, {"nonce": 5}, {"associated_data": "other"}, {"algorithm": "NONE"},
     {"ciphertext": "not base64!"}, {"ciphertext": None}, {"ciphertext": ""}],
)  # fmt: skip
def test_resource_that_does_not_decrypt_is_spurious(change: dict[str, object]) -> None:
    resource = {**seal(keys(), json.dumps(TRANSACTION), "transaction", b"entropy"), **change}
    body = json.dumps({"id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource": resource}).encode()
    assert isinstance(read(signed(body)), Spurious)


def test_tag_is_checked() -> None:
    resource = seal(keys(), json.dumps(TRANSACTION), "transaction", b"entropy")
    assert codec.decrypt(settings(), resource) is not None
    cut = resource["ciphertext"][:-8] + "AAAAAA=="
    assert codec.decrypt(settings(), {**resource, "ciphertext": cut}) is None


def test_empty_associated_data_may_be_absent() -> None:
    sealed = seal(keys(), "{}", "", b"entropy")
    assert codec.decrypt(settings(), {k: v for k, v in sealed.items() if k != "associated_data"}) == b"{}"


def test_notified_payment_is_paid() -> None:
    found = read(envelope(TRANSACTION))
    assert isinstance(found, Genuine)
    assert isinstance(found.evidence, Paid)
    assert found.evidence.amount == Money(100, "CNY")
    assert found.evidence.happened_at.isoformat() == "2018-06-08T02:34:56+00:00"
    assert (found.number, found.external_id, found.event_type) == (NUMBER, "EV-1", "TRANSACTION.SUCCESS")


@pytest.mark.parametrize("state", ["REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "success", "", 1])
def test_notified_state_other_than_success_is_never_paid(state: object) -> None:
    found = read(envelope({**TRANSACTION, "trade_state": state}))
    assert isinstance(found, Genuine)
    assert isinstance(found.evidence, Unknown)


@pytest.mark.parametrize("event_type", ["REFUND.SUCCESS", "COMPLAINT.CREATE", "TRANSACTION.PAY_BACK", "NEW.THING"])
def test_other_events_are_kept_without_evidence(event_type: str) -> None:
    found = read(envelope(TRANSACTION, event_type))
    assert isinstance(found, Genuine)
    assert found.evidence is None


@pytest.mark.parametrize("number", [None, "", "a b c d e f", "x" * 33, 7])
def test_payment_event_without_our_number_has_no_evidence(number: object) -> None:
    found = read(envelope({**TRANSACTION, "out_trade_no": number}))
    assert isinstance(found, Genuine)
    assert found.number is None
    assert found.evidence is None


@pytest.mark.parametrize(
    "amount",
    [None, {}, {"total": "100", "currency": "CNY"}, {"total": 1.0, "currency": "CNY"}, {"total": True}, {"total": 0},
     {"total": -1}, {"total": 2**63}, {"total": 100, "currency": "XXX"}, {"total": 100, "currency": None}, [100]],
)  # fmt: skip
def test_odd_amounts_are_unknown(amount: object) -> None:
    assert isinstance(codec.read_transaction({**TRANSACTION, "amount": amount}), Unknown)


@pytest.mark.parametrize("name", ["mchid", "appid", "transaction_id", "success_time"])
@pytest.mark.parametrize("value", [None, "", 5, "x\x00y", ["a"]])
def test_incomplete_payments_are_unknown(name: str, value: object) -> None:
    assert isinstance(codec.read_transaction({**TRANSACTION, name: value}), Unknown)


@pytest.mark.parametrize(
    ("state", "kind"),
    [("SUCCESS", Paid), ("REFUND", Paid), ("NOTPAY", NotPaid), ("USERPAYING", NotPaid), ("ACCEPT", NotPaid),
     ("PAYERROR", NotPaid), ("CLOSED", Closed), ("REVOKED", Closed), ("OTHER", Unknown), (None, Unknown)],
)  # fmt: skip
def test_query_states(state: str | None, kind: type) -> None:
    assert isinstance(codec.read_transaction({**TRANSACTION, "trade_state": state}), kind)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"a"', b"{", b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":NaN}', b'{"a":Infinity}',
     b"\xff", b'{"a":"\\ud800"}', b'{"\\ud800":1}', b"{}x", b'{"a":' + b"[" * 30 + b"]" * 30 + b"}", b"[" * 99_999,
     b'{"a":' * 50_000, b'{"a":"' + b"x" * (1 << 20) + b'"}', b'{"a":' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_json_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    assert parse_object(body) is None


def test_json_is_read() -> None:
    found = parse_object('{"a":1,"b":true,"c":1.0,"d":"2","e":"中"}'.encode()) or {}
    assert [integer_at(found, name) for name in "abcdef"] == [1, None, None, None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "2018-06-08",
        "2018-06-08T10:34:56",
        "2018-13-08T10:34:56Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+08:00",
        "２018-06-08T10:34:56Z",
        "2018-06-08T10:34:56+99:00",
        "",
        None,
        1,
    ],
)
def test_odd_times_are_none(text: object) -> None:  # fmt: skip
    assert parse_time(text) is None


def test_times_with_and_without_milliseconds() -> None:
    whole, fraction = parse_time("2018-06-08T10:34:56+08:00"), parse_time("2018-06-08T10:34:56.120+08:00")
    assert whole is not None
    assert fraction == whole + timedelta(milliseconds=120)


def test_notification_of_another_account_is_told_as_it_is() -> None:
    """The guard compares; the codec only reports whom the money was paid to."""
    found = codec.read_transaction({**TRANSACTION, "mchid": "1999999999"})
    assert isinstance(found, Paid)
    assert found.account == "1999999999"


def test_answers() -> None:
    verbs = CHANNEL.verbs
    assert verbs.answer_notification("accepted").status == 200
    distrusted, refused = verbs.answer_notification("distrusted"), verbs.answer_notification("refused")
    assert (distrusted.status, refused.status) == (401, 400)
    assert {json.loads(reply.body)["code"] for reply in (distrusted, refused)} == {"FAIL"}


def test_replaced_body_with_same_headers_is_spurious() -> None:
    first, second = paid_message(), envelope(TRANSACTION)
    assert isinstance(read(replace(first, body=second.body)), Spurious)
