"""The workbench's input in the shapes that people have at hand, and roots that cannot be talked out of their say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote_plus, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shunfu.channels.alipay import CHANNEL
from shunfu.channels.alipay.codec import canonical
from shunfu.channels.alipay.sandbox.people import phone_proof
from shunfu.channels.alipay.sandbox.wire import seal
from shunfu.channels.alipay.tests.shapes import state
from shunfu.channels.alipay.tests.wire_calls import private_key, signature
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.workbench import Worked

BENCH, MATERIAL = CHANNEL.workbench, state().material
ALIPAY, APP, ROOT = MATERIAL.alipay_public_key, MATERIAL.app_private_key, MATERIAL.alipay_root_cert
PARAMS = {
    "app_id": "1",
    "charset": "utf-8",
    "sign_type": "RSA2",
    "notify_time": "2026-11-22 18:00:00",
    "subject": "a+b 100%25 咖啡",
    "passback_params": "x%3D1",
    "out_trade_no": "o1",
}
SENT = 1795341600
MS = SENT * 1000
NODE = '{"code":"10000","sub": "a\\/b"}'


def verified(**source: object) -> Worked:
    return BENCH.verify(source)


def english(worked: Worked) -> str:
    assert worked.valid is False
    return (worked.reason or {})["en"]


def notice(key: RSAPrivateKey | None = None, **changes: str) -> dict[str, str]:
    params = {**PARAMS, **changes}
    return {**params, "sign": signature(key or private_key("alipay"), canonical(params, ("sign", "sign_type")))}


def request(**changes: str) -> dict[str, str]:
    plain = {name: value for name, value in PARAMS.items() if name != "notify_time"}
    params = {**plain, "timestamp": "2026-11-22 18:00:00", "biz_content": '{"a": "1/2", "b": "山"}', **changes}
    return {**params, "sign": signature(private_key(), canonical(params))}


def reply(node: str = NODE, signed: str = NODE) -> str:
    return f'{{"alipay_trade_query_response":{node},"sign":"{signature(private_key("alipay"), signed)}"}}'


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


@cache
def stranger() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def certificate(names: tuple[str, str], holder: RSAPrivateKey, issuer: RSAPrivateKey, is_ca: bool = False) -> str:
    subject, above = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in names)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(holder.public_key())
    built = built.serial_number(7).not_valid_before(NOW.replace(year=2020)).not_valid_after(NOW.replace(year=2036))
    built = built.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    return built.sign(issuer, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("late", [SENT + 432000, SENT + 432000.5, str(SENT + 432000), "2026-11-27T18:00:00+08:00"])
def test_the_present_in_every_spelling(late: object) -> None:
    for source in (
        {"kind": "notification", "params": notice(), "key": ALIPAY},
        {"kind": "request", "params": request(), "key": APP},
    ):
        assert verified(**source).valid
        assert verified(**source, now=SENT + 60).valid
        worked = verified(**source, now=late)
        assert worked.failed_step == "timestamp"
        assert "clock" in english(worked)


@pytest.mark.parametrize("now", ["soon", "2026-11-22T18:00:00", float("nan"), float("inf"), {}, True])
def test_a_present_that_is_no_time_is_not_passed_over(now: object) -> None:
    assert verified(kind="notification", params=notice(), key=ALIPAY, now=now).failed_step == "input"


def test_only_roots_are_trusted() -> None:
    evil = certificate(("evil", "evil"), stranger(), stranger(), is_ca=True)
    leaf = certificate(("leaf", "evil"), stranger(), stranger())
    forged: Mapping[str, object] = {"kind": "notification", "params": notice(stranger())}
    for keys in ({"key": evil}, {"keys": {"1": evil}}, {"key": leaf + evil}, {"key": bare(evil)}, {"keys": {"": evil}}):
        assert verified(**forged, **keys).valid, keys
        for roots in ([ROOT], ROOT, [bare(ROOT)], ["x"], "", [], [evil, "x"], [1], 1):
            assert verified(**forged, **keys, roots=roots).failed_step == "certificate", (keys, roots)
    assert verified(**forged, key=leaf + evil, roots=[evil]).valid
    assert verified(**forged, key=leaf, roots=bare(evil), now=SENT).valid
    assert "expired" in english(verified(**forged, key=leaf, roots=evil, now="2040-01-01T00:00:00Z"))
    assert verified(kind="notification", params=notice(), key=ALIPAY, roots=ROOT).failed_step == "certificate"


def test_certificates_between_lead_to_a_root_only_if_they_may_issue() -> None:
    root = certificate(("root", "root"), private_key("alipay"), private_key("alipay"), is_ca=True)
    forged: Mapping[str, object] = {"kind": "notification", "params": notice(stranger()), "roots": root}
    leaf = certificate(("leaf", "middle"), stranger(), private_key())
    middle = certificate(("middle", "root"), private_key(), private_key("alipay"), is_ca=True)
    assert verified(**forged, key=leaf + middle).valid
    weak = certificate(("middle", "root"), private_key(), private_key("alipay"))
    assert verified(**forged, key=leaf + weak).failed_step == "certificate"


def test_certificates_without_armour() -> None:
    known = bare(MATERIAL.alipay_cert)
    for keys in ({"key": known}, {"keys": {"1": known}}):
        assert verified(kind="notification", params=notice(), **keys).valid
        assert verified(kind="notification", params=notice(), **keys, roots=[bare(root) for root in _each(ROOT)]).valid


def _each(pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----"
    return [part + end for part in pem.split(end) if part.strip()]


def test_decoded_twice_in_every_way() -> None:
    good = notice()
    whole = {name: unquote_plus(value) for name, value in good.items()}
    for params in (
        {**whole, "sign": good["sign"]},
        whole,
        {**good, "subject": "a b 100% 咖啡"},
        {**good, "passback_params": "x=1"},
    ):
        assert "decoded twice" in english(verified(kind="notification", params=params, key=ALIPAY)), params
    body = unquote_plus(urlencode(good))
    assert "decoded twice" in english(verified(kind="notification", body=body, key=ALIPAY))


def test_json_written_anew_and_line_ends() -> None:
    params = request()
    anew = {**params, "biz_content": '{"a":"1/2","b":"山"}'}
    assert "re-serialised" in english(verified(kind="request", params=anew, key=APP))
    for node in (json.dumps(json.loads(NODE)), NODE.replace("a\\/b", "c")):
        assert "re-serialised" in english(verified(kind="reply", body=reply(node), key=ALIPAY))
    lines = '{\r\n"code":"10000"\r\n}'
    for node in (lines.replace("\r\n", "\n"), lines.replace("\r\n", "")):
        assert "CRLF" in english(verified(kind="reply", body=reply(node, lines), key=ALIPAY)), node
        params = {**request(biz_content=lines), "biz_content": node}
        assert "CRLF" in english(verified(kind="request", params=params, key=APP)), node
    assert "wrong key" in english(verified(kind="reply", body=reply(), key=APP))


def test_requests_as_forms_and_addresses() -> None:
    form = urlencode(request())
    assert verified(kind="request", body=form, key=APP).valid
    assert verified(kind="request", method="GET", url=f"https://x/gateway.do?{form}", key=APP).valid
    assert verified(kind="client", body=form, key=APP).valid
    unsigned = urlencode({name: value for name, value in request().items() if name != "sign"})
    assert BENCH.sign({"kind": "request", "body": unsigned, "key": APP}).signature == request()["sign"]


def test_rest_in_parts() -> None:
    text = f"app_id=1,app_cert_sn=c,nonce=n,timestamp={MS}\nPOST\n/v3/x?y=1\n{{}}\n"
    parts: Mapping[str, object] = {"kind": "request", "method": "POST", "url": "/v3/x?y=1", "body": "{}", "key": APP}
    told: Mapping[str, object] = {"app_id": "1", "app_cert_sn": "c", "nonce": "n", "timestamp": MS}
    assert BENCH.sign({**parts, **told}).to_sign == text
    signed = {**parts, **told, "signature": signature(private_key(), text)}
    assert verified(**signed).valid
    assert verified(**signed, now=SENT + 601).failed_step == "timestamp"
    sign = signature(private_key("alipay"), f"{MS}\nn\n{{}}\n")
    source: Mapping[str, object] = {"kind": "response", "body": "{}", "key": ALIPAY}
    assert verified(**source, timestamp=MS, nonce="n", signature=sign).valid
    headers = {"Alipay-Timestamp": str(MS), "alipay-nonce": "n", "alipay-signature": sign}
    assert verified(**source, headers=headers).valid
    assert verified(**source, headers=headers, now=SENT + 601).failed_step == "timestamp"


@pytest.mark.parametrize("node", ["alipay_trade_query", "alipay.trade.query", "alipay_trade_query_response"])
def test_nodes_by_their_methods(node: str) -> None:
    assert verified(kind="reply", body=reply(), node=node, key=ALIPAY).valid
    missing = verified(kind="reply", body=reply(), node="x", key=ALIPAY)
    assert missing.failed_step == "input"
    assert "node was not found" in english(missing)


def test_ciphertexts_alone_and_without_a_kind() -> None:
    sealed, proof = seal(MATERIAL, '{"a":1}'), phone_proof(MATERIAL, "13800138000")
    for source in ({"body": sealed}, {"ciphertext": sealed}, {"kind": "reply", "body": reply(f'"{sealed}"')}):
        for one in (source, {name: value for name, value in source.items() if name != "kind"}):
            assert BENCH.decrypt({**one, "aes_key": MATERIAL.aes_key}).plaintext == '{"a":1}', one
    for source in ({"params": json.loads(proof)}, {"body": json.loads(proof)}, {"body": proof}):
        assert "13800138000" in (BENCH.decrypt({**source, "aes_key": MATERIAL.aes_key}).plaintext or "")
        assert verified(kind="client", **source, key=ALIPAY).valid, source


def test_odd_kinds_and_members() -> None:
    assert verified(kind="notify", params=notice(), key=ALIPAY).valid
    odds: tuple[object, ...] = ({}, [], None, 1, "\ud800")
    for odd in odds:
        for call in (BENCH.verify, BENCH.sign, BENCH.decrypt):
            assert call({"kind": odd, "params": notice(), "key": APP}).failed_step == "input"
            call({"kind": "request", "params": odd, "url": odd, "headers": odd, "body": odd, "key": odd, "keys": odd})
            call({"kind": "reply", "timestamp": odd, "nonce": "n", "body": odd, "roots": odd, "key": odd, "now": odd})


def test_depth_does_not_raise() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    assert verified(kind="reply", body=deep, sign=signature(private_key("alipay"), "x"), key=ALIPAY).valid is False
