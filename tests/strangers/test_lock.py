"""What is installed for the strangers is what was looked at: exact versions, from the public registry, by checksum."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from strangers.stranger import FOLDER

SETUP = FOLDER.parents[1] / "tools" / "setup.sh"


def lock() -> dict[str, dict[str, Any]]:
    packages = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))["packages"]
    return {name: package for name, package in packages.items() if name}


def test_versions_are_exact() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text("utf-8"))["dependencies"]
    locked = {name: lock()[f"node_modules/{name}"]["version"] for name in wanted}
    assert locked == wanted
    assert set(wanted) == {"alipay-sdk", "wechatpay-axios-plugin"}


def test_every_package_is_public_and_has_a_checksum() -> None:
    for name, package in lock().items():
        assert package["resolved"].startswith("https://registry.npmjs.org/"), name
        assert re.fullmatch(r"sha512-[0-9A-Za-z+/=]{88}", package["integrity"]), name


def test_a_missing_node_that_may_not_be_installed_does_not_stop_the_tests(tmp_path: Path) -> None:
    """A clone without an environment, on a machine without node, npm and apt-get."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(SETUP, tmp_path / "tools")
    for name in ("bash", "env", "dirname", "id"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    command, given = [str(tmp_path / "tools" / "setup.sh"), "strangers"], {"PATH": str(tmp_path / "bin")}
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "apt-get install nodejs npm" in done.stderr
