"""Channels are found by their folders: no list names one, and a folder that begins with an underscore is none."""

from pathlib import Path

import pytest

from shunfu import channels
from shunfu.driver import discover

HERE = Path(channels.__path__[0])


def test_every_folder_is_found_and_nothing_else() -> None:
    folders = {path.parent.name for path in HERE.glob("*/__init__.py") if not path.parent.name.startswith("_")}
    found = discover()
    assert set(found.channels) == folders
    assert set(found.sandboxes) == folders
    assert "wechatpay" in found.channels
    assert all(found.find(name) is channel and channel.name == name for name, channel in found.channels.items())


@pytest.mark.parametrize("name", ["", "WeChatPay", "wechatpay/native", "_template", "os"])
def test_another_name_is_none(name: str) -> None:
    assert discover().find(name) is None


@pytest.fixture
def made_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of channels in a folder of its own: two good ones, a template and a plain module."""
    root = tmp_path / "found_channels"
    for name in ("beta", "alpha", "_template"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text(
            f"from types import SimpleNamespace\nCHANNEL = SANDBOX = SimpleNamespace(name={name!r})\n"
        )
    (root / "__init__.py").touch()
    (root / "plain.py").write_text("raise AssertionError('a module is no channel')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return root.name


def test_adding_a_channel_is_adding_a_folder(made_package: str) -> None:
    found = discover(made_package)
    assert list(found.channels) == list(found.sandboxes) == ["alpha", "beta"]
