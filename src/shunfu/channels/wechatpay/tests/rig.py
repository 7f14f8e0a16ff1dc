"""A WeChat Pay account at a sandbox, without sockets: what the tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

from shunfu.channels.wechatpay import CHANNEL, SANDBOX
from shunfu.channels.wechatpay.sandbox.keys import Keys, Material, create_material, parse_keys
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway import contract
from shunfu.gateway.contract.rig import BASE_URL, NONCE, NOTIFY_URL, NOW, message_of
from shunfu.gateway.evidence import Evidence
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.port import Message, Prepay
from shunfu.gateway.sandbox.values import Deed, Sheet
from shunfu.kernel.money import Money

NUMBER = "01KAZ3T8Q00000000000000001"
OPENID = SANDBOX.shopper
MODES = {
    "both": (),
    "cert": ("public_key_id", "public_key"),
    "public_key": ("platform_serial", "platform_certificate"),
}
__all__ = ["BASE_URL", "NONCE", "NOTIFY_URL", "NOW", "NUMBER", "OPENID", "Rig", "message_of"]


@cache
def keys() -> Keys:
    return parse_keys(create_material(NOW, b"ours"))


@cache
def other_keys() -> Keys:
    """The same merchant at a WeChat that has other keys under the same names."""
    other = create_material(NOW, b"others")
    names = ("platform_private_key", "next_platform_private_key", "public_key_private_key")
    return parse_keys(replace(keys().material, **{name: getattr(other, name) for name in names}))


def shape(mode: str, credentials: Mapping[str, str]) -> dict[str, str]:
    """The credentials of an account that holds only one kind of WeChat's keys, or both."""
    return {name: value for name, value in credentials.items() if name not in MODES[mode]}


def credentials(mode: str = "both") -> dict[str, str]:
    return shape(mode, SANDBOX.verbs.describe(State(keys().material), BASE_URL).client)


@cache
def settings(mode: str = "both") -> Settings:
    return CHANNEL.load(credentials(mode))


class Rig(contract.Rig[Settings, State]):
    """A merchant on one side, a sandbox on the other, a clock between them."""

    def __init__(self, mode: str = "both", notify_key: str = "order") -> None:
        state = State(keys().material, notify_key)
        super().__init__(CHANNEL, SANDBOX, state, lambda texts: shape(mode, texts))

    @property
    def state(self) -> State:
        return self.stage.state

    @property
    def material(self) -> Material:
        return self.stage.state.material

    def said(self, request: Request) -> Reply:
        reply = self.answer(request)
        assert isinstance(reply, Reply)
        return reply

    def order(self, scene: str = "miniprogram", **changes: object) -> Evidence:
        payer = OPENID if scene == "miniprogram" else None
        made = Prepay(
            NUMBER, scene, Money(8600, "CNY"), "山行咖啡", payer, self.now + timedelta(minutes=15), NOTIFY_URL,
            client_ip="203.0.113.7",
        )  # fmt: skip
        made = replace(made, **changes)
        return self.run(CHANNEL.verbs.prepay(self.settings, made, self.moment()))

    def ask(self) -> Evidence:
        return self.query(NUMBER)

    def end(self) -> Evidence:
        return self.close(NUMBER)

    def buy(self, deed: Deed = "pay", number: str = NUMBER, faults: Faults | None = None) -> Sheet:
        return self.shop(number, deed, faults)

    def forge(self, number: str) -> Message:
        """A notification signed with keys that the account does not hold."""
        honest = self.stage
        self.stage = replace(honest, state=replace(honest.state, material=other_keys().material))
        message = self.notify(number)
        self.stage = honest
        return message


def flip(body: bytes, position: int) -> bytes:
    spoiled = bytearray(body)
    spoiled[position % len(body)] ^= 1
    return bytes(spoiled)


def with_header(message: Message, name: str, value: str) -> Message:
    headers: Mapping[str, str] = {**message.headers, name: value}
    return replace(message, headers=headers)
