"""Unpacks a bill piece by piece, never further than its bounds. Must not know: what is in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from hashlib import sha1

from shunfu.gateway.statement import PLAIN_BYTES_MAX, RATIO_MAX, StatementDamaged

PIECE_BYTES = 1 << 18
FEED_BYTES = 1 << 14
"""How much of the packed file is given at a time: what is left over is copied, so it must stay small."""
LINE_BYTES_MAX = 1 << 16
FREE_BYTES = 16 << 20
"""What may come out of even the smallest file before the ratio counts."""

_GZIP = b"\x1f\x8b"
_GZIP_BITS = 31


def unpack(content: bytes) -> Iterator[bytes]:
    """The plain file in pieces; a file that is not packed as it is. Raises StatementDamaged."""
    limit = min(PLAIN_BYTES_MAX, FREE_BYTES + len(content) * RATIO_MAX)
    total = 0
    for piece in _pieces(content):
        total += len(piece)
        if total > limit:
            raise StatementDamaged("the bill unpacks to more than a bill can be")
        yield piece


def plain_sha1(content: bytes) -> str:
    """SHA-1 of the plain file in lower-case hex, which is what WeChat Pay publishes. Raises StatementDamaged."""
    found = sha1(usedforsecurity=False)
    for piece in unpack(content):
        found.update(piece)
    return found.hexdigest()


def read_lines(content: bytes) -> Iterator[str]:
    """The plain file's lines without their ends and without the BOM; raises StatementDamaged when it is not UTF-8."""
    rest, is_first = b"", True
    for piece in unpack(content):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield _text(line, is_first=is_first)
            is_first = False
        if len(rest) > LINE_BYTES_MAX:
            raise StatementDamaged("a line of the bill is too long")
    if rest:
        yield _text(rest, is_first=is_first)


def _pieces(content: bytes) -> Iterator[bytes]:
    if not content.startswith(_GZIP):
        yield from (content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES))
        return
    packed, start = zlib.decompressobj(_GZIP_BITS), 0
    try:
        while not packed.eof:
            given = packed.unconsumed_tail or content[start : start + FEED_BYTES]
            start += 0 if packed.unconsumed_tail else len(given)
            piece = packed.decompress(given, PIECE_BYTES)
            if not given and not piece:
                raise StatementDamaged("the bill is cut off")
            yield piece
    except zlib.error:
        raise StatementDamaged("the bill does not unpack") from None
    if packed.unused_data or start < len(content):
        raise StatementDamaged("something follows the bill")


def _text(line: bytes, *, is_first: bool) -> str:
    if len(line) > LINE_BYTES_MAX:
        raise StatementDamaged("a line of the bill is too long")
    try:
        return line.rstrip(b"\r").decode("utf-8-sig" if is_first else "utf-8")
    except UnicodeDecodeError:
        raise StatementDamaged("the bill is not UTF-8") from None
