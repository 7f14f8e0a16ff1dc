"""The workbench names the step that fails and the likeliest cause, for every kind of message."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from shunfu.channels.unionpay import CHANNEL, codec, sealing
from shunfu.channels.unionpay.bench_words import REASONS
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.tests.rig import new_rig, order_fields, settings, state
from shunfu.channels.unionpay.tests.vectors import (
    MIDDLE_BARE,
    NOTIFIED_2018,
    NOTIFIED_2022,
    ROOT_BARE,
    TOKEN_2017,
    carried,
)
from shunfu.gateway.workbench import Worked

BENCH = CHANNEL.workbench
FACTS = {"merId": "777290058110048", "orderId": "20261122142935", "respMsg": "成功[0000000]", "reserved": "{a=b&c=d}"}
ROOTS = [state().material.root_certificate, state().material.middle_certificate]
NOW_TEXT = "2026-11-22T06:29:35Z"


def message(method: str = "01", **facts: str) -> dict[str, str]:
    return wire.signed(state(), {**FACTS, **facts}, Pen(method, "UTF-8"))


def verify(params: dict[str, str], **more: object) -> Worked:
    source: dict[str, object] = {"kind": "notification", "params": params, "roots": ROOTS, "now": NOW_TEXT}
    return BENCH.verify({**source, **more})


def failed(worked: Worked, step: str, cause: str) -> None:
    assert (worked.valid, worked.failed_step) == (False, step), worked
    assert worked.reason == REASONS[cause]


def test_published_notifications() -> None:
    roots = [carried(ROOT_BARE), carried(MIDDLE_BARE)]
    source: dict[str, object] = {"kind": "notification", "params": NOTIFIED_2022, "roots": roots}
    good = BENCH.verify({**source, "now": "2022-09-08T05:22:10Z"})
    assert good.valid is True
    assert good.to_sign == codec.canonical(NOTIFIED_2022)
    assert good.fields["hash"] == "39be34ceac545612fdca7c9bfc765aba9959ab14e840cc111d3ebdd507b0d371"
    bare = BENCH.verify({**source, "kind": "reply", "roots": [ROOT_BARE, MIDDLE_BARE], "now": 1662614530})
    assert bare.valid is True, "certificates without armour, seconds instead of a time"
    late = BENCH.verify({**source, "now": NOW_TEXT})
    failed(late, "certificate", "dates")
    at_2018 = {"kind": "notification", "params": NOTIFIED_2018, "roots": roots, "now": "2018-07-26T02:02:32Z"}
    assert BENCH.verify(at_2018).valid is True, "the name of UnionPay's signer in its test environment"
    failed(BENCH.verify({**at_2018, "signer_name": "中国银联股份有限公司"}), "certificate", "common_name")
    at_2017 = {"kind": "notify", "params": TOKEN_2017, "roots": roots, "now": "2017-11-22T00:00:00Z"}
    assert BENCH.verify(at_2017).valid is True


def test_bodies_as_they_came() -> None:
    raw = wire.reply(state(), FACTS, Pen("01", "GBK")).body.decode("gbk")
    source: dict[str, object] = {"roots": ROOTS, "now": NOW_TEXT, "encoding": "GBK"}
    assert BENCH.verify({**source, "kind": "reply", "body": raw}).valid is True
    form = wire.form(message()).decode()
    assert BENCH.verify({**source, "kind": "notification", "body": form, "encoding": "UTF-8"}).valid is True
    failed(BENCH.verify({**source, "kind": "reply", "body": raw + "&"}), "input", "body")
    failed(BENCH.verify({**source, "kind": "reply", "body": "signature=x"}), "certificate", "certificate_malformed")


@pytest.mark.parametrize("method", ["01", "11", "12"])
def test_requests_signed_here_verify_here(method: str) -> None:
    material = state().material
    fields = {**order_fields(new_rig()), "signMethod": method}
    source: dict[str, object] = {"kind": "request", "params": fields, "secure_key": material.secure_key}
    made = BENCH.sign({**source, "key": material.merchant_private_key})
    expected = codec.sign(settings(method), order_fields(new_rig()))
    if method == "01":
        whole = {**fields, "certId": material.cert_id}
        made = BENCH.sign({**source, "params": whole, "key": material.merchant_private_key})
    assert made.signature == expected["signature"]
    again: dict[str, object] = {"kind": "request", "params": expected, "secure_key": material.secure_key}
    assert BENCH.verify({**again, "key": material.merchant_certificate}).valid is True
    assert BENCH.verify({**again, "keys": {material.cert_id: material.merchant_certificate}}).valid is True
    wrong = {**expected, "txnAmt": "1"}
    failed(
        BENCH.verify({**again, "params": wrong, "key": material.merchant_certificate}),
        "signature",
        "altered" if method == "01" else "keyed_wrong",
    )


def test_what_signing_needs() -> None:
    fields = {**order_fields(new_rig()), "signMethod": "11"}
    assert BENCH.sign({"kind": "request", "params": fields}).reason == REASONS["secure_key"]
    assert BENCH.sign({"kind": "request", "params": {**fields, "signMethod": "01"}}).reason == REASONS["private_key"]
    assert BENCH.sign({"kind": "request", "params": {**fields, "signMethod": "09"}}).reason == REASONS["method"]
    assert BENCH.sign({"kind": "request", "params": {"a": "🙂", "encoding": "GBK"}}).reason == REASONS["encoding"]
    assert BENCH.sign({"kind": "other", "params": fields}).reason == REASONS["kind"]


def test_old_version_signs_with_sha1() -> None:
    material = state().material
    source: dict[str, object] = {"kind": "request", "key": material.merchant_private_key}
    made = BENCH.sign({**source, "params": {"version": "5.0.0", "a": "1"}})
    assert made.signature is not None
    assert len(made.fields["hash"]) == 40
    old = {"version": "5.0.0", "a": "1", "signature": made.signature}
    assert BENCH.verify({**source, "params": old}).valid is True
    told = BENCH.verify({**source, "params": {**old, "version": "5.1.0"}})
    failed(told, "signature", "old_version")
    new = BENCH.sign({**source, "params": {"version": "5.1.0", "a": "1"}}).signature
    failed(BENCH.verify({**source, "params": {**old, "signature": new}}), "signature", "new_version")


def spoiled_pem(pem: str, how: str) -> str:
    return {
        "crlf": pem.replace("\r\n", "\n"),
        "dropped": pem.replace("\r\n", ""),
        "spaces": pem.replace("\r\n", " "),
        "last": pem + "\r\n",
    }[how]


@pytest.mark.parametrize(("how", "cause"), [("crlf", "crlf"), ("last", "last_line")])
def test_line_ends_of_the_certificate(how: str, cause: str) -> None:
    fields = message()
    failed(verify({**fields, "signPubKeyCert": spoiled_pem(fields["signPubKeyCert"], how)}), "signature", cause)


@pytest.mark.parametrize("how", ["dropped", "spaces"])
def test_certificate_that_lost_its_lines(how: str) -> None:
    fields = message()
    told = verify({**fields, "signPubKeyCert": spoiled_pem(fields["signPubKeyCert"], how)})
    failed(told, "signature", "crlf")


def test_plus_that_became_a_space() -> None:
    fields = message(accNo="ab+cd/ef+gh==")
    failed(verify({**fields, "accNo": fields["accNo"].replace("+", " ")}), "signature", "plus")
    spaced = fields["signature"].replace("+", " ", 1)
    assert spaced != fields["signature"]
    failed(verify({**fields, "signature": spaced}), "signature", "plus")


def test_values_not_decoded() -> None:
    failed(verify({**message(), "reserved": "%7Ba%3Db%26c%3Dd%7D"}), "signature", "decoded")


def test_braces_torn_apart() -> None:
    fields = message()
    torn: dict[str, str] = {}
    for name, value in fields.items():
        if name == "reserved":
            torn |= {"reserved": "{a=b", "c": "d}"}
        else:
            torn[name] = value
    failed(verify(torn), "signature", "braces")


def request(text: bytes) -> dict[str, str]:
    """Our order with a signature over another text than the right one."""
    key = settings().private_key
    assert key is not None
    digest = sha256(text).hexdigest().encode()
    made = b64encode(key.sign(digest, PKCS1v15(), SHA256())).decode()
    return {**ordered(), "signature": made}


def ordered() -> dict[str, str]:
    return {**order_fields(new_rig(), orderDesc="山行咖啡"), "signMethod": "01", "reqReserved": ""}


def test_requests_signed_wrongly() -> None:
    key = settings().private_key
    assert key is not None
    source: dict[str, object] = {"kind": "request", "key": state().material.merchant_certificate}
    text = codec.canonical(ordered())
    once = b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    upper = codec.rsa_text(text.encode()).upper()
    loud = b64encode(key.sign(upper, PKCS1v15(), SHA256())).decode()
    old = codec.rsa_sign(key, text.encode(), "5.0.0")
    pairs = sorted((name, value) for name, value in ordered().items())
    empties = "&".join(f"{name}={value}" for name, value in pairs)
    escaped = codec.form(dict(sorted((k, v) for k, v in ordered().items() if v)))
    for params, cause in (
        ({**ordered(), "signature": once}, "single_hash"),
        ({**ordered(), "signature": loud}, "upper_hash"),
        ({**ordered(), "signature": old}, "old_version"),
        (request(empties.encode()), "empty"),
        (request(text.encode("gbk")), "other_encoding"),
        (request(escaped), "url_encoded"),
        (request(b"something else"), "altered"),
        ({**ordered(), "signature": "not base64"}, "plus"),
        ({**ordered(), "signature": "not-base64"}, "no_base64"),
    ):
        failed(BENCH.verify({**source, "params": params}), "signature", cause)
    failed(BENCH.verify({**source, "params": ordered()}), "input", "signature_missing")
    failed(BENCH.verify({"kind": "request", "params": request(b"x")}), "key", "public_key")


@pytest.mark.parametrize("method", ["11", "12"])
def test_keyed_methods_signed_wrongly(method: str) -> None:
    secure_key, other = state().material.secure_key, "12" if method == "11" else "11"
    fields = {**ordered(), "signMethod": method}
    text = codec.canonical(fields).encode()
    right = codec.keyed_hash(text, secure_key, method)
    source: dict[str, object] = {"kind": "request", "secure_key": secure_key}
    assert BENCH.verify({**source, "params": {**fields, "signature": right}}).valid is True
    for signature, cause in (
        (right.upper(), "upper_signature"),
        (codec.plain_hash(text + b"&" + secure_key.encode(), method), "unhashed_key"),
        (codec.keyed_hash(text, secure_key, other), "other_method"),
        (codec.keyed_hash(text, secure_key[::-1], method), "keyed_wrong"),
        ("x", "keyed_wrong"),
    ):
        failed(BENCH.verify({**source, "params": {**fields, "signature": signature}}), "signature", cause)
    failed(BENCH.verify({"kind": "request", "params": {**fields, "signature": right}}), "key", "secure_key")


def test_trust_of_the_signer() -> None:
    failed(verify(message(), roots=[]), "certificate", "no_roots")
    undated = verify(message(), now=None)
    assert (undated.valid, undated.fields["dates"]) == (True, "not judged")
    failed(verify(message(), now="2020-01-01T00:00:00Z"), "certificate", "dates")
    failed(verify(message(), roots=[carried(ROOT_BARE), carried(MIDDLE_BARE)]), "certificate", "chain")
    strange = wire.signed(state(), FACTS, Pen("01", "UTF-8", "wrong_serial"))
    failed(verify(strange), "certificate", "chain")
    failed(verify(message(), signer_name="somebody"), "certificate", "common_name")
    failed(verify({**message(), "signPubKeyCert": "x"}), "certificate", "certificate_malformed")


def test_upsdk_config() -> None:
    params = {"appId": "a", "frontToken": "f", "nonceStr": "n", "timestamp": "1", "url": "https://m.example/?x=1#y"}
    made = BENCH.sign({"kind": "client", "params": params})
    assert made.to_sign == "appId=a&frontToken=f&nonceStr=n&timestamp=1&url=https://m.example/?x=1"
    assert made.signature == sha256((made.to_sign or "").encode()).hexdigest()
    assert BENCH.verify({"kind": "client", "params": params, "signature": made.signature}).valid is True
    failed(BENCH.verify({"kind": "client", "params": params, "signature": "0"}), "signature", "client_wrong")
    failed(BENCH.verify({"kind": "client", "params": params}), "input", "signature_missing")
    failed(BENCH.verify({"kind": "client", "params": {"appId": "a"}}), "input", "client")


def test_decrypting() -> None:
    key = settings().private_key
    assert key is not None
    sealed = sealing.encrypt(key.public_key(), "6216000000000018")
    source: dict[str, object] = {"kind": "notification", "key": state().material.merchant_private_key}
    assert BENCH.decrypt({**source, "ciphertext": sealed}).plaintext == "6216000000000018"
    assert BENCH.decrypt({**source, "params": {"accNo": sealed}}).plaintext == "6216000000000018"
    packed = sealing.customer_information(key.public_key(), {"certifTp": "01", "phoneNo": "1"})
    assert BENCH.decrypt({**source, "params": {"customerInfo": packed}}).plaintext == "certifTp=01&phoneNo=1"
    content = BENCH.decrypt({"kind": "reply", "params": {"fileContent": sealing.pack_file(b"abc")}}).plaintext
    assert content == f"3 bytes, SHA-256 {sha256(b'abc').hexdigest()}"
    for wrong in ({"accNo": "x"}, {"fileContent": "x"}, {"a": "1"}):
        assert BENCH.decrypt({**source, "params": wrong}).failed_step == "decrypt"
    assert BENCH.decrypt({**source, "ciphertext": "x"}).failed_step == "decrypt"


def test_every_reason_is_said_in_both_languages() -> None:
    assert all(set(reason) == {"zh-CN", "en"} and all(reason.values()) for reason in REASONS.values())
