"""Statements: fetched as a zip inside a reply, and read line by line. Must not know: reconciliation, columns.

The kind `trade` is the normal file (ZM) of a settlement day, which runs from 23:00 to 23:00; the kind `funds` is the
file of adjustments (ZME): chargebacks and corrections, money that moved without a transaction of ours. The text report
(RD) says nothing that the two do not. Source: 全渠道平台接入接口规范 5.1.0 (文件传输类交易).
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from io import BufferedReader, BytesIO, RawIOBase
from typing import cast

from shunfu.channels.unionpay import answers, codec, codes
from shunfu.channels.unionpay.channel import common
from shunfu.channels.unionpay.columns import read_zm, read_zme
from shunfu.channels.unionpay.sealing import FREE_BYTES, unpack_file
from shunfu.channels.unionpay.settings import Settings
from shunfu.channels.unionpay.times import BEIJING, full
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Request
from shunfu.gateway.port import Moment
from shunfu.gateway.statement import (
    PLAIN_BYTES_MAX,
    RATIO_MAX,
    NoStatement,
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementLine,
    StatementNotReady,
    StatementOf,
)

READY_HOUR = 10
REPLY_BYTES_MAX = 40 << 20
"""The longest reply with a file: UnionPay's own limit is 20 MB, a third more in base64."""

_MEMBERS_MAX = 64
_DIRECTORY_BYTES_MAX = _MEMBERS_MAX * 256
_END = struct.Struct("<4s4H2LH")
_COMMENT_BYTES_MAX = 1 << 16
_LOCATOR_BYTES = 20
_CHUNK_BYTES = 1 << 16
_LINE_BYTES_MAX = 4096
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_MEMBER = re.compile(r"[0-9A-Za-z_.-]{1,100}", re.ASCII)
_NORMAL, _ADJUSTED = "ZM", "ZME"


class UnionPayStatements:
    """Fetching and reading settlement files. Up to `free_bytes` a file may unpack to, however little it weighs."""

    def __init__(self, free_bytes: int = FREE_BYTES) -> None:
        self._free_bytes = free_bytes

    def fetch_statement(self, settings: Settings, of: StatementOf, moment: Moment) -> Flow[StatementAnswer]:
        """Fetch one day's zip, proven by the reply's signature. NoStatement, or not yet there, on code 98."""
        fields = {
            **common(settings, "76", "01", "000000"),
            "settleDate": f"{of.day:%m%d}",
            "txnTime": full(moment.now),
            "fileType": "00",
        }
        request = codec.build_request(settings, settings.file_url, fields)
        answer = yield _patient(request)
        found = _trusted(settings, answer, fields, moment.now)
        if isinstance(found, Unknown):
            return found
        code = answers.code_at(found, "respCode")
        if code == codes.NO_FILE:
            ready_at = datetime.combine(of.day + timedelta(days=1), time(READY_HOUR), BEIJING)
            return NoStatement(code) if moment.now >= ready_at else StatementNotReady(code)
        if code != codes.OK:
            reason = codes.refused_reason(code)
            return Refused(reason, code) if reason else Unknown(f"respCode {code}".strip())
        # settleDate has no year: only the file's name says whose day it is.
        if found.get("fileName") not in {None, f"{settings.mer_id}_{of.day:%Y%m%d}.zip"}:
            return Unknown("the file is another day's or another merchant's")
        content = unpack_file(found.get("fileContent", ""))
        return Unknown("the file did not arrive whole") if content is None else StatementFile(of, content)

    def read_statement(self, settings: Settings, file: StatementFile) -> Iterator[StatementLine]:
        """Its lines in order; a normal file ends with settled and net amounts that agree. Raises StatementDamaged."""
        is_trade = file.of.kind == "trade"
        with _opened(file.content) as archive:
            members = _members(archive, rf"INN[0-9]{{8}}{_NORMAL if is_trade else _ADJUSTED}_{settings.mer_id}")
            if is_trade and not members:
                raise StatementDamaged("the zip has no normal file of this merchant")
            budget = _Budget(min(PLAIN_BYTES_MAX, self._free_bytes + RATIO_MAX * len(file.content)))
            if not is_trade:
                for raw in _lines(archive, members, budget):
                    yield read_zme(raw, settings.mer_id, file.of.day)
                return
            settled_minor = net_minor = 0
            for raw in _lines(archive, members, budget):
                row = read_zm(raw, settings.mer_id, file.of.day)
                settled_minor, net_minor = settled_minor + row.settled_minor, net_minor + row.net_minor
                yield row.line
            if settled_minor != net_minor:
                raise StatementDamaged("settled and net amounts do not add up to the same")


