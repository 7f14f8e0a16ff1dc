"""`shunfu reconcile`: what it prints, its JSON, its workbook without a single formula, its exit codes, its files."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.progress import Progress

from flows.world import credentials
from reconcile.desk import DAY, Desk
from shunfu.app.progress import watched
from shunfu.app.reconcile_report import as_json, print_lines, write_report
from shunfu.app.reconciling import Options, Reconciled, chosen, reconcile_account
from shunfu.console.workbook import Sheet, write_workbook
from shunfu.db import Urls
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import public

NAMES = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def unwatched(_stage: object, _count: int) -> None:
    """Nobody watches."""


async def reported(desk: Desk) -> list[Reconciled]:
    """How the command sees the desk's day."""
    options = Options(DAY)
    accounts = await chosen(desk.house, options)
    return [await reconcile_account(desk.house, one, options, (None, unwatched)) for one in accounts]


async def damaged(desk: Desk) -> list[Reconciled]:
    """A day with a number that is a formula, one row too few and one of another amount."""
    agreed, missing, altered = await desk.paid(), await desk.paid(), await desk.paid()
    evil = agreed.line(number="=cmd|'/c calc'!A1", channel_transaction_no="+1", amount_minor=4200)
    desk.say(agreed.line(fee_minor=17), altered.line(amount_minor=altered.amount_minor + 1), evil)
    assert missing.amount_minor == 2801
    return await reported(desk)


async def test_the_report_says_what_differs_and_what_to_do(desk: Desk) -> None:
    (found,) = await damaged(desk)
    assert not found.is_clean
    text = "\n".join(print_lines([found]))
    assert "3 lines, 3 open breaks" in text
    assert "missing_here" in text
    assert "=cmd|'/c calc'!A1" in text
    assert "到渠道商户后台查它的来历" in text
    assert "Ask the channel about the payment again" in text
    terms = dict(re.findall(r"^  (\S.*?)\s{2,}(\S+)$", text, re.MULTILINE))
    assert terms["= statement net"] == "¥97.86"
    assert terms["break missing_here"] == "¥42.00"
    assert terms["break missing_there"] == "−¥28.01"
    assert terms["break amount"] == "¥0.01"
    assert terms["unexplained"] == "¥0.00"


async def test_the_terms_add_up_to_the_statement(desk: Desk) -> None:
    (found,) = await damaged(desk)
    from shunfu.app.reconcile_report import _equation_terms

    assert found.run is not None
    *terms, (name, net, *_) = _equation_terms(found.run.summary or {})
    assert name == "= statement net"
    assert sum(minor for _, minor, *_ in terms) == net


async def test_json_has_everything(desk: Desk) -> None:
    found = await damaged(desk)
    told: Any = json.loads(json.dumps(as_json(DAY, found)))
    assert (told["date"], told["ok"]) == ("2026-11-21", False)
    (account,) = told["accounts"]
    assert (account["merchant"], account["state"]) == (public("mer", desk.merchant_id), "DONE")
    assert sorted((one["kind"], one["deed"]) for one in account["breaks"]) == [
        ("amount", "none"),
        ("missing_here", "none"),
        ("missing_there", "ask_payment"),
    ]
    assert all(set(one["advice"]) == {"zh-CN", "en"} for one in account["breaks"])


async def test_a_clean_day_is_ok(desk: Desk) -> None:
    paid = await desk.paid()
    desk.say(paid.line())
    found = await reported(desk)
    assert found[0].is_clean
    assert as_json(DAY, found)["ok"] is True


async def test_a_day_that_is_not_there_yet_is_not_ok(desk: Desk) -> None:
    (found,) = await reported(desk)
    assert (found.state, found.is_clean) == ("WAITING", False)
    assert "still making" in str(found.reason)


async def test_the_workbook_holds_texts_and_numbers_and_never_a_formula(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "day.xlsx"
    write_report(path, DAY, await damaged(desk))
    sheets = read_workbook(path)
    assert list(sheets) == ["summary", "breaks", "equation"]
    head, *rows = sheets["breaks"]
    told = [dict(zip(head, row, strict=False)) for row in rows]
    assert sorted(one["kind"] for one in told) == ["amount", "missing_here", "missing_there"]
    (evil,) = [one for one in told if one["kind"] == "missing_here"]
    assert evil["subject"] == "=cmd|'/c calc'!A1"
    assert evil["difference_minor"] == 4200
    (summary,) = [dict(zip(sheets["summary"][0], row, strict=False)) for row in sheets["summary"][1:]]
    assert (summary["state"], summary["lines"], summary["breaks"], summary["open_breaks"]) == ("DONE", 3, 3, 3)
    *terms, net = [dict(zip(sheets["equation"][0], row, strict=False)) for row in sheets["equation"][1:]]
    assert sum(one["minor"] for one in terms) == net["minor"]
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist() if "worksheets" in name)
    assert b"<f>" not in everything
    assert b"<hyperlink" not in everything


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "http://evil.example", "{=1}", "1e5", "\t=1", "x" * 40_000]
)
def test_whatever_a_text_says_it_stays_a_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "book.xlsx"
    write_workbook(path, [Sheet("one", ("a", "b"), [(text, 99_999_999_999), (None, 0)])])
    ((_, _), (cell, number), (_, zero)) = read_workbook(path)["one"]
    assert cell == text[:32_767]
    assert (number, zero) == (99_999_999_999, 0)


