"""The sandbox's notifications: what is in them, which key signs, how each forgery fails; and its state as text."""

from __future__ import annotations

import json

import pytest

from shunfu.channels.wechatpay import CHANNEL, SANDBOX, codec
from shunfu.channels.wechatpay.sandbox.letters import WAITS_SECONDS
from shunfu.channels.wechatpay.tests.rig import NONCE, NUMBER, Rig, keys, message_of
from shunfu.gateway.evidence import Paid, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Genuine, Message, Spurious
from shunfu.gateway.reading import object_at, parse_object
from shunfu.gateway.sandbox import read_stage, write_stage
from shunfu.gateway.sandbox import stage as stages


def paid_rig(faults: Faults | None = None, mode: str = "both", notify_key: str = "order") -> Rig:
    rig = Rig(mode, notify_key)
    rig.order()
    rig.buy(faults=faults)
    return rig


def first(rig: Rig) -> Message:
    return message_of(rig.due()[0])


def plain(rig: Rig, message: Message) -> dict[str, object]:
    resource = object_at(parse_object(message.body) or {}, "resource")
    return json.loads(codec.decrypt(rig.settings, resource) or b"")


def test_schedule_is_the_published_one() -> None:
    """Sixteen tries, each signed afresh under the same id, at the published distances; then silence."""
    rig, seen, waits = paid_rig(), list[Genuine](), list[float]()
    for _ in range(16):
        (delivery,) = rig.due()
        message = rig.read(message_of(delivery))
        assert isinstance(message, Genuine)
        seen.append(message)
        rig.settle(delivery, 500)
        waits.append(stages.next_due_seconds(rig.stage, rig.now) or 0)
        rig.advance(waits[-1])
    assert tuple(waits) == (*WAITS_SECONDS, 0)
    assert sum(WAITS_SECONDS) == 24 * 3600 + 4 * 60
    assert len({one.external_id for one in seen}) == 1
    assert len({one.nonce for one in seen}) == 16


@pytest.mark.parametrize(
    ("status", "is_done"), [(200, True), (204, True), (201, False), (302, False), (400, False), (0, False)]
)
def test_which_answers_end_it(status: int, is_done: bool) -> None:
    rig = paid_rig()
    rig.settle(rig.due()[0], status)
    assert (stages.next_due_seconds(rig.stage, rig.now) is None) == is_done


def test_envelope_is_the_documented_one() -> None:
    rig = paid_rig()
    message = first(rig)
    envelope = parse_object(message.body) or {}
    assert set(envelope) == {"id", "create_time", "resource_type", "event_type", "summary", "resource"}
    assert set(object_at(envelope, "resource")) == {
        "original_type", "algorithm", "ciphertext", "associated_data", "nonce",
    }  # fmt: skip
    found = plain(rig, message)
    assert found["out_trade_no"] == NUMBER
    assert found["trade_state"] == "SUCCESS"
    assert envelope["create_time"] == found["success_time"]


@pytest.mark.parametrize(
    ("twist", "reason"),
    [
        ("signtest", "signature does not match"),
        ("bad_signature", "signature does not match"),
        ("stale_timestamp", "timestamp is not within 300 seconds of now"),
        ("wrong_serial", "serial is not a key we hold"),
    ],
)
def test_each_forgery_fails_at_its_own_step(twist: str, reason: str) -> None:
    rig = paid_rig()
    read = rig.read(rig.notify(NUMBER, twist))
    assert read == Spurious(reason, is_probe=twist == "signtest")


def test_other_amount_and_other_merchant_are_told_as_they_are() -> None:
    rig = paid_rig()
    honest = rig.ask()
    assert isinstance(honest, Paid)
    amount, merchant = (rig.read(rig.notify(NUMBER, twist)) for twist in ("wrong_amount", "wrong_merchant"))
    assert isinstance(amount, Genuine)
    assert isinstance(merchant, Genuine)
    assert isinstance(amount.evidence, Paid)
    assert isinstance(merchant.evidence, Paid)
    assert amount.evidence.amount.minor == honest.amount.minor + 1
    assert merchant.evidence.account != honest.account


def test_which_key_signs() -> None:
    material = keys().material
    serials = {
        "cert": {material.platform_serial},
        "public_key": {material.public_key_id},
        "rotated": {material.next_platform_serial},
        "alternate": {material.public_key_id, material.platform_serial},
        "order": {material.public_key_id},
    }
    assert set(serials) == set(SANDBOX.notify_keys)
    for notify_key, expected in serials.items():
        rig = paid_rig(notify_key=notify_key)
        seen = {rig.notify(NUMBER).headers["wechatpay-serial"] for _ in range(12)}
        assert seen == expected, notify_key


@pytest.mark.parametrize("mode", ["cert", "public_key"])
def test_order_in_one_mode_is_told_of_in_that_mode(mode: str) -> None:
    rig = paid_rig(mode=mode)
    assert first(rig).headers["wechatpay-serial"] == rig.settings.wechat_serial


def test_forgery_with_other_keys_is_spurious() -> None:
    rig = paid_rig()
    assert rig.read(rig.forge(NUMBER)) == Spurious("signature does not match")
    assert isinstance(rig.read(rig.notify(NUMBER)), Genuine)


@pytest.mark.parametrize(
    ("twist", "status", "orders"),
    [("too_many", 429, 0), ("system_error", 500, 0), ("reply_signtest", 200, 1), ("reply_bad_signature", 200, 1)],
)
def test_replies_can_be_refusals_and_forgeries(twist: str, status: int, orders: int) -> None:
    rig, seen = Rig(), list[int]()
    rig.fault_once(twist)

    def watched(request: Request) -> Reply:
        reply = rig.said(request)
        seen.append(reply.status)
        return reply

    prepay = rig.prepay(CHANNEL.scenes[0])
    evidence = rig.run(CHANNEL.verbs.prepay(rig.settings, prepay, rig.moment()), watched)
    assert isinstance(evidence, Unknown)
    assert (seen, len(rig.state.orders)) == ([status], orders)


def test_state_survives_a_restart() -> None:
    rig = paid_rig(Faults(signtest=2))
    rig.settle(rig.due()[0], 500)
    text = write_stage(rig.stage)
    rig.stage = read_stage(SANDBOX, text)
    assert write_stage(rig.stage) == text
    assert isinstance(rig.ask(), Paid)
    assert NONCE not in text


def test_state_does_not_print_keys() -> None:
    text = repr(Rig().state)
    assert "PRIVATE" not in text
    assert keys().material.api_v3_key not in text
    assert keys().material.app_secret not in text
