"""Alipay's bills: asked for, fetched, and read line by line out of their zip. Must not know: reconciliation.

Sources: opendocs alipay.data.dataservice.bill.downloadurl.query, and the layout of real bills. Columns are found by
their headers, for their order has changed. A file from outside is hostile: nothing is unpacked to a disk, or whole.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit

from shunfu.channels.alipay.bill_member import open_detail, open_zip
from shunfu.channels.alipay.bill_rows import Columns, Layout, Totals, read_line
from shunfu.channels.alipay.codec import Ask, Said
from shunfu.channels.alipay.codes import canonical, is_too_frequent, why_call_refused
from shunfu.channels.alipay.exchange import exchange, unlisted
from shunfu.channels.alipay.settings import Settings, sandbox_url
from shunfu.channels.alipay.values import CHINA
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Flow, NoReply, Reply, Request
from shunfu.gateway.moment import Moment
from shunfu.gateway.reading import text_at
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

READY_HOUR = 9
_KINDS = {"trade": "trade", "funds": "signcustomer"}
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}", re.ASCII)
_HOST = re.compile(r"([0-9a-z-]+\.)+(alipay|alipaydev|alipayobjects)\.com(:443)?", re.ASCII)
_MISSING = frozenset({"BILL_NOT_EXIST", "NO_BILL_DATA"})
_WRONG = frozenset({"TYPE_NOT_SUPPORTED", "BILL_DATE_BEFORE_REGISTRATION", "INVALID_ARGUMENTS"})
_LATER = frozenset({"USER_RATE_LIMIT", "SYSTEM_RATE_LIMIT"})


class AlipayStatements:
    """The bill of trades and that of the account's movements."""

    def fetch_statement(self, settings: Settings, of: StatementOf, moment: Moment) -> Flow[StatementAnswer]:
        """Ask for the bill's address and fetch it; it lives for thirty seconds. Unknown unless it came whole."""
        biz = {"bill_type": _KINDS[of.kind], "bill_date": of.day.isoformat()}
        said = yield from exchange(settings, Ask("alipay.data.dataservice.bill.downloadurl.query", biz), moment)
        if isinstance(said, Unknown):
            return said
        if not said.is_success:
            return _no_bill(said, of, moment.now)
        url = text_at(said.node, "bill_download_url", _URL)
        if url is None or not _is_safe(settings, url):
            return Unknown("address of the bill is malformed")
        answer = yield Request("GET", url, (("User-Agent", "shunfu"),), b"", 60.0, (), DOWNLOAD_BYTES_MAX)
        return _file(of, answer)

    def read_statement(self, settings: Settings, file: StatementFile) -> Iterator[StatementLine]:
        """Its lines in order, streaming; checks its own totals at the end. Raises StatementDamaged."""
        try:
            with open_zip(file.content) as archive:
                yield from _lines(open_detail(archive), Layout.of(file.of.kind))
        except StatementDamaged:
            raise
        except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, OSError, ValueError) as error:
            raise StatementDamaged(f"the bill is not a sound zip of CSV: {type(error).__name__}") from None


@dataclass(slots=True)
class _Reading:
    """How far a bill has been read: its columns once they were seen, and what its rows add up to."""

    columns: Columns | None = None
    has_ended: bool = False
    counted: Totals = field(default_factory=Totals)
    stated: Totals = field(default_factory=Totals)


def _lines(texts: Iterator[str], layout: Layout) -> Iterator[StatementLine]:
    reading = _Reading()
    for text in texts:
        if text.startswith("#"):
            reading.has_ended |= reading.columns is not None and "列表结束" in text
            reading.stated.read(text)
        elif not text.strip():
            continue
        elif reading.columns is None:
            reading.columns = layout.columns(text.rstrip("\r").split(","))
        elif reading.has_ended:
            raise StatementDamaged("the bill has rows after its end")
        else:
            found = reading.columns.fields(text.rstrip("\r").split(","))
            reading.counted.add(layout, found)
            yield read_line(layout, found)
    if not reading.has_ended or not reading.stated.agrees(reading.counted):
        raise StatementDamaged("the bill does not agree with its own totals")


def _no_bill(said: Said, of: StatementOf, now: datetime) -> StatementAnswer:
    code = canonical(said.sub_code)
    if code in _MISSING:
        ready_at = datetime.combine(of.day + timedelta(days=1), time(READY_HOUR), CHINA)
        return NoStatement(said.sub_code) if now >= ready_at else StatementNotReady(said.sub_code)
    if code in _LATER or is_too_frequent(said):
        return StatementNotReady(said.sub_code)
    reason = "invalid_request" if code in _WRONG else why_call_refused(said)
    return Refused(reason, said.named) if reason else unlisted(said)


def _is_safe(settings: Settings, url: str) -> bool:
    """At one of Alipay's own hosts over https, or at the stand-in that the account is at: nowhere else is fetched."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_alipays = parts.scheme == "https" and _HOST.fullmatch(parts.netloc) is not None
    return is_alipays or f"{parts.scheme}://{parts.netloc}" == sandbox_url(settings)


def _file(of: StatementOf, answer: Reply | NoReply) -> StatementAnswer:
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    is_whole = answer.status == 200 and zipfile.is_zipfile(io.BytesIO(answer.body))
    return StatementFile(of, answer.body) if is_whole else Unknown(f"HTTP {answer.status}: the bill is no whole zip")
