"""A tester's hands on the sandbox, and what a tester sees of it. Must not know: HTTP, the wire, how faults happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shunfu.channels.wechatpay.sandbox.keys import create_material, parse_keys
from shunfu.channels.wechatpay.sandbox.orders import placed
from shunfu.channels.wechatpay.sandbox.state import NOTIFY_KEYS, State
from shunfu.gateway.sandbox import Credentials, Faults, Notification, Pace, PlacedOrder, Sending


def create_state(now: datetime, entropy: bytes) -> State:
    """A new merchant with fresh keys and nothing ordered yet."""
    return State(parse_keys(create_material(now, entropy)))


def describe(state: State, base_url: str) -> Credentials:
    """What any WeChat Pay client needs to be pointed at this sandbox, and WeChat's own private keys."""
    material = state.keys.material
    client = {
        "base_url": base_url,
        "mchid": material.mchid,
        "appid": material.appid,
        "merchant_serial": material.merchant_serial,
        "merchant_private_key": material.merchant_private_key,
        "merchant_certificate": material.merchant_certificate,
        "api_v3_key": material.api_v3_key,
        "platform_serial": material.platform_serial,
        "platform_certificate": material.platform_certificate,
        "public_key_id": material.public_key_id,
        "public_key": material.public_key,
    }
    sandbox_side = {
        "platform_private_key": material.platform_private_key,
        "public_key_private_key": material.public_key_private_key,
    }
    return Credentials(client, sandbox_side)


def merchant_no(state: State) -> str:
    """The mchid."""
    return state.keys.material.mchid


def get_pace(state: State) -> Pace:
    """The sandbox's clock."""
    return Pace(state.speed, state.offset_ms)


def set_clock(state: State, speed: float, advance_seconds: float, now: datetime) -> State:
    """The state with waits passing `speed` times as fast from now on, after business time jumped by some seconds."""
    state = replace(state, offset_ms=state.offset_ms + int(advance_seconds * 1000))
    at, ratio = state.business_ms(now), state.speed / speed
    notifications = {
        number: replace(one, due_ms=at + int((one.due_ms - at) * ratio)) if one.due_ms > at else one
        for number, one in state.notifications.items()
    }
    return replace(state, speed=speed, notifications=notifications)


def get_faults(state: State) -> Faults:
    """The faults still to come, over all orders."""
    return state.faults


def set_faults(state: State, faults: Faults) -> State:
    """The state with these faults to come."""
    return replace(state, faults=faults)


def set_notify_key(state: State, notify_key: str) -> State:
    """The state with notifications signed as this one of NOTIFY_KEYS says. Raises ValueError when it is none."""
    chosen = next((one for one in NOTIFY_KEYS if one == notify_key), None)
    if chosen is None:
        raise ValueError(f"there is no notify key {notify_key!r}")
    return replace(state, notify_key=chosen)


def list_orders(state: State) -> tuple[PlacedOrder, ...]:
    """Every order, oldest first."""
    return tuple(placed(order) for order in state.orders.values())


def list_sendings(state: State) -> tuple[Sending, ...]:
    """The log of deliveries, oldest first."""
    return state.sendings


def list_waiting(state: State) -> tuple[Notification, ...]:
    """The notifications still to come."""
    return tuple(state.notifications.values())
