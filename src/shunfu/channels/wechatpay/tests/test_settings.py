"""Credentials are parsed once; what is missing or malformed is said in one sentence, and secrets are never printed."""

from __future__ import annotations

import pytest

from shunfu.channels.wechatpay import CHANNEL, codec
from shunfu.channels.wechatpay.tests.rig import NONCE, NOW, credentials, keys, other_keys, settings
from shunfu.gateway.moment import Moment


def test_identity_and_keys() -> None:
    material = keys().material
    loaded = settings()
    assert CHANNEL.identity(loaded).account == material.mchid
    assert CHANNEL.identity(loaded).app == material.appid
    serials = (material.public_key_id, material.platform_serial, material.next_platform_serial)
    assert tuple(loaded.wechat_keys) == serials
    assert loaded.wechat_serial == material.public_key_id
    assert settings("cert").wechat_serial == material.platform_serial


def test_default_base_url_is_the_real_host() -> None:
    texts = credentials()
    del texts["base_url"]
    loaded = CHANNEL.load(texts)
    assert loaded.base_url == "https://api.mch.weixin.qq.com"
    assert CHANNEL.sandbox_url(loaded) is None


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.mch.weixin.qq.com", None),
        ("https://api2.mch.weixin.qq.com/", None),
        ("http://api.mch.weixin.qq.com", "http://api.mch.weixin.qq.com"),
        ("https://api.mch.weixin.qq.com.evil.example", "https://api.mch.weixin.qq.com.evil.example"),
        ("https://api.mch.weixin.qq.com:8443", "https://api.mch.weixin.qq.com:8443"),
        ("http://127.0.0.1:8701/", "http://127.0.0.1:8701"),
    ],
)
def test_sandbox_url(base_url: str, expected: str | None) -> None:
    assert CHANNEL.sandbox_url(CHANNEL.load({**credentials(), "base_url": base_url})) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in ("mchid", "appid", "merchant_serial", "merchant_private_key", "api_v3_key")),
        *((name, "") for name in ("public_key", "public_key_id", "platform_certificate")),
        ("mchid", "190000729１"),
        ("mchid", "abc"),
        ("appid", "wx 1"),
        ("merchant_serial", "XYZ"),
        ("merchant_serial", "AB"),
        ("merchant_private_key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
        ("merchant_private_key", other_keys().material.platform_private_key),
        ("merchant_certificate", "nonsense"),
        ("merchant_certificate", keys().material.platform_certificate),
        ("api_v3_key", "x" * 31),
        ("api_v3_key", "中" * 32),
        ("public_key", keys().material.merchant_certificate),
        ("public_key_id", "0114232134912410000000000000"),
        ("platform_serial", "AB12"),
        ("platform_certificate", keys().material.public_key),
        ("base_url", "ftp://api.mch.weixin.qq.com"),
        ("base_url", "https://user@api.mch.weixin.qq.com"),
        ("base_url", "https://api.mch.weixin.qq.com/v3"),
        ("base_url", "https://api.mch.weixin.qq.com?x=1"),
        ("base_url", "https://[::1"),
        ("base_url", "http://127.0.0.1:99999"),
        ("bse_url", "https://api.mch.weixin.qq.com"),
    ],
)
def test_malformed_credentials_are_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"^(The )?WeChat Pay .*\.$") as told:
        CHANNEL.load({**credentials(), name: value})
    assert name in str(told.value) or name.startswith("merchant_private")
    assert len(value) < 40 or value not in str(told.value)


def test_some_wechat_key_is_needed() -> None:
    texts = credentials("cert")
    del texts["platform_serial"], texts["platform_certificate"]
    with pytest.raises(ValueError, match="public_key_id"):
        CHANNEL.load(texts)


def test_nothing_secret_is_printed() -> None:
    text = f"{settings()} {settings()!r}"
    material = keys().material
    assert material.api_v3_key not in text
    assert "PRIVATE" not in text
    assert "0x" not in text


@pytest.mark.parametrize(
    ("changes", "backups", "platform"),
    [
        ({}, (), "http://127.0.0.1:8701"),
        ({"backup_url": "http://127.0.0.1:8702"}, ("http://127.0.0.1:8702",), "http://127.0.0.1:8701"),
        ({"base_url": ""}, ("https://api2.mch.weixin.qq.com",), "https://api.weixin.qq.com"),
        ({"base_url": "https://api2.mch.weixin.qq.com"}, (), "https://api.weixin.qq.com"),
        ({"platform_url": "http://127.0.0.1:8703"}, (), "http://127.0.0.1:8703"),
    ],
)
def test_other_hosts(changes: dict[str, str], backups: tuple[str, ...], platform: str) -> None:
    """A real main host has its real backup, a sandbox neither that nor the real platform."""
    texts = {name: text for name, text in credentials().items() if name not in {"backup_url", "platform_url"}}
    loaded = CHANNEL.load({**texts, **changes})
    assert (loaded.backup_urls, loaded.platform_url) == (backups, platform)


@pytest.mark.parametrize("name", ["backup_url", "platform_url"])
def test_other_hosts_have_no_path(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        CHANNEL.load({**credentials(), name: "https://api2.mch.weixin.qq.com/v3"})


def test_requests_name_the_backup_host() -> None:
    """The host is not signed, so the same request is good at both."""
    loaded = CHANNEL.load({**credentials(), "backup_url": "http://127.0.0.1:8702"})
    request = codec.build_request(loaded, codec.Line("GET", "/v3/certificates"), Moment(NOW, NONCE))
    assert request.url == "http://127.0.0.1:8701/v3/certificates"
    assert request.backup_urls == ("http://127.0.0.1:8702/v3/certificates",)
