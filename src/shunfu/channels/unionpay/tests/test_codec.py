"""The codec's edges: what parses and what does not, encodings, the keyed methods, and what is never believed."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shunfu.channels.unionpay import codec, sealing
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests.rig import issue, settings, state
from shunfu.channels.unionpay.trust import Anchors, Untrusted, prove
from shunfu.gateway.contract.rig import NOW

FACTS = {"merId": "777290058110048", "orderId": "20261122142935", "respMsg": "成功[0000000]", "reserved": "{a=b&c=d}"}


def signed(method: str = "01", encoding: str = "UTF-8", twist: str = "") -> dict[str, str]:
    return wire.signed(state(), FACTS, Pen(method, encoding, twist))


@pytest.mark.parametrize("method", ["01", "11", "12"])
@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "GB2312", "GB18030"])
def test_every_method_in_every_encoding(method: str, encoding: str) -> None:
    fields, ours = signed(method, encoding), settings(method)
    assert codec.verify(ours, fields, NOW) is None
    assert codec.parse_form(wire.form(fields)) == fields
    assert codec.verify(ours, {**fields, "respMsg": "成功"}, NOW) is not None
    reply = wire.reply(state(), FACTS, Pen(method, encoding))
    parsed = codec.parse_body(reply.body)
    assert parsed is not None
    assert parsed["respMsg"] == "成功[0000000]"
    assert codec.verify(ours, parsed, NOW) is None


@pytest.mark.parametrize("method", ["01", "11", "12"])
def test_what_we_sign_the_sandbox_believes(method: str) -> None:
    fields = codec.sign(settings(method), {**FACTS, "version": "5.1.0", "encoding": "GBK", "empty": ""})
    assert "empty" not in fields
    assert wire.is_signed(state(), fields)
    assert not wire.is_signed(state(), {**fields, "orderId": "20261122142936"})


def test_keyed_hash_is_what_the_document_says() -> None:
    inner = hashlib.sha256(b"k").hexdigest()
    assert codec.keyed_hash(b"a=1", "k", "11") == hashlib.sha256(f"a=1&{inner}".encode()).hexdigest()
    abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert codec.plain_hash(b"abc", "12") == abc, "GB/T 32905-2016, example 1"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1=2&b=", {"a": "1=2", "b": ""}),
        (b"a={x=1&y={z=2&w=3}}&b=[p&q]", {"a": "{x=1&y={z=2&w=3}}", "b": "[p&q]"}),
        (b"a=x+y/z==&b=%41", {"a": "x+y/z==", "b": "%41"}),
        (b"a=-----BEGIN\r\nx\r\n-----END", {"a": "-----BEGIN\r\nx\r\n-----END"}),
        ("encoding=GBK&m=成功".encode("gbk"), {"encoding": "GBK", "m": "成功"}),
        # A GBK character may hold the byte of a brace: 縶 ends in 0x7B.
        ("m=縶&encoding=GBK&n=1".encode("gbk"), {"m": "縶", "encoding": "GBK", "n": "1"}),
    ],
)
def test_reply_bodies(body: bytes, fields: dict[str, str]) -> None:
    assert codec.parse_body(body) == fields


@pytest.mark.parametrize(
    "body",
    [b"", b"a", b"a=1&", b"&a=1", b"a=1&&b=2", b"=1", b"a=1&a=1", b"a={x=1&b=2", b"1a=1", b"a b=1", b"<html>=1",
     b"a=\xff", b"encoding=UTF-16&a=1", b"encoding=GBK&encoding=UTF-8&a=1", b"a=1&" + b"x" * 70 + b"=1",
     b"&".join(b"a%d=1" % one for one in range(300)), b"a=" + b"x" * (1 << 20)],
)  # fmt: skip
def test_malformed_reply_bodies(body: bytes) -> None:
    assert codec.parse_body(body) is None


@pytest.mark.parametrize(
    "piece",
    [b"&", b"a=&", b"{", b"}", b"[", b"{}", b"{&}", b"encoding=UTF-8&", b"a={b=1}&", "山{".encode()],
)
def test_bodies_of_many_marks_are_given_up_early(piece: bytes) -> None:
    """Nobody has proven who sent these: what is built of them is bounded by the number of fields, not by their length.

    Unbounded, each takes tens of MiB or more; bounded, the text itself and little else.
    """
    body = b"encoding=UTF-8&a=" + piece * ((4 << 20) // len(piece))
    found, peak = weighed(lambda: codec.parse_body(body, 8 << 20))
    assert found is None
    assert peak < 5 * len(body)


@pytest.mark.parametrize("piece", [b"a=&", b"&", b"%4", b"x"])
def test_forms_are_given_up_early(piece: bytes) -> None:
    form = piece * ((1 << 20) // len(piece))
    found, peak = weighed(lambda: codec.parse_form(form))
    assert found is None
    assert peak < 5 * len(form)


def weighed(parse: Callable[[], object]) -> tuple[object, int]:
    """What it gives, and the most bytes that were held on the way."""
    tracemalloc.start()
    try:
        return parse(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_real_depth_and_marks_are_read() -> None:
    assert codec.parse_body(b"a={b={c=[d&e]}&f=1}") == {"a": "{b={c=[d&e]}&f=1}"}
    assert codec.parse_body(b"a=" + b"{" * 17 + b"}" * 17) is None
    assert codec.parse_body(b"&".join(b"a%d=1" % one for one in range(200))) is not None
    assert codec.parse_form(b"&".join(b"a%d=1" % one for one in range(200))) is not None
    assert codec.parse_form(b"&".join(b"a%d=1" % one for one in range(201))) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"a", b"a=1&a=2", b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=1&", b"%61%3D=1", b"a=1&%61=2",
     b"encoding=GBK&encoding=GBK&a=1", b"a=\xff"],
)  # fmt: skip
def test_malformed_forms(body: bytes) -> None:
    assert codec.parse_form(body) is None


def test_form_decodes_once() -> None:
    assert codec.parse_form(b"a=x%2By+z&b=%2541") == {"a": "x+y z", "b": "%41"}


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"version": "5.0.0"}, "input"),
        ({"encoding": "UTF-16"}, "input"),
        ({"encoding": "GBK", "respMsg": "🙂"}, "input"),
        ({"signMethod": "02"}, "key"),
        ({"signMethod": ""}, "key"),
        ({"signPubKeyCert": ""}, "certificate"),
        ({"signPubKeyCert": "x" * 20_000}, "certificate"),
        ({"signature": ""}, "signature"),
        ({"signature": "é"}, "signature"),
    ],
)
def test_what_is_not_believed(change: dict[str, str], step: str) -> None:
    distrust = codec.verify(settings(), {**signed(), **change}, NOW)
    assert distrust is not None
    assert distrust.step == step


@pytest.mark.parametrize(
    ("twist", "step"),
    [("wrong_serial", "certificate"), ("stale_timestamp", "certificate"), ("bad_signature", "signature")],
)
def test_forgeries(twist: str, step: str) -> None:
    distrust = codec.verify(settings(), signed(twist=twist), NOW)
    assert distrust is not None
    assert distrust.step == step


def test_another_spelling_of_the_signature_is_refused() -> None:
    fields = signed()
    assert fields["signature"].endswith("==")
    last = fields["signature"][-3]
    other = fields["signature"][:-3] + chr(ord(last) + 1) + "=="
    assert codec.verify(settings(), {**fields, "signature": other}, NOW) is not None


def test_method_without_a_key_of_ours_is_never_believed() -> None:
    """A message that names method 11 is not believed on an empty key: nobody needs a secret to make one."""
    bare = replace(settings("11"), secure_key=None)
    fields = {**FACTS, "version": "5.1.0", "encoding": "UTF-8", "signMethod": "11"}
    forged = {**fields, "signature": codec.keyed_hash(codec.canonical(fields).encode(), "", "11")}
    distrust = codec.verify(bare, forged, NOW)
    assert distrust is not None
    assert distrust.step == "key"
    keyed = replace(settings("11"), anchors=None)
    assert codec.verify(keyed, signed("11"), NOW) is None
    assert codec.verify(keyed, signed("01"), NOW) is not None


def test_chain_rules() -> None:
    material = state().material
    anchors = Anchors((material.root_certificate,), (material.middle_certificate,))
    name = "041@1@中国银联股份有限公司@1"
    good, _ = issue(material.middle_private_key, material.middle_certificate, name)
    assert prove(good, anchors).is_valid_at(NOW)
    assert not prove(good, anchors).is_valid_at(NOW + timedelta(days=31))
    assert not prove(good, anchors).is_valid_at(NOW - timedelta(days=2))
    by_shop, _ = issue(material.merchant_private_key, material.merchant_certificate, name)
    wide = Anchors((material.root_certificate,), (material.middle_certificate, material.merchant_certificate))
    for pem, why in (
        (by_shop, "not issued"),
        (issue(material.stranger_private_key, material.middle_certificate, name)[0], "not issued"),
        (issue(material.middle_private_key, material.merchant_certificate, name)[0], "not issued"),
        (issue(material.middle_private_key, material.middle_certificate, "中国银联股份有限公司")[0], "common name"),
        (
            issue(material.middle_private_key, material.middle_certificate, "041@中国银联股份有限公司@x")[0],
            "common name",
        ),
        (good + "\r\n" + good, "not one PEM"),
        (good[:400], "malformed"),
        ("", "not one PEM"),
        ("\ud800", "not one PEM"),
    ):
        with pytest.raises(Untrusted, match=why):
            prove(pem, wide if pem == by_shop else anchors)


def test_sensitive_fields_come_back() -> None:
    key = settings().private_key
    assert key is not None
    members = {"certifTp": "01", "customerNm": "张三", "phoneNo": "13800138000", "cvn2": "123"}
    packed = sealing.customer_information(key.public_key(), members)
    assert sealing.open_customer_information(key, packed) == members
    assert sealing.open_customer_information(key, "!") is None
    assert sealing.open_customer_information(key, b64encode(b"a=b").decode()) is None
    assert sealing.open_customer_information(key, b64encode(b"{encryptedInfo=eA==}").decode()) is None


def test_file_content_stops_at_its_limit() -> None:
    assert sealing.unpack_file(sealing.pack_file(b"x" * 5000)) == b"x" * 5000
    bomb = sealing.pack_file(bytes(1 << 20))
    assert sealing.unpack_file(bomb, bytes_max=1 << 19) is None
    assert sealing.unpack_file(sealing.pack_file(bytes(20 << 20))) == bytes(20 << 20), "16 MiB and 400 times its size"
    assert sealing.unpack_file(sealing.pack_file(bytes(30 << 20))) is None
    packed = zlib.compress(b"whole")
    for damaged in (packed[:-1], packed + b"x", b"nothing", b""):
        assert sealing.unpack_file(b64encode(damaged).decode()) is None
    assert sealing.unpack_file("!") is None
