"""What the tests of this channel share: one merchant's sandbox, made once, a rig upon it, and requests by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from shunfu.channels.unionpay import CHANNEL, SANDBOX, codec
from shunfu.channels.unionpay.sandbox.state import State
from shunfu.channels.unionpay.settings import Settings
from shunfu.channels.unionpay.tests.vectors import MIDDLE_BARE, ROOT_BARE, carried
from shunfu.channels.unionpay.times import txn_time
from shunfu.channels.unionpay.trust import UNIONPAY_NAME, Anchors
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import BASE_URL, NOW
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Scene

UnionPayRig = Rig[Settings, State]
APP, BACK, FRONT, QUERY = (
    f"/gateway/api/{name}.do" for name in ("appTransReq", "backTransReq", "frontTransReq", "queryTrans")
)
TEST_KIT = Anchors((carried(ROOT_BARE),), (carried(MIDDLE_BARE),), (UNIONPAY_NAME, "00040000:SIGN"))
"""UnionPay's test environment: its roots, and both names that its signers had."""


@cache
def state() -> State:
    return SANDBOX.verbs.create_state(NOW, b"unionpay tests")


def new_rig(method: str = "01", **changes: str) -> UnionPayRig:
    def shaped(credentials: Mapping[str, str]) -> Mapping[str, str]:
        return {**credentials, "sign_method": method, **changes}

    return Rig(CHANNEL, SANDBOX, state(), shaped)


@cache
def settings(method: str = "01") -> Settings:
    return new_rig(method).settings


def environment_of_tests(names: tuple[str, ...] = TEST_KIT.names) -> Settings:
    """Settings that trust UnionPay's test environment instead of the sandbox."""
    return replace(settings(), anchors=replace(TEST_KIT, names=names), secure_key=None)


def at_year(year: int, month: int = 11) -> datetime:
    return datetime(year, month, 22, tzinfo=UTC)


def scene(name: str) -> Scene:
    found = CHANNEL.scene(name)
    assert found is not None
    return found


def order_fields(rig: UnionPayRig, serial: int = 0, /, **changes: str) -> dict[str, str]:
    number = rig.number(serial)
    fields = {
        "version": "5.1.0", "encoding": "UTF-8", "txnType": "01", "txnSubType": "01", "bizType": "000201",
        "accessType": "0", "merId": rig.settings.mer_id, "channelType": "08", "orderId": number,
        "txnTime": txn_time(number) or "", "txnAmt": "8600", "currencyCode": "156",
        "backUrl": "https://merchant.example/back",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value}


def post(rig: UnionPayRig, path: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of the sandbox's answer to a request signed by this rig's merchant."""
    return read(send(rig, path, codec.form(codec.sign(rig.settings, fields))))


def send(rig: UnionPayRig, path: str, body: bytes) -> Reply:
    answer = rig.answer(Request("POST", BASE_URL + path, (), body))
    assert isinstance(answer, Reply)
    return answer


def read(reply: Reply) -> dict[str, str]:
    found = codec.parse_body(reply.body, 1 << 27)
    assert found is not None, reply.body[:300]
    return found


def issue(issuer_key_pem: str, issuer_pem: str, common_name: str, *, days: int = 30) -> tuple[str, RSAPrivateKey]:
    """A certificate of this name under an issuer of ours, with the issuer's own key as its key: making one is slow."""
    key = load_pem_private_key(issuer_key_pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    issuer = x509.load_pem_x509_certificate(issuer_pem.encode())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject).serial_number(7)
    builder = builder.public_key(key.public_key()).not_valid_before(NOW - timedelta(days=1))
    certificate = builder.not_valid_after(NOW + timedelta(days=days)).sign(key, SHA256())
    return certificate.public_bytes(Encoding.PEM).decode().strip().replace("\n", "\r\n"), key
