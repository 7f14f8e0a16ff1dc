"""Credentials: what is needed for which method, and one sentence for each that is wrong."""

from __future__ import annotations

import pytest

from shunfu.channels.unionpay import CHANNEL, identity, load
from shunfu.channels.unionpay.tests.rig import new_rig, state
from shunfu.gateway.port import Identity

WHOLE = new_rig().credentials


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mer_id": ""}, "mer_id is missing"),
        ({"mer_id": "12"}, "mer_id does not look like one"),
        ({"cert_id": "12"}, "cert_id is not the decimal serial"),
        ({"cert_id": "0x12"}, "cert_id does not look like one"),
        ({"merchant_private_key": ""}, "merchant_private_key is missing"),
        ({"merchant_private_key": "x"}, "not an unencrypted PEM key"),
        ({"merchant_private_key": state().material.signer_private_key}, "belongs to another private key"),
        ({"merchant_certificate": "x"}, "merchant_certificate is not a PEM certificate"),
        ({"root_certificate": ""}, "root_certificate is missing"),
        ({"root_certificate": "x"}, "root_certificate is not a PEM certificate"),
        ({"middle_certificate": ""}, "middle_certificate is missing"),
        ({"sign_method": "02"}, "sign_method does not look like one"),
        ({"sign_method": "12", "secure_key": ""}, "secure_key is missing"),
        ({"base_url": "https://gateway.95516.com/x"}, "without a path"),
        ({"base_url": "ftp://gateway"}, "plain http or https address"),
        ({"base_url": "https://a@b"}, "plain http or https address"),
        ({"base_url": "https://gateway:99999"}, "plain http or https address"),
        ({"open_url": "https://open.95516.com/x"}, "without a path"),
        ({"file_url": "https://files/?x=1"}, "plain http or https address"),
        ({"symmetric_key": "12"}, "symmetric_key does not look like one"),
        ({"app_id": "a b"}, "app_id does not look like one"),
        ({"colour": "red"}, "no credential named colour"),
    ],
)
def test_wrong_credentials(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        load({**WHOLE, **change})
    assert not any(line in str(caught.value) for line in WHOLE["merchant_private_key"].split("\n")[1:3])


def test_what_may_be_left_out() -> None:
    small = {"mer_id", "merchant_private_key", "merchant_certificate", "root_certificate", "middle_certificate"}
    found = load({name: WHOLE[name] for name in small})
    assert found.cert_id == WHOLE["cert_id"], "read from the certificate"
    assert (found.base_url, found.file_url, found.open_url) == (
        "https://gateway.95516.com",
        "https://filedownload.95516.com/",
        "https://open.95516.com",
    )
    assert CHANNEL.sandbox_url(found) is None
    keyed = load({"mer_id": WHOLE["mer_id"], "sign_method": "12", "secure_key": "k"})
    assert (keyed.private_key, keyed.anchors, keyed.cert_id) == (None, None, "")


def test_file_server_of_each_gateway() -> None:
    base = {**WHOLE, "file_url": ""}
    for base_url, file_url in (
        ("https://gateway.test.95516.com", "https://filedownload.test.95516.com/"),
        ("http://127.0.0.1:8701", "http://127.0.0.1:8701/filedownload/"),
    ):
        assert load({**base, "base_url": base_url}).file_url == file_url


def test_identity_is_the_merchant_for_both() -> None:
    found = load(WHOLE)
    assert identity(found) == Identity(found.mer_id, found.mer_id)


def test_settings_print_no_secret() -> None:
    text = repr(load(WHOLE))
    for name in ("secure_key", "app_secret", "symmetric_key"):
        assert WHOLE[name] not in text
    assert WHOLE["secure_key"] not in repr(state())