def test_a_workbook_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="cannot be written"):
        write_workbook(tmp_path / "nowhere" / "book.xlsx", [Sheet("one", ("a",), [])])


def read_workbook(path: Path) -> dict[str, list[list[str | int]]]:
    """The cells of each sheet, by its name: texts and numbers."""
    with zipfile.ZipFile(path) as archive:
        names = [
            one.attrib["name"]
            for one in ElementTree.parse(archive.open("xl/workbook.xml")).iter(f"{{{NAMES['s']}}}sheet")
        ]
        found: dict[str, list[list[str | int]]] = {}
        for place, name in enumerate(names, 1):
            tree = ElementTree.parse(archive.open(f"xl/worksheets/sheet{place}.xml"))
            found[name] = [_cells(row) for row in tree.iterfind(".//s:row", NAMES)]
        return found


def _cells(row: ElementTree.Element) -> list[str | int]:
    cells: list[str | int] = []
    for cell in row.iterfind("s:c", NAMES):
        letters = re.match(r"[A-Z]+", cell.attrib["r"])
        assert letters
        place = sum((ord(letter) - 64) * 26**power for power, letter in enumerate(reversed(letters[0])))
        cells += [""] * (place - 1 - len(cells))
        text, value = cell.find("s:is/s:t", NAMES), cell.find("s:v", NAMES)
        cells.append(int(value.text or "") if value is not None else (text.text or "") if text is not None else "")
    return cells


def test_progress_shows_bytes_lines_and_breaks() -> None:
    out = io.StringIO()
    with Progress(console=Console(file=out, force_terminal=True, width=200)) as progress:
        with watched(progress, "wechatpay") as watch:
            watch("fetch", 1_000)
            watch("read", 5_000)
            watch("read", 10_000)
            watch("match", 3)
        assert [(task.description, task.completed, task.finished) for task in progress.tasks] == [
            ("wechatpay: fetch, bytes", 1_000, True),
            ("wechatpay: read, lines", 10_000, True),
            ("wechatpay: match, breaks", 3, True),
        ]


def command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`shunfu …` in a folder, with no setting but the given ones."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("SHUNFU_")}
    words = ("-m", "shunfu", *words, "--data", str(folder / "data"))
    return subprocess.run(
        [sys.executable, *words], env={**clean, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_from_a_file_to_its_exit_code(tmp_path: Path, database_urls: Urls) -> None:
    """A merchant with an account, a downloaded bill, and no payment of ours: set-up, breaks, JSON and workbook."""
    urls = {"SHUNFU_DATABASE_URL": database_urls.app_url, "SHUNFU_MIGRATION_URL": database_urls.migration_url}

    def told(*words: str) -> subprocess.CompletedProcess[str]:
        return command(tmp_path, *words, **urls)

    nobody = told("reconcile", "--date", "2026-11-21")
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "shunfu account add" in nobody.stderr
    made = json.loads(told("merchant", "create", "--name", "山前咖啡", "--format", "json").stdout)
    merchant = made["test"]["merchant"]
    given = tmp_path / "c.json"
    given.write_text(json.dumps(credentials("wechatpay")))
    added = told("account", "add", "--merchant", merchant, "--channel", "wechatpay", "--credentials", str(given))
    assert added.returncode == 0, added.stderr
    day = ("reconcile", "--date", "2026-11-21")
    assert told(*day, "--channel", "nowhere").returncode == 2
    assert told(*day, "--merchant", "mer_X").returncode == 2
    assert told(*day, "--file", str(tmp_path / "none.csv")).returncode == 2
    bill, book = tmp_path / "bill.csv", tmp_path / "day.xlsx"
    bill.write_text(BILL, "utf-8-sig")
    done = told(*day, "--merchant", merchant, "--file", str(bill), "--format", "json", "--xlsx", str(book))
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    (account,) = report["accounts"]
    assert [(one["kind"], one["subject"], one["theirs_minor"]) for one in account["breaks"]] == [
        ("missing_here", "SHOP-1", 2800)
    ]
    assert [row[4] for row in read_workbook(book)["breaks"][1:]] == ["missing_here"]
    again = told(*day, "--merchant", merchant, "--no-fetch")
    assert again.returncode == 1
    assert "SHOP-1" in again.stdout
    assert "1 lines, 1 open breaks" in again.stdout


BILL = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注\r\n"
    "`2026-11-21 12:00:00,`wx,`1900000001,`0,`,`4200001,`SHOP-1,`o,`JSAPI,`SUCCESS,`OTHERS,`CNY,`28.00,`0.00,`0,`0,"
    "`0.00,`0.00,`,`,`咖啡,`,`0.17000,`0.60%,`28.00,`0.00,`\r\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`1.0,`28.00,`0.00,`0.00,`0.17000,`28.00,`0.00\r\n"
)
