"""One call to Alipay in whichever protocol the account speaks. Must not know: what the call is for."""

from __future__ import annotations

from shunfu.channels.alipay import codec, rest
from shunfu.channels.alipay.codec import Ask, Distrust, Said
from shunfu.channels.alipay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow, NoReply
from shunfu.gateway.moment import Moment


def exchange(settings: Settings, ask: Ask, moment: Moment) -> Flow[Said | Unknown]:
    """Send a call and read what came back; silence, an error page and what is not proven Alipay's are Unknown."""
    is_rest = settings.protocol == "v3"
    build = rest.build_request if is_rest else codec.build_request
    answer = yield build(settings, ask, moment)
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    if is_rest:
        said = rest.read_reply(settings, answer)
    elif answer.status == 200:
        said = codec.read_reply(settings, ask.method, answer.body)
    else:
        said = Distrust("gateway error")
    return Unknown(f"HTTP {answer.status}: {said.reason}") if isinstance(said, Distrust) else said


def unlisted(said: Said) -> Unknown:
    """What to make of an answer that no table lists."""
    return Unknown(f"{said.code} {said.sub_code}".strip() or "answer without a code")
