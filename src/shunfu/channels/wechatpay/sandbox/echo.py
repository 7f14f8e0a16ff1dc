"""`POST /v3/security/echo`: WeChat says back what it was told, so that a merchant can try its keys and its address.

Must not know: signatures. Source: pay.weixin.qq.com "接口联调: 安全回声".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shunfu.channels.wechatpay.sandbox.letters import Event, tell
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall
from shunfu.channels.wechatpay.sandbox.schema import Rule, fault_in, matches, not_an_object, text
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import Said, close_field, open_field, problem
from shunfu.gateway.reading import parse_object

_ECHO: Mapping[str, Rule] = {
    "notify_url": Rule(matches(r"https?://[^\s?#]{1,247}")),
    "echo_message": Rule(text(128), is_required=True),
    "encrypted_echo_message": Rule(text(1024)),
}


def echo(state: State, found: re.Match[str], call: SignedCall) -> Outcome:
    """The message again; an encrypted one is opened and encrypted for the merchant; a notification follows."""
    del found
    body = parse_object(call.body)
    wrong = not_an_object() if body is None else fault_in(_ECHO, body)
    if body is None or wrong:
        return Outcome(state, wrong or not_an_object())
    content: dict[str, object] = {"echo_message": body["echo_message"]}
    told: dict[str, object] = dict(content)
    if "encrypted_echo_message" in body:
        plain = open_field(state.keys, call.named_key, str(body["encrypted_echo_message"])) if call.named_key else None
        if plain is None:
            return Outcome(state, _unreadable())
        content["encrypted_echo_message"] = close_field(state.keys, plain)
        told["encrypt_echo_message"] = close_field(state.keys, plain)
    url = str(body.get("notify_url", ""))
    event = Event("SECURITY_ECHO.SUCCESS", "echo", url, "security", "安全回声", told, key=call.named_key)
    return Outcome(state, Said(200, content), tell(event, call.at))


def _unreadable() -> Said:
    words = "敏感信息解密失败，请检查加密所用的微信支付公钥与Wechatpay-Serial"
    return problem(400, "PARAM_ERROR", words, 268435461, field="/encrypted_echo_message", issue=words, location="body")


ROUTES = (Route("POST", "/v3/security/echo", echo),)
