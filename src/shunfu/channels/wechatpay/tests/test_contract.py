"""WeChat Pay keeps every promise of the gateway's contract, under each way of holding WeChat's keys."""

from __future__ import annotations

import pytest

from shunfu.channels.wechatpay import CHANNEL
from shunfu.channels.wechatpay.settings import Settings
from shunfu.channels.wechatpay.tests.rig import Rig
from shunfu.gateway.contract import Check, contract_checks


@pytest.mark.parametrize("mode", ["both", "cert", "public_key"])
@pytest.mark.parametrize("check", contract_checks(CHANNEL), ids=str)
def test_contract(check: Check[Settings], mode: str) -> None:
    check.run(Rig(mode).subject())


def test_check_names_are_unique() -> None:
    names = [check.name for check in contract_checks(CHANNEL)]
    assert len(names) == len(set(names)) > 20
