"""A genuine notification of somebody else's trade says nothing of ours, whatever number it names."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shunfu.channels.alipay.tests.test_channel import VERBS, notification, paid, settings
from shunfu.gateway.contract.rig import NOW
from shunfu.gateway.evidence import Closed, Evidence, NotPaid, Paid, Unknown
from shunfu.gateway.port import Genuine

OTHERS: tuple[Mapping[str, str], ...] = (
    {"app_id": "2021000000000001"},
    {"seller_id": "2088000000000001"},
    {"app_id": ""},
    {"app_id": "", "auth_app_id": "2021000000000001"},
    {"app_id": settings().seller_id, "seller_id": settings().app_id},
)


def told(fields: Mapping[str, str]) -> Evidence | None:
    read = VERBS.read_notification(settings(), notification(**fields), NOW)
    assert isinstance(read, Genuine), read
    return read.evidence


@pytest.mark.parametrize("status", ["TRADE_CLOSED", "WAIT_BUYER_PAY"])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_trades_of_others_tell_nothing(other: Mapping[str, str], status: str) -> None:
    assert isinstance(told({"trade_status": status, **other}), Unknown)


@pytest.mark.parametrize(
    "ours", [{}, {"seller_id": ""}, {"app_id": "2021000000000001", "auth_app_id": settings().app_id}], ids=str
)
def test_our_trades_are_heard(ours: Mapping[str, str]) -> None:
    assert isinstance(told({"trade_status": "TRADE_CLOSED", **ours}), Closed)
    assert isinstance(told({"trade_status": "WAIT_BUYER_PAY", **ours}), NotPaid)


def test_paid_names_whom_it_was_paid_to_so_that_the_guard_sees_it() -> None:
    fields = {"trade_status": "TRADE_SUCCESS", "gmt_payment": "2026-11-22 14:30:00"}
    assert told(fields) == paid()
    found = told({**fields, "app_id": "2021000000000001", "seller_id": "2088000000000001"})
    assert isinstance(found, Paid)
    assert (found.account, found.app) == ("2088000000000001", "2021000000000001")
