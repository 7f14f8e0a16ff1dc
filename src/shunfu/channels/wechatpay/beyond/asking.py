"""One signed question and its proven reply: what every conversation beyond single payments is made of.

Must not know: what is asked. A reply that fails verification is Unknown, whatever it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted
from shunfu.channels.wechatpay.codes import canonical
from shunfu.channels.wechatpay.settings import Settings
from shunfu.gateway.evidence import NotFound, Refused, RefusedReason, Unknown
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import JsonObject, parse_object


@dataclass(frozen=True, slots=True)
class Said:
    """A genuine reply: its status, its JSON object (empty when there is none) and its error code."""

    status: int
    content: JsonObject
    code: str

    @property
    def unknown(self) -> Unknown:
        """The reply as one that no table lists."""
        return Unknown(f"HTTP {self.status} {self.code}".strip())


def ask(
    settings: Settings, line: codec.Line, moment: Moment, body: Mapping[str, object] | None = None
) -> Flow[Said | Unknown]:
    """Send it signed; the verified reply, or Unknown."""
    text = "" if body is None else codec.compact(body)
    answer = yield codec.build_request(settings, line, moment, text)
    reply = trusted(settings, answer, moment.now)
    return reply if isinstance(reply, Unknown) else _said(reply)


def refusal(said: Said, reasons: Mapping[str, RefusedReason]) -> Refused | Unknown:
    """Refused when this "no" is listed as leaving nothing behind; never for 429 and 5xx."""
    is_final = 400 <= said.status < 500 and said.status != 429
    reason = reasons.get(canonical(said.code)) if is_final else None
    return Refused(reason, said.code) if reason else said.unknown


def missing(said: Said, *codes: str) -> NotFound | Unknown:
    """NotFound on 404 with one of these codes."""
    is_missing = said.status == 404 and canonical(said.code) in codes
    return NotFound(said.code) if is_missing else said.unknown


def _said(reply: Reply) -> Said:
    code = codec.read_error_code(reply.body) or ""
    return Said(reply.status, parse_object(reply.body) or {}, code)
