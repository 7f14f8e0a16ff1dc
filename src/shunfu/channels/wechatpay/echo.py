"""`POST /v3/security/echo`: ask WeChat to say something back, which tries every key without any money.

With a `notify_url` a signed SECURITY_ECHO.SUCCESS notification follows. Must not know: payments.
Source: pay.weixin.qq.com "安全回声".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted, unlisted
from shunfu.channels.wechatpay.beyond.sensitive import decrypt_sensitive, encrypt_sensitive
from shunfu.channels.wechatpay.codes import refund_refused_reason
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import parse_object
from shunfu.kernel.secret import Secret

ECHO = "/v3/security/echo"


@dataclass(frozen=True, slots=True)
class Echoed:
    """Both signatures hold; `is_opened` says that sensitive fields go there and back too."""

    is_opened: bool


EchoAnswer: TypeAlias = Echoed | Refused | Unknown


def echo(settings: Settings, notify_url: str, moment: Moment) -> Flow[EchoAnswer]:
    """Send the nonce, plain and encrypted; it must come back both ways. An empty `notify_url` asks for no message."""
    body: dict[str, object] = {
        "echo_message": moment.nonce,
        "encrypted_echo_message": encrypt_sensitive(settings, Secret(moment.nonce)),
        **({"notify_url": notify_url} if notify_url else {}),
    }
    answer = yield codec.build_request(settings, codec.Line("POST", ECHO), moment, codec.compact(body))
    reply = trusted(settings, answer, moment.now)
    if isinstance(reply, Unknown):
        return reply
    if reply.status != 200:
        code = codec.read_error_code(reply.body) or ""
        reason = refund_refused_reason(reply.status, code)
        return Refused(reason, code) if reason else unlisted(reply, code)
    found = parse_object(reply.body) or {}
    if found.get("echo_message") != moment.nonce:
        return Unknown("the echo is another message")
    sealed = found.get("encrypted_echo_message")
    opened = decrypt_sensitive(settings, sealed) if isinstance(sealed, str) else None
    return Echoed(opened is not None and opened.reveal() == moment.nonce)
