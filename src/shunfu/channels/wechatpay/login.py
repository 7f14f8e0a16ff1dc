"""Who the shopper is in WeChat: log in by code, the access token, the phone number. Must not know: payments.

Source: developers.weixin.qq.com, "小程序登录" (jscode2session), "获取稳定版接口调用凭据" (stable_token),
"手机号快速验证" (getuserphonenumber). A code works once, for five minutes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

from shunfu.channels.wechatpay.beyond.platform import Told, ask_platform, with_token
from shunfu.channels.wechatpay.beyond.reading import OPENID
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoggedIn, LoginAnswer, LoginRefused, Phone, PhoneAnswer, PlatformToken, TokenAnswer
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import integer_at, object_at, text_at
from shunfu.kernel.secret import Secret

TOKEN_SECONDS_MAX = 7200
_SECRET_MISSING = LoginRefused("not_permitted", "app_secret missing")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)
_SESSION_KEY = re.compile(r"[0-9A-Za-z+/]{16,128}={0,2}", re.ASCII)
_CODE = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_PHONE = re.compile(r"[0-9]{4,20}", re.ASCII)
_COUNTRY = re.compile(r"[0-9]{1,4}", re.ASCII)


class WeChatLogin:
    """The mini-program's login, token and phone number. All that is handed over stays inside Secrets."""

    def fetch_token(self, settings: Settings, moment: Moment) -> Flow[TokenAnswer]:
        """A stable access token: asking again gives the same one until shortly before it expires."""
        if settings.app_secret is None:
            return _SECRET_MISSING
        body = {
            "grant_type": "client_credential",
            "appid": settings.appid,
            "secret": settings.app_secret.reveal(),
            "force_refresh": False,
        }
        told = yield from ask_platform(settings, "/cgi-bin/stable_token", body)
        if isinstance(told, Unknown):
            return told
        token, seconds = text_at(told.content, "access_token", _TOKEN), integer_at(told.content, "expires_in")
        if told.errcode:
            return _secret_refused(told)
        if token is None or seconds is None or not 0 < seconds <= TOKEN_SECONDS_MAX:
            return Unknown("reply with the token is malformed")
        return PlatformToken(Secret(token), moment.now + timedelta(seconds=seconds))

    def log_in(self, settings: Settings, code: str, token: PlatformToken | None, moment: Moment) -> Flow[LoginAnswer]:
        """Exchange the code of `wx.login`; WeChat wants the application's secret for it and no token."""
        del token, moment
        if settings.app_secret is None:
            return _SECRET_MISSING
        if _CODE.fullmatch(code) is None:
            return LoginRefused("code", "malformed")
        query = {
            "appid": settings.appid,
            "secret": settings.app_secret.reveal(),
            "js_code": code,
            "grant_type": "authorization_code",
        }
        told = yield from ask_platform(settings, f"/sns/jscode2session?{urlencode(query)}")
        if isinstance(told, Unknown):
            return told
        return _secret_refused(told) if told.errcode else _logged_in(told)

    def read_phone(
        self, settings: Settings, proof: str, token: PlatformToken | None, moment: Moment
    ) -> Flow[PhoneAnswer]:
        """Exchange the code of `getPhoneNumber`; the reply must be about our application."""
        del moment
        if token is None:
            return LoginRefused("token", "missing")
        if _CODE.fullmatch(proof) is None:
            return LoginRefused("code", "malformed")
        told = yield from ask_platform(settings, with_token("/wxa/business/getuserphonenumber", token), {"code": proof})
        if isinstance(told, Unknown):
            return told
        if told.errcode != 0:
            return told.refused
        return _phone(settings, told)


def _secret_refused(told: Told) -> LoginRefused | Unknown:
    """Where the secret is sent and no token, 40001 says that the secret is wrong."""
    is_secret = told.errcode == 40001
    return LoginRefused("not_permitted", "40001") if is_secret else told.refused


def _logged_in(told: Told) -> LoggedIn | Unknown:
    openid, session = text_at(told.content, "openid", OPENID), text_at(told.content, "session_key", _SESSION_KEY)
    union = text_at(told.content, "unionid", OPENID)
    if openid is None or session is None:
        return Unknown("reply to the login is malformed")
    return LoggedIn(Secret(openid), Secret(session), Secret(union) if union else None)


def _phone(settings: Settings, told: Told) -> Phone | Unknown:
    found = object_at(told.content, "phone_info")
    number, country = text_at(found, "purePhoneNumber", _PHONE), text_at(found, "countryCode", _COUNTRY)
    if object_at(found, "watermark").get("appid") != settings.appid:
        return Unknown("the phone number is another application's")
    return Phone(Secret(number), country) if number and country else Unknown("reply with the phone is malformed")
