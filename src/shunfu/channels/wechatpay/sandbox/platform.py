"""The open platform's servers (api and open.weixin.qq.com): JSON, unsigned; `errcode` says no with status 200.

Must not know: WeChat Pay's signatures. Source: developers.weixin.qq.com, "全局返回码".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from shunfu.channels.wechatpay.sandbox.beyond import identity, official, shipping
from shunfu.channels.wechatpay.sandbox.beyond.identity import LOGIN_CODE, SHOPPER, phone_proof
from shunfu.channels.wechatpay.sandbox.beyond.shipping_rules import No
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import unsigned_not_found
from shunfu.gateway.flow import Reply
from shunfu.gateway.reading import JsonObject, parse_object
from shunfu.gateway.sandbox.values import Answer, At, Call, Step

_LOGIN: Final = "/sns/jscode2session"
_AUTHORIZE: Final = "/connect/oauth2/authorize"
_WEB_TOKEN: Final = "/sns/oauth2/access_token"  # noqa: S105 - an address
_TOKEN: Final = "/cgi-bin/token"  # noqa: S105 - an address
_STABLE_TOKEN: Final = "/cgi-bin/stable_token"  # noqa: S105 - an address
_PHONE: Final = "/wxa/business/getuserphonenumber"
_TWISTS: Mapping[str, No] = {
    "too_many": No(45011, "api minute-quota reach limit, must slower, retry next minute"),
    "system_error": No(-1, "system error"),
}


def answer_platform(state: State, call: Call) -> Answer[State]:
    """Answer one unsigned request: who asks is proven by the secret or by an access token."""
    parts = urlsplit(call.request.url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if (call.request.method, parts.path) not in _KNOWN:
        return Answer(Step(state), unsigned_not_found(call.at.entropy))
    if parts.path == _AUTHORIZE:
        return Answer(Step(state), official.authorize(state, query, call.at))
    twisted = _TWISTS.get(call.twist)
    if twisted:
        return _answered(Step(state), twisted, call.at)
    if call.request.method == "GET":
        state, said = _SERVE[parts.path](state, query, call.at)
        return _answered(Step(state), said, call.at)
    return _post(state, parts.path, query, call)


def _post(state: State, path: str, query: Mapping[str, str], call: Call) -> Answer[State]:
    body = parse_object(call.request.body)
    if body is None:
        return _answered(Step(state), No(47001, "data format error"), call.at)
    if path == _STABLE_TOKEN:
        state, said = identity.give_token(state, body, call.at)
        return _answered(Step(state), said, call.at)
    wrong = identity.wrong_token(state, query.get("access_token", ""), call.at)
    if wrong:
        return _answered(Step(state), wrong, call.at)
    return _known(state, path, body, call.at)


def _known(state: State, path: str, body: JsonObject, at: At) -> Answer[State]:
    if path == _PHONE:
        state, said = identity.read_phone(state, body, at)
        return _answered(Step(state), said, at)
    done = shipping.ADDRESSES[path](state, body, at.business_ms)
    return _answered(done.step, done.said, at)


def _answered(step: Step[State], said: Mapping[str, object] | No, at: At) -> Answer[State]:
    if isinstance(said, No):
        rid = at.draw("rid").hex()
        said = {"errcode": said.errcode, "errmsg": f"{said.words}, rid: {rid[:8]}-{rid[8:16]}-{rid[16:24]}"}
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(step, Reply(200, {"content-type": "application/json; encoding=utf-8"}, body))


_SERVE: Mapping[str, Callable[[State, Mapping[str, str], At], identity.Told]] = {
    _LOGIN: identity.log_in,
    _TOKEN: identity.give_token,
    _WEB_TOKEN: official.exchange,
}
_KNOWN = frozenset(
    {
        ("GET", _AUTHORIZE),
        *(("GET", path) for path in _SERVE),
        ("POST", _STABLE_TOKEN),
        ("POST", _PHONE),
        *(("POST", path) for path in shipping.ADDRESSES),
    }
)

__all__ = ["LOGIN_CODE", "SHOPPER", "answer_platform", "phone_proof"]
