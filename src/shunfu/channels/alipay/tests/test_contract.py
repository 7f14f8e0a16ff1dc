"""Alipay keeps every promise of the gateway's contract: in both protocols, with keys and with certificates."""

from __future__ import annotations

import pytest

from shunfu.channels.alipay import CHANNEL, SANDBOX
from shunfu.channels.alipay.tests.shapes import SHAPES, state
from shunfu.gateway.contract import Check, Rig, contract_checks


@pytest.mark.parametrize("shape", ["v2", "v2-cert", "v3", "v3-cert-aes"])
@pytest.mark.parametrize("check", contract_checks(CHANNEL, SANDBOX), ids=str)
def test_contract(check: Check, shape: str) -> None:
    check.run(Rig(CHANNEL, SANDBOX, state(), SHAPES[shape]))


def test_check_names_are_unique() -> None:
    names = [check.name for check in contract_checks(CHANNEL, SANDBOX)]
    assert len(names) == len(set(names)) > 50
