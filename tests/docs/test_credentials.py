"""docs/how-to/accounts.md names exactly the credentials that the channels take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shunfu.channels.alipay import settings as alipay
from shunfu.channels.unionpay import settings as unionpay
from shunfu.channels.wechatpay import settings as wechatpay

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "accounts.md").read_text("utf8")
KNOWN = {"wechatpay": wechatpay._KNOWN, "alipay": alipay._KNOWN, "unionpay": unionpay._KNOWN}


@pytest.mark.parametrize("channel", KNOWN)
def test_every_credential_is_documented_and_no_other(channel: str) -> None:
    part = TEXT.split(f"## {channel}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in part.splitlines() if line.startswith("| `")]
    first, second = (set(re.findall(r"`([a-z0-9_]+)`", "".join(row[n] for row in rows))) for n in (0, 1))
    assert first <= KNOWN[channel]
    assert first | second >= KNOWN[channel]
