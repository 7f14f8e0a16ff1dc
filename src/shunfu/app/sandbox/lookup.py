"""Asks a stage which orders, refunds and notifications it knows, by number."""

from __future__ import annotations

from shunfu.app.sandbox.host import AnyStage
from shunfu.gateway.sandbox.values import PlacedRefund


def has_order(stage: AnyStage, number: str) -> bool:
    """Whether the sandbox knows this order."""
    return any(one.number == number for one in stage.sandbox.verbs.list_orders(stage.state))


def has_refund(stage: AnyStage, number: str) -> bool:
    """Whether the sandbox knows this refund."""
    return any(one.number == number for one in stage.sandbox.verbs.list_refunds(stage.state))


def has_letters(stage: AnyStage, number: str) -> bool:
    """Whether there ever was something to tell about this number."""
    return any(letter.number == number for letter in stage.post.letters.values())


def refund_of(stage: AnyStage, number: str) -> PlacedRefund:
    """The refund of this number, which `has_refund` has found."""
    return next(one for one in stage.sandbox.verbs.list_refunds(stage.state) if one.number == number)
