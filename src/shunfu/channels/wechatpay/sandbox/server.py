"""The sandbox's front door: one signed request in, one signed reply out. Must not know: sockets, clocks, files.

Order of checks: address, signature, schema, permission, business. What the open platform answers (login, shipping) is
not signed and goes to `platform`. Routes of single payments are here, all others in `beyond`.
"""

from __future__ import annotations

from dataclasses import replace

from shunfu.channels.wechatpay.sandbox import bills, certificates, echo, orders, refunds
from shunfu.channels.wechatpay.sandbox.beyond.routes import ROUTES as BEYOND
from shunfu.channels.wechatpay.sandbox.beyond.timers import ring as ring_beyond
from shunfu.channels.wechatpay.sandbox.letters import forge
from shunfu.channels.wechatpay.sandbox.platform import answer_platform
from shunfu.channels.wechatpay.sandbox.routing import Outcome, Route, SignedCall, find_route
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.channels.wechatpay.sandbox.wire import (
    Said,
    Signing,
    header,
    problem,
    sign_error,
    signed,
    target,
    unsigned_not_found,
    why_unsigned,
)
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.values import Answer, At, Call, Step

PATHS = ("/v3/*", "/sns/*", "/cgi-bin/*", "/wxa/*", "/connect/*")
_OTHERS = (*certificates.ROUTES, *echo.ROUTES)
_ROUTES: tuple[Route, ...] = (*orders.ROUTES, *refunds.ROUTES, *bills.ROUTES, *_OTHERS, *BEYOND)


def answer(state: State, call: Call) -> Answer[State]:
    """Answer one request as api.mch.weixin.qq.com and api.weixin.qq.com would."""
    request, at = call.request, call.at
    path = target(request).partition("?")[0]
    if not path.startswith("/v3/"):
        return answer_platform(state, call)
    route = find_route(_ROUTES, request.method, path)
    if route is None:
        return Answer(Step(state), unsigned_not_found(at.entropy))
    why = why_unsigned(state.keys, request, at.now)
    if why:
        return Answer(Step(state), sign_error(request, why, at.entropy))
    named = header(request, "wechatpay-serial").strip()
    known = named if named in state.keys.private else ""
    state = replace(state, named_key=known) if known else state
    first = _said_first(call.twist) or (None if known == named else _unknown_key())
    if first:
        outcome = Outcome(state, first)
    else:
        outcome = route[0].handler(state, route[1], SignedCall(request, at, known, call.faults))
    reply = _reply(outcome, Signing(state.keys, known or _default_key(state), at.now, at.entropy), call)
    step = Step(outcome.state, outcome.letters, outcome.timers)
    return Answer(step, reply, outcome.faults, outcome.is_lost)


def ring(state: State, timer: str, at: At) -> Step[State]:
    """A timer's time has come."""
    kind, _, number = timer.partition("/")
    match kind:
        case "close":
            return orders.close_by_itself(state, number)
        case "refund":
            return refunds.end_by_itself(state, number, at)
        case "beyond":
            return ring_beyond(state, timer, at)
        case _:
            return Step(state)


def _reply(outcome: Outcome, signing: Signing, call: Call) -> Reply:
    reply = signed(outcome.said, signing)
    if "wechatpay-signature" not in reply.headers:
        return reply
    return Reply(reply.status, forge(reply.headers, call.twist, call.at), reply.body)


def _said_first(twist: str) -> Said | None:
    match twist:
        case "too_many":
            return problem(429, "FREQUENCY_LIMITED", "频率限制", 268447840)
        case "system_error":
            return problem(500, "SYSTEM_ERROR", "系统异常，请稍后重试", 268435457)
        case _:
            return None


def _default_key(state: State) -> str:
    """Who names no key knows only the older scheme, unless the account was set to the public key alone."""
    material = state.material
    return material.public_key_id if state.notify_key == "public_key" else material.platform_serial


def _unknown_key() -> Said:
    words = "Http头Wechatpay-Serial对应的证书或公钥不存在"
    return problem(400, "PARAM_ERROR", words, 268435461, field="Wechatpay-Serial", issue=words, location="header")
