"""A WeChat Pay account with a sandbox, under each way of holding WeChat's keys: what these tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

from shunfu.channels.wechatpay import CHANNEL, SANDBOX, codec
from shunfu.channels.wechatpay.sandbox import State, create_state
from shunfu.channels.wechatpay.sandbox.wire import Said, Signing, signed
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.contract.rig import NOW, Rig
from shunfu.gateway.flow import Reply, Request

_LEFT_OUT = {
    "both": frozenset[str](),
    "cert": frozenset({"public_key_id", "public_key"}),
    "public_key": frozenset({"platform_serial", "platform_certificate"}),
}


@cache
def first_state() -> State:
    """A new merchant, made once: RSA keys are slow."""
    return create_state(NOW, b"beyond" * 6)


def make_rig(mode: str = "both") -> Rig[Settings, State]:
    """A rig of its own for each test."""

    def shape(client: Mapping[str, str]) -> Mapping[str, str]:
        return {name: value for name, value in client.items() if name not in _LEFT_OUT[mode]}

    return Rig(CHANNEL, SANDBOX, first_state(), shape)


def says(rig: Rig[Settings, State], status: int, content: object) -> Callable[[Request], Reply]:
    """WeChat itself, genuinely signing whatever it is made to say."""
    said = Said(status, cast("dict[str, object] | None", content))
    signing = Signing(rig.stage.state.keys, rig.settings.wechat_serial, rig.now, b"x" * 32)
    return lambda _: signed(said, signing)


def call(rig: Rig[Settings, State], line: str, body: object = None) -> tuple[int, dict[str, object]]:
    """A signed call of a client that is not ours, as `POST /v3/...` and a body: status and content."""
    method, _, target = line.partition(" ")
    text = "" if body is None else json.dumps(body)
    request = codec.build_request(rig.settings, codec.Line(method, target), rig.moment(), text)
    answer = rig.answer(request)
    assert isinstance(answer, Reply)
    return answer.status, json.loads(answer.body or b"{}")


def code_of(answered: tuple[int, dict[str, object]]) -> tuple[int, object]:
    """Status and error code."""
    return answered[0], answered[1].get("code")
