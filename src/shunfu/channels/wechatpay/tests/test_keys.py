"""WeChat's keys through every change: rotation, the days of a migration, back and forth, and one kind alone."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.beyond.sensitive import decrypt_sensitive, encrypt_sensitive
from shunfu.channels.wechatpay.certificates import CertificatesAnswer, PlatformCertificate
from shunfu.channels.wechatpay.channel import WeChatPay
from shunfu.channels.wechatpay.echo import Echoed
from shunfu.channels.wechatpay.sandbox.wire import Said, Signing, close_field, open_field, seal, signed
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.rig import NUMBER, Rig, credentials, keys, other_keys, settings
from shunfu.channels.wechatpay.tests.wire_calls import get, post
from shunfu.gateway.evidence import Accepted, NotFound, Refused, Unknown
from shunfu.gateway.flow import NoReply, Reply
from shunfu.gateway.port import Genuine, Spurious
from shunfu.gateway.reading import JsonObject
from shunfu.kernel.secret import Secret

VERBS = WeChatPay()


def fetch(rig: Rig, reply: Reply | NoReply | None = None) -> CertificatesAnswer:
    flow = VERBS.fetch_certificates(rig.settings, rig.moment())
    return rig.run(flow) if reply is None else rig.run(flow, lambda _: reply)


def told(content: dict[str, object], key_id: str, status: int = 200) -> Reply:
    return signed(Said(status, content), Signing(keys(), key_id, Rig().now, b"entropy"))


def row(pem: str, serial: str, *, is_ours: bool = True) -> dict[str, object]:
    sealing = keys() if is_ours else replace(keys(), material=replace(keys().material, api_v3_key="x" * 32))
    return {"serial_no": serial, "encrypt_certificate": seal(sealing, pem, "certificate", b"entropy")}


def test_download_proves_itself() -> None:
    """A merchant that holds no certificate yet learns the one in use, out of a reply that it signed."""
    rig = Rig("cert")
    rig.settings = replace(rig.settings, wechat_keys={})
    (found,) = cast("tuple[PlatformCertificate, ...]", fetch(rig))
    material = keys().material
    assert (found.serial, found.pem) == (material.platform_serial, material.platform_certificate)
    assert found.effective_at < rig.now < found.expires_at


def test_rotation_is_learned_before_it_refuses_anything() -> None:
    rig = Rig("cert")
    first_only = {**rig.credentials, "platform_certificate": keys().material.platform_certificate}
    rig.settings = CHANNEL.load(first_only)
    rig.paid()
    rig.stage = replace(rig.stage, state=rig.sandbox.verbs.switch_key(rig.state, "rotated"))
    number = rig.number()
    assert rig.read(rig.notify(number)) == Spurious("serial is not a key we hold")
    newest, older = cast("tuple[PlatformCertificate, ...]", fetch(rig))
    assert (newest.serial, older.serial) == (keys().material.next_platform_serial, keys().material.platform_serial)
    rig.settings = CHANNEL.load({**first_only, "platform_certificate": newest.pem + older.pem})
    assert isinstance(rig.read(rig.notify(number)), Genuine)
    assert isinstance(rig.place(serial=9)[1], Accepted)
    assert rig.settings.wechat_serial == older.serial


def test_certificates_that_do_not_open_prove_nothing() -> None:
    rig, material = Rig("cert"), keys().material
    rig.settings = replace(rig.settings, wechat_keys={})
    good = row(material.platform_certificate, material.platform_serial)
    assert isinstance(fetch(rig, told({"data": [good]}, material.platform_serial)), tuple)
    bad: tuple[object, ...] = (
        [],
        "text",
        [5, None],
        [row(material.platform_certificate, material.platform_serial, is_ours=False)],
        [row(material.platform_certificate, material.next_platform_serial)],
        [row("nonsense", material.platform_serial)],
        [row(other_keys().material.merchant_certificate, material.platform_serial)],
    )
    for rows in bad:
        assert isinstance(fetch(rig, told({"data": rows}, material.platform_serial)), Unknown), rows
    other = told({"data": [good]}, material.public_key_id)
    assert isinstance(fetch(rig, other), Unknown)


def test_other_answers_about_certificates() -> None:
    rig, key_id = Rig(), keys().material.public_key_id
    missing = told({"code": "RESOURCE_NOT_EXISTS", "message": ""}, key_id, 404)
    assert fetch(rig, missing) == Refused("configuration", "RESOURCE_NOT_EXISTS")
    assert isinstance(fetch(rig, told({"code": "NOT_ENOUGH", "message": ""}, key_id, 403)), Unknown)
    assert isinstance(fetch(rig, told({"data": []}, key_id)), Unknown)
    assert fetch(rig, NoReply("time-out", was_sent=True)) == Unknown("time-out")
    assert isinstance(fetch(rig, Reply(502, {}, b"<html>")), Unknown)
    assert get(rig, "/v3/certificates?algorithm_type=SM2") == (200, {"data": []})


@pytest.mark.parametrize("order", [1, -1])
def test_migration_refuses_nothing_genuine_forward_and_back(order: int) -> None:
    """Seven days with both kinds live: orders named with one key are told of with another, and back again."""
    rig = Rig()
    numbers = [rig.paid(serial=serial) for serial in range(3)]
    for notify_key in ("cert", "alternate", "public_key", "alternate", "order", "rotated", "cert")[::order]:
        rig.stage = replace(rig.stage, state=rig.sandbox.verbs.switch_key(rig.state, notify_key))
        rig.advance(86_400)
        for number in numbers:
            assert isinstance(rig.read(rig.notify(number)), Genuine), notify_key
        for serial in rig.settings.wechat_keys:
            rig.settings = replace(rig.settings, wechat_serial=serial)
            assert rig.close(NUMBER) == NotFound("ORDER_NOT_EXIST")


def test_echo_tries_every_key() -> None:
    for mode in ("both", "cert", "public_key"):
        rig = Rig(mode)
        answer = rig.run(VERBS.echo(rig.settings, "https://merchant.example/echo", rig.moment()))
        assert answer == Echoed(is_opened=True)
        (heard,) = rig.heard()
        assert (heard.event_type, heard.evidence, heard.refund) == ("SECURITY_ECHO.SUCCESS", None, None)
        quiet = rig.run(VERBS.echo(rig.settings, "", rig.moment()))
        assert quiet == Echoed(is_opened=True)
        assert rig.heard() == []


def test_echo_with_a_wrong_key() -> None:
    rig = Rig()
    wrong = {name: keys().merchant for name in rig.settings.wechat_keys}
    rig_settings = replace(rig.settings, wechat_keys=wrong)
    answer = rig.run(VERBS.echo(rig_settings, "", rig.moment()))
    assert isinstance(answer, Unknown)
    assert post(rig, {"echo_message": "x", "encrypted_echo_message": "AAAA"}, "/v3/security/echo")[0] == 400
    assert post(rig, {}, "/v3/security/echo")[0] == 400
    assert post(rig, {"echo_message": "x"}, "/v3/security/echo") == (200, {"echo_message": "x"})


@pytest.mark.parametrize("text", ["张三", "6222020000000000000", "x" * 214])
def test_sensitive_fields_go_there_and_back(text: str) -> None:
    """The sandbox opens what we encrypt and we open what it encrypts: two readings of one rule."""
    held = settings()
    sealed = encrypt_sensitive(held, Secret(text))
    assert open_field(keys(), held.wechat_serial, sealed) == text
    assert open_field(keys(), keys().material.platform_serial, sealed) is None
    opened = decrypt_sensitive(held, close_field(keys(), text))
    assert opened is not None
    assert opened.reveal() == text


def test_several_public_keys_and_certificates_are_held_at_once() -> None:
    material = keys().material
    two = {"public_key_id": f"{material.public_key_id}, PUB_KEY_ID_0999", "public_key": material.public_key * 2}
    loaded = CHANNEL.load({**credentials(), **two})
    assert set(loaded.wechat_keys) == {
        material.public_key_id, "PUB_KEY_ID_0999", material.platform_serial, material.next_platform_serial,
    }  # fmt: skip
    for wrong in ({"public_key_id": two["public_key_id"]}, {"public_key": two["public_key"]}):
        with pytest.raises(ValueError, match="public_key"):
            CHANNEL.load({**credentials(), **wrong})


def test_certificates_need_no_serial_and_the_newest_comes_first() -> None:
    texts = credentials("cert")
    del texts["platform_serial"]
    loaded: Settings = CHANNEL.load(texts)
    assert loaded.wechat_serial in {keys().material.platform_serial, keys().material.next_platform_serial}
    assert len(loaded.wechat_keys) == 2
    lower = {**credentials("cert"), "platform_serial": keys().material.platform_serial.lower()}
    assert CHANNEL.load(lower).wechat_serial == keys().material.platform_serial


def test_rows_have_the_documented_members() -> None:
    body = get(Rig(), "/v3/certificates")[1]
    (found,) = cast("list[JsonObject]", body["data"])
    assert set(found) == {"serial_no", "effective_time", "expire_time", "encrypt_certificate"}
