"""The sandbox's front door: one signed request in, one signed reply out, and the notifications that are due.

Must not know: sockets, clocks, files. Order of checks: address, signature, schema, permission, business.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote

from shunfu.channels.wechatpay.sandbox import orders
from shunfu.channels.wechatpay.sandbox.notify import send_due
from shunfu.channels.wechatpay.sandbox.orders import Call, Outcome, shanghai
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import (
    Said,
    Signing,
    header,
    problem,
    seal,
    sign_error,
    signed,
    target,
    unsigned_not_found,
    why_unsigned,
)
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Answer

_PLACE = re.compile(r"POST /v3/pay/transactions/(jsapi|native)")
_ASK = re.compile(r"GET /v3/pay/transactions/out-trade-no/([^/?]+)")
_ASK_BY_ID = re.compile(r"GET /v3/pay/transactions/id/([^/?]+)")
_CLOSE = re.compile(r"POST /v3/pay/transactions/out-trade-no/([^/?]+)/close")
_CERTIFICATES = re.compile(r"GET /v3/certificates")
_ROUTES = (_PLACE, _ASK, _ASK_BY_ID, _CLOSE, _CERTIFICATES)


def answer(state: State, request: Request, now: datetime, entropy: bytes) -> Answer[State]:
    """Answer one request as api.mch.weixin.qq.com would; `entropy` is 32 fresh random bytes."""
    path, _, query = target(request).partition("?")
    route = f"{request.method} {path}"
    if not any(pattern.fullmatch(route) for pattern in _ROUTES):
        return Answer(state, unsigned_not_found(entropy))
    why = why_unsigned(state.keys, request, now)
    if why:
        return Answer(state, sign_error(request, why, entropy))
    named = header(request, "wechatpay-serial")
    call = Call(query, request.body, _known_key(state, named) or "", state.business_ms(now), entropy)
    state, said = _dispatch(state, route, call) if named == call.named_key else (state, _unknown_key())
    reply = signed(said, Signing(state.keys, call.named_key or _default_key(state), now, entropy))
    state, deliveries = send_due(state, now, entropy)
    return Answer(state, reply, deliveries)


def _dispatch(state: State, route: str, call: Call) -> Outcome:
    if found := _PLACE.fullmatch(route):
        return orders.place(state, found.group(1).upper(), call)
    if found := _CLOSE.fullmatch(route):
        return orders.close(state, unquote(found.group(1)), call)
    if found := _ASK.fullmatch(route):
        return orders.ask(state, unquote(found.group(1)), call)
    if found := _ASK_BY_ID.fullmatch(route):
        return orders.ask_by_transaction(state, unquote(found.group(1)), call)
    return state, _certificates(state, call)


def _certificates(state: State, call: Call) -> Said:
    material = state.keys.material
    row: dict[str, object] = {
        "serial_no": material.platform_serial,
        "effective_time": shanghai(int(state.keys.effective_at.timestamp()) * 1000).isoformat(),
        "expire_time": shanghai(int(state.keys.expires_at.timestamp()) * 1000).isoformat(),
        "encrypt_certificate": seal(state.keys, material.platform_certificate, "certificate", call.entropy),
    }
    return Said(200, {"data": [row]})


def _known_key(state: State, named: str) -> str | None:
    """The key that a `Wechatpay-Serial` names, when WeChat has it."""
    material = state.keys.material
    return next((key for key in (material.public_key_id, material.platform_serial) if key == named.strip()), None)


def _default_key(state: State) -> str:
    """Who names no key knows only the older scheme, unless the account was set to the public key alone."""
    material = state.keys.material
    return material.public_key_id if state.notify_key == "public_key" else material.platform_serial


def _unknown_key() -> Said:
    words = "Http头Wechatpay-Serial对应的证书或公钥不存在"
    return problem(400, "PARAM_ERROR", words, 268435461, field="Wechatpay-Serial", issue=words, location="header")
