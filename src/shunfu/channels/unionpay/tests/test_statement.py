"""Settlement files: columns by their widths, both files, totals, and what a hostile zip cannot do."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from itertools import islice

import pytest

from shunfu.channels.unionpay import CHANNEL, codec
from shunfu.channels.unionpay.columns import ZM_WIDTHS, ZME_WIDTHS, read_zm
from shunfu.channels.unionpay.sandbox import wire
from shunfu.channels.unionpay.sandbox.files import Row, line
from shunfu.channels.unionpay.sandbox.wire import Pen
from shunfu.channels.unionpay.sealing import pack_file
from shunfu.channels.unionpay.statement import UnionPayStatements
from shunfu.channels.unionpay.tests.rig import new_rig, post, settings, state
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import Reply, run
from shunfu.gateway.port import Moment
from shunfu.gateway.sandbox.till import Movement
from shunfu.gateway.statement import (
    NoStatement,
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementKind,
    StatementLine,
    StatementNotReady,
    StatementOf,
)

DAY = date(2015, 9, 5)
MER_ID = settings().mer_id
MASKED = "6216***********0018"
TODAY = StatementOf(date(2026, 11, 22))
MORNING = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def written(widths: tuple[int, ...], columns: Mapping[int, str]) -> bytes:
    return " ".join(columns.get(place, "").ljust(width) for place, width in enumerate(widths)).encode("gbk")


def payment(**columns: str) -> bytes:
    """A line of the normal file as the document's sample looks: 100.00 yuan, 0.60 of fee."""
    shown = {
        0: "S56", 1: "01020000", 2: "00010000", 3: "123456", 4: "0904235959", 5: MASKED, 6: "000000010000", 7: "5812",
        8: "08", 9: "201509042359591234568", 11: "SHOP20150904235959", 12: "02", 15: "D000000000060",
        16: "C000000009940", 17: "0001", 19: "01", 20: "01", 21: "000201", 27: MER_ID, 32: "C000000009940",
    }  # fmt: skip
    return written(ZM_WIDTHS, {**shown, **{int(name[1:]): value for name, value in columns.items()}})


def refund(**columns: str) -> bytes:
    base = {
        "c4": "0905120000", "c6": "000000002500", "c9": "201509051200001234568", "c11": "BACK20150905120000",
        "c15": "C000000000015", "c16": "D000000002485", "c19": "04", "c20": "00", "c26": "201509042359591234568",
        "c32": "D000000002485", "c40": "SHOP20150904235959",
    }  # fmt: skip
    return payment(**{**base, **columns})


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def normal(*lines: bytes, name: str = f"INN15090588ZM_{MER_ID}") -> bytes:
    return zipped({name: b"".join(one + b"\r\n" for one in lines)})


def lines_of(content: bytes, kind: StatementKind = "trade") -> list[StatementLine]:
    file = StatementFile(StatementOf(DAY, kind), content)
    return list(CHANNEL.statements.read_statement(settings(), file))


def test_lines_are_as_long_as_the_document_says() -> None:
    assert len(payment()) == 607
    assert len(written(ZME_WIDTHS, {})) == 339


def test_payment_and_refund() -> None:
    paid, back = lines_of(normal(payment(), refund()))
    assert paid == StatementLine(
        "payment", "SHOP20150904235959", "", "201509042359591234568", "", 10000, 60, "CNY", "S56",
        datetime(2015, 9, 4, 15, 59, 59, tzinfo=UTC),
    )  # fmt: skip
    assert back == StatementLine(
        "refund", "SHOP20150904235959", "BACK20150905120000", "201509042359591234568", "201509051200001234568",
        -2500, -15, "CNY", "S56", datetime(2015, 9, 5, 4, 0, tzinfo=UTC),
    )  # fmt: skip
    assert sum(one.amount_minor - one.fee_minor for one in (paid, back)) == 9940 - 2485


def test_undo_is_a_refund_and_the_rest_is_other() -> None:
    undone, other = lines_of(normal(refund(c19="31"), payment(c19="99")))
    assert (undone.kind, other.kind) == ("refund", "other")


def test_name_in_chinese_fills_two_bytes_a_character() -> None:
    begin = sum(ZM_WIDTHS[:30]) + 30
    name = "山行咖啡".encode("gbk").ljust(32)
    named = payment()[:begin] + name + payment()[begin + 32 :]
    assert lines_of(normal(named)) == lines_of(normal(payment()))
    with pytest.raises(StatementDamaged, match="where they should be"):
        read_zm(payment(c30="山行咖啡"), MER_ID, DAY)


def test_newer_edition_may_be_longer() -> None:
    assert lines_of(normal(payment() + b" C000000009940")) == lines_of(normal(payment()))


def test_older_edition_keeps_no_original_number() -> None:
    (back,) = lines_of(normal(refund(c40="{x} y")))
    assert (back.number, back.channel_transaction_no) == ("", "201509042359591234568")


