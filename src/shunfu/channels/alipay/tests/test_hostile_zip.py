"""Zips that weigh little and cost much are refused before anything is unpacked or listed."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from shunfu.channels.alipay.sandbox.zipping import write_zip
from shunfu.channels.alipay.tests.test_statement import DETAIL, ROWS, SUMMARY, bill, packed, read
from shunfu.gateway.statement import StatementDamaged

TEXT = bill(*ROWS).encode("gbk")


def zipped(method: int, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names or (DETAIL, SUMMARY):
            archive.writestr(name, TEXT, compress_type=method)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_bills_are_packed_with_is_read(method: int) -> None:
    assert len(read(zipped(method))) == len(ROWS)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(method: int) -> None:
    """Their readers unpack a chunk whole, whatever it comes to: 1.7 KB of bzip2 came to two gigabytes."""
    with pytest.raises(StatementDamaged, match="packed"):
        read(zipped(method))
    mixed = io.BytesIO(zipped(zipfile.ZIP_DEFLATED, DETAIL))
    with zipfile.ZipFile(mixed, "a") as archive:
        archive.writestr(SUMMARY, b"x", compress_type=method)
    with pytest.raises(StatementDamaged, match="packed"):
        read(mixed.getvalue())


def test_encrypted_members_are_refused_wherever_they_stand() -> None:
    content = bytearray(packed(bill(*ROWS)))
    summary = content.rindex(b"PK\x01\x02")
    content[summary + 8] |= 1
    with pytest.raises(StatementDamaged, match="encrypted"):
        read(bytes(content))


def crowded(count: int, stated: int, comment: bytes = b"") -> bytes:
    """A zip with this many members listed, all of them the same empty one, and this many stated."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"x"
    size = len(entry) * count
    return (
        entry * count + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, stated, stated, size, 0, len(comment)) + comment
    )


@pytest.mark.parametrize(
    "content",
    [crowded(20_000, 20_000), crowded(20_000, 2), crowded(20_000, 2, b"a comment"), crowded(20_000, 2, b"PK\x05\x06")],
    ids=["stated", "understated", "with a comment", "with a second end"],
)
def test_crowds_are_refused_before_they_are_listed(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(StatementDamaged):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(content) + (1 << 20)


def test_second_directory_of_large_zips_is_refused() -> None:
    """It would overrule what the end of the file says."""
    content = packed(bill(*ROWS))
    end = content.rindex(b"PK\x05\x06")
    large = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, 1, 1)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    with pytest.raises(StatementDamaged, match="large"):
        read(content[:end] + large + locator + content[end:])


def test_end_with_a_comment_is_found() -> None:
    content = write_zip({DETAIL: TEXT, SUMMARY: b"x"})
    assert len(read(content[:-2] + struct.pack("<H", 7) + b"comment")) == len(ROWS)
