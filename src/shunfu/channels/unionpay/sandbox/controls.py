"""A tester's hands on the sandbox, and what a tester sees of it. Must not know: HTTP, the wire, how faults happen."""

from __future__ import annotations

from datetime import datetime

from shunfu.channels.unionpay.sandbox.keys import create_material
from shunfu.channels.unionpay.sandbox.orders import closed
from shunfu.channels.unionpay.sandbox.platform import phone_code
from shunfu.channels.unionpay.sandbox.refunds import finish
from shunfu.channels.unionpay.sandbox.shopper import placed
from shunfu.channels.unionpay.sandbox.state import FAILED, PENDING, SUCCESS, State
from shunfu.gateway.sandbox.values import At, Credentials, PlacedOrder, PlacedRefund, RefundEnd, Step

_WORDS = {PENDING: "PROCESSING", SUCCESS: "SUCCESS"}


def create_state(now: datetime, entropy: bytes) -> State:
    """A new merchant with fresh keys and nothing ordered yet."""
    return State(create_material(now, entropy))


def describe(state: State, base_url: str) -> Credentials:
    """What any UnionPay client needs to be pointed at this sandbox, and UnionPay's own private keys."""
    material = state.material
    client = {
        "base_url": base_url,
        "file_url": f"{base_url}/filedownload/",
        "open_url": base_url,
        "mer_id": material.mer_id,
        "cert_id": material.cert_id,
        "merchant_private_key": material.merchant_private_key,
        "merchant_certificate": material.merchant_certificate,
        "root_certificate": material.root_certificate,
        "middle_certificate": material.middle_certificate,
        "secure_key": material.secure_key,
        "sign_method": "01",
        "app_id": material.app_id,
        "app_secret": material.app_secret,
        "symmetric_key": material.symmetric_key,
    }
    sandbox_side = {
        "unionpay_root_private_key": material.root_private_key,
        "unionpay_middle_private_key": material.middle_private_key,
        "unionpay_signer_private_key": material.signer_private_key,
        "unionpay_signer_certificate": material.signer_certificate,
    }
    return Credentials(client, sandbox_side)


def merchant_no(state: State) -> str:
    """The merId."""
    return state.material.mer_id


def ring(state: State, timer: str, at: At) -> Step[State]:
    """A refund ends as it was fated to; an order that closes itself is closed."""
    what, _, key = timer.partition(":")
    return finish(state, key, at) if what == "refund" else Step(closed(state, key))


def end_refund(state: State, number: str, end: RefundEnd, at: At) -> Step[State] | None:
    """End a refund or an undo that is going on; UnionPay knows no abnormal end."""
    one = next((one for one in state.returns.values() if one.number == number and one.code == PENDING), None)
    if one is None or end == "abnormal":
        return None
    return finish(state, one.key, at, SUCCESS if end == "succeeded" else FAILED)


def phone_proof(state: State, phone: str, at: At) -> str:
    """A code of scope upapi_mobile for this phone."""
    return phone_code(state, phone, at)


def switch_key(state: State, notify_key: str) -> State:
    """UnionPay signs with one key; there is no choice."""
    del notify_key
    return state


def list_orders(state: State) -> tuple[PlacedOrder, ...]:
    """Every order, oldest first."""
    return tuple(placed(order) for order in state.orders.values())


def list_refunds(state: State) -> tuple[PlacedRefund, ...]:
    """Every refund and undo, oldest first."""
    return tuple(
        PlacedRefund(
            number=one.number,
            order_number=one.order_number,
            state=_WORDS.get(one.code, "FAILED"),
            amount_minor=one.amount,
            currency="CNY",
            transaction_no=one.query_id,
            created_ms=one.created_ms,
            finished_ms=one.finished_ms,
        )
        for one in state.returns.values()
    )


def balance_minor(state: State) -> int:
    """What the merchant has at the channel now, after fees and refunds."""
    return state.till.balance_minor
