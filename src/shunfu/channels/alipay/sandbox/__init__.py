"""A stand-in for Alipay's servers, pure: state and request in; state, reply, letters and timers out.

It verifies with its own short reading of the rules (`wire`, `rest`), never with the channel's codec. As a module it has
every verb of `gateway.sandbox.verbs.SandboxVerbs`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shunfu.channels.alipay.sandbox import people
from shunfu.channels.alipay.sandbox import refunds as refunding
from shunfu.channels.alipay.sandbox.keys import create_material
from shunfu.channels.alipay.sandbox.letters import is_heard, write_letter
from shunfu.channels.alipay.sandbox.paying import SHOPPER
from shunfu.channels.alipay.sandbox.people import LOGIN_CODE
from shunfu.channels.alipay.sandbox.server import answer
from shunfu.channels.alipay.sandbox.shopper import PROBLEMS, act, open_sheet, placed
from shunfu.channels.alipay.sandbox.state import State
from shunfu.gateway.sandbox.values import At, Credentials, PlacedOrder, PlacedRefund, RefundEnd, Step

PATHS = ("/gateway.do", "/v3/alipay/*", "/v3/datadigital/*", "/alipay/*")
WAITS_SECONDS = (240.0, 600.0, 600.0, 3600.0, 7200.0, 21_600.0, 54_000.0)
"""opendocs "异步通知说明": 4m, 10m, 10m, 1h, 2h, 6h, 15h."""
TIMEOUT_SECONDS = 5.0


def create_state(now: datetime, entropy: bytes) -> State:
    """A new seller with fresh keys and nothing ordered yet."""
    return State(create_material(now, entropy))


def describe(state: State, base_url: str) -> Credentials:
    """The application with plain keys, and the one with certificates, which `mode` chooses, under names of its own."""
    material = state.material
    client = {
        "gateway_url": f"{base_url}/gateway.do",
        "endpoint": base_url,
        "app_id": material.app_id,
        "seller_id": material.seller_id,
        "app_private_key": material.app_private_key,
        "alipay_public_key": material.alipay_public_key,
        "aes_key": material.aes_key,
        "app_id_cert": material.app_id_cert,
        "app_cert_private_key": material.app_cert_private_key,
        "app_cert": material.app_cert,
        "alipay_cert": material.alipay_cert,
        "alipay_root_cert": material.alipay_root_cert,
    }
    return Credentials(client, {"alipay_private_key": material.alipay_private_key})


def merchant_no(state: State) -> str:
    """The seller's id."""
    return state.material.seller_id


def ring(state: State, timer: str, at: At) -> Step[State]:
    """A trade's time is over, a refund ends, a year has passed; nothing happens when it no longer applies."""
    kind, _, name = timer.partition("/")
    if kind == "refund":
        return refunding.finish(state, name, at) or Step(state)
    trade = state.trades.get(name)
    if trade is None:
        return Step(state)
    seen = trade.at(at.business_ms)
    if kind == "close" and seen.status == "WAIT_BUYER_PAY":
        seen = replace(seen, status="TRADE_CLOSED", closed_ms=at.business_ms)
    return Step(state.with_trade(seen) if seen != trade else state)


def end_refund(state: State, number: str, end: RefundEnd, at: At) -> Step[State] | None:
    """A slow refund succeeds now; Alipay has no other end of one."""
    key = next((key for key, one in state.refunds.items() if one.request_no == number), "")
    return refunding.finish(state, key, at) if end == "succeeded" else None


def phone_proof(state: State, phone: str, at: At) -> str:
    """What `my.getPhoneNumber` hands to the mini-program for this number."""
    return people.phone_proof(state.material, phone)


def switch_key(state: State, notify_key: str) -> State:
    """Alipay has one key for all notifications."""
    return state


def list_orders(state: State) -> tuple[PlacedOrder, ...]:
    """Every trade, oldest first."""
    return tuple(placed(trade) for trade in state.trades.values())


def list_refunds(state: State) -> tuple[PlacedRefund, ...]:
    """Every refund, oldest first."""
    return tuple(
        PlacedRefund(
            number=one.request_no,
            order_number=one.number,
            state=one.status,
            amount_minor=one.amount,
            currency="CNY",
            transaction_no=state.trades[one.number].trade_no,
            created_ms=one.created_ms,
            finished_ms=one.finished_ms,
        )
        for one in state.refunds.values()
    )


def balance_minor(state: State) -> int:
    """What the seller has, after fees and refunds."""
    return state.till.balance_minor


__all__ = [
    "LOGIN_CODE",
    "PATHS",
    "PROBLEMS",
    "SHOPPER",
    "TIMEOUT_SECONDS",
    "WAITS_SECONDS",
    "State",
    "act",
    "answer",
    "balance_minor",
    "create_state",
    "describe",
    "end_refund",
    "is_heard",
    "list_orders",
    "list_refunds",
    "merchant_no",
    "open_sheet",
    "phone_proof",
    "ring",
    "switch_key",
    "write_letter",
]
