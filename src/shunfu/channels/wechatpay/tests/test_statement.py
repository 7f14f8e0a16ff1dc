"""Bills: fetched whole, read by their columns' names, checked against their sums; hostile files stop."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha1

import pytest

from shunfu.channels.wechatpay import CHANNEL, codec, unpacking
from shunfu.channels.wechatpay.bill import read_bill
from shunfu.channels.wechatpay.codec import SHANGHAI
from shunfu.channels.wechatpay.sandbox.wire import Said, Signing, signed
from shunfu.channels.wechatpay.statement import DOWNLOAD_SECONDS
from shunfu.channels.wechatpay.tests.rig import NOW, NUMBER, Rig, keys
from shunfu.channels.wechatpay.tests.wire_calls import get
from shunfu.gateway.evidence import Refused, Unknown
from shunfu.gateway.faults import Faults
from shunfu.gateway.flow import NoReply, Reply, Request
from shunfu.gateway.statement import (
    DOWNLOAD_BYTES_MAX,
    NoStatement,
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementKind,
    StatementLine,
    StatementNotReady,
    StatementOf,
)
from shunfu.kernel.money import Money

DAY = date(2026, 11, 22)
OF = StatementOf(DAY)


def a_day() -> Rig:
    """Two payments and a refund of one yuan; it is two in the afternoon of the next day."""
    rig = Rig()
    for number in (NUMBER, f"{NUMBER[:-1]}2"):
        rig.order(number=number, subject="咖啡,`拿铁\n大杯")
        rig.buy(number=number)
    rig.refund(rig.a_refund(NUMBER, 100))
    rig.advance(600)
    rig.due()
    rig.now = NOW + timedelta(hours=24)
    return rig


def fetch(rig: Rig, kind: StatementKind = "trade", day: date = DAY) -> StatementAnswer:
    return rig.run(CHANNEL.statements.fetch_statement(rig.settings, StatementOf(day, kind), rig.moment()))


def lines(rig: Rig, kind: StatementKind = "trade") -> list[StatementLine]:
    file = fetch(rig, kind)
    assert isinstance(file, StatementFile)
    return read(file.content, kind)


def read(content: bytes, kind: StatementKind = "trade") -> list[StatementLine]:
    file = StatementFile(StatementOf(DAY, kind), content)
    return list(CHANNEL.statements.read_statement(Rig().settings, file))


def test_trade_bill() -> None:
    paid, other, refund = lines(a_day())
    assert (paid.kind, other.kind, refund.kind) == ("payment", "payment", "refund")
    assert (paid.number, paid.amount_minor, paid.fee_minor, paid.state) == (NUMBER, 8600, 52, "SUCCESS")
    assert (refund.number, refund.amount_minor, refund.fee_minor) == (NUMBER, -100, -1)
    assert refund.state == "SUCCESS"
    assert paid.refund_number == ""
    assert len(refund.refund_number) == 26
    assert refund.channel_refund_no.startswith("5030")
    assert paid.happened_at == datetime(2026, 11, 22, 14, 29, 35, tzinfo=SHANGHAI)


def test_fund_bill_ends_with_the_balance() -> None:
    rig = a_day()
    found = lines(rig, "funds")
    assert [line.kind for line in found] == ["payment", "fee", "payment", "fee", "refund", "fee"]
    assert sum(line.amount_minor for line in found) == rig.sandbox.verbs.balance_minor(rig.state)
    assert found[-1].balance_minor == rig.sandbox.verbs.balance_minor(rig.state)
    assert found[4].refund_number
    assert found[0].balance_minor == 8600


def test_file_is_the_documented_one() -> None:
    file = fetch(a_day())
    assert isinstance(file, StatementFile)
    plain = gzip.decompress(file.content)
    assert plain.startswith(b"\xef\xbb\xbf\xe4\xba\xa4")
    rows = plain.decode("utf-8-sig").split("\r\n")
    assert len(rows[0].split(",")) == 27
    assert not rows[0].startswith("`")
    assert all(row.startswith("`") for row in (*rows[1:4], rows[5]))
    assert rows[4].startswith("总交易单数,应结订单总金额,")
    assert rows[5].startswith("`3.0,`172.00,`1.00,`0.00,`1.03000,`172.00,`1.00")
    assert rows[6:] == [""]


@pytest.mark.parametrize(("bill_type", "columns", "count"), [("SUCCESS", 20, 2), ("REFUND", 29, 1), ("ALL", 27, 3)])
def test_other_layouts_read_by_their_columns_names(bill_type: str, columns: int, count: int) -> None:
    rig = a_day()
    content = download(rig, f"/v3/bill/tradebill?bill_date=2026-11-22&bill_type={bill_type}")
    assert len(content.decode("utf-8-sig").split("\r\n")[0].split(",")) == columns
    found = read(content)
    assert len(found) == count
    assert {line.kind for line in found} == {"SUCCESS": {"payment"}, "REFUND": {"refund"}}.get(
        bill_type, {"payment", "refund"}
    )


def download(rig: Rig, target: str) -> bytes:
    status, said = get(rig, target)
    assert status == 200
    url = str(said["download_url"])
    assert url.startswith("http://127.0.0.1:8701/v3/billdownload/file?token=")
    line = codec.Line("GET", url.removeprefix(rig.settings.base_url))
    reply = rig.said(codec.build_request(rig.settings, line, rig.moment()))
    assert sha1(reply.body, usedforsecurity=False).hexdigest() == said["hash_value"]
    assert "wechatpay-signature" not in reply.headers
    return reply.body


@pytest.mark.parametrize(
    ("hours", "kind"), [(0, StatementNotReady), (18.4, StatementNotReady), (18.6, StatementFile), (24 * 100, Refused)]
)
def test_when_it_is_there(hours: float, kind: type) -> None:
    rig = a_day()
    rig.now = NOW + timedelta(hours=hours)
    assert isinstance(fetch(rig), kind)


def test_days_without_movements_and_days_to_come() -> None:
    rig = a_day()
    assert fetch(rig, day=DAY - timedelta(days=1)) == NoStatement("NO_STATEMENT_EXIST")
    assert fetch(rig, day=DAY + timedelta(days=9)) == Refused("invalid_request", "PARAM_ERROR")
    for target in (
        "/v3/bill/tradebill?bill_date=2026-13-40", "/v3/bill/tradebill", "/v3/bill/tradebill?bill_date=20261122",
        "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=SOME",
        "/v3/bill/fundflowbill?bill_date=2026-11-22&account_type=X",
        "/v3/bill/tradebill?bill_date=2026-11-22&tar_type=ZIP",
    ):  # fmt: skip
        assert get(rig, target)[0] == 400, target
    empty = get(rig, "/v3/bill/fundflowbill?bill_date=2026-11-22&account_type=FEES")
    assert empty[1]["code"] == "NO_STATEMENT_EXIST"


def test_download_lives_thirty_seconds() -> None:
    for seconds, is_there in ((29, True), (30, False)):
        rig = a_day()
        steps = 0

        def late(request: Request, rig: Rig = rig, seconds: int = seconds) -> Reply:
            nonlocal steps
            steps += 1
            if steps == 2:
                rig.advance(seconds)
            return rig.said(request)

        flow = CHANNEL.statements.fetch_statement(rig.settings, OF, rig.moment())
        assert isinstance(rig.run(flow, late), StatementFile) == is_there


def test_download_is_bounded_and_has_a_nonce_of_its_own() -> None:
    rig, seen = a_day(), list[Request]()

    def watched(request: Request) -> Reply:
        seen.append(request)
        return rig.said(request)

    rig.run(CHANNEL.statements.fetch_statement(rig.settings, OF, rig.moment()), watched)
    first, second = seen
    assert second.reply_bytes_max == DOWNLOAD_BYTES_MAX
    assert second.timeout_seconds == DOWNLOAD_SECONDS
    nonces = [dict(request.headers)["Authorization"].split('nonce_str="')[1][:32] for request in (first, second)]
    assert nonces[0] != nonces[1]


def test_damaged_rows_are_in_their_summary_too() -> None:
    rig = a_day()
    rig.fault(Faults(rows_missing=1, rows_altered=1, rows_extra=2))
    found = lines(rig)
    assert len(found) == 4
    assert rig.stage.faults == Faults()
    assert found[0].amount_minor == 8601
    rig.fault(Faults(rows_missing=-1))
    assert isinstance(fetch(rig), NoStatement)
    assert rig.stage.faults.rows_missing == -1


def scripted(rig: Rig, ticket: dict[str, object], file: Reply | NoReply) -> StatementAnswer:
    """A fetch whose signed answer and download are the test's."""
    answers: Iterator[Reply | NoReply] = iter(
        (signed(Said(200, ticket), Signing(keys(), keys().material.public_key_id, rig.now, b"e")), file)
    )
    return rig.run(CHANNEL.statements.fetch_statement(rig.settings, OF, rig.moment()), lambda _: next(answers))


