"""The referee: what UnionPay and published SDKs signed, against the codec and against the sandbox's own reading."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shunfu.channels.unionpay import codec, sealing
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.tests import vectors
from shunfu.channels.unionpay.tests.rig import TEST_KIT, at_year, environment_of_tests
from shunfu.channels.unionpay.trust import UNIONPAY_NAME, Untrusted, is_issued_by, prove

YEARS = {"NOTIFIED_2022": 2022, "QUERIED_2022": 2022, "NOTIFIED_2018": 2018, "TOKEN_2017": 2017}


def message(name: str) -> dict[str, str]:
    found = {
        "NOTIFIED_2022": vectors.NOTIFIED_2022,
        "QUERIED_2022": vectors.QUERIED_2022,
        "NOTIFIED_2018": vectors.NOTIFIED_2018,
        "TOKEN_2017": vectors.TOKEN_2017,
        "FRONT_REQUEST": vectors.FRONT_REQUEST,
        "KIT_REQUEST": vectors.KIT_REQUEST,
    }
    return dict(found[name])


def kit_key() -> RSAPrivateKey:
    key = load_pem_private_key(vectors.private(vectors.TEST_KIT_KEY_BARE).encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def public_key(pem: str) -> RSAPublicKey:
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.mark.parametrize("name", YEARS)
def test_codec_verifies_what_unionpay_signed(name: str) -> None:
    fields = message(name)
    assert codec.verify(environment_of_tests(), fields, at_year(YEARS[name])) is None
    assert sha256(codec.canonical(fields).encode()).hexdigest() == vectors.HASHES[name]
    for changed in ("orderId", "signPubKeyCert", "signature", "respMsg"):
        value = fields[changed]
        spoiled = {**fields, changed: value[:-40] + value[-40:].swapcase() if len(value) > 40 else value + "x"}
        assert codec.verify(environment_of_tests(), spoiled, at_year(YEARS[name])) is not None, changed


@pytest.mark.parametrize("name", YEARS)
def test_sandbox_reads_the_same_text(name: str) -> None:
    fields = message(name)
    assert sha256(wire.signed_bytes(fields)).hexdigest() == vectors.HASHES[name]
    assert wire.is_merchant_signed(public_key(fields["signPubKeyCert"]), fields)
    assert not wire.is_merchant_signed(public_key(fields["signPubKeyCert"]), {**fields, "orderId": "0"})


@pytest.mark.parametrize("name", YEARS)
def test_crlf_of_the_certificate_is_signed(name: str) -> None:
    fields = message(name)
    for pem in (fields["signPubKeyCert"].replace("\r", ""), fields["signPubKeyCert"] + "\r\n"):
        distrust = codec.verify(environment_of_tests(), {**fields, "signPubKeyCert": pem}, at_year(YEARS[name]))
        assert distrust is not None
        assert distrust.step == "signature"


@pytest.mark.parametrize("name", YEARS)
def test_messages_survive_both_spellings(name: str) -> None:
    """As a notification (a form) and as a reply (raw): braces, plus signs and line ends come through."""
    fields = message(name)
    assert codec.parse_form(codec.form(fields)) == fields
    assert wire.read_form(codec.form(fields)) == fields
    raw = "&".join(f"{key}={value}" for key, value in fields.items()).encode()
    assert codec.parse_body(raw) == fields


def test_expired_signer_is_not_trusted() -> None:
    distrust = codec.verify(environment_of_tests(), message("NOTIFIED_2022"), at_year(2026))
    assert distrust is not None
    assert distrust.step == "certificate"


def test_chain_under_sha1_is_climbed_by_hand() -> None:
    root, middle = (x509.load_pem_x509_certificate(pem.encode()) for pem in (*TEST_KIT.roots, *TEST_KIT.middles))
    assert root.signature_hash_algorithm is not None
    assert root.signature_hash_algorithm.name == "sha1"
    assert is_issued_by(root, root)
    assert is_issued_by(middle, root)
    assert not is_issued_by(root, middle)
    signer = prove(message("NOTIFIED_2022")["signPubKeyCert"], TEST_KIT)
    assert signer.common_name == "041@8310000000083040@中国银联股份有限公司@00016495"
    assert (signer.begins_at.isoformat(), signer.ends_at.isoformat()) == (
        "2020-07-31T01:19:16+00:00",
        "2025-07-31T01:19:16+00:00",
    )


def test_environment_of_tests_name_is_trusted_only_when_asked_for() -> None:
    distrust = codec.verify(environment_of_tests((UNIONPAY_NAME,)), message("NOTIFIED_2018"), at_year(2018))
    assert distrust is not None
    assert "common name" in distrust.reason
    assert codec.verify(environment_of_tests(("00040000:SIGN",)), message("NOTIFIED_2018"), at_year(2018)) is None


def test_a_merchants_certificate_of_the_same_issuer_signs_no_notification() -> None:
    """Every merchant holds a certificate under the same root: only the name tells them from UnionPay."""
    with pytest.raises(Untrusted, match="common name"):
        prove(vectors.carried(vectors.SHOP_BARE), TEST_KIT)


def test_published_sdk_signs_as_we_do() -> None:
    """RSA PKCS#1 v1.5 has one signature for a text: verifying the printed one with the certificate is signing it."""
    fields, key = message("FRONT_REQUEST"), public_key(vectors.carried(vectors.SHOP_BARE))
    text = codec.canonical(fields)
    assert text.startswith("accessType=0&backUrl=https://yansongda.cn/unipay/notify&bizType=000201&certId=69903319369&")
    assert codec.is_rsa_signed(key, text.encode(), vectors.FRONT_SIGNATURE)
    assert wire.is_merchant_signed(key, {**fields, "signature": vectors.FRONT_SIGNATURE})
    with pytest.raises(InvalidSignature):
        key.verify(b64decode(vectors.FRONT_SIGNATURE), text.encode(), PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    ("version", "signature"), [("5.0.0", vectors.KIT_SIGNATURE_500), ("5.1.0", vectors.KIT_SIGNATURE_510)]
)
def test_sdk_of_the_test_kit_signs_as_we_do(version: str, signature: str) -> None:
    text = codec.canonical({**message("KIT_REQUEST"), "version": version})
    assert text == (
        "certId=68759663125&merId=888888888888888&signMethod=01&sysReserved={aaa=a&bbb=b}"
        f"&transType=01&version={version}"
    )
    assert codec.rsa_sign(kit_key(), text.encode(), version) == signature


def test_sensitive_field_decrypts() -> None:
    assert sealing.decrypt(kit_key(), vectors.KIT_CIPHERTEXT) == "phoneNo=18100000000"
    assert sealing.decrypt(kit_key(), b64encode(b"x" * 256).decode()) is None
