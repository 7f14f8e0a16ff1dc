"""Who the shopper is at Template Pay: a code is exchanged for an id, another for a phone. Must not know: sessions."""

from __future__ import annotations

import re

from shunfu.channels._template.codec import Line, build_request, read_reply
from shunfu.channels._template.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import (
    LoggedIn,
    LoginAnswer,
    LoginRefused,
    Phone,
    PhoneAnswer,
    PlatformToken,
    TokenAnswer,
)
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import text_at
from shunfu.kernel.secret import Secret

_SHOPPER = re.compile(r"[0-9A-Za-z_-]{6,64}", re.ASCII)
_PHONE = re.compile(r"[0-9]{5,15}", re.ASCII)


class TemplateLogin:
    """The conversations about who somebody is."""

    def fetch_token(self, settings: Settings, moment: Moment) -> Flow[TokenAnswer]:
        """This platform needs no token."""
        yield from ()
        return LoginRefused("not_permitted", "NO_SUCH_THING")

    def log_in(self, settings: Settings, code: str, token: PlatformToken | None, moment: Moment) -> Flow[LoginAnswer]:
        """Exchange a code; it works once."""
        answer = yield build_request(settings, Line("POST", "/template/login"), moment, {"login_code": code})
        found = read_reply(settings, answer, moment.now)
        if isinstance(found, Unknown):
            return found
        shopper = text_at(found, "shopper_id", _SHOPPER)
        if found.get("code") == "OK" and shopper:
            return LoggedIn(Secret(shopper))
        return LoginRefused("code", "BAD_CODE") if found.get("code") == "BAD_CODE" else Unknown("not understood")

    def read_phone(
        self, settings: Settings, proof: str, token: PlatformToken | None, moment: Moment
    ) -> Flow[PhoneAnswer]:
        """Exchange what the client was given for the phone number."""
        answer = yield build_request(settings, Line("POST", "/template/phone"), moment, {"phone_code": proof})
        found = read_reply(settings, answer, moment.now)
        if isinstance(found, Unknown):
            return found
        phone = text_at(found, "phone", _PHONE)
        if found.get("code") == "OK" and phone:
            return Phone(Secret(phone))
        return LoginRefused("code", "BAD_CODE") if found.get("code") == "BAD_CODE" else Unknown("not understood")
