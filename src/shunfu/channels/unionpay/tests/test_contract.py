"""UnionPay keeps every promise of the gateway's contract, with each of its signature methods."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shunfu.channels.unionpay import CHANNEL, SANDBOX
from shunfu.channels.unionpay.tests.rig import state
from shunfu.gateway.contract import Check, Rig, contract_checks


@pytest.mark.parametrize("method", ["01", "11", "12"])
@pytest.mark.parametrize("check", contract_checks(CHANNEL, SANDBOX), ids=str)
def test_contract(check: Check, method: str) -> None:
    def shaped(credentials: Mapping[str, str]) -> Mapping[str, str]:
        return {**credentials, "sign_method": method}

    check.run(Rig(CHANNEL, SANDBOX, state(), shaped))
