"""The embedded server survives what machines do to it, and refuses what would lose money."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db.support import MERCHANT, START, fetch, run_apart, sql
from shunfu.db import (
    Database,
    EmbeddedServer,
    EmbeddedSettings,
    PoolSettings,
    Transaction,
    Urls,
    check_durability,
    collect,
    migrate,
    schema_packages,
)
from shunfu.db.driver import session
from shunfu.db.embedded.account import choose_account, make_folder, require_reachable
from shunfu.db.embedded.binaries import find_binaries
from shunfu.db.embedded.cluster import identity_of
from shunfu.kernel.errors import SetupFault, TransientFault

PROGRAM = Path(__file__).with_name("keep_server.py")
RIGHTS = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
IS_ROOT = os.geteuid() == 0
MIGRATIONS = collect(schema_packages())[:1]
"""The first alone: what these tests look at is the server, not the schema."""
PUT = sql("INSERT INTO events VALUES ($1, $2, 'X', '{}', $3, $3)")


@pytest.fixture
def settings(open_folder: Path) -> Iterator[EmbeddedSettings]:
    """A folder of its own for each test, the programs shared."""
    folder = open_folder / f"own-{uuid4().hex[:8]}"
    yield EmbeddedSettings(folder, allow_nobody=True, binaries=open_folder / "programs", is_disposable=True)
    shutil.rmtree(folder)


@pytest.fixture
def server(settings: EmbeddedSettings) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(settings)
    yield made
    made.stop()


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def put_one(url: str) -> None:
    database = await Database.connect(PoolSettings(url))
    await database.transact(lambda tx: tx.execute(PUT, MERCHANT, UUID(int=1), START))
    await database.close()


async def execute(url: str, statement: str) -> None:
    async with session(url) as connection:
        await connection.execute(statement)


async def count_events(urls: Urls) -> list[tuple[object, ...]]:
    database = await Database.connect(PoolSettings(urls.app_url))
    async with database.reading() as reader:
        found = await fetch(reader, "SELECT count(*) FROM events")
    await database.close()
    return found


async def test_what_is_made_belongs_to_the_right_ones(server: EmbeddedServer, settings: EmbeddedSettings) -> None:
    above = settings.folder.parent.stat()
    urls = server.start()
    account = choose_account(settings)
    assert account.uid != 0
    for folder in (settings.data, settings.sockets()):
        assert (folder.stat().st_uid, stat.S_IMODE(folder.stat().st_mode)) == (account.uid, 0o700)
    for file in (settings.passwords, settings.lock, settings.log):
        assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (os.geteuid(), 0o600)
    assert (settings.folder.parent.stat().st_mode, settings.folder.parent.stat().st_uid) == (
        above.st_mode,
        above.st_uid,
    )
    assert "postgresql://" not in repr(urls)
    async with session(urls.app_url) as connection:
        assert await connection.fetchval("SHOW listen_addresses") == ""
        assert await connection.fetchval("SHOW data_checksums") == "on"
        assert (
            await connection.fetchval(
                "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
            )
            is False
        )
    hba = (settings.data / "pg_hba.conf").read_text()
    rules = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
    assert {rule[-1] for rule in rules} == {"scram-sha-256"}


async def test_kill_9_of_postgres_under_load_loses_nothing(server: EmbeddedServer) -> None:
    """Sixteen clients write; the postmaster is killed; all that was acknowledged is there, and the pool goes on."""
    urls = server.start()
    await migrate(urls.migration_url, MIGRATIONS)
    database = await Database.connect(PoolSettings(urls.app_url, max_size=16))
    acknowledged: list[int] = []
    faults: list[TransientFault] = []
    is_over = asyncio.Event()

    async def client(number: int) -> None:
        step = 0
        while not is_over.is_set():
            step += 1
            event_id = number * 1_000_000 + step

            async def story(tx: Transaction, event_id: int = event_id) -> None:
                await tx.execute(PUT, MERCHANT, UUID(int=event_id), START)

            try:
                await database.transact(story)
            except TransientFault as fault:
                faults.append(fault)
                await asyncio.sleep(0.05)
            else:
                acknowledged.append(event_id)

    async def killer() -> None:
        await asyncio.sleep(0.5)
        before = server.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        count = len(acknowledged)
        async with asyncio.timeout(60):
            while len(acknowledged) < count + 200:  # noqa: ASYNC110  the clients are busy enough
                await asyncio.sleep(0.05)
        is_over.set()
        assert server.pid not in {None, before}

    await asyncio.gather(killer(), *(client(number) for number in range(1, 17)))
    async with database.reading() as reader:
        found = {row[0] for row in await fetch(reader, "SELECT id FROM events")}
    await database.close()
    assert faults
    assert {UUID(int=each) for each in acknowledged} <= found


def test_kill_9_of_the_supervisor_stops_postgres_and_loses_nothing(
    server: EmbeddedServer, settings: EmbeddedSettings
) -> None:
    keeper = subprocess.Popen(
        [sys.executable, PROGRAM, settings.folder, settings.binaries or ""], stdout=subprocess.PIPE, text=True
    )
    assert keeper.stdout is not None
    pid, app_url, migration_url = keeper.stdout.readline().split()
    run_apart(migrate(migration_url, MIGRATIONS))
    run_apart(put_one(app_url))
    with pytest.raises(SetupFault, match=f"process {keeper.pid} already runs"):
        server.start()
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()
    urls = server.start()  # at once, while the old server may still be shutting down
    assert not is_alive(int(pid))
    assert urls.app_url == app_url
    assert run_apart(count_events(urls)) == [(1,)]


@pytest.fixture(scope="module")
def stopped(open_folder: Path) -> EmbeddedSettings:
    """A cluster that was started, migrated and stopped; tests leave it as it was."""
    settings = EmbeddedSettings(
        open_folder / "stopped", allow_nobody=True, binaries=open_folder / "programs", is_disposable=True
    )
    server = EmbeddedServer(settings)
    run_apart(migrate(server.start().migration_url, MIGRATIONS))
    server.stop()
    return settings


def test_an_orphan_is_stopped_and_its_data_taken_over(stopped: EmbeddedSettings) -> None:
    """A server that nobody supervises any more, as where the parent-death signal does not exist."""
    account = choose_account(stopped)
    programs = find_binaries(stopped, account)
    orphan = subprocess.Popen(
        [programs.program("postgres"), "-D", stopped.data, "-c", "listen_addresses=", "-k", stopped.sockets()],
        stderr=subprocess.DEVNULL,
        cwd="/",
        **identity_of(account),
    )
    pid_file = stopped.data / "postmaster.pid"
    while not (pid_file.exists() and "ready" in pid_file.read_text()):
        time.sleep(0.02)
    server = EmbeddedServer(stopped)
    urls = server.start()
    assert orphan.poll() == 0
    assert run_apart(count_events(urls)) == [(0,)]
    server.stop()


def test_a_pid_file_that_names_a_stranger_is_no_orphan(stopped: EmbeddedSettings) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    lines = f"{stranger.pid}\n{stopped.data}\n1\n5432\n{stopped.sockets()}\n\n"
    (stopped.data / "postmaster.pid").write_text(lines)
    server = EmbeddedServer(stopped)
    server.start()
    server.stop()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("postgresql.auto.conf", "fsync = off", "fsync=off"),
        ("postgresql.conf", "full_page_writes = false", "full_page_writes=off"),
        ("postgresql.conf", "synchronous_commit = off", "synchronous_commit=off"),
        ("postgresql.conf", "max_connections = many", "max_connections"),
    ],
)
def test_settings_that_lose_money_are_refused(stopped: EmbeddedSettings, file: str, line: str, message: str) -> None:
    path = stopped.data / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    server = EmbeddedServer(stopped)
    with pytest.raises(SetupFault, match=message):
        server.start()
    assert server.pid is None
    path.write_text(before)


def test_a_setting_of_the_role_that_loses_money_is_refused(server: EmbeddedServer) -> None:
    """Seen only by asking the running server; after that nothing runs any more."""
    run_apart(execute(server.start().admin_url, "ALTER ROLE shunfu_app SET synchronous_commit = off"))
    server.stop()
    with pytest.raises(SetupFault, match="synchronous_commit=off"):
        server.start()
    assert server.pid is None


async def test_an_outside_database_is_checked_too(database_urls: Urls) -> None:
    await check_durability(database_urls.app_url)
    async with session(database_urls.admin_url) as admin:
        name = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(SetupFault, match="synchronous_commit=off"):
        await check_durability(database_urls.app_url)


async def test_a_clerk_who_may_make_roles_makes_them(server: EmbeddedServer) -> None:
    """A server that has never seen Shunfu, and a user with CREATEROLE who is no superuser (PostgreSQL 16+ rules)."""
    urls = server.start()
    async with session(urls.admin_url) as admin:
        await admin.execute("ALTER ROLE shunfu_owner RENAME TO was_owner")
        await admin.execute("ALTER ROLE shunfu_app RENAME TO was_app")
        await admin.execute("CREATE ROLE clerk LOGIN CREATEROLE PASSWORD 'clerk'")
        await admin.execute("ALTER DATABASE shunfu OWNER TO clerk")
    url = "postgresql://clerk:clerk@" + urls.admin_url.partition("@")[2]
    assert (await migrate(url, MIGRATIONS)).after == 1
    assert (await migrate(url, MIGRATIONS)).names == ()
    database = await Database.connect(PoolSettings(url, role="shunfu_app"))
    await database.transact(lambda tx: tx.execute(PUT, MERCHANT, UUID(int=1), START))
    await database.close()


def test_another_major_version_is_refused(server: EmbeddedServer, settings: EmbeddedSettings) -> None:
    account = choose_account(settings)
    make_folder(settings.folder)
    make_folder(settings.data, account)
    (settings.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(SetupFault, match="made by PostgreSQL 17, and this Shunfu brings 18"):
        server.start()


def test_long_socket_paths(tmp_path: Path) -> None:
    """Chosen by us: a short one. Asked for: refused."""
    long = tmp_path / ("x" * 90)
    chosen = EmbeddedSettings(long).sockets()
    assert chosen != long / "run"
    assert len(os.fsencode(chosen / ".s.PGSQL.5432")) < 100
    assert EmbeddedSettings(long).sockets() == chosen
    with pytest.raises(SetupFault, match="choose a shorter socket folder"):
        EmbeddedSettings(tmp_path, socket_folder=long).sockets()


async def test_a_server_with_a_long_folder_runs(open_folder: Path) -> None:
    folder = open_folder / ("x" * 90)
    settings = EmbeddedSettings(folder, allow_nobody=True, binaries=open_folder / "programs", is_disposable=True)
    server = EmbeddedServer(settings)
    urls = server.start()
    async with session(urls.app_url) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    server.stop()
    settings.sockets().rmdir()


def test_a_socket_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """Someone else may have made the short folder under /tmp first."""
    account = choose_account(EmbeddedSettings(tmp_path, allow_nobody=True))
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, account.uid, -1)
    folder.chmod(0o755)
    with pytest.raises(SetupFault, match="closed to other users"):
        make_folder(folder, account)


@pytest.mark.skipif(not IS_ROOT, reason="only root chooses a user")
def test_root_must_choose_a_fitting_user(tmp_path: Path) -> None:
    for user, message in (
        ("root", "refuses to run as root"),
        ("nobody", "must not own payments"),
        ("no-such", "no user"),
    ):
        with pytest.raises(SetupFault, match=message):
            choose_account(EmbeddedSettings(tmp_path, user=user))
    assert choose_account(EmbeddedSettings(tmp_path, user="nobody", allow_nobody=True)).name == "nobody"


@pytest.mark.skipif(not IS_ROOT, reason="only root runs it as another user")
def test_a_folder_that_postgres_cannot_enter_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    settings = EmbeddedSettings(closed / "pg", allow_nobody=True)
    with pytest.raises(SetupFault, match="may not enter"):
        EmbeddedServer(settings).start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not settings.folder.exists()
    account = choose_account(settings)
    closed.chmod(0o711)
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in closed.parents):
        require_reachable(closed / "pg", account)


@pytest.mark.skipif(not IS_ROOT, reason="the other tests are that when not root")
def test_an_ordinary_user_runs_it_straight_from_the_wheel(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = open_folder / "ordinary"
    folder.mkdir()
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    command = [sys.executable, PROGRAM, folder / "pg", folder / "unused", "stop", "nobody"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert answer.returncode == 0, answer.stderr
    assert "postgresql://shunfu_app" in answer.stdout
    assert not (folder / "unused").exists()
    assert (folder / "pg" / "data").stat().st_uid == nobody.pw_uid
