"""The one member of a bill's zip that has the rows, as lines of text, bounded in every direction.

Alipay writes member names in GBK without saying so, and so are the contents. Must not know: columns.
"""

from __future__ import annotations

import codecs
import io
import struct
import zipfile
from collections.abc import Iterator

from shunfu.gateway.statement import PLAIN_BYTES_MAX, RATIO_MAX, StatementDamaged

MEMBERS_MAX = 16
LINE_CHARACTERS_MAX = 65_536
_FREE_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 16
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others unpack a chunk whole, whatever it comes to."""
_DIRECTORY_BYTES_MAX = 1 << 14
_END, _END_BYTES, _COMMENT_BYTES_MAX = b"PK\x05\x06", 22, 0xFFFF
_LARGE_LOCATOR, _LARGE_LOCATOR_BYTES = b"PK\x06\x07", 20


def open_zip(content: bytes) -> zipfile.ZipFile:
    """The zip, once its end says that its list of members is short: listing them is what costs."""
    at = _end_of(content)
    if content[at - _LARGE_LOCATOR_BYTES :].startswith(_LARGE_LOCATOR) and at >= _LARGE_LOCATOR_BYTES:
        raise StatementDamaged("the bill is a zip for large files")
    count, size = struct.unpack_from("<HI", content, at + 10)
    if count > MEMBERS_MAX or size > _DIRECTORY_BYTES_MAX:
        raise StatementDamaged("the bill has too many files in it")
    return zipfile.ZipFile(io.BytesIO(content))


def _end_of(content: bytes) -> int:
    """Where the record of the end begins, looked for as `zipfile` does, so that both read the same one."""
    at = len(content) - _END_BYTES
    if at >= 0 and content.startswith(_END, at) and content.endswith(b"\0\0"):
        return at
    at = content.rfind(_END, max(0, at - _COMMENT_BYTES_MAX))
    if at < 0 or at + _END_BYTES > len(content):
        raise StatementDamaged("the bill is no zip")
    return at


def open_detail(archive: zipfile.ZipFile) -> Iterator[str]:
    """The lines of the file of rows. Raises StatementDamaged for hostile names, bombs and wrong bytes."""
    members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise StatementDamaged("the bill is encrypted")
    if any(member.compress_type not in _METHODS for member in members):
        raise StatementDamaged("the bill is packed in a way that no bill is")
    names = {_name(member): member for member in members}
    found = [member for name, member in names.items() if name.endswith(".csv") and "汇总" not in name]
    if len(found) != 1:
        raise StatementDamaged("the bill has no one file of rows in it")
    return _lines(_chunks(archive, found[0]))


def _name(member: zipfile.ZipInfo) -> str:
    name = member.orig_filename
    if not member.flag_bits & _UTF8_FLAG:
        try:
            name = name.encode("cp437").decode("gb18030")
        except UnicodeError:
            raise StatementDamaged("a file in the bill has a malformed name") from None
    if ".." in name or "\\" in name or "\0" in name or ":" in name or name.startswith("/"):
        raise StatementDamaged("a file in the bill has a name that leaves the folder")
    return name


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """What is packed, as long as it stays within the bounds; what the header claims is not believed."""
    bound, seen = min(PLAIN_BYTES_MAX, _FREE_BYTES + RATIO_MAX * member.compress_size), 0
    with archive.open(member) as source:
        while chunk := source.read(_CHUNK_BYTES):
            seen += len(chunk)
            if seen > bound:
                raise StatementDamaged("the bill unpacks to more than any real one")
            yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    decoder, kept = codecs.getincrementaldecoder("gb18030")("strict"), ""
    try:
        for chunk in chunks:
            *lines, kept = (kept + decoder.decode(chunk)).split("\n")
            if len(kept) > LINE_CHARACTERS_MAX:
                raise StatementDamaged("a line of the bill is too long")
            yield from lines
        kept += decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise StatementDamaged("the bill is not written in GBK") from None
    if kept:
        yield kept
