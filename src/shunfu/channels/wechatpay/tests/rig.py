"""A WeChat Pay account at a sandbox, without sockets: what the tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.sandbox import (
    Material,
    NotifyKey,
    State,
    act,
    answer,
    create_material,
    parse_keys,
    redeliver,
    send_due,
)
from shunfu.channels.wechatpay.sandbox.keys import Keys
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.contract import ContractSubject
from shunfu.gateway.evidence import Evidence
from shunfu.gateway.flow import Reply, Request, run
from shunfu.gateway.port import Message, Moment, Prepay
from shunfu.gateway.sandbox import Act, Deed, Delivery, Faults, Sheet
from shunfu.kernel.money import Money

NOW = datetime(2026, 11, 22, 6, 29, 35, tzinfo=UTC)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
NUMBER = "01KAZ3T8Q00000000000000001"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@cache
def keys() -> Keys:
    return parse_keys(create_material(NOW, b"ours"))


@cache
def other_keys() -> Keys:
    return parse_keys(replace(keys().material, **_signing_parts(create_material(NOW, b"others"))))


def _signing_parts(other: Material) -> dict[str, str]:
    names = ("platform_private_key", "public_key_private_key")
    return {name: getattr(other, name) for name in names}


def credentials(mode: str = "both") -> dict[str, str]:
    material = keys().material
    texts = {
        "base_url": "http://127.0.0.1:8701",
        "mchid": material.mchid,
        "appid": material.appid,
        "merchant_serial": material.merchant_serial,
        "merchant_private_key": material.merchant_private_key,
        "merchant_certificate": material.merchant_certificate,
        "api_v3_key": material.api_v3_key,
    }
    if mode != "public_key":
        texts |= {"platform_serial": material.platform_serial, "platform_certificate": material.platform_certificate}
    if mode != "cert":
        texts |= {"public_key_id": material.public_key_id, "public_key": material.public_key}
    return texts


@cache
def settings(mode: str = "both") -> Settings:
    return CHANNEL.load(credentials(mode))


def message_of(delivery: Delivery) -> Message:
    return Message({name.lower(): value for name, value in delivery.request.headers}, delivery.request.body)


class Rig:
    """A merchant on one side, a sandbox on the other, a clock between them."""

    def __init__(self, mode: str = "both", notify_key: NotifyKey = "order") -> None:
        self.state = State(keys(), notify_key)
        self.settings = settings(mode)
        self.now = NOW
        self._steps = 0

    def entropy(self) -> bytes:
        self._steps += 1
        return sha256(str(self._steps).encode()).digest()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def answer(self, request: Request) -> Reply:
        told = answer(self.state, request, self.now, self.entropy())
        self.state = told.state
        return told.reply

    def moment(self) -> Moment:
        return Moment(self.now, NONCE)

    def prepay(self, scene: str = "miniprogram", **changes: object) -> Evidence:
        payer = OPENID if scene == "miniprogram" else None
        notify_url = "http://127.0.0.1:9/notifications/wechatpay"
        made = Prepay(
            NUMBER, scene, Money(8600, "CNY"), "山行咖啡", payer, self.now + timedelta(minutes=15), notify_url
        )
        made = replace(made, **changes)
        return run(CHANNEL.verbs.prepay(self.settings, made, self.moment()), self.answer)

    def query(self, number: str = NUMBER) -> Evidence:
        return run(CHANNEL.verbs.query(self.settings, number, self.moment()), self.answer)

    def close(self, number: str = NUMBER) -> Evidence:
        return run(CHANNEL.verbs.close(self.settings, number, self.moment()), self.answer)

    def shop(self, deed: Deed = "pay", number: str = NUMBER, faults: Faults | None = None) -> Sheet:
        deeds = Act(number, deed, faults or Faults())
        self.state, sheet = act(self.state, deeds, self.now, self.entropy())
        return sheet

    def due(self) -> tuple[Delivery, ...]:
        self.state, deliveries = send_due(self.state, self.now, self.entropy())
        return deliveries

    def notify(self, number: str = NUMBER) -> Message:
        state = redeliver(self.state, number, self.now)
        assert state is not None
        self.state = state
        (delivery,) = (one for one in self.due() if one.number == number)
        return message_of(delivery)

    def forge(self, number: str = NUMBER) -> Message:
        honest = self.state.keys
        self.state = replace(self.state, keys=other_keys())
        try:
            return self.notify(number)
        finally:
            self.state = replace(self.state, keys=honest)

    def subject(self) -> ContractSubject[Settings]:
        material = keys().material
        secrets = (material.api_v3_key, material.merchant_private_key.split("\n")[3])
        return ContractSubject(
            channel=CHANNEL,
            settings=self.settings,
            answer=self.answer,
            pay=self.pay,
            notify=self.notify,
            forge=self.forge,
            now=self.now,
            payer=OPENID,
            secrets=secrets,
        )

    def pay(self, number: str) -> bool:
        sheet = self.shop("pay", number)
        return sheet.condition == "paid" and sheet.problem is None


def flip(body: bytes, position: int) -> bytes:
    spoiled = bytearray(body)
    spoiled[position % len(body)] ^= 1
    return bytes(spoiled)


def with_header(message: Message, name: str, value: str) -> Message:
    headers: Mapping[str, str] = {**message.headers, name: value}
    return replace(message, headers=headers)
