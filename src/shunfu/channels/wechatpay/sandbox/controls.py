"""A tester's hands on the sandbox, and what a tester sees of it. Must not know: HTTP, the wire, how faults happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shunfu.channels.wechatpay.sandbox.beyond.transfer_ends import list_transfers
from shunfu.channels.wechatpay.sandbox.keys import create_material
from shunfu.channels.wechatpay.sandbox.orders import placed
from shunfu.channels.wechatpay.sandbox.state import State
from shunfu.gateway.sandbox.values import Credentials, PlacedOrder


def create_state(now: datetime, entropy: bytes) -> State:
    """A new merchant with fresh keys and nothing ordered yet."""
    return State(create_material(now, entropy))


def describe(state: State, base_url: str) -> Credentials:
    """What any WeChat Pay client needs to be pointed at this sandbox, and WeChat's own private keys.

    `platform_certificate` holds the certificate in use and the one that follows it, so that a rotation refuses nothing.
    """
    material = state.material
    client = {
        "base_url": base_url,
        "backup_url": base_url,
        "platform_url": base_url,
        "mchid": material.mchid,
        "appid": material.appid,
        "app_secret": material.app_secret,
        "official_appid": material.official_appid,
        "official_secret": material.official_secret,
        "merchant_serial": material.merchant_serial,
        "merchant_private_key": material.merchant_private_key,
        "merchant_certificate": material.merchant_certificate,
        "api_v3_key": material.api_v3_key,
        "platform_serial": material.platform_serial,
        "platform_certificate": material.platform_certificate + material.next_platform_certificate,
        "public_key_id": material.public_key_id,
        "public_key": material.public_key,
    }
    sandbox_side = {
        "platform_private_key": material.platform_private_key,
        "next_platform_private_key": material.next_platform_private_key,
        "public_key_private_key": material.public_key_private_key,
    }
    return Credentials(client, sandbox_side)


def merchant_no(state: State) -> str:
    """The mchid."""
    return state.material.mchid


def switch_key(state: State, notify_key: str) -> State:
    """The state with notifications signed as this one of NOTIFY_KEYS says."""
    return replace(state, notify_key=notify_key)


def list_orders(state: State) -> tuple[PlacedOrder, ...]:
    """Every order, oldest first, a combined one as its whole and its parts; then every transfer to a shopper."""
    return (*(placed(order) for order in state.orders.values()), *list_transfers(state))
