"""云闪付's open platform at the sandbox: tokens by signature, logins by code, the phone under 3DES.

It must not import the channel's login. Source: open.95516.com 小程序接入文档 (接口, 返回码).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from shunfu.channels.unionpay.sandbox.state import Session, State
from shunfu.channels.unionpay.sandbox.wire import page
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.reading import parse_object
from shunfu.gateway.sandbox.values import At

LOGIN_CODE = "sandboxLoginCode"
SHOPPER = "c2FuZGJveC1zaG9wcGVyLTAwMDEgVW5pb25QYXkgc2FuZGJveCBvcGVuSWQ="
TOKEN_SECONDS = 7200
STORMS = frozenset({"too_many", "system_error"})
_PHONE_CODE = "phone."


def answer(state: State, name: str, request: Request, at: At) -> tuple[State, Reply]:
    """One call of the open platform: its name is the last part of the address."""
    fields = parse_object(request.body) if request.method == "POST" else None
    texts = {key: value for key, value in (fields or {}).items() if isinstance(value, str)}
    if name in {"backendToken", "frontToken"}:
        return state, _token(state, name, texts, at)
    if name == "token":
        return _exchange(state, texts, at)
    if name == "user.mobile":
        return state, _mobile(state, texts, at)
    return state, page(404, "404 Not Found")


def say(resp: str, message: str, params: Mapping[str, object] | None = None) -> Reply:
    """A reply of the open platform."""
    body = json.dumps({"resp": resp, "msg": message, "params": dict(params or {})}, ensure_ascii=False)
    return Reply(200, {"content-type": "application/json;charset=UTF-8"}, body.encode())


def phone_code(state: State, phone: str, at: At) -> str:
    """A code of scope upapi_mobile, with the phone to which the shopper consents."""
    text = b64encode(f"{phone}/{at.digits(8, 'phone')}".encode()).decode()
    return f"{_PHONE_CODE}{text}.{_mac(state, 'phone', text)}"


def _token(state: State, name: str, texts: Mapping[str, str], at: At) -> Reply:
    parts = {key: texts.get(key, "") for key in ("appId", "nonceStr", "timestamp")}
    joined = "&".join(f"{k}={v}" for k, v in sorted({**parts, "secret": state.material.app_secret}.items()))
    is_right = texts.get("signature") == hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()
    if parts["appId"] != state.material.app_id:
        return say("BC2126", "缓存中不包含此商户appId")
    if not (is_right and all(parts.values())) or "secret" in texts:
        return say("BC0025", "验签失败")
    until = f"{at.business_ms // 1000 + TOKEN_SECONDS}"
    token = b64encode(f"{until}.{_mac(state, name, until)}".encode()).decode()
    return say("00", "成功", {name: token, "expiresIn": TOKEN_SECONDS})


def _exchange(state: State, texts: Mapping[str, str], at: At) -> tuple[State, Reply]:
    code = texts.get("code", "")
    if not _is_backend_token(state, texts, at):
        return state, say("a10", "不合法的backend_token，或已过期")
    phone = _phone_in(state, code)
    is_code = phone or code == LOGIN_CODE or code.startswith(f"{LOGIN_CODE}-")
    if not is_code or code in state.used_codes or texts.get("grantType") != "authorization_code":
        return state, say("a31", "不合法的授权code，或已过期")
    shopper = SHOPPER if phone or code == LOGIN_CODE else b64encode(hashlib.sha384(code.encode()).digest()).decode()
    token = b64encode(at.draw("accessToken", code) + at.draw("accessToken 2", code)).decode()
    params = {
        "accessToken": token,
        "refreshToken": b64encode(at.draw("refreshToken", code)[:16]).decode(),
        "openId": shopper,
        "unionId": hashlib.sha256(shopper.encode()).hexdigest(),
        "expiresIn": 3600,
        "scope": "upapi_mobile" if phone else "upapi_base",
    }
    return state.with_session(token, Session(shopper, phone), code), say("00", "成功", params)


def _mobile(state: State, texts: Mapping[str, str], at: At) -> Reply:
    session = state.sessions.get(texts.get("accessToken", ""))
    if not _is_backend_token(state, texts, at) or session is None or session.open_id != texts.get("openId"):
        return say("N62131", "无权限访问此接口")
    if not session.phone:
        return say("N62135", "用户授权时，没有提供手机号")
    padder = padding.PKCS7(64).padder()
    padded = padder.update(session.phone.encode()) + padder.finalize()
    key = bytes.fromhex(state.material.symmetric_key)
    sealer = Cipher(TripleDES(key), modes.ECB()).encryptor()  # noqa: S305 - UnionPay's choice
    return say("00", "成功", {"mobile": b64encode(sealer.update(padded) + sealer.finalize()).decode()})


def _is_backend_token(state: State, texts: Mapping[str, str], at: At) -> bool:
    try:
        until, _, mac = b64decode(texts.get("backendToken", ""), validate=True).decode().partition(".")
        is_fresh = int(until) * 1000 > at.business_ms
    except ValueError:
        return False
    is_ours = texts.get("appId") == state.material.app_id
    return is_fresh and is_ours and hmac.compare_digest(mac.encode(), _mac(state, "backendToken", until).encode())


def _phone_in(state: State, code: str) -> str:
    """The phone in a code of ours, or an empty text."""
    text, _, mac = code.removeprefix(_PHONE_CODE).partition(".")
    is_ours = hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(state, "phone", text).encode())
    if not code.startswith(_PHONE_CODE) or not is_ours:
        return ""
    return b64decode(text).decode().partition("/")[0]


def _mac(state: State, purpose: str, text: str) -> str:
    key = f"{state.material.app_secret}/{purpose}".encode()
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
