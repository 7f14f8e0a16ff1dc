"""WeChat Pay keeps every promise of the gateway's contract, under each way of holding WeChat's keys."""

from __future__ import annotations

import pytest

from shunfu.channels.wechatpay import CHANNEL, SANDBOX
from shunfu.channels.wechatpay.tests.rig import Rig
from shunfu.gateway.contract import Check, beyond, contract_checks

BEYOND = {check.name for check in beyond.checks(CHANNEL)}
"""Those of the groups beyond single payments have tests of their own."""
CHECKS = [check for check in contract_checks(CHANNEL, SANDBOX) if check.name not in BEYOND]
NEEDS_BOTH = "every_key_choice_is_genuine"


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_contract(check: Check) -> None:
    check.run(Rig())


@pytest.mark.parametrize("mode", ["cert", "public_key"])
@pytest.mark.parametrize("check", [check for check in CHECKS if check.name != NEEDS_BOTH], ids=str)
def test_contract_with_one_kind_of_key(check: Check, mode: str) -> None:
    check.run(Rig(mode))


def test_check_names_are_unique() -> None:
    names = [check.name for check in contract_checks(CHANNEL, SANDBOX)]
    assert len(names) == len(set(names)) > 60
