"""Template Pay keeps every promise of the gateway's contract."""

from __future__ import annotations

from functools import cache

import pytest

from shunfu.channels._template import CHANNEL, SANDBOX
from shunfu.channels._template.sandbox.state import State
from shunfu.gateway.contract import Check, Rig, contract_checks
from shunfu.gateway.contract.rig import NOW


@cache
def state() -> State:
    return SANDBOX.verbs.create_state(NOW, b"template contract")


@pytest.mark.parametrize("check", contract_checks(CHANNEL, SANDBOX), ids=str)
def test_contract(check: Check) -> None:
    check.run(Rig(CHANNEL, SANDBOX, state()))