def ticket(plain: bytes, **changes: object) -> dict[str, object]:
    digest = sha1(plain, usedforsecurity=False).hexdigest()
    url = "http://127.0.0.1:8701/v3/billdownload/file?token=t"
    return {"hash_type": "SHA1", "hash_value": digest, "download_url": url, **changes}


def test_only_the_file_that_was_named_is_taken() -> None:
    rig = Rig()
    good = Reply(200, {}, gzip.compress(b"bill"))
    assert isinstance(scripted(rig, ticket(b"bill"), good), StatementFile)
    assert isinstance(scripted(rig, ticket(b"bill"), Reply(200, {}, b"bill")), StatementFile)
    for named, file in (
        (ticket(b"other"), good),
        (ticket(b"bill", hash_type="MD5"), good),
        (ticket(b"bill", hash_value="x"), good),
        (ticket(b"bill", download_url="https://evil.example/v3/billdownload/file"), good),
        (ticket(b"bill", download_url="https://api.mch.weixin.qq.com.evil.example/x"), good),
        (ticket(b"bill", download_url=None), good),
        (ticket(b"bill"), Reply(500, {}, good.body)),
        (ticket(b"bill"), Reply(200, {}, good.body[:-3])),
        (ticket(b"bill"), NoReply("time-out", was_sent=True)),
    ):
        assert isinstance(scripted(rig, named, file), Unknown), named