class _Budget:
    """How many bytes may still be unpacked; a file that says little and holds much ends here."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise StatementDamaged("the file unpacks to more than a statement can hold")


def _patient(request: Request) -> Request:
    return replace(request, timeout_seconds=60.0, reply_bytes_max=REPLY_BYTES_MAX)


def _trusted(settings: Settings, answer: Answer, asked: codec.Fields, now: datetime) -> codec.Fields | Unknown:
    if isinstance(answer, NoReply):
        return Unknown(answer.reason)
    fields = codec.parse_body(answer.body, REPLY_BYTES_MAX) if answer.status == 200 else None
    if fields is None:
        return Unknown(f"HTTP {answer.status}: not a reply of UnionPay's")
    distrust = codec.verify(settings, fields, now)
    if distrust:
        return Unknown(f"HTTP {answer.status}: {distrust.reason}")
    is_ours = all(fields.get(name) == asked[name] for name in ("merId", "txnType", "settleDate"))
    return fields if is_ours else Unknown("reply is about another file")


def _opened(content: bytes) -> zipfile.ZipFile:
    _weigh_directory(content)
    try:
        return zipfile.ZipFile(BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise StatementDamaged("the file is no zip") from None


def _weigh_directory(content: bytes) -> None:
    """Refuse what zipfile would build without end: it reads the whole directory, by its length, before it answers.

    The end of a zip is found as zipfile finds it. What leads to the end of a zip64 is refused: no statement needs it.
    """
    tail = content[-_END.size - _COMMENT_BYTES_MAX - _LOCATOR_BYTES :]
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise StatementDamaged("the file is no zip")
    _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
    if count > _MEMBERS_MAX or length > _DIRECTORY_BYTES_MAX:
        raise StatementDamaged("the zip has too many members")
    if tail[max(0, at - _LOCATOR_BYTES) : at].startswith(b"PK\6\7"):
        raise StatementDamaged("the zip is a zip64")


def _members(archive: zipfile.ZipFile, shape: str) -> list[zipfile.ZipInfo]:
    """The members with lines, by name. One whose name would leave the folder condemns the whole file."""
    found = archive.infolist()
    if len(found) > _MEMBERS_MAX or len({one.filename for one in found}) != len(found):
        raise StatementDamaged("the zip has too many members, or two of one name")
    for one in found:
        if _MEMBER.fullmatch(one.filename) is None or one.filename.startswith("."):
            raise StatementDamaged("a member's name is not a plain file name")
        if one.compress_type not in _METHODS or one.flag_bits & 1:
            raise StatementDamaged("a member is encrypted or packed in a way that no statement is")
    return sorted((one for one in found if re.fullmatch(shape, one.filename, re.ASCII)), key=lambda one: one.filename)


def _lines(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], budget: _Budget) -> Iterator[bytes]:
    for member in members:
        try:
            # Buffered once more: a ZipExtFile's own readline with a limit goes byte by byte.
            with BufferedReader(cast("RawIOBase", archive.open(member)), _CHUNK_BYTES) as stream:
                yield from _lines_of(stream, budget)
        except StatementDamaged:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise StatementDamaged("a member of the zip is damaged") from error


def _lines_of(stream: BufferedReader[RawIOBase], budget: _Budget) -> Iterator[bytes]:
    while raw := stream.readline(_LINE_BYTES_MAX + 1):
        budget.take(len(raw))
        if len(raw) > _LINE_BYTES_MAX:
            raise StatementDamaged("a line is too long")
        line = raw.rstrip(b"\r\n")
        if line:
            yield line