def test_year_is_the_settlement_days() -> None:
    """The settlement day of 1 January begins on 31 December at 23:00."""
    row = read_zm(payment(c4="1231231500"), MER_ID, date(2016, 1, 1))
    assert row.line.happened_at == datetime(2015, 12, 31, 15, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "bad",
    [payment()[:-1], b"x" * 607, b" ", payment(c27="777290058110048"), payment(c6="00000010000x"),
     payment(c6="-00000010000"),
     payment(c15="X000000000060"), payment(c16="000000009940"), payment(c4="1399999999"), payment(c4=""),
     payment(c11="with space"), payment(c9="é")],
)  # fmt: skip
def test_damaged_lines(bad: bytes) -> None:
    with pytest.raises(StatementDamaged):
        lines_of(normal(payment(), bad))


def test_totals_must_agree() -> None:
    with pytest.raises(StatementDamaged, match="add up"):
        lines_of(normal(payment(), payment(c32="C000000009941")))


def test_adjustments_are_the_funds() -> None:
    shown = {
        0: "E74", 3: "123456", 4: "0905100000", 5: MASKED, 6: "000000010000", 14: "C000000000060", 15: "D000000009940",
        17: MER_ID,
    }  # fmt: skip
    adjusted = written(ZME_WIDTHS, shown) + b"\r\n"
    content = zipped({f"INN15090588ZM_{MER_ID}": b"", f"INN15090588ZME_{MER_ID}": adjusted})
    (one,) = lines_of(content, "funds")
    assert (one.kind, one.state, one.amount_minor, one.fee_minor) == ("other", "E74", -10000, -60)
    assert one.amount_minor - one.fee_minor == -9940
    assert lines_of(content) == []
    assert lines_of(normal(payment()), "funds") == []


@pytest.mark.parametrize(
    "name",
    ["../INN15090588ZM_777290058110048", "/etc/passwd", "a/b", "a\\b", "..", ".hidden", "é", "x" * 200, "C:x"],
)
def test_names_that_leave_the_folder(name: str) -> None:
    content = zipped({f"INN15090588ZM_{MER_ID}": payment(), name: b""})
    with pytest.raises(StatementDamaged):
        lines_of(content)


def test_hostile_zips() -> None:
    honest = f"INN15090588ZM_{MER_ID}"
    bomb = zipped({honest: payment()[:-98] + b" " * 98 + b"\r\n" + bytes(20 << 20)})
    assert len(bomb) < 1 << 20
    for content in (
        b"",
        b"PK",
        zipped({}),
        zipped({"INN15090588ZM_802310048993424": payment()}),
        zipped({honest: payment()}, zipfile.ZIP_BZIP2),
        zipped({honest: payment(), **{f"more{one}": b"" for one in range(80)}}),
        bomb,
        zipped({honest: b"x" * 10_000}),
        normal(payment()).replace(b"PK\x01\x02", b"PK\x01\x03"),
    ):
        with pytest.raises(StatementDamaged):
            lines_of(content)


def claiming(content: bytes, count: int, size: int) -> bytes:
    """The zip with another number of members and size of its directory written at its end."""
    return content[:-14] + struct.pack("<HHL", count, count, size) + content[-6:]


def test_directory_of_a_zip_is_weighed_before_it_is_read() -> None:
    """What zipfile builds of half a million members takes hundreds of MB; here nothing of them is built."""
    honest = normal(payment())
    size = int.from_bytes(honest[-10:-6], "little")
    assert lines_of(claiming(honest, 1, size)) == lines_of(honest)
    entry = honest[-22 - size : -22]
    place = honest[-6:-2]
    many = honest[: -22 - size] + entry * 20_000
    for content in (
        claiming(honest, 65, size),
        claiming(honest, 0xFFFF, size),
        claiming(honest, 1, 1 << 20),
        # Few are claimed, but the directory is long: zipfile goes by its length.
        many + b"PK\5\6" + struct.pack("<4HL", 0, 0, 1, 1, size * 20_000) + place + b"\0\0",
        many + b"PK\5\6" + struct.pack("<4HL", 0, 0, 1, 1, size * 20_000) + place + b"\4\0note",
        # The locator of a zip64: zipfile would go by the end that it leads to.
        honest[:-22] + b"PK\6\7" + bytes(16) + honest[-22:],
        honest[:-1],
    ):
        tracemalloc.start()
        try:
            with pytest.raises(StatementDamaged):
                lines_of(content)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < len(content) + (1 << 20)
    assert lines_of(honest[:-2] + b"\4\0note") == lines_of(honest), "a zip may have a comment"


def test_zip_that_unpacks_to_too_much_is_stopped_on_the_way() -> None:
    """Lines of a newer edition with a long empty tail pack to next to nothing: the budget ends them, not the memory."""
    content = normal(*([payment() + b" " * 3480] * 2000))
    statements, file = UnionPayStatements(free_bytes=1 << 20), StatementFile(StatementOf(DAY), content)
    found = statements.read_statement(settings(), file)
    assert sum(1 for _ in islice(found, 1000)) == 1000
    with pytest.raises(StatementDamaged, match="more than"):
        deque(found, maxlen=0)
    assert len(lines_of(content)) == 2000, "a small file may hold as much as it likes"