HEADER = "交易时间,微信订单号,商户订单号,货币种类,应结订单金额,手续费"
ROW = "`2026-11-22 14:29:35,`4200,`01K,`CNY,`86.00,`0.52000"
TOTALS = "总交易单数,应结订单总金额,手续费总金额"
SUMMARY = "`1.0,`86.00,`0.52000"


def bill(*rows: str) -> bytes:
    return "\ufeff".encode() + "\r\n".join(rows).encode()


def test_older_layout_with_fewer_columns() -> None:
    (line,) = read(bill(HEADER, ROW, TOTALS, SUMMARY, ""))
    assert (line.amount_minor, line.fee_minor, line.kind) == (8600, 52, "payment")
    assert read(bill(HEADER, TOTALS, "`0,`0.00,`0.00")) == []


@pytest.mark.parametrize(
    "rows",
    [
        (), ("",), (HEADER,), (HEADER, ROW), (HEADER, ROW, TOTALS), (HEADER, ROW, TOTALS, SUMMARY, ROW),
        (HEADER, ROW, ROW, TOTALS, SUMMARY), (HEADER, TOTALS, SUMMARY),
        (HEADER, ROW, TOTALS, "`2.0,`86.00,`0.52000"), (HEADER, ROW, TOTALS, "`1.0,`86.01,`0.52000"),
        (HEADER, ROW, TOTALS, "`1.0,`86.00,`0.53000"), (HEADER, ROW, TOTALS, "1.0,86.00,0.52000"),
        (HEADER.replace("手续费", "费"), ROW, TOTALS, SUMMARY), (HEADER, f"{ROW},`x", TOTALS, SUMMARY),
        (HEADER, ROW.replace("86.00", "86.001"), TOTALS, SUMMARY.replace("86.00", "86.001")),
        *((HEADER, ROW.replace("86.00", amount), TOTALS, SUMMARY) for amount in ("８6.00", "1e5", "", "86,00")),
        *((HEADER, ROW.replace("2026-11-22 14", time), TOTALS, SUMMARY) for time in ("2026-11-22 25", "0000-11-22 14")),
        (HEADER, ROW.replace("01K", "x" * 70_000), TOTALS, SUMMARY),
        (HEADER, ROW, TOTALS, SUMMARY.replace("1.0", "9" * 40)),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_damaged(rows: tuple[str, ...]) -> None:
    with pytest.raises(StatementDamaged):
        read(bill(*rows))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x1f\x8b", b"\x1f\x8bxxxxxxxxxxx", b"\x00" * 5000, b"`" * 99])
def test_garbage_is_damaged(content: bytes) -> None:
    with pytest.raises(StatementDamaged):
        read(content)


def test_bomb_stops_at_its_bound() -> None:
    bomb = gzip.compress(b"\n" * (40 << 20))
    assert len(bomb) < 1 << 17
    taken: list[int] = []
    with pytest.raises(StatementDamaged, match="more than"):
        taken.extend(len(piece) for piece in unpacking.unpack(bomb))
    assert sum(taken) <= unpacking.FREE_BYTES + len(bomb) * 400


def test_something_behind_the_packed_file_is_damage() -> None:
    packed = gzip.compress(bill(HEADER, ROW, TOTALS, SUMMARY))
    assert len(read(packed)) == 1
    for tail in (b"x", packed):
        with pytest.raises(StatementDamaged):
            read(packed + tail)


def test_rows_are_read_while_they_come() -> None:
    """The reader gives its first line before it has seen the second: memory does not grow with the bill."""

    def endless() -> Iterator[str]:
        yield HEADER
        while True:
            yield ROW

    assert next(read_bill(endless(), "trade")).number == "01K"


def test_checks_are_by_kind() -> None:
    rig = a_day()
    trade = fetch(rig)
    assert isinstance(trade, StatementFile)
    with pytest.raises(StatementDamaged):
        list(CHANNEL.statements.read_statement(rig.settings, replace(trade, of=StatementOf(DAY, "funds"))))


def test_summary_of_a_large_payment() -> None:
    rig = Rig()
    rig.order(amount=Money(10_000_000_000, "CNY"))
    rig.buy()
    rig.now = NOW + timedelta(hours=24)
    (line,) = lines(rig)
    assert (line.amount_minor, line.fee_minor) == (10_000_000_000, 60_000_000)
