"""Credentials in every spelling that the consoles and tools hand out, and the sentences for those that will not do."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shunfu.channels.alipay import load, sandbox
from shunfu.channels.alipay.settings import sandbox_url
from shunfu.channels.alipay.tests.shapes import by_certificate as certified
from shunfu.channels.alipay.tests.shapes import other_state, state, with_v3
from shunfu.channels.alipay.tests.wire_calls import private_key
from shunfu.gateway.contract.rig import BASE_URL


def credentials(**changes: str) -> dict[str, str]:
    return {**sandbox.describe(state(), BASE_URL).client, **changes}


def by_certificate(**changes: str) -> dict[str, str]:
    return {**certified(credentials()), **changes}


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def spellings() -> dict[str, str]:
    key = private_key()
    pkcs1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "pkcs1": pkcs1,
        "pkcs8": pkcs8,
        "bare pkcs1": bare(pkcs1),
        "bare pkcs8": f"\n {bare(pkcs8)} \n",
        "wrong armour": f"-----BEGIN RSA PRIVATE KEY-----\r\n{bare(pkcs8)}\r\n-----END RSA PRIVATE KEY-----",
    }


@pytest.mark.parametrize("spelling", ["pkcs1", "pkcs8", "bare pkcs1", "bare pkcs8", "wrong armour"])
def test_private_keys_in_every_spelling(spelling: str) -> None:
    loaded = load(credentials(app_private_key=spellings()[spelling]))
    assert loaded.app_private_key.private_numbers() == private_key().private_numbers()


def test_public_keys_bare_and_armoured() -> None:
    key = private_key("alipay").public_key()
    for text in (
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        state().material.alipay_public_key,
    ):
        assert load(credentials(alipay_public_key=text)).alipay_keys[""] == key


def test_certificates_make_the_mode() -> None:
    loaded = load(by_certificate())
    assert loaded.app_cert_sn
    assert loaded.root_cert_sn
    assert "" not in loaded.alipay_keys
    assert load(credentials()).app_cert_sn == ""


def test_two_certificates_of_alipay_are_both_held() -> None:
    """While Alipay changes its certificate both are given, and what either signed is genuine."""
    both = state().material.alipay_cert + other_state().material.alipay_cert
    assert len(load(by_certificate(alipay_cert=both)).alipay_keys) == 2


def test_addresses_and_the_sandbox() -> None:
    real = load(credentials(gateway_url="", endpoint=""))
    assert (real.gateway_url, real.endpoint) == ("https://openapi.alipay.com/gateway.do", "https://openapi.alipay.com")
    assert sandbox_url(real) is None
    assert sandbox_url(load(credentials(gateway_url="https://openapi-sandbox.dl.alipaydev.com/gateway.do"))) is None
    assert sandbox_url(load(credentials())) == BASE_URL
    assert sandbox_url(load(credentials(gateway_url="http://openapi.alipay.com/gateway.do"))) is not None


def test_defaults() -> None:
    loaded = load(credentials())
    assert (loaded.protocol, loaded.op_app_id, loaded.encrypts) == ("v2", loaded.app_id, False)
    assert load(dict(with_v3(credentials()))).protocol == "v3"
    assert load(credentials(aes_key="")).aes_key is None


@cache
def small_key() -> str:
    key = generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"unheard_of": "x"}, "unheard_of"),
        ({"app_id": ""}, "app_id"),
        ({"app_id": "a b"}, "app_id"),
        ({"seller_id": "1"}, "seller_id"),
        ({"app_private_key": "x"}, "app_private_key"),
        ({"app_private_key": "é"}, "app_private_key"),
        ({"app_private_key": "small"}, "app_private_key"),
        ({"alipay_public_key": "AAAA"}, "alipay_public_key"),
        ({"alipay_public_key": ""}, "alipay_public_key"),
        ({"aes_key": "AAAA"}, "aes_key"),
        ({"aes_key": "é"}, "aes_key"),
        ({"protocol": "v4"}, "protocol"),
        ({"content_encryption": "DES"}, "content_encryption"),
        ({"content_encryption": "AES", "aes_key": ""}, "aes_key"),
        ({"gateway_url": "openapi.alipay.com"}, "gateway_url"),
        ({"gateway_url": "https://a@b/gateway.do"}, "gateway_url"),
        ({"gateway_url": "https://x:99999/gateway.do"}, "gateway_url"),
        ({"endpoint": "https://x/v3"}, "endpoint"),
        ({"app_cert": "", "mode": "certificate"}, "certificate mode"),
        ({"mode": "both"}, "mode"),
    ],
)
def test_what_will_not_do_is_said(changes: dict[str, str], word: str) -> None:
    changes = {name: small_key() if value == "small" else value for name, value in changes.items()}
    with pytest.raises(ValueError, match=word) as caught:
        load(credentials(**changes))
    assert str(caught.value).endswith(".")


def test_certificates_that_will_not_do() -> None:
    theirs = other_state().material
    with pytest.raises(ValueError, match="another private key"):
        load(by_certificate(app_cert=theirs.app_cert))
    with pytest.raises(ValueError, match="alipay_cert is not"):
        load(by_certificate(alipay_cert="x"))
    only_other = state().material.alipay_root_cert.split("-----BEGIN")[2]
    with pytest.raises(ValueError, match="no RSA"):
        load(by_certificate(alipay_root_cert=f"-----BEGIN{only_other}"))
