"""The rooms of docs/architecture.md, of the package and of .importlinter are the same, in the same order."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "shunfu"
CHANNEL_ROOM = "shunfu.channels"
MAY_NAME_CHANNELS = "src/shunfu/driver/registry.py"
BUSINESS_FILES = {"usecases.py", "store.py", "model.py", "events.py", "recipes.py", "api.py", "jobs.py"}
NOT_BUSINESS = {"kernel", "db", "gateway", "driver", "channels", "console", "app"}


def contracts() -> dict[str, configparser.SectionProxy]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", "utf8")
    return {name.rpartition(":")[2]: parser[name] for name in parser.sections()}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def layers() -> list[set[str]]:
    """The rooms of each layer line, lowest first, brackets off."""
    rows = [set(re.findall(r"\w+", line)) for line in lines(contracts()["rooms"]["layers"])]
    return rows[::-1]


def table() -> list[set[str]]:
    """The rooms of each row of the table in docs/architecture.md, lowest first."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf8")
    rows: dict[int, set[str]] = {}
    for row, room in re.findall(r"^\| (\d+) \| `(\w+)/[^`]*` \|", text, re.MULTILINE):
        rows.setdefault(int(row), set()).add(room)
    return [rows[row] for row in sorted(rows)]


def rooms() -> set[str]:
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_layers_are_the_table_of_the_architecture() -> None:
    assert layers() == table()


def test_every_room_of_the_package_is_a_layer_without_brackets() -> None:
    text = contracts()["rooms"]["layers"]
    assert rooms() <= set().union(*layers())
    assert not [room for room in rooms() if f"({room})" in text], "a room that is built loses its brackets"


def test_only_rooms_stand_in_the_package() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} <= {"__init__.py", "__main__.py"}


def test_every_business_room_keeps_the_order_inside() -> None:
    inside = {name.rpartition(".")[2] for name in lines(contracts()["inside"]["containers"])}
    has_business = {path.parent.name for path in PACKAGE.glob("*/*.py") if path.name in BUSINESS_FILES}
    assert has_business - NOT_BUSINESS <= inside


def test_every_room_is_kept_from_naming_a_channel() -> None:
    kept = {name.rpartition(".")[2] for name in lines(contracts()["plug"]["source_modules"])}
    assert rooms() - {"channels"} <= kept


def test_only_the_registry_writes_the_channels_package_as_text() -> None:
    naming: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(ROOT).as_posix()
        if relative.startswith("src/shunfu/channels/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(CHANNEL_ROOM):
                naming.add(relative)
    assert naming <= {MAY_NAME_CHANNELS}


def test_no_room_outside_channels_names_a_channel() -> None:
    """No enum and no central list: the names of the folders are nowhere else in the package's code as a whole text."""
    channels = {path.parent.name for path in (PACKAGE / "channels").glob("[a-z]*/__init__.py")}
    naming: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        if not path.is_relative_to(PACKAGE / "channels") and not path.is_relative_to(PACKAGE / "app"):
            nodes = ast.walk(ast.parse(path.read_text("utf8")))
            found = [node for node in nodes if isinstance(node, ast.Constant) and node.value in channels]
            naming += [f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}" for node in found]
    assert not naming
