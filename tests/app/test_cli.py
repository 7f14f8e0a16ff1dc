"""The command line as its users meet it: quick help, exit codes, one line that says what to do, JSON for programs."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import shunfu
from app.commandline import shunfu_cli
from db.support import run_apart, sql
from shunfu.app.cli import app
from shunfu.app.commands import add_account, read_credentials
from shunfu.app.doctor import examine
from shunfu.app.serve import listen
from shunfu.app.settings import load
from shunfu.db import Database, PoolSettings, Urls
from shunfu.db.driver import session
from shunfu.driver import discover
from shunfu.kernel.errors import SetupFault

IS_ROOT = os.geteuid() == 0


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and one line on standard error that holds the words."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("shunfu: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@cache
def sandbox_credentials() -> dict[str, str]:
    """What `shunfu sandbox` gives a WeChat Pay client."""
    verbs = discover().sandboxes["wechatpay"].verbs
    state = verbs.create_state(datetime.now(UTC), sha256(b"cli").digest())
    return dict(verbs.describe(state, "http://127.0.0.1:8701").client)


@contextmanager
def taken_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_version(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shunfu", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"shunfu {shunfu.__version__}\n", "")


def test_help_imports_no_room(tmp_path: Path) -> None:
    """What takes time to import is imported by the command that needs it."""
    script = (
        "import sys, shunfu.app.cli; "
        "print(*[name for name in ('fastapi', 'pydantic', 'asyncpg', 'aiohttp', 'cryptography', 'uvicorn', 'structlog',"
        " 'jinja2', 'shunfu.app.wiring', 'shunfu.db') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == ""


COMMANDS = (
    *("demo", "up", "sandbox", "migrate", "doctor", "signature", "merchant", "account", "ledger"),
    *("listen", "trigger", "audit", "backup"),
)
LEAVES = (
    *(("demo",), ("up",), ("sandbox",), ("migrate",), ("doctor",)),
    *(("merchant", "create"), ("account", "add"), ("ledger", "check"), ("listen",), ("trigger",)),
    *(("merchant", "key"), ("ledger", "show"), ("audit", "show"), ("audit", "verify"), ("audit", "anchor")),
    *(("signature", deed) for deed in ("sign", "verify", "decrypt")),
    *(("backup", deed) for deed in ("now", "verify", "restore", "restored")),
)


def test_help_names_every_command_and_the_exit_codes() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert all(f"  {command} " in done.stdout for command in COMMANDS)
    assert "Exit codes: 0" in done.stdout
    assert "demo-part" not in done.stdout


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_the_help_of_a_command_has_an_example(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0
    assert "Example: " in done.stdout
    assert f"shunfu {' '.join(words)}" in done.stdout


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("doctor", "--format", "xml"), ("doctor", "--nonsense"), ("up", "--port", "x"), ("ledger",)],
)
def test_a_wrong_word_is_exit_code_2(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert "Usage: " in done.stderr + done.stdout


def test_doctor_on_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = shunfu_cli(tmp_path, "doctor", "--format", "json", "--data", str(tmp_path / "new"))
    told = json.loads(done.stdout)
    findings = {finding["check"]: finding for finding in told["findings"]}
    assert (done.returncode, told["ok"], done.stderr) == (1, False, "")
    assert findings["keys"]["ok"] is False
    assert "shunfu up" in findings["keys"]["advice"]
    assert findings["database"]["seen"] == "embedded, not made yet; `shunfu up` makes it"
    assert findings["setting data_folder"]["seen"].endswith("from flag")
    assert findings["setting port"]["seen"] == "8700 from default"
    assert all(finding["ok"] or finding["advice"] for finding in findings.values())
    assert sorted(tmp_path.rglob("*")) == before


def test_doctor_names_a_wrong_setting_and_shows_no_secret(tmp_path: Path) -> None:
    (finding,) = examine({"prot": 1}, None)
    assert (finding.check, finding.ok) == ("configuration", False)
    assert "'prot'" in finding.seen
    url = "postgresql://shunfu:canary-77e2@127.0.0.1:1/shunfu"
    done = shunfu_cli(tmp_path, "doctor", "--data", str(tmp_path / "new"), SHUNFU_DATABASE_URL=url)
    assert done.returncode == 1
    assert "setting database_url: *** from SHUNFU_DATABASE_URL" in done.stdout
    assert "canary-77e2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url", ["canary-77e2", "mysql://a:canary-77e2@127.0.0.1/b", "postgresql://a:canary-77e2@127.0.0.1:port/b"]
)
async def test_a_database_url_that_cannot_be_read_is_a_fault_of_the_setup(url: str) -> None:
    with pytest.raises(SetupFault, match="postgresql://user:password@host") as single:
        async with session(url):
            pass
    with pytest.raises(SetupFault, match="postgresql://user:password@host"):
        await Database.connect(PoolSettings(url))
    assert "canary-77e2" not in str(single.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://shunfu:canary-77e2@127.0.0.1:1/shunfu", "cannot be reached"),
        ("canary-77e2", "postgresql://user:password@host"),
    ],
)
def test_a_wrong_database_url_is_one_line(tmp_path: Path, url: str, words: str) -> None:
    done = shunfu_cli(tmp_path, "ledger", "check", "--data", str(tmp_path / "new"), SHUNFU_DATABASE_URL=url)
    assert_one_line(done, words)
    assert "canary-77e2" not in done.stderr


def test_a_database_that_is_not_there_is_one_line(tmp_path: Path, pg_server: Urls) -> None:
    url = pg_server.with_database("no_such_database").app_url
    done = shunfu_cli(tmp_path, "migrate", "--data", str(tmp_path / "new"), SHUNFU_DATABASE_URL=url)
    assert_one_line(done, "no_such_database")


@pytest.mark.skipif(not IS_ROOT, reason="only root is asked for --user")
def test_up_as_root_wants_a_user(tmp_path: Path) -> None:
    data = tmp_path / "new"
    assert_one_line(shunfu_cli(tmp_path, "up", "--data", str(data)), "--user NAME")
    assert not data.exists()


BECOME = """
import sys
from shunfu.app.settings import load
from shunfu.app.up import become
from shunfu.kernel.errors import SetupFault
for user in sys.argv[2:]:
    try:
        become(load({"data_folder": sys.argv[1], "user": user}, {}))
    except SetupFault as fault:
        print(fault)
