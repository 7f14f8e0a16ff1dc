"""云闪付: who the shopper is, the tokens of an application, and what its page gives to `upsdk.config`.

Must not know: payments, sockets. Tokens stay on the server; the phone comes encrypted with the application's 3DES key.
Sources: open.95516.com 小程序接入文档 (backendToken, frontToken, token, user.mobile, upsdk.config).
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

from shunfu.channels.unionpay.codes import login_refused_reason
from shunfu.channels.unionpay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Request
from shunfu.gateway.login import (
    LoggedIn,
    LoginAnswer,
    LoginRefused,
    Phone,
    PhoneAnswer,
    PlatformToken,
    TokenAnswer,
)
from shunfu.gateway.port import Moment
from shunfu.gateway.reading import JsonObject, integer_at, object_at, parse_object, text_at
from shunfu.kernel.secret import Secret

OPEN = "/open/access/1.0"
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_RESP = re.compile(r"[0-9A-Za-z]{1,8}", re.ASCII)
_PHONE = re.compile(r"1[0-9]{10}", re.ASCII)
_SECONDS_MAX = 86400


class UnionPayLogin:
    """The open platform's conversations."""

    def fetch_token(self, settings: Settings, moment: Moment) -> Flow[TokenAnswer]:
        """A backendToken, for all the calls below; it lives two hours."""
        return (yield from self._fetch(settings, "backendToken", moment))

    def fetch_front_token(self, settings: Settings, moment: Moment) -> Flow[TokenAnswer]:
        """A frontToken, for `sign_upsdk_config`; it lives two hours and never goes to the page itself."""
        return (yield from self._fetch(settings, "frontToken", moment))

    def log_in(
        self,
        settings: Settings,
        code: str,
        token: PlatformToken | None,
        moment: Moment,
    ) -> Flow[LoginAnswer]:
        """Exchange the code of upsdk or of the oauth page for the shopper's openId; a code works once."""
        found = yield from self._exchange(settings, code, token)
        if not isinstance(found, Mapping):
            return found
        shopper, session = text_at(found, "openId", _TOKEN), text_at(found, "accessToken", _TOKEN)
        union = text_at(found, "unionId", _TOKEN)
        if shopper is None:
            return Unknown("reply has no openId")
        return LoggedIn(Secret(shopper), Secret(session) if session else None, Secret(union) if union else None)

    def read_phone(
        self,
        settings: Settings,
        proof: str,
        token: PlatformToken | None,
        moment: Moment,
    ) -> Flow[PhoneAnswer]:
        """Exchange a code of scope upapi_mobile, ask for the phone with it, and decrypt what comes."""
        if settings.symmetric_key is None:
            return LoginRefused("not_permitted", "symmetric_key")
        found = yield from self._exchange(settings, proof, token)
        if not isinstance(found, Mapping):
            return found
        shopper, session = text_at(found, "openId", _TOKEN), text_at(found, "accessToken", _TOKEN)
        if shopper is None or session is None or token is None:
            return Unknown("reply has no openId or no accessToken")
        backend = token.token.reveal()
        body = {"appId": settings.app_id, "accessToken": session, "openId": shopper, "backendToken": backend}
        told = _params((yield _post(settings, "user.mobile", body)))
        if not isinstance(told, Mapping):
            return told
        sealed = text_at(told, "mobile", _TOKEN)
        phone = None if sealed is None else open_sealed(settings.symmetric_key, sealed)
        is_phone = phone is not None and _PHONE.fullmatch(phone) is not None
        return Phone(Secret(phone)) if phone and is_phone else Unknown("the phone does not decrypt to one")

    def _fetch(self, settings: Settings, name: str, moment: Moment) -> Flow[TokenAnswer]:
        if settings.app_secret is None or not settings.app_id:
            return LoginRefused("not_permitted", "app_secret")
        timestamp = str(int(moment.now.timestamp()))
        parts = {"appId": settings.app_id, "nonceStr": moment.nonce, "timestamp": timestamp}
        signature = _joined_hash({**parts, "secret": settings.app_secret.reveal()})
        found = _params((yield _post(settings, name, {**parts, "signature": signature})))
        if not isinstance(found, Mapping):
            return found
        text, seconds = text_at(found, name, _TOKEN), integer_at(found, "expiresIn")
        if text is None or seconds is None or not 0 < seconds <= _SECONDS_MAX:
            return Unknown("reply has no token or no life of it")
        return PlatformToken(Secret(text), moment.now + timedelta(seconds=seconds))

    def _exchange(
        self, settings: Settings, code: str, token: PlatformToken | None
    ) -> Flow[JsonObject | LoginRefused | Unknown]:
        if token is None or not settings.app_id:
            return LoginRefused("token", "backendToken")
        if _TOKEN.fullmatch(code) is None:
            return LoginRefused("code", "code")
        body = {"appId": settings.app_id, "backendToken": token.token.reveal(), "code": code}
        answer = yield _post(settings, "token", {**body, "grantType": "authorization_code"})
        return _params(answer)


def sign_upsdk_config(settings: Settings, front_token: PlatformToken, url: str, moment: Moment) -> dict[str, str]:
    """What the page gives to `upsdk.config`, for this very url; what stands behind `#` is not signed."""
    parts = {"appId": settings.app_id, "nonceStr": moment.nonce, "timestamp": str(int(moment.now.timestamp()))}
    signed = {**parts, "frontToken": front_token.token.reveal(), "url": url.partition("#")[0]}
    return {**parts, "signature": _joined_hash(signed)}


def open_sealed(key: Secret[bytes], sealed: str) -> str | None:
    """The text in base64 of 3DES-ECB with PKCS#7 padding, as the open platform hides personal data, or None."""
    try:
        opener = Cipher(TripleDES(key.reveal()), ECB()).decryptor()  # noqa: S305 - UnionPay's choice
        padded = opener.update(b64decode(sealed, validate=True)) + opener.finalize()
        unpadder = PKCS7(64).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        return None


def _joined_hash(parts: Mapping[str, str]) -> str:
    return sha256("&".join(f"{name}={value}" for name, value in sorted(parts.items())).encode()).hexdigest()


def _post(settings: Settings, name: str, body: Mapping[str, str]) -> Request:
    headers = (("Content-Type", "application/json;charset=UTF-8"), ("User-Agent", "shunfu"))
    return Request("POST", f"{settings.open_url}{OPEN}/{name}", headers, json.dumps(dict(body)).encode())


def _params(answer: Answer) -> JsonObject | LoginRefused | Unknown:
    """`params` of a reply whose `resp` is 00; a listed code refuses, any other says nothing."""
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    found = parse_object(answer.body) if answer.status == 200 else None
    code = text_at(found, "resp", _RESP) if found else None
    if found is None or code is None:
        return Unknown(f"HTTP {answer.status}: not a reply of the open platform's")
    if code == "00":
        return object_at(found, "params")
    reason = login_refused_reason(code)
    return LoginRefused(reason, code) if reason else Unknown(f"resp {code}")
