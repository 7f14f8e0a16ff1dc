"""Who the shopper is at the platform's stand-in: codes, sessions, tokens, phone numbers. Must not know: payments.

Source: developers.weixin.qq.com, "小程序登录", "获取稳定版接口调用凭据", "手机号快速验证". A code works once. A login
code is `LOGIN_CODE`, or that with a hyphen and any text for another shopper; `-high-risk` at its end is one whom the
platform blocks. A token lives two hours; the same one is given until five minutes before its end, then both work.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac

from shunfu.channels.wechatpay.sandbox.beyond.shipping_rules import No
from shunfu.channels.wechatpay.sandbox.beyond.state import AccessToken
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.reading import JsonObject
from shunfu.gateway.sandbox.values import At

SHOPPER = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
LOGIN_CODE = "sandbox-code"
HIGH_RISK = "-high-risk"
TOKEN_MS, OVERLAP_MS, CODE_MS, DAY_MS = 7_200_000, 300_000, 300_000, 86_400_000
REFRESHES_MAX = 20
"""Forced refreshes in a day."""
TOKENS_KEPT = 30
CODES_KEPT = 10_000

Told = tuple[State, Mapping[str, object] | No]


def log_in(state: State, query: Mapping[str, str], at: At) -> Told:
    """jscode2session: openid and session_key for a fresh code."""
    wrong = _wrong_secret(state, query.get("appid"), query.get("secret"))
    code = query.get("js_code", "")
    if wrong or query.get("grant_type") != "authorization_code":
        return state, wrong or No(40002, "invalid grant_type")
    if not code:
        return state, No(41008, "missing code")
    if code != LOGIN_CODE and not code.startswith(f"{LOGIN_CODE}-"):
        return state, No(40029, "invalid code")
    if code in state.beyond.used_codes:
        return state, No(40163, "code been used")
    if code.endswith(HIGH_RISK):
        return state, No(40226, "code blocked")
    session = b64encode(at.draw("session", code)[:16]).decode()
    return used(state, code, at), {"openid": _openid(state, code), "session_key": session}


def give_token(state: State, body: Mapping[str, object], at: At) -> Told:
    """stable_token: the token in use, or another one when it ends soon or a refresh is forced."""
    wrong = _wrong_secret(state, body.get("appid"), body.get("secret"))
    if wrong or body.get("grant_type") != "client_credential":
        return state, wrong or No(40002, "invalid grant_type")
    tokens = state.beyond.tokens
    is_forced = body.get("force_refresh") is True
    if tokens and not is_forced and tokens[-1].expires_ms - at.business_ms > OVERLAP_MS:
        return state, _token_shown(tokens[-1], at)
    refreshes = tuple(ms for ms in state.beyond.refreshes if at.business_ms - ms < DAY_MS)
    if is_forced and len(refreshes) >= REFRESHES_MAX:
        return state, No(45009, "reach max api daily quota limit")
    fresh = AccessToken(f"80_{urlsafe_b64encode(at.draw('token') * 4).decode().rstrip('=')}", at.business_ms + TOKEN_MS)
    old = tuple(replace(one, expires_ms=min(one.expires_ms, at.business_ms + OVERLAP_MS)) for one in tokens)
    refreshes = (*refreshes, at.business_ms) if is_forced else refreshes
    beyond = replace(state.beyond, tokens=(*old, fresh)[-TOKENS_KEPT:], refreshes=refreshes)
    return replace(state, beyond=beyond), _token_shown(fresh, at)


def wrong_token(state: State, given: str, at: At) -> No | None:
    """What is wrong with an access token, or None."""
    if not given:
        return No(41001, "access_token missing")
    known = next((one for one in state.beyond.tokens if compare_digest(one.text.encode(), given.encode())), None)
    if known is None:
        return No(40001, "invalid credential, access_token is invalid or not latest")
    return None if at.business_ms < known.expires_ms else No(42001, "access_token expired")


def phone_proof(state: State, phone: str, at: At) -> str:
    """What `getPhoneNumber` gives the client: a code that holds the number, sealed so that no other is taken."""
    text = urlsafe_b64encode(f"{phone}|{at.business_ms}".encode()).decode().rstrip("=")
    return f"{text}.{_seal(state, text)}"


def read_phone(state: State, body: JsonObject, at: At) -> Told:
    """getuserphonenumber: the number in a fresh code, once, within five minutes."""
    code = body.get("code")
    if not isinstance(code, str):
        return state, No(47001, "data format error")
    text, _, seal = code.partition(".")
    if not text.isascii() or not compare_digest(_seal(state, text).encode(), seal.encode("utf-8", "replace")):
        return state, No(40029, "invalid code")
    phone, _, made_ms = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
    if at.business_ms - int(made_ms) >= CODE_MS:
        return state, No(40029, "invalid code")
    if code in state.beyond.used_codes:
        return state, No(40163, "code been used")
    shown = {
        "phoneNumber": phone,
        "purePhoneNumber": phone,
        "countryCode": "86",
        "watermark": {"timestamp": at.business_ms // 1000, "appid": state.material.appid},
    }
    return used(state, code, at), {"errcode": 0, "errmsg": "ok", "phone_info": shown}


def _openid(state: State, code: str) -> str:
    if code == LOGIN_CODE:
        return SHOPPER
    return f"o{urlsafe_b64encode(sha256(f'{state.material.appid}/{code}'.encode()).digest()).decode()[:27]}"


def _seal(state: State, text: str) -> str:
    return hmac(state.material.app_secret.encode(), text.encode("utf-8", "replace"), "sha256").hexdigest()[:40]


def used(state: State, code: str, at: At) -> State:
    """The state with one code more that works no more. The oldest are forgotten; by then they are too old anyway."""
    codes = {**state.beyond.used_codes, code: at.business_ms}
    return replace(state, beyond=replace(state.beyond, used_codes=dict(list(codes.items())[-CODES_KEPT:])))


def _wrong_secret(state: State, appid: object, secret: object) -> No | None:
    if appid != state.material.appid:
        return No(40013, "invalid appid")
    return None if secret == state.material.app_secret else No(40125, "invalid appsecret")


def _token_shown(token: AccessToken, at: At) -> dict[str, object]:
    return {"access_token": token.text, "expires_in": (token.expires_ms - at.business_ms) // 1000}
