"""Every order state, payment state, hint and clock of the checkout leads to one phase: the table, walked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from shunfu.checkout.model import (
    CheckoutView,
    MethodChoice,
    PaymentView,
    is_closing,
    is_late_money,
    may_change,
    phase,
    preselect,
)
from shunfu.gateway.evidence import Invoke
from shunfu.kernel.money import Money

NOW = datetime(2026, 11, 22, 6, 3, tzinfo=UTC)
BEFORE, AFTER = NOW + timedelta(minutes=29), NOW - timedelta(seconds=1)
QR = Invoke("qr", {"code_url": "weixin://wxpay/x"}, BEFORE)
SHEET = Invoke("wechat_request_payment", {}, BEFORE)


def method(name: str, *, is_default: bool = False, is_enabled: bool = True) -> MethodChoice:
    return MethodChoice(name, name.partition("/")[2], {"zh-CN": name}, "wallet", is_default, is_enabled, "available")


def view(order="OPEN", payment=None, hint=None, expires_at=BEFORE, invoke=SHEET) -> CheckoutView:
    paying = payment and PaymentView("pay_1", payment, "wechatpay/miniprogram", invoke, None, Money(8600, "CNY"))
    return CheckoutView(
        token="t",
        order_id="ord_1",
        order_state=order,
        amount=Money(8600, "CNY"),
        subject="coffee",
        items=(),
        created_at=NOW,
        expires_at=expires_at,
        merchant_name="m",
        methods=(method("wechatpay/miniprogram"),),
        payment=paying or None,
        is_sandbox=True,
        return_url=None,
        sheet_result=hint,
        now=NOW,
    )


OPEN_IN_TIME = {
    # payment state: phase by hint None, ok, cancel, fail
    None: ("ready", "ready", "ready", "ready"),
    "SENDING": ("unknown", "unknown", "unknown", "unknown"),
    "UNKNOWN": ("unknown", "unknown", "unknown", "unknown"),
    "PENDING": ("ready", "processing", "cancelled", "cancelled"),
    "REFUSED": ("failed", "failed", "failed", "failed"),
    "CLOSED": ("ready", "failed", "cancelled", "cancelled"),
    "CAPTURED": ("unknown", "unknown", "unknown", "unknown"),
}
OPEN_TOO_LATE = {
    None: ("expired", "expired", "expired", "expired"),
    "SENDING": ("unknown", "unknown", "unknown", "unknown"),
    "UNKNOWN": ("unknown", "unknown", "unknown", "unknown"),
    "PENDING": ("unknown", "processing", "unknown", "unknown"),
    "REFUSED": ("expired", "expired", "expired", "expired"),
    "CLOSED": ("expired", "expired", "expired", "expired"),
    "CAPTURED": ("unknown", "unknown", "unknown", "unknown"),
}
HINTS = (None, "ok", "cancel", "fail")
PAYMENTS = tuple(OPEN_IN_TIME)


def cells():
    for expires_at, table in ((BEFORE, OPEN_IN_TIME), (AFTER, OPEN_TOO_LATE)):
        for payment, row in table.items():
            for hint, expected in zip(HINTS, row, strict=True):
                yield "OPEN", payment, hint, expires_at, expected
    for payment, hint, expires_at in product(PAYMENTS, HINTS, (BEFORE, AFTER)):
        yield "PAID", payment, hint, expires_at, "success"
        yield "CLOSING", payment, hint, expires_at, "unknown"
        yield "CLOSED", payment, hint, expires_at, "closed" if expires_at is BEFORE else "expired"


@pytest.mark.parametrize(("order", "payment", "hint", "expires_at", "expected"), list(cells()))
def test_every_cell(order, payment, hint, expires_at, expected):
    assert phase(view(order, payment, hint, expires_at)) == expected


@pytest.mark.parametrize(
    ("hint", "expires_at", "expected"),
    [(None, BEFORE, "qr"), ("cancel", BEFORE, "qr"), ("ok", BEFORE, "processing"), (None, AFTER, "unknown")],
)
def test_a_pending_code_is_shown_until_the_time_is_over(hint, expires_at, expected):
    assert phase(view("OPEN", "PENDING", hint, expires_at, QR)) == expected


def test_the_last_moment_is_too_late():
    assert phase(view(expires_at=NOW)) == "expired"
    assert phase(view(expires_at=NOW + timedelta(microseconds=1))) == "ready"


@pytest.mark.parametrize(("order", "payment"), list(product(("OPEN", "CLOSING", "CLOSED", "PAID"), PAYMENTS)))
@pytest.mark.parametrize("expires_at", [BEFORE, AFTER])
def test_nobody_is_told_that_nothing_was_charged_while_a_payment_may_live(order, payment, expires_at):
    """`failed`, `expired` and `closed` say "not charged": never with a live payment on an order that is not closed."""
    for hint in HINTS:
        shown = view(order, payment, hint, expires_at)
        if phase(shown) in {"failed", "expired", "closed"} and order == "OPEN":
            assert payment in {None, "REFUSED", "CLOSED"}
        if payment == "CAPTURED" and order == "CLOSED":
            assert is_late_money(shown)


def test_closing_is_told_apart_from_not_knowing():
    assert is_closing(view("CLOSING", "PENDING"))
    assert is_closing(view("OPEN", "PENDING", None, AFTER))
    assert not is_closing(view("OPEN", "UNKNOWN", None, AFTER))
    assert not is_closing(view("OPEN", "PENDING"))


def test_only_a_page_that_can_change_keeps_asking():
    assert may_change(view("OPEN", "PENDING"))
    assert may_change(view("OPEN", "UNKNOWN"))
    assert may_change(view("CLOSING", "PENDING"))
    assert not may_change(view("OPEN", None))
    assert not may_change(view("PAID", "CAPTURED"))
    assert not may_change(view("CLOSED", "CLOSED"))


def test_preselect_takes_the_default_then_the_first_that_works():
    a, b, c = method("a/x"), method("b/x", is_default=True), method("c/x", is_enabled=False)
    assert preselect((a, b, c)) is b
    assert preselect((a, replace(b, is_enabled=False))) is a
    assert preselect((a, b), avoid="b/x") is a
    assert preselect((b,), avoid="b/x") is b
    assert preselect((c,)) is None
    assert preselect(()) is None