"""


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another")
def test_up_becomes_a_user_of_its_own_and_no_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BECOME, str(tmp_path / "new"), "root", "nobody", "no-such-user"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    root, nobody, unknown = done.stdout.splitlines()
    assert "root must not own payments" in root
    assert "nobody must not own payments" in nobody
    assert "no user 'no-such-user'" in unknown
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.1", "no such host"])
def test_an_address_that_cannot_be_listened_on_is_a_fault_of_the_setup(host: str) -> None:
    """A port in use, and an address that is not this machine's."""
    with taken_port("::1" if host == "::1" else "127.0.0.1") as port:
        with pytest.raises(SetupFault) as caught:
            listen(host, port)
        assert str(port) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_free_port_is_listened_on() -> None:
    with taken_port() as port:
        pass
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)


@pytest.mark.skipif(IS_ROOT, reason="needs a user who may run this interpreter")
def test_up_on_a_port_in_use_is_one_line(tmp_path: Path, database_urls: Urls) -> None:
    data = tmp_path / "up"
    urls = {"SHUNFU_DATABASE_URL": database_urls.app_url, "SHUNFU_MIGRATION_URL": database_urls.migration_url}
    with taken_port() as port:
        done = shunfu_cli(tmp_path, "up", "--port", str(port), "--data", str(data), **urls)
    assert_one_line(done, str(port))


def test_a_sandbox_on_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with taken_port() as port:
        done = shunfu_cli(tmp_path, "sandbox", "--port", str(port), "--credentials", str(tmp_path / "c.json"))
    assert_one_line(done, str(port))


