"""Who the shopper is in Alipay: the authorisation code exchanged, the phone's sealed message opened.

What a shopper may be called back with (the access token) stays in a Secret. Must not know: orders.
Sources: opendocs alipay.system.oauth.token, my.getPhoneNumber.
"""

from __future__ import annotations

import re
from typing import cast

from shunfu.channels.alipay.codec import SIGN_TYPES, Ask, Said, decrypt, is_signed, said_of
from shunfu.channels.alipay.codes import canonical, is_too_frequent
from shunfu.channels.alipay.exchange import exchange, unlisted
from shunfu.channels.alipay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoggedIn, LoginAnswer, LoginRefused, Phone, PhoneAnswer, PlatformToken, TokenAnswer
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, parse_object, text_at
from shunfu.kernel.secret import Secret

_ID = re.compile(r"[0-9A-Za-z_-]{1,128}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_MOBILE = re.compile(r"[0-9]{5,15}", re.ASCII)
_CODE = frozenset({"CODE_INVALID", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_TIME_OUT", "INVALID_GRANT"})
_CONFIGURED = frozenset({"40001", "40003", "40006"})


class AlipayLogin:
    """Alipay's mini-program login."""

    def fetch_token(self, settings: Settings, moment: Moment) -> Flow[TokenAnswer]:
        """Alipay has no token for an application: every call is signed instead."""
        yield from ()
        return LoginRefused("not_permitted", "")

    def log_in(self, settings: Settings, code: str, token: PlatformToken | None, moment: Moment) -> Flow[LoginAnswer]:
        """Exchange `my.getAuthCode`'s code: the shopper's open_id (or older user_id) and access token."""
        ask = Ask("alipay.system.oauth.token", {}, {"grant_type": "authorization_code", "code": code})
        said = yield from exchange(settings, ask, moment)
        if isinstance(said, Unknown):
            return said
        shopper = text_at(said.node, "open_id", _ID) or text_at(said.node, "user_id", _ID)
        session = text_at(said.node, "access_token", _TOKEN)
        if said.is_success and shopper and session:
            return LoggedIn(Secret(shopper), Secret(session))
        return _refused(said) or (Unknown("reply has no shopper in it") if said.is_success else unlisted(said))

    def read_phone(
        self, settings: Settings, proof: str, token: PlatformToken | None, moment: Moment
    ) -> Flow[PhoneAnswer]:
        """Verify and open `my.getPhoneNumber`'s `response`. A failure shows only in what was sealed."""
        yield from ()
        return _phone(settings, proof)


def _phone(settings: Settings, proof: str) -> PhoneAnswer:
    message = parse_object(proof.encode("utf-8", "replace")) or {}
    sealed = message.get("response")
    if isinstance(sealed, dict):  # a failure before anything was sealed
        return _phone_of(cast("JsonObject", sealed), is_sealed=False)
    signature, sign_type = message.get("sign"), message.get("sign_type", "RSA2")
    if not (isinstance(sealed, str) and isinstance(signature, str) and sign_type in SIGN_TYPES):
        return Unknown("phone message is malformed or not signed")
    quoted = f'"{sealed}"'.encode("utf-8", "replace")
    if not any(is_signed(key, quoted, signature, str(sign_type)) for key in settings.alipay_keys.values()):
        return Unknown("signature of the phone message does not match")
    plain = decrypt(settings.aes_key.reveal(), sealed) if settings.aes_key else None
    if plain is None:
        return Unknown("phone message does not decrypt; is the AES key the one in the console?")
    return _phone_of(parse_object(plain) or {}, is_sealed=True)


def _phone_of(node: JsonObject, *, is_sealed: bool) -> PhoneAnswer:
    said, mobile = said_of(node), text_at(node, "mobile", _MOBILE)
    if said.code == "10000" and mobile and is_sealed:
        return Phone(Secret(mobile))
    if said.code in _CONFIGURED:
        return LoginRefused("not_permitted", said.named)
    return _refused(said) or unlisted(said)


def _refused(said: Said) -> LoginRefused | None:
    code = canonical(said.sub_code)
    if said.is_success or said.code == "20000":
        return None
    if code in _CODE:
        return LoginRefused("code", said.named)
    if said.code == "20001":
        return LoginRefused("token", said.named)
    if is_too_frequent(said):
        return LoginRefused("too_frequent", said.named)
    return LoginRefused("not_permitted", said.named) if code.startswith("INSUFFICIENT_") else None
