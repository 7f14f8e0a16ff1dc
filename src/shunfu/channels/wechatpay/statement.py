"""Statements of WeChat Pay: trade bills and fund-flow bills, fetched packed, their checksum that of the plain file.

The download itself is not signed, so the signed answer before it names its SHA-1. Must not know: sockets, columns.
Source: pay.weixin.qq.com "申请交易账单", "申请资金账单", "下载账单".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.asking import trusted, unlisted
from shunfu.channels.wechatpay.bill import read_bill
from shunfu.channels.wechatpay.codes import canonical, statement_refused_reason
from shunfu.channels.wechatpay.settings import REAL_BASE_URLS, Settings
from shunfu.channels.wechatpay.unpacking import plain_sha1, read_lines
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow, NoReply, Reply, Request
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import parse_object, text_at
from shunfu.gateway.statement import (
    DOWNLOAD_BYTES_MAX,
    NoStatement,
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementLine,
    StatementNotReady,
    StatementOf,
)

DOWNLOAD_SECONDS = 60.0
_TARGETS = {
    "trade": "/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP",
    "funds": "/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP",
}
_URL = re.compile(r"https?://[\x21-\x7e]{1,2048}", re.ASCII)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Ticket:
    """Where the bill is for some seconds, and the SHA-1 of its plain text."""

    url: str
    sha1: str


class WeChatStatements:
    """Bills of a direct merchant."""

    def fetch_statement(self, settings: Settings, of: StatementOf, moment: Moment) -> Flow[StatementAnswer]:
        """Ask where it is, fetch it at once, and compare its SHA-1; Unknown when it did not arrive whole."""
        target = _TARGETS[of.kind].format(day=of.day.isoformat())
        answer = yield codec.build_request(settings, codec.Line("GET", target), moment)
        reply = trusted(settings, answer, moment.now)
        if isinstance(reply, Unknown):
            return reply
        ticket = _ticket(settings, reply)
        if not isinstance(ticket, _Ticket):
            return ticket
        file = yield _download(settings, ticket, moment)
        if isinstance(file, NoReply):
            return Unknown(file.reason)
        if file.status != 200:
            return unlisted(file, codec.read_error_code(file.body) or "")
        is_whole = _is_whole(file.body, ticket.sha1)
        return StatementFile(of, file.body) if is_whole else Unknown("the bill is not the one that WeChat Pay named")

    def read_statement(self, settings: Settings, file: StatementFile) -> Iterator[StatementLine]:
        """Its lines in order, streaming; checks the totals at its end. Raises StatementDamaged."""
        del settings
        return read_bill(read_lines(file.content), file.of.kind)


def _ticket(settings: Settings, reply: Reply) -> _Ticket | NoStatement | StatementNotReady | Refused | Unknown:
    if reply.status != 200:
        return _refusal(reply)
    found = parse_object(reply.body) or {}
    url, digest = text_at(found, "download_url", _URL), text_at(found, "hash_value", _SHA1)
    if url is None or digest is None or found.get("hash_type") != "SHA1":
        return Unknown("reply about the bill is malformed")
    hosts = (settings.base_url, *settings.backup_urls, *REAL_BASE_URLS)
    is_theirs = any(url.startswith(f"{host}/") for host in hosts)
    return _Ticket(url, digest.lower()) if is_theirs else Unknown("the bill is on a host that is not WeChat's")


def _refusal(reply: Reply) -> NoStatement | StatementNotReady | Refused | Unknown:
    code = codec.read_error_code(reply.body) or ""
    match reply.status, canonical(code):
        case 400, "NO_STATEMENT_EXIST":
            return NoStatement(code)
        case 400, "STATEMENT_CREATING":
            return StatementNotReady(code)
        case _:
            reason = statement_refused_reason(reply.status, code)
            return Refused(reason, code) if reason else unlisted(reply, code)


def _download(settings: Settings, ticket: _Ticket, moment: Moment) -> Request:
    """A signed request to the host that was named, with a nonce of its own."""
    parts = urlsplit(ticket.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = codec.build_request(settings, codec.Line("GET", target), Moment(moment.now, moment.nonce[::-1]))
    return replace(
        request,
        url=ticket.url,
        backup_urls=(),
        timeout_seconds=DOWNLOAD_SECONDS,
        reply_bytes_max=DOWNLOAD_BYTES_MAX,
    )


def _is_whole(content: bytes, digest: str) -> bool:
    try:
        return plain_sha1(content) == digest
    except StatementDamaged:
        return False