@pytest.mark.parametrize("merchant", ["", "mer_", "mer_x", "ord_" + "0" * 26, "0" * 26])
def test_what_is_no_merchants_id_is_a_fault_of_the_setup(tmp_path: Path, merchant: str) -> None:
    with pytest.raises(SetupFault, match="merchant create"):
        add_account(load({"data_folder": str(tmp_path / "new")}, {}), merchant, "wechatpay", tmp_path / "c.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"mchid": "1", "appid": "2"}', {"mchid": "1", "appid": "2"}),
        ('{"wechatpay": {"mchid": "1"}, "control_url": "x"}', {"mchid": "1"}),
        ('{"mchid": "1", "appid": 2, "x": null, "y": {}}', {"mchid": "1"}),
    ],
)
def test_a_credentials_file_is_whole_or_under_the_channels_name(
    tmp_path: Path, content: str, told: dict[str, str]
) -> None:
    (tmp_path / "c.json").write_text(content)
    assert read_credentials(tmp_path / "c.json", "wechatpay") == told


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"null", b"{}", b'{"wechatpay": "x"}', b"\xff"])
def test_a_credentials_file_that_is_none_is_a_fault_of_the_setup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.json").write_bytes(content)
    for path in (tmp_path / "c.json", tmp_path / "missing.json", tmp_path):
        with pytest.raises(SetupFault, match="The credentials file"):
            read_credentials(path, "wechatpay")


async def test_a_merchant_is_founded_given_an_account_and_its_books_proved(
    tmp_path: Path, database_urls: Urls, app_role: str | None
) -> None:
    data = tmp_path / "data"
    urls = {"SHUNFU_DATABASE_URL": database_urls.app_url, "SHUNFU_MIGRATION_URL": database_urls.migration_url}

    def told(*words: str) -> dict[str, Any]:
        done = shunfu_cli(tmp_path, *words, "--format", "json", "--data", str(data), **urls)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    def refused(*words: str) -> subprocess.CompletedProcess[str]:
        return shunfu_cli(tmp_path, *words, "--data", str(data), **urls)

    made = told("merchant", "create", "--name", "山前咖啡", "--return-origin", "https://shop.example.com")
    assert made["organisation"].startswith("org_")
    for side in ("test", "live"):
        assert made[side]["merchant"].startswith("mer_")
        assert made[side]["api_key"].startswith(f"sk_{side}_{made[side]['merchant'][4:]}_")
    assert stat.S_IMODE((data / "keys.json").stat().st_mode) == 0o600

    credentials = tmp_path / "wechatpay.json"
    credentials.write_text(json.dumps({"control_url": "x", "wechatpay": sandbox_credentials()}))
    add = ("--channel", "wechatpay", "--credentials")
    account = told("account", "add", "--merchant", made["test"]["merchant"], *add, str(credentials))
    assert account["account"].startswith("acc_")

    live = refused("account", "add", "--merchant", made["live"]["merchant"], *add, str(credentials))
    assert_one_line(live, "test side")

    staff = ("staff", "link", "--merchant", made["live"]["merchant"], "--role")
    link = told(*staff, "finance")
    assert (link["role"], "/console/first/" in link["link"]) == ("finance", True)
    assert_one_line(refused(*staff, "king"), "king", "viewer")
    assert_one_line(refused("staff", "disable", "nobody"), "nobody")
    assert_one_line(refused("staff", "reset", "nobody"), "nobody")

    books = told("ledger", "check")
    assert books["ok"] is True
    assert [(one["mode"], one["balanced"], one["entries"]) for one in books["merchants"]] == [
        ("test", True, 0),
        ("live", True, 0),
    ]
    doctor = told("doctor")
    findings = {finding["check"]: finding["ok"] for finding in doctor["findings"]}
    assert doctor["ok"] is True
    assert findings["keys"] is findings["database"] is True
    key = sandbox_credentials()["api_v3_key"]
    stored = run_apart(read_everything(database_urls, app_role))
    assert "wechatpay" in stored
    assert key not in stored
    assert made["test"]["api_key"][-43:] not in stored

    (data / "keys.json").rename(tmp_path / "lost.json")
    assert_one_line(refused("ledger", "check"), "keys.json", "Restore")
    assert not (data / "keys.json").exists(), "new keys could open nothing that was sealed before"


async def read_everything(urls: Urls, role: str | None) -> str:
    """The rows that hold credentials, as text."""
    database = await Database.connect(PoolSettings(urls.app_url, role=role))
    try:
        async with database.reading() as reader:
            tables = ("api_keys", "data_keys", "channel_accounts")
            found = [await reader.fetch(sql(f"SELECT t::text FROM {table} t")) for table in tables]
    finally:
        await database.close()
    return repr(found)
