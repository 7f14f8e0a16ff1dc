"""Requests as strangers' clients put them on the wire, signed here by hand and not by the channel's codec."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import cast
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from shunfu.channels.alipay import SANDBOX
from shunfu.channels.alipay.sandbox.keys import parse_keys
from shunfu.channels.alipay.sandbox.state import State
from shunfu.channels.alipay.tests.shapes import state
from shunfu.gateway.contract.rig import BASE_URL, NOW
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.sandbox import stage as stages
from shunfu.gateway.sandbox.stage import Stage

GATEWAY = f"{BASE_URL}/gateway.do"
FORM = (("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"),)
COMMON = (
    "app_id",
    "method",
    "format",
    "charset",
    "sign_type",
    "sign",
    "timestamp",
    "version",
    "notify_url",
    "return_url",
)


class Desk:
    """A sandbox to call by hand."""

    def __init__(self) -> None:
        self.stage: Stage[State] = Stage(SANDBOX, state())
        self.now: datetime = NOW
        self._steps = 0

    def send(self, request: Request) -> Reply:
        """The sandbox's reply."""
        self._steps += 1
        told = stages.answer(self.stage, request, self.now, self._steps.to_bytes(32, "big"))
        self.stage = told.stage
        assert told.reply is not None
        return told.reply

    def call(self, method: str, biz: Mapping[str, object], **beside: str) -> Mapping[str, object]:
        """A v2 call the plain way, and its node."""
        reply = self.send(by_post_split(signed(method, biz, **beside)))
        return node_of(reply, method)


def private_key(of: str = "app") -> RSAPrivateKey:
    """One of the sandbox's keys by name."""
    return cast("RSAPrivateKey", getattr(parse_keys(state().material), of))


def signature(key: RSAPrivateKey, text: str, charset: str = "utf-8", sign_type: str = "RSA2") -> str:
    """The signature in base64."""
    digest = SHA1() if sign_type == "RSA" else SHA256()
    return b64encode(key.sign(text.encode(charset), PKCS1v15(), digest)).decode()


def joined(params: Mapping[str, str]) -> str:
    """The text that is signed."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if params[name] and name != "sign")


def signed(method: str, biz: Mapping[str, object] | str, /, **beside: str) -> dict[str, str]:
    """All parameters of a v2 call, signed; an empty text takes a parameter out."""
    params = {
        "app_id": state().material.app_id,
        "method": method,
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2026-11-22 14:29:35",
        "version": "1.0",
        "biz_content": biz if isinstance(biz, str) else json.dumps(biz, ensure_ascii=False),
        **beside,
    }
    params = {name: value for name, value in params.items() if value}
    charset, sign_type = params.get("charset", "utf-8"), params.get("sign_type", "RSA2")
    return {**params, "sign": signature(private_key(), joined(params), charset, sign_type)}


def by_post_split(params: Mapping[str, str]) -> Request:
    """As alipay-sdk for node and alipay-sdk-python: what is common in the address, the rest in the form."""
    charset = params.get("charset", "utf-8")
    query = urlencode({name: value for name, value in params.items() if name in COMMON}, encoding=charset)
    form = urlencode({name: value for name, value in params.items() if name not in COMMON}, encoding=charset)
    return Request("POST", f"{GATEWAY}?{query}", FORM, form.encode())


def by_get(params: Mapping[str, str]) -> Request:
    """As python-alipay-sdk: everything in the address."""
    return Request("GET", f"{GATEWAY}?{urlencode(params, encoding=params.get('charset', 'utf-8'))}", ())


def by_body(params: Mapping[str, str]) -> Request:
    """As clients in Java: everything in the form, the charset in the address besides."""
    charset = params.get("charset", "utf-8")
    body = urlencode(params, encoding=charset).encode()
    return Request("POST", f"{GATEWAY}?charset={charset}", FORM, body)


def by_body_alone(params: Mapping[str, str]) -> Request:
    """Everything in the form, the charset too."""
    return Request("POST", GATEWAY, FORM, urlencode(params, encoding=params.get("charset", "utf-8")).encode())


def rest(method: str, target: str, body: str = "", **changes: str) -> Request:
    """A v3 call as alipay-sdk for node signs it; `auth` replaces the text of the header."""
    stamp = int(NOW.timestamp() * 1000)
    auth = changes.get("auth") or f"app_id={state().material.app_id},nonce={quote('a-b')},timestamp={stamp}"
    token = changes.get("token", "")
    text = f"{auth}\n{method}\n{target}\n{body}\n" + (f"{token}\n" if token else "")
    headers = [("authorization", f"ALIPAY-SHA256withRSA {auth},sign={signature(private_key(), text)}")]
    headers += [("alipay-app-auth-token", token)] if token else []
    headers += [("content-type", changes.get("content_type", "application/json"))] if body else []
    headers += [("alipay-encrypt-type", "AES")] if "content_type" in changes else []
    return Request(method, BASE_URL + target, tuple(headers), body.encode())


def node_of(reply: Reply, method: str) -> Mapping[str, object]:
    """The node of a v2 reply, whichever name it stands under."""
    whole = json.loads(reply.body.decode("utf-8"))
    found = whole.get(f"{method.replace('.', '_')}_response", whole.get("error_response"))
    return cast("Mapping[str, object]", found)


def an_order(number: str = "N1", **changes: object) -> dict[str, object]:
    """biz_content of alipay.trade.create."""
    order: dict[str, object] = {
        "out_trade_no": number,
        "total_amount": "86.00",
        "subject": "山行咖啡 100%+",
        "product_code": "JSAPI_PAY",
        "op_app_id": state().material.app_id,
        "buyer_open_id": "somebody",
    }
    return {name: value for name, value in {**order, **changes}.items() if value != ""}
