"""The official account's web login at the platform's stand-in: the authorize page and the exchange.

Source: developers.weixin.qq.com, "网页授权": snsapi_base asks nobody, `state` has up to 128 letters and digits, a code
works once and for five minutes. A person is known to an official account by another openid than to a mini-program.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shunfu.channels.wechatpay.sandbox.beyond.identity import CODE_MS, Told, used
from shunfu.channels.wechatpay.sandbox.beyond.shipping_rules import No
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.values import At

_STATE = re.compile(r"[0-9A-Za-z]{0,128}", re.ASCII)
_SCOPES = frozenset({"snsapi_base", "snsapi_userinfo"})


def authorize(state: State, query: Mapping[str, str], at: At) -> Reply:
    """Back to the page with a code, at once; a wrong question gets a page of words and goes nowhere."""
    wrong = _why_not(state, query)
    if wrong:
        return Reply(200, {"content-type": "text/html; charset=utf-8"}, f"<html><body>{wrong}</body></html>".encode())
    text = urlsafe_b64encode(at.draw("web code")[:12] + at.business_ms.to_bytes(8, "big")).decode().rstrip("=")
    parts = urlsplit(query["redirect_uri"])
    added = {"code": f"{text}.{_seal(state, text)}", "state": query.get("state", "")}
    asked = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return Reply(302, {"location": urlunsplit(parts._replace(query=asked, fragment=""))}, b"")


def exchange(state: State, query: Mapping[str, str], at: At) -> Told:
    """sns/oauth2/access_token: the openid for a fresh code, and tokens that snsapi_base leaves without use."""
    material = state.material
    if query.get("appid") != material.official_appid:
        return state, No(40013, "invalid appid")
    if query.get("secret") != material.official_secret or query.get("grant_type") != "authorization_code":
        is_secret = query.get("secret") != material.official_secret
        return state, No(40125, "invalid appsecret") if is_secret else No(40002, "invalid grant_type")
    code = query.get("code", "")
    text, _, seal = code.partition(".")
    if not text.isascii() or not compare_digest(_seal(state, text).encode(), seal.encode("utf-8", "replace")):
        return state, No(40029, "invalid code")
    made_ms = int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4))[12:], "big")
    if at.business_ms - made_ms >= CODE_MS:
        return state, No(40029, "invalid code")
    if code in state.beyond.used_codes:
        return state, No(40163, "code been used")
    shown = {
        "access_token": at.draw("web token").hex(),
        "expires_in": 7200,
        "refresh_token": at.draw("web refresh").hex(),
        "openid": official_openid(state),
        "scope": "snsapi_base",
    }
    return used(state, code, at), shown


def official_openid(state: State) -> str:
    """The stand-in shopper, as the official account knows them."""
    drawn = urlsafe_b64encode(sha256(f"{state.material.official_appid}/shopper".encode()).digest())
    return f"o{drawn.decode()[:27]}"


def _why_not(state: State, query: Mapping[str, str]) -> str | None:
    if query.get("appid") != state.material.official_appid:
        return "AppID 参数错误 40013"
    if query.get("response_type") != "code":
        return "response_type 参数错误 10004"
    if query.get("scope") not in _SCOPES:
        return "Scope 参数错误 10005"
    if _STATE.fullmatch(query.get("state", "")) is None:
        return "state 参数错误 10006"
    return None if _is_web(query.get("redirect_uri", "")) else "redirect_uri 参数错误 10003"


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _seal(state: State, text: str) -> str:
    return hmac(state.material.official_secret.encode(), text.encode("utf-8", "replace"), "sha256").hexdigest()[:40]
