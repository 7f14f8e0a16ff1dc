"""The workbench takes its input as people have it, and names what was done to a message on its way there."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus, urlencode

import pytest

from shunfu.channels.unionpay import CHANNEL, codec
from shunfu.channels.unionpay.bench_words import REASONS
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests import vectors
from shunfu.channels.unionpay.tests.rig import new_rig, order_fields, settings, state
from shunfu.gateway.workbench import Worked

BENCH = CHANNEL.workbench
MATERIAL = state().material
ROOT, MIDDLE = MATERIAL.root_certificate, MATERIAL.middle_certificate
NOW_TEXT = "2026-11-22T06:29:35Z"
FACTS = {"merId": "777290058110048", "txnAmt": "1", "respMsg": "成功[0000000]", "reqReserved": "a+b %25 c"}


def message(method: str = "01", **facts: str) -> dict[str, str]:
    return wire.signed(state(), {**FACTS, **facts}, Pen(method, "UTF-8"))


def verify(params: Mapping[str, object], **more: object) -> Worked:
    source: dict[str, object] = {"kind": "notification", "params": params, "roots": [ROOT, MIDDLE], "now": NOW_TEXT}
    return BENCH.verify({**source, **more})


def failed(worked: Worked, step: str, *causes: str) -> None:
    assert (worked.valid, worked.failed_step) == (False, step), worked
    assert worked.reason in [REASONS[cause] for cause in causes], worked.reason


def raw(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields.items())


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


STRANGE: list[object] = [
    {},
    {"a": 1},
    [],
    [[]],
    None,
    True,
    1.5,
    float("nan"),
    1e300,
    -1,
    10**40,
    "",
    "\ud800",
    "x" * 200,
]
MEMBERS = (
    "kind", "params", "body", "encoding", "signMethod", "key", "keys", "roots", "signer_name", "secure_key", "now",
    "signature", "ciphertext",
)  # fmt: skip


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_raises(name: str) -> None:
    good: dict[str, object] = {"kind": "notification", "roots": [ROOT, MIDDLE], "key": MATERIAL.merchant_certificate}
    for params in ({**message(), "reqReserved": "altered"}, {**message("11"), "orderId": "1"}):
        for kind in ("notification", "client", "reply"):
            for value in STRANGE:
                source = {**good, "kind": kind, "params": params, "secure_key": "k", "body": raw(params), name: value}
                if name == "body":
                    del source["params"]
                for work in (BENCH.sign, BENCH.verify, BENCH.decrypt):
                    work(source)


@pytest.mark.parametrize("name", [*message(), "signMethod", "encoding", "version", "certId"])
def test_no_field_raises(name: str) -> None:
    for value in STRANGE:
        for kind in ("notification", "request"):
            worked = verify({**message(), name: value}, kind=kind)
            assert worked.valid is False or worked.to_sign == codec.canonical(message())
    assert verify({**message(), "signMethod": "09"}).reason == REASONS["method"]


@pytest.mark.parametrize(("alias", "kind"), [("response", "reply"), ("notify", "notification")])
def test_other_names_of_kinds(alias: str, kind: str) -> None:
    assert verify(message(), kind=alias).valid is True
    assert verify(message(), kind=alias) == verify(message(), kind=kind)


@pytest.mark.parametrize(
    "now", ["1795328975", 1795328975, 1795328975.5, "1795328975.5", NOW_TEXT, "2026-11-22T14:29:35+08:00"]
)
def test_moments(now: object) -> None:
    assert verify(message(), now=now).valid is True
    failed(verify(message(), now="1500000000"), "certificate", "dates")
    failed(verify(message(), now=1500000000.5), "certificate", "dates")


@pytest.mark.parametrize("now", ["yesterday", True, [], float("inf"), 10**18, "2026-11-22T14:29:35"])
def test_moments_that_are_none(now: object) -> None:
    failed(verify(message(), now=now), "input", "now")


@pytest.mark.parametrize(
    "roots",
    [
        ROOT + MIDDLE,
        ROOT.strip() + "\n" + MIDDLE.strip(),
        [MIDDLE, ROOT],
        [ROOT + MIDDLE],
        {"root": ROOT, "middle": MIDDLE},
        [bare(ROOT), bare(MIDDLE)],
        {"root": bare(ROOT), "middle": MIDDLE},
    ],
)
def test_roots_as_people_have_them(roots: object) -> None:
    assert verify(message(), roots=roots).valid is True


def test_roots_that_are_none() -> None:
    failed(verify(message(), roots="hello"), "certificate", "roots")
    failed(verify(message(), roots=bare(MIDDLE)), "certificate", "chain")


def test_decoded_once_more() -> None:
    fields = message()
    failed(verify({name: unquote_plus(value) for name, value in fields.items()}), "signature", "decoded_twice")
    for value in ("a b % c", "a+b % c"):
        failed(verify({**fields, "reqReserved": value}), "signature", "decoded_twice")
    failed(verify({**fields, "reqReserved": "a b %25 c"}), "signature", "plus", "decoded_twice")
    packed = message(reqReserved="x%3D1%26y%3D2")
    failed(verify({**packed, "reqReserved": "x=1&y=2"}), "signature", "decoded_twice")
    many = message(reqReserved="%25 " * 40)
    failed(verify({**many, "reqReserved": "% " * 40}), "signature", "decoded_twice")


def test_a_reply_through_parse_qs() -> None:
    fields = message(reqReserved="a+b c")
    failed(verify(dict(parse_qsl(raw(fields), keep_blank_values=True)), kind="reply"), "signature", "plus")
    pem = fields["signPubKeyCert"]
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    spoiled = begin + pem.removeprefix(begin).removesuffix(end).replace("+", " ") + end
    assert spoiled != pem
    failed(verify({**fields, "signPubKeyCert": spoiled}), "signature", "plus")
    failed(verify({**fields, "signature": fields["signature"].replace("+", " ")}), "signature", "plus")


def test_bodies_written_the_other_way() -> None:
    fields = message(reqReserved="a+b {c=d}")
    sound: dict[str, object] = {"roots": [ROOT, MIDDLE], "now": NOW_TEXT}
    assert BENCH.verify({**sound, "kind": "reply", "body": raw(fields)}).valid is True
    assert BENCH.verify({**sound, "kind": "notification", "body": urlencode(fields)}).valid is True
    told = BENCH.verify({**sound, "kind": "reply", "body": urlencode(fields)})
    assert (told.valid, told.reason) == (False, REASONS["encoded_reply"])
    told = BENCH.verify({**sound, "kind": "notification", "body": raw(fields)})
    assert (told.valid, told.reason) == (False, REASONS["unencoded_form"])
    keyed = {"kind": "notification", "body": raw(message("11", reqReserved="a+b")), "secure_key": MATERIAL.secure_key}
    assert BENCH.verify(keyed).reason == REASONS["unencoded_form"]


def test_gbk_is_read_from_the_body() -> None:
    body = wire.reply(state(), FACTS, Pen("01", "GBK")).body.decode("gbk")
    assert BENCH.verify({"kind": "reply", "body": body, "roots": [ROOT, MIDDLE]}).valid is True


def test_wrong_key_is_not_an_altered_field() -> None:
    fields = message()
    key = settings().private_key
    assert key is not None
    failed(verify({**fields, "txnAmt": "2"}), "signature", "altered")
    failed(verify({**fields, "added": "2"}), "signature", "altered")
    other = codec.rsa_sign(key, codec.canonical(fields).encode())
    failed(verify({**fields, "signature": other}), "key", "wrong_key")
    signed = codec.sign(settings(), order_fields(new_rig()))
    request: dict[str, object] = {"kind": "request", "params": signed}
    failed(BENCH.verify({**request, "key": ROOT}), "key", "wrong_key")
    altered: dict[str, object] = {**request, "params": {**signed, "txnAmt": "2"}, "key": MATERIAL.merchant_certificate}
    failed(BENCH.verify(altered), "signature", "altered")


def test_a_given_key_does_not_stand_in_for_the_certificate_in_the_message() -> None:
    fields = message()
    key = settings().private_key
    assert key is not None
    forged = {**fields, "signature": codec.rsa_sign(key, codec.canonical(fields).encode())}
    failed(verify(forged, key=MATERIAL.merchant_certificate), "key", "wrong_key")
    failed(verify(forged, key=MATERIAL.merchant_private_key, roots=None), "key", "wrong_key")


def test_numbers_are_texts() -> None:
    assert verify({**message(), "txnAmt": 1}).valid is True
    source: dict[str, object] = {"kind": "request", "secure_key": "k", "params": {"merId": "1"}}
    for method in ("11", "12"):
        made = BENCH.sign({**source, "signMethod": int(method)})
        assert made.signature == codec.keyed_hash(b"merId=1", "k", method)
    params: dict[str, object] = {"appId": "a", "frontToken": "f", "nonceStr": "n", "timestamp": "1", "url": "u"}
    made = BENCH.sign({"kind": "client", "params": params})
    again = {**params, "timestamp": 1}
    assert BENCH.verify({"kind": "client", "params": again, "signature": made.signature}).valid is True
    assert BENCH.verify({"kind": "client", "params": {**again, "signature": made.signature}}).valid is True


@pytest.mark.parametrize("method", ["11", "12"])
def test_an_empty_secure_key_is_a_key(method: str) -> None:
    source: dict[str, object] = {"kind": "request", "params": {"merId": "1", "signMethod": method}}
    made = BENCH.sign({**source, "secure_key": ""})
    assert made.signature == codec.keyed_hash(f"merId=1&signMethod={method}".encode(), "", method)
    assert BENCH.verify({**source, "secure_key": "", "signature": made.signature}).valid is True
    failed(BENCH.verify({**source, "signature": made.signature}), "key", "secure_key")


def test_keys_by_serial_sign() -> None:
    params = {**order_fields(new_rig()), "signMethod": "01", "certId": MATERIAL.cert_id}
    expected = codec.sign(settings(), order_fields(new_rig()))["signature"]
    for keys in ({MATERIAL.cert_id: MATERIAL.merchant_private_key}, {"x": MATERIAL.merchant_private_key}):
        assert BENCH.sign({"kind": "request", "params": params, "keys": keys}).signature == expected
    unfit: dict[str, object] = {"kind": "request", "params": params, "keys": {"x": ROOT}}
    assert BENCH.sign(unfit).reason == REASONS["private_key"]


@pytest.mark.parametrize("member", ["key", "keys"])
def test_a_given_signer_without_roots(member: str) -> None:
    pem = message()["signPubKeyCert"]
    given: object = pem if member == "key" else {"1": pem}
    more: dict[str, object] = {"roots": None, member: given}
    told = verify(message(), **more)
    assert (told.valid, told.reason, told.fields["chain"]) == (True, REASONS["chain_not_judged"], "not judged")
    failed(verify(message(), **more, now=1500000000), "certificate", "dates")
    failed(verify({**message(), "txnAmt": "2"}, **more), "signature", "altered")
    strange: object = ROOT if member == "key" else {"1": ROOT}
    failed(verify(message(), **{**more, member: strange}), "key", "other_certificate")
    failed(verify(message(), roots=None), "certificate", "no_roots")


def test_published_requests_verify_as_they_are_signed() -> None:
    key = vectors.private(vectors.TEST_KIT_KEY_BARE)
    for version, signature in (("5.0.0", vectors.KIT_SIGNATURE_500), ("5.1.0", vectors.KIT_SIGNATURE_510)):
        source: dict[str, object] = {
            "kind": "request",
            "params": {**vectors.KIT_REQUEST, "version": version},
            "key": key,
        }
        assert BENCH.sign(source).signature == signature
        assert BENCH.verify({**source, "signature": signature}).valid is True
        failed(BENCH.verify({**source, "signature": signature[:-8]}), "signature", "no_base64")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("crlf", "CRLF"),
        ("decoded_twice", "decoded twice"),
        ("plus", "decoded twice"),
        ("wrong_key", "wrong key"),
        ("keyed_wrong", "wrong key"),
        ("other_certificate", "wrong key"),
        ("dates", "clock"),
        ("altered", "hash"),
        ("single_hash", "hash"),
        ("unhashed_key", "hash"),
    ],
)
def test_reasons_say_the_common_words(cause: str, words: str) -> None:
    assert words in REASONS[cause]["en"]
