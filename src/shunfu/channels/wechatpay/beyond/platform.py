"""Questions to WeChat's open platform (api.weixin.qq.com): JSON over TLS, unsigned; `errcode` says no with status 200.

Must not know: what is asked. Source: developers.weixin.qq.com, "全局返回码".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow, NoReply, Request
from shunfu.gateway.login import LoginRefused, PlatformToken
from shunfu.gateway.reading import JsonObject, integer_at, parse_object

_WHY: dict[int, Literal["code", "token", "too_frequent", "not_permitted", "risk"]] = {
    40029: "code",
    40163: "code",
    40001: "token",
    40014: "token",
    42001: "token",
    41001: "token",
    45009: "too_frequent",
    45011: "too_frequent",
    40226: "risk",
    40013: "not_permitted",
    40125: "not_permitted",
    40164: "not_permitted",
    41002: "not_permitted",
    41004: "not_permitted",
    48001: "not_permitted",
    50004: "not_permitted",
    50007: "not_permitted",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A reply: its JSON object and `errcode`, None when it has none."""

    content: JsonObject
    errcode: int | None

    @property
    def refused(self) -> LoginRefused | Unknown:
        """The "no" that every address may say; what no table lists (-1, busy, among it) is Unknown."""
        reason = _WHY.get(self.errcode or 0)
        return LoginRefused(reason, str(self.errcode)) if reason else Unknown(f"errcode {self.errcode}")


def ask_platform(settings: Settings, target: str, body: Mapping[str, object] | None = None) -> Flow[Told | Unknown]:
    """Ask by GET, or by POST when there is a body."""
    text = "" if body is None else codec.compact(body)
    headers = (("Accept", "application/json"), ("User-Agent", "shunfu"))
    if text:
        headers = (*headers, ("Content-Type", "application/json"))
    method = "GET" if body is None else "POST"
    answer = yield Request(method, settings.platform_url + target, headers, text.encode())
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    content = parse_object(answer.body) if answer.status == 200 else None
    if content is None or ("errcode" in content and integer_at(content, "errcode") is None):
        return Unknown(f"HTTP {answer.status}: no JSON object of the platform's")
    return Told(content, integer_at(content, "errcode"))


def with_token(path: str, token: PlatformToken) -> str:
    """The address with the token in its query, where the platform wants it."""
    return f"{path}?{urlencode({'access_token': token.token.reveal()})}"
