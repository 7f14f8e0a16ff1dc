"""Bills: those of the sandbox, the layout of a real one, and those that somebody has tampered with."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX, load, sandbox
from shunfu.channels.alipay.sandbox.state import State
from shunfu.channels.alipay.sandbox.zipping import write_zip
from shunfu.channels.alipay.settings import Settings
from shunfu.channels.alipay.tests.shapes import state
from shunfu.channels.alipay.tests.test_channel import says
from shunfu.channels.alipay.tests.wire_calls import Desk
from shunfu.gateway.contract import Rig
from shunfu.gateway.contract.rig import BASE_URL, NONCE, NOW
from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Answer, Flow, NoReply, Reply, Request, run
from shunfu.gateway.moment import Moment
from shunfu.gateway.statement import (
    StatementAnswer,
    StatementDamaged,
    StatementFile,
    StatementKind,
    StatementLine,
    StatementOf,
)

DETAIL = "20885000000000000156_20190916_业务明细.csv"
SUMMARY = "20885000000000000156_20190916_业务明细(汇总).csv"
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)


def row(kind: str = "交易", amount: str = "0.02", fee: str = "0.00", name: str = "咖啡") -> str:
    """A row padded with tabs, as in a real bill."""
    request_no = "R1" if kind == "退款" else ""
    times = ["2019-09-16 10:00:00\t", "2019-09-16 10:00:05\t"]
    cells = ["2019091622001\t", "N1\t", kind, name, *times, "", "", "", "", "*顾客\t", amount, amount]
    return ",".join([*cells, *["0.00"] * 5, "", "0.00", "0.00", request_no, fee, "0.00", ""])


def bill(
    *rows: str, totals: tuple[str, str] = ("2笔，商家实收共0.03", "1笔，商家实收退款共-0.01"), columns: str = COLUMNS
) -> str:
    lines = ["#支付宝业务明细查询", "#账号：[20885000000000000156]", "#起始日期：[2019年09月16日 00:00:00]"]
    lines += [f"#{'-' * 40}业务明细列表{'-' * 40}", columns, *rows, f"#{'-' * 40}业务明细列表结束{'-' * 40}"]
    lines += [f"#交易合计：{totals[0]}元，商家优惠共0.00元", f"#退款合计：{totals[1]}元，商家优惠退款共0.00元"]
    return "\r\n".join([*lines, "#导出时间：[2019年09月17日 05:46:49]"]) + "\r\n"


ROWS = (row(), row(amount="0.01", fee="-0.01"), row("退款", "-0.01", "0.01"))


def packed(text: str, **others: bytes) -> bytes:
    return write_zip({DETAIL: text.encode("gbk"), SUMMARY: b"x", **others})


def read(content: bytes, kind: StatementKind = "trade") -> list[StatementLine]:
    settings = load(sandbox.describe(state(), BASE_URL).client)
    return list(
        CHANNEL.statements.read_statement(settings, StatementFile(StatementOf(date(2019, 9, 16), kind), content))
    )


def test_layout_of_a_real_bill() -> None:
    first, second, refund = read(packed(bill(*ROWS)))
    assert (first.kind, first.number, first.channel_transaction_no, first.amount_minor) == (
        "payment",
        "N1",
        "2019091622001",
        2,
    )
    assert first.happened_at == datetime(2019, 9, 16, 2, 0, 5, tzinfo=UTC)
    assert second.fee_minor == 1, "a fee is the merchant's loss, whichever sign the bill writes"
    assert (refund.kind, refund.refund_number, refund.amount_minor, refund.fee_minor) == ("refund", "R1", -1, -1)


def test_columns_are_found_by_name() -> None:
    names = COLUMNS.replace("（", "(").replace("）", ")").split(",")
    order = [names.index(name) for name in sorted(names)]

    def shuffled(text: str) -> str:
        cells = text.split(",")
        return ",".join(cells[place] for place in order)

    text = bill(*map(shuffled, ROWS), columns=shuffled(",".join(names)))
    assert read(packed(text)) == read(packed(bill(*ROWS)))


def test_commas_in_a_products_name_are_its_own() -> None:
    named = row(name='大杯,热,少糖 "双份"')
    assert [line.amount_minor for line in read(packed(bill(named, *ROWS[1:])))] == [2, 1, -1]


@pytest.mark.parametrize(
    "text",
    [
        bill(*ROWS[:2]),
        bill(*ROWS, row()),
        bill(*ROWS, totals=("2笔，商家实收共0.04", "1笔，商家实收退款共-0.01")),
        bill(*ROWS).replace("#退款合计", "#别的合计"),
        bill(*ROWS).split("#" + "-" * 40 + "业务明细列表结束", maxsplit=1)[0],
        bill(*ROWS) + row() + "\r\n",
        bill(*ROWS, columns=COLUMNS.replace("商家实收（元）", "商家实收")),
        bill(*ROWS, columns=COLUMNS.replace("备注", "分润（元）")),
        bill(row(amount="1e3"), *ROWS[1:]),
        bill(row().replace("2019-09-16 10:00:05", "yesterday"), *ROWS[1:]),
        bill("a,b,c", *ROWS[1:]),
        bill("x" * 70_000, *ROWS[1:]),
        "",
    ],
    ids=range(13),
)
def test_bills_that_do_not_hold_together_are_damaged(text: str) -> None:
    with pytest.raises(StatementDamaged):
        read(packed(text))


@pytest.mark.parametrize(
    "name", ["../etc/x.csv", "..\\x.csv", "/abs.csv", "C:x.csv", "a/../../x_业务明细.csv", "x\0.csv"]
)
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(StatementDamaged):
        read(write_zip({name: bill(*ROWS).encode("gbk"), SUMMARY: b"x"}))
    with pytest.raises(StatementDamaged):
        read(write_zip({DETAIL: bill(*ROWS).encode("gbk"), name: b"x"}))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {SUMMARY: b"x"},
        {DETAIL: b"x", "other.csv": b"x"},
        {f"{place}.txt": b"" for place in range(17)},
        {DETAIL: b"\xff\xff\xff"},
        {DETAIL: bill(*ROWS).encode("utf-8")},
    ],
    ids=range(6),
)
def test_other_members_are_damaged(members: dict[str, bytes]) -> None:
    with pytest.raises(StatementDamaged):
        read(write_zip(members))


def test_names_in_utf8_are_read_too() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DETAIL, bill(*ROWS).encode("gbk"))
        archive.writestr(SUMMARY, b"x")
    assert len(read(buffer.getvalue())) == 3


def test_bombs_stop_at_the_limit() -> None:
    """64 MiB of comments pack into less than 128 KiB: more than 500 times, where real bills stay below forty."""
    bomb = write_zip({DETAIL: (b"#" + b" " * 32766 + b"\n") * (1 << 11), SUMMARY: b"x"})
    assert len(bomb) < 1 << 17
    with pytest.raises(StatementDamaged, match="unpacks"):
        read(bomb)


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", packed(bill(*ROWS))[:-1], packed(bill(*ROWS))[100:]])
def test_what_is_no_zip_is_damaged(content: bytes) -> None:
    with pytest.raises(StatementDamaged):
        read(content)


def a_day() -> tuple[Rig[Settings, State], str]:
    rig: Rig[Settings, State] = Rig(CHANNEL, SANDBOX, state())
    number = rig.paid(serial=1)
    rig.paid(serial=2)
    rig.advance(60)
    rig.refund(rig.a_refund(number, 8600))
    rig.now = NOW + timedelta(days=1)
    rig.due()
    return rig, number


def test_statement_of_funds_runs_on_its_balance() -> None:
    rig, number = a_day()
    answer = rig.statement("funds")
    assert isinstance(answer, StatementFile), answer
    lines = list(rig.channel.statements.read_statement(rig.settings, answer))
    assert [line.kind for line in lines] == ["payment", "fee", "payment", "fee", "refund", "fee"]
    balance = 0
    for line in lines:
        balance += line.amount_minor - line.fee_minor
        assert line.balance_minor == balance
    assert balance == rig.sandbox.verbs.balance_minor(rig.stage.state)
    assert lines[0].number == number


@pytest.mark.parametrize(
    ("bill_type", "bill_date", "code"),
    [
        ("merchant_act", "2026-11-22", "TYPE_NOT_SUPPORTED"),
        ("trade", "2026-11-23", "isp.bill_not_exist"),
        ("trade", "2026-11", "isp.bill_not_exist"),
        ("trade", "2026-11-20", "NO_BILL_DATA"),
        ("trade", "2026-13-01", "INVAILID_ARGUMENTS"),
        ("trade", "yesterday", "INVAILID_ARGUMENTS"),
    ],
)
def test_bills_that_there_are_none_of(bill_type: str, bill_date: str, code: str) -> None:
    rig, _ = a_day()
    desk = Desk()
    desk.stage, desk.now = rig.stage, rig.now
    found = desk.call(
        "alipay.data.dataservice.bill.downloadurl.query", {"bill_type": bill_type, "bill_date": bill_date}
    )
    assert found["sub_code"] == code


def test_address_lives_for_thirty_seconds() -> None:
    rig, _ = a_day()

    def late(request: Request) -> Answer:
        answer = rig.answer(request)
        rig.advance(31)
        return answer

    flow = rig.channel.statements.fetch_statement(rig.settings, StatementOf(NOW.date()), rig.moment())
    assert isinstance(rig.run(flow, late), Unknown)


@pytest.mark.parametrize(
    "answer", [NoReply("x", was_sent=True), Reply(200, {}, b"PK"), Reply(403, {}, packed(bill(*ROWS)))]
)
def test_bill_that_did_not_come_whole_is_unknown(answer: Answer) -> None:
    rig, _ = a_day()
    flow = rig.channel.statements.fetch_statement(rig.settings, StatementOf(NOW.date()), rig.moment())
    assert isinstance(
        rig.run(flow, lambda request: answer if request.method == "GET" else rig.answer(request)), Unknown
    )


ELSEWHERE = (
    *("http://elsewhere/x.zip", "file:///etc/passwd", "ftp://x/y", "", "https://a b", "https://elsewhere/x.zip"),
    *("https://[x/y", "https://[::1/x", "https://]/", "https://a:b/", "https://x.alipay.com:99999/", "https://"),
    *("https://169.254.169.254/latest", "https://127.0.0.1:6379/", "https://localhost/", "https://2130706433/"),
    *("https://x.alipay.com.evil.example/", "https://evilalipay.com/", "https://alipay.com@evil.example/"),
    *(
        "https://evil.example\\.alipay.com/",
        "https://u:p@x.alipay.com/",
        "https://x.alipay.com:8443/",
        "https://.alipay.com/",
    ),
    *("http://dwbillcenter.alipay.com/x", "https://evil.example#.alipay.com/", "https://evil.example?.alipay.com"),
    *("https://x_y.alipay.com/", "https://x..alipay.com/", f"{BASE_URL}0/x", f"{BASE_URL}@evil.example/"),
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_addresses_elsewhere_are_not_fetched(url: str) -> None:
    rig, _ = a_day()
    flow = rig.channel.statements.fetch_statement(rig.settings, StatementOf(NOW.date()), rig.moment())
    asked = _asked_for(flow, url)
    assert len(asked) == 1, "the address was fetched"


def _asked_for(flow: Flow[StatementAnswer], url: str) -> list[Request]:
    """What is asked when the bill is said to be there, nothing of it being fetched."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        is_first = len(asked) == 1
        return says("alipay.data.dataservice.bill.downloadurl.query", bill_download_url=url) if is_first else MISSED

    assert isinstance(run(flow, answer), Unknown)
    return asked


MISSED = NoReply("x", was_sent=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://dwbillcenter.alipay.com/downloadBillFile.resource?bizType=trade&fileType=csv.zip",
        "https://dwbillcenter.alipay.com:443/x",
        "https://dwbillcenter-sandbox.dl.alipaydev.com/x",
        "https://mdn.alipayobjects.com/x",
        f"{BASE_URL}/bills/x.csv.zip",
    ],
)
def test_addresses_of_alipays_are_fetched(url: str) -> None:
    rig, _ = a_day()
    flow = rig.channel.statements.fetch_statement(rig.settings, StatementOf(NOW.date()), rig.moment())
    assert [request.url for request in _asked_for(flow, url)][1:] == [url]


def test_real_accounts_fetch_nothing_from_a_sandbox() -> None:
    real = load({**sandbox.describe(state(), BASE_URL).client, "gateway_url": "", "endpoint": ""})
    flow = CHANNEL.statements.fetch_statement(real, StatementOf(NOW.date()), Moment(NOW, NONCE))
    assert len(_asked_for(flow, f"{BASE_URL}/bills/x.csv.zip")) == 1
