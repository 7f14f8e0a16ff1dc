"""Who looks at a page in WeChat's own browser, by the official account (公众号). Must not know: payments, the page.

Source: developers.weixin.qq.com, "网页授权": scope snsapi_base is silent and gives the openid alone. A code works once,
for five minutes. The access token that comes with it is for the shopper's nickname and picture; we drop it.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from shunfu.channels.wechatpay.beyond.platform import ask_platform
from shunfu.channels.wechatpay.beyond.reading import OPENID
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoggedIn, LoginAnswer, LoginRefused
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import text_at
from shunfu.kernel.secret import Secret

_CODE = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_MISSING = LoginRefused("not_permitted", "official_secret missing")


class WeChatWebLogin:
    """The silent walk through WeChat's authorize page, and the exchange of what it brings."""

    def authorize_url(self, settings: Settings, return_url: str, state: str) -> str:
        """WeChat wants its parameters in this order, and the fragment at the end."""
        query = {
            "appid": settings.official_appid or "",
            "redirect_uri": return_url,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
        return f"{settings.authorize_url}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    def exchange(self, settings: Settings, code: str, moment: Moment) -> Flow[LoginAnswer]:
        """The openid by which the official account knows the shopper."""
        del moment
        if settings.official_appid is None or settings.official_secret is None:
            return _MISSING
        if _CODE.fullmatch(code) is None:
            return LoginRefused("code", "malformed")
        query = {
            "appid": settings.official_appid,
            "secret": settings.official_secret.reveal(),
            "code": code,
            "grant_type": "authorization_code",
        }
        told = yield from ask_platform(settings, f"/sns/oauth2/access_token?{urlencode(query)}")
        if isinstance(told, Unknown):
            return told
        if told.errcode:
            return LoginRefused("not_permitted", "40001") if told.errcode == 40001 else told.refused
        openid = text_at(told.content, "openid", OPENID)
        return LoggedIn(Secret(openid)) if openid else Unknown("reply to the web login is malformed")