def told(now: datetime = MORNING, /, **fields: str) -> StatementAnswer:
    """The verb's answer to a reply that UnionPay signed."""
    facts = {"txnType": "76", "txnSubType": "01", "merId": MER_ID, "settleDate": "1122", "respCode": "00"}
    reply = wire.reply(state(), {**facts, **fields}, Pen("01", "UTF-8"))
    return run(CHANNEL.statements.fetch_statement(settings(), TODAY, Moment(now, "n" * 32)), lambda _: reply)


def test_fetching() -> None:
    content = normal(payment())
    packed = pack_file(content)
    assert told(fileName=f"{MER_ID}_20261122.zip", fileContent=packed) == StatementFile(TODAY, content)
    assert told(respCode="98") == NoStatement("98")
    assert told(MORNING - timedelta(hours=3), respCode="98") == StatementNotReady("98")
    assert told(respCode="32") == Refused("not_permitted", "32")
    for answer in (
        told(fileContent=packed[:-8]),
        told(fileContent=""),
        told(fileName=f"{MER_ID}_20251122.zip", fileContent=packed),
        told(fileName="802310048993424_20261122.zip", fileContent=packed),
        told(settleDate="1123", fileContent=packed),
        told(merId="802310048993424", fileContent=packed),
        told(txnType="00", fileContent=packed),
        told(respCode="06"),
        told(respCode="ZZ"),
    ):
        assert isinstance(answer, Unknown), answer


def test_request_goes_to_the_file_server() -> None:
    rig = new_rig(base_url="https://gateway.95516.com", file_url="")
    request = next(CHANNEL.statements.fetch_statement(rig.settings, TODAY, rig.moment()))
    assert request.url == "https://filedownload.95516.com/"
    fields = codec.parse_form(request.body) or {}
    asked = {name: fields[name] for name in ("txnType", "txnSubType", "settleDate", "fileType")}
    assert asked == {"txnType": "76", "txnSubType": "01", "settleDate": "1122", "fileType": "00"}
    assert "orderId" not in fields
    assert request.reply_bytes_max == 40 << 20


def test_sandbox_serves_both_addresses() -> None:
    rig = new_rig()
    rig.paid()
    rig.now = NOW + timedelta(days=1)
    common = {"version": "5.1.0", "encoding": "UTF-8", "txnType": "76", "txnSubType": "01", "bizType": "000000"}
    common |= {"accessType": "0", "merId": rig.settings.mer_id, "txnTime": "20261123143000", "fileType": "00"}
    for path in ("/", "/filedownload/"):
        found = post(rig, path, {**common, "settleDate": "1122"})
        assert found["fileName"] == f"{rig.settings.mer_id}_20261122.zip"
    assert post(rig, "/", {**common, "settleDate": "1121"})["respCode"] == "98"
    assert post(rig, "/", {**common, "settleDate": "9999"})["respCode"] == "10"
    assert post(rig, "/", {**common, "settleDate": "1122", "fileType": "01"})["respCode"] == "10"


def test_payment_after_23_is_the_next_days() -> None:
    rig = new_rig()
    early = rig.paid(serial=1)
    late, _ = rig.place(serial=2)
    rig.now = NOW.replace(hour=15, minute=0)
    order = rig.stage.state.order_numbered(late)
    assert order is not None
    rig.stage = replace(rig.stage, state=rig.stage.state.with_order(replace(order, expires_ms=1 << 50)))
    assert rig.pay(late)
    rig.now = NOW + timedelta(days=2)
    for days, number in ((0, early), (1, late)):
        answer = rig.statement(days=days)
        assert isinstance(answer, StatementFile)
        found = list(CHANNEL.statements.read_statement(rig.settings, answer))
        assert [one.number for one in found] == [number]


def test_all_rows_may_be_altered_for_good() -> None:
    rig = new_rig()
    rig.paid()
    rig.now = NOW + timedelta(days=1)
    rig.fault(Faults(rows_altered=-1, rows_extra=2))
    answer = rig.statement()
    assert isinstance(answer, StatementFile)
    found = list(CHANNEL.statements.read_statement(rig.settings, answer))
    assert [one.amount_minor for one in found] == [8601, 1234, 1234]
    assert rig.stage.faults == Faults(rows_altered=-1)


def test_silence_is_unknown() -> None:
    flow = CHANNEL.statements.fetch_statement(settings(), StatementOf(DAY), Moment(MORNING, "n"))
    assert isinstance(run(flow, lambda _: Reply(500, {}, b"")), Unknown)


def test_a_long_order_number_is_cut_and_spoils_no_file() -> None:
    """An orderId may have 40 characters, its column has 32."""
    row = Row(Movement(1_795_000_000_000, "payment", "L" * 40, "2" * 21, 100, 1), "01", "01", "000201", "123456")
    made = line("777290058110048", row)
    assert len(made) == sum(ZM_WIDTHS) + len(ZM_WIDTHS) - 1
    assert b" " + b"L" * 32 + b" " in made
