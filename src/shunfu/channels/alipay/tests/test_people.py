"""Logging in, the phone's sealed message, and the certification of who somebody is."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX
from shunfu.channels.alipay.codec import encrypt
from shunfu.channels.alipay.identity import (
    Certified,
    Certify,
    Certifying,
    Claim,
    ConsentNeeded,
    Product,
    ask_certified,
    begin_certify,
    begin_compare,
    certify_page,
    compare,
)
from shunfu.channels.alipay.sandbox.state import State
from shunfu.channels.alipay.settings import Settings, parse_aes_key
from shunfu.channels.alipay.tests.shapes import SHAPES, state
from shunfu.channels.alipay.tests.test_channel import fails
from shunfu.channels.alipay.tests.wire_calls import private_key, signature
from shunfu.gateway.contract import Rig
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Answer, Reply, Request
from shunfu.gateway.login import LoggedIn, LoginRefused, Phone, PhoneAnswer
from shunfu.kernel.secret import Secret

REAL, FAKE = Claim(Secret("张三"), Secret("11010119900101001X")), Claim(Secret("假人"), Secret("110101199001010028"))
SHAPE_NAMES = tuple(SHAPES)


def rig_of(shape: str = "v2") -> Rig[Settings, State]:
    return Rig(CHANNEL, SANDBOX, state(), SHAPES[shape])


def phone(node: object, *, key: str = "alipay", quotes: str = '"') -> PhoneAnswer:
    aes_key = parse_aes_key(state().material.aes_key)
    assert aes_key is not None
    sealed = encrypt(aes_key, json.dumps(node).encode())
    parts = {"response": sealed, "sign": signature(private_key(key), f"{quotes}{sealed}{quotes}"), "sign_type": "RSA2"}
    rig = rig_of()
    return rig.run(rig.channel.login.read_phone(rig.settings, json.dumps(parts), None, rig.moment()))


def test_phone_is_opened_once_verified() -> None:
    found = phone({"code": "10000", "msg": "Success", "mobile": "13800138000"})
    assert isinstance(found, Phone)
    assert found.number.reveal() == "13800138000"
    assert "138" not in repr(found)


@pytest.mark.parametrize("code", ["40001", "40003", "40006"])
def test_failures_show_only_when_opened(code: str) -> None:
    assert phone({"code": code, "msg": "x"}) == LoginRefused("not_permitted", code)


def test_phone_that_is_not_proven_is_unknown() -> None:
    good = {"code": "10000", "mobile": "13800138000"}
    assert isinstance(phone(good, key="app"), Unknown)
    assert isinstance(phone(good, quotes=""), Unknown), "the double quotes are signed too"
    hostile: tuple[object, ...] = ({"code": "10000"}, {"code": "10000", "mobile": "+86 1"}, [1], "x", {"mobile": "1"})
    for node in hostile:
        assert isinstance(phone(node), Unknown)


HOSTILE = (
    *("", "[]", '{"response":"x"}', '{"response":"x","sign":"x"}', '{"response":5,"sign":"x"}'),
    *("\ud800", '{"response":{}}', '{"response":{"code":"10000","mobile":"13800138000"}}'),
)


@pytest.mark.parametrize("proof", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_phone_messages(proof: str) -> None:
    rig = rig_of()
    assert isinstance(rig.run(rig.channel.login.read_phone(rig.settings, proof, None, rig.moment())), Unknown)


def test_failure_before_sealing_is_a_refusal() -> None:
    rig = rig_of()
    proof = '{"response":{"code":"40001","msg":"Missing Required Arguments","subCode":"isv.missing-encrypt-key"}}'
    found = rig.run(rig.channel.login.read_phone(rig.settings, proof, None, rig.moment()))
    assert found == LoginRefused("not_permitted", "40001")


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_shopper_logged_in_can_pay(shape: str) -> None:
    rig = rig_of(shape)
    found = rig.run(rig.channel.login.log_in(rig.settings, SANDBOX.login_code, None, rig.moment()))
    assert isinstance(found, LoggedIn)
    assert found.shopper.reveal() == SANDBOX.shopper
    assert found.session is not None


@pytest.mark.parametrize("shape", SHAPE_NAMES)
@pytest.mark.parametrize(("claim", "passed"), [(REAL, True), (FAKE, False)], ids=["real", "fake"])
@pytest.mark.parametrize("product", ["open", "saas"])
def test_certification_by_face(product: Product, claim: Claim, *, passed: bool, shape: str) -> None:
    """Begin, open the page in Alipay, ask: only who is real passes, and not before the face was shown."""
    rig = rig_of(shape)
    certify = Certify("C1", claim, "http://127.0.0.1:9/back", product)
    begun = rig.run(begin_certify(rig.settings, certify, rig.moment()))
    assert isinstance(begun, Certifying), begun
    before = rig.run(ask_certified(rig.settings, begun, rig.moment()))
    assert before == Certified(is_passed=False, why="NOT_CERTIFIED")
    page = rig.run(certify_page(rig.settings, begun, rig.moment()))
    assert isinstance(page, str)
    opened = rig.answer(Request("GET", page, ()))
    assert isinstance(opened, Reply)
    assert opened.headers["location"] == "http://127.0.0.1:9/back"
    after = rig.run(ask_certified(rig.settings, begun, rig.moment()))
    assert isinstance(after, Certified)
    assert after.is_passed is passed


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_comparison_of_name_and_number(shape: str) -> None:
    rig = rig_of(shape)
    logged_in = rig.run(rig.channel.login.log_in(rig.settings, SANDBOX.login_code, None, rig.moment()))
    assert isinstance(logged_in, LoggedIn)
    assert logged_in.session is not None
    for claim, passed in ((REAL, True), (FAKE, False)):
        needed = rig.run(begin_compare(rig.settings, claim, rig.moment()))
        assert isinstance(needed, ConsentNeeded), needed
        found = rig.run(compare(rig.settings, needed, logged_in.session, rig.moment()))
        assert isinstance(found, Certified)
        assert found.is_passed is passed
        stranger = rig.run(compare(rig.settings, needed, Secret("nobody"), rig.moment()))
        assert isinstance(stranger, Unknown)


def test_unknown_certifications() -> None:
    rig = rig_of()
    for product in ("open", "saas"):
        assert isinstance(rig.run(ask_certified(rig.settings, Certifying("nope", product), rig.moment())), Unknown)
    page = rig.run(certify_page(rig.settings, Certifying("nope", "open"), rig.moment()))
    assert isinstance(page, str)
    reply = rig.answer(Request("GET", page, ()))
    assert isinstance(reply, Reply)
    assert reply.headers["content-type"] == "text/html;charset=GBK"


def test_garbage_is_never_a_pass() -> None:
    rig = rig_of()
    for body in (b"", b"null", b'{"passed":"T"}', b'{"alipay_user_certify_open_query_response":{"passed":"T"}}'):
        flow = ask_certified(rig.settings, Certifying("x", "open"), rig.moment())
        assert isinstance(rig.run(flow, lambda _, body=body: Reply(200, {}, body)), Unknown)


def test_permission_refused_is_said() -> None:
    rig = rig_of()
    reply = fails("alipay.user.certify.open.initialize", "isv.insufficient-isv-permissions", "40006")
    found = rig.run(begin_certify(rig.settings, Certify("C1", REAL, ""), rig.moment()), lambda _: reply)
    assert found == Refused("not_permitted", "isv.insufficient-isv-permissions")


def test_no_name_and_no_number_is_kept_or_shown() -> None:
    rig = rig_of()
    seen: list[str] = []

    def watched(request: Request) -> Answer:
        seen.extend((request.url, request.body.decode(), str(dict(parse_qsl(request.body.decode())))))
        return rig.answer(request)

    rig.run(begin_certify(rig.settings, Certify("C1", REAL, ""), rig.moment()), watched)
    rig.run(begin_compare(rig.settings, REAL, rig.moment()), watched)
    texts = [repr(REAL), repr(rig.stage.state), *(rig.channel.scrub(text) for text in seen)]
    for secret in ("张三", "11010119900101001X", "%E5%BC%A0"):
        assert not any(secret in text for text in texts), secret
