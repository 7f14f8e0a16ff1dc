"""What every conversation does with an answer: trust it only when it is signed. Must not know: what was asked."""

from __future__ import annotations

from datetime import datetime

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, NoReply, Reply


def trusted(settings: Settings, answer: Answer, now: datetime) -> Reply | Unknown:
    """The reply when WeChat signed it, else Unknown, whatever it says."""
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    distrust = codec.verify(settings, answer.headers, answer.body, now)
    return Unknown(f"HTTP {answer.status}: {distrust.reason}") if distrust else answer


def unlisted(reply: Reply, code: str) -> Unknown:
    """A signed answer that no table lists."""
    return Unknown(f"HTTP {reply.status} {code}".strip())
