"""One call to Alipay in whichever protocol the account speaks. Must not know: what the call is for.

An error in the REST protocol (v3) has no signature, so nobody knows who wrote it. The older gateway (v2) signs its
errors too: what may be asked twice is asked there again, and only that answer counts.
"""

from __future__ import annotations

from dataclasses import replace

from shunfu.channels.alipay import codec, rest
from shunfu.channels.alipay.codec import Ask, Distrust, Hearsay, Said
from shunfu.channels.alipay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow, NoReply, Reply
from shunfu.gateway.moment import Moment


def exchange(settings: Settings, ask: Ask, moment: Moment) -> Flow[Said | Unknown]:
    """Send a call that may be sent twice and read what came back; silence and what is not proven are Unknown."""
    said = yield from exchange_once(settings, ask, moment)
    if isinstance(said, Hearsay):
        said = yield from exchange_once(replace(settings, protocol="v2"), ask, moment)
    return Unknown(f"{said.said.named}, not signed") if isinstance(said, Hearsay) else said


def exchange_once(settings: Settings, ask: Ask, moment: Moment) -> Flow[Said | Hearsay | Unknown]:
    """Send a call that moves money: an error without a signature is handed back as such, nothing is sent again."""
    is_rest = settings.protocol == "v3"
    build = rest.build_request if is_rest else codec.build_request
    answer = yield build(settings, ask, moment)
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    said = rest.read_reply(settings, answer, moment.now) if is_rest else _read_gateway(settings, ask.method, answer)
    return Unknown(f"HTTP {answer.status}: {said.reason}") if isinstance(said, Distrust) else said


def _read_gateway(settings: Settings, method: str, reply: Reply) -> Said | Distrust:
    return codec.read_reply(settings, method, reply.body) if reply.status == 200 else Distrust("gateway error")


def unlisted(said: Said) -> Unknown:
    """What to make of an answer that no table lists."""
    return Unknown(f"{said.code} {said.sub_code}".strip() or "answer without a code")
