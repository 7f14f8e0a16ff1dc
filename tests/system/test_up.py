"""`shunfu up` as an operator runs it: an ordinary user, the embedded database, kill -9, and one line when it cannot."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shunfu
from pages.serving import free_listener
from system.running import request, wait_until

SOURCE = Path(shunfu.__file__).parent.parent
PACKAGES = Path(pytest.__file__).parent.parent


def interpreter() -> list[str]:
    """A command that runs Python as any user can: ours, or the system's when ours lies in a closed folder."""
    if os.geteuid() != 0 or _is_open(Path(os.__file__)):
        return [sys.executable]
    system = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}", path="/usr/bin")
    if system is None or not _is_open(SOURCE):
        pytest.skip(f"an ordinary user cannot read {os.__file__}, and there is no system Python of this version")
    return [system]


def _is_open(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)


def other_user() -> str | None:
    """Whom root becomes; None when we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "daemon"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("this system has no user postgres or daemon to become")


class Up:
    """A running `shunfu up`."""

    def __init__(self, folder: Path) -> None:
        listener, self.url = free_listener()
        listener.close()
        user = other_user()
        command = [*interpreter(), "-m", "shunfu", "up", "--data", str(folder), "--port", self.url.rpartition(":")[2]]
        command += ["--user", user] if user else []
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{SOURCE}:{PACKAGES}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder),
        }
        self.process = subprocess.Popen(
            command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def is_ready(self) -> bool:
        try:
            return request("GET", f"{self.url}/readyz", {})[0] == 200
        except OSError:
            return False

    def wait(self) -> None:
        wait_until(lambda: self.process.poll() is not None or self.is_ready(), "shunfu up")
        assert self.process.poll() is None, self.process.communicate()[0]

    def link(self) -> str:
        """The first owner's link, as the operator reads it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "first owner" in line:
                return line.split()[-1]
        raise AssertionError("no link was printed")

    def end(self, number: int) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def folder(open_folder: Path) -> Iterator[Path]:
    """A data folder that does not exist yet."""
    yield open_folder / "up"
    shutil.rmtree(open_folder / "up", ignore_errors=True)


def test_up_serves_as_an_ordinary_user_survives_kill_9_and_stops_cleanly(folder: Path) -> None:
    first = Up(folder)
    first.wait()
    link = first.link()
    assert link.startswith(f"{first.url}/console/first/")
    assert request("GET", link, {})[0] == 200
    owner = Path(f"/proc/{first.process.pid}").stat().st_uid
    assert owner != 0, "nothing of the server runs as root"
    assert (folder / "keys.json").stat().st_uid == owner
    wait_until((folder / "audit-anchors.jsonl").exists, "the first anchor of the audit log")
    database = (folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]
    first.end(signal.SIGKILL)
    again = Up(folder)
    again.wait()
    newer = again.link()
    assert request("GET", newer, {})[0] == 200
    ended = newer.rpartition("/")[0] + "/" + link.rpartition("/")[2]
    assert request("GET", ended, {})[0] == 404, "only the newest link is good"
    assert (folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0] != database
    assert again.end(signal.SIGTERM) == 0
    wait_until(lambda: not (folder / "postgres" / "data" / "postmaster.pid").exists(), "PostgreSQL's clean stop")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to run it as root")
def test_up_as_root_demands_a_user() -> None:
    done = subprocess.run([sys.executable, "-m", "shunfu", "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--user" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to become somebody")
def test_a_data_folder_of_somebody_else_is_named(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o755)
    command = [sys.executable, "-m", "shunfu", "up", "--user", other_user() or "", "--data", str(closed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(closed) in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to become somebody")
@pytest.mark.parametrize("user", ["root", "nobody", "no-such-user"])
def test_up_refuses_users_that_must_not_own_payments(user: str) -> None:
    command = [sys.executable, "-m", "shunfu", "up", "--user", user]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert user in done.stderr
