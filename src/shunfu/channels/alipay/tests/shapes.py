"""One sandbox for all tests, and the ways in which a merchant may be set up at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from shunfu.channels.alipay import sandbox
from shunfu.channels.alipay.sandbox.state import State
from shunfu.gateway.contract.rig import NOW


@cache
def state() -> State:
    """A new merchant, made once: keys are slow."""
    return sandbox.create_state(NOW, b"ours")


@cache
def other_state() -> State:
    """A stranger."""
    return sandbox.create_state(NOW, b"others")


def by_certificate(client: Mapping[str, str]) -> Mapping[str, str]:
    """The application with certificates instead."""
    return {**client, "mode": "certificate"}


def with_v3(client: Mapping[str, str]) -> Mapping[str, str]:
    """The REST protocol."""
    return {**client, "protocol": "v3"}


def encrypted(client: Mapping[str, str]) -> Mapping[str, str]:
    """Contents encrypted."""
    return {**client, "content_encryption": "AES"}


SHAPES: Mapping[str, Callable[[Mapping[str, str]], Mapping[str, str]]] = {
    "v2": dict,
    "v2-cert": by_certificate,
    "v2-aes": encrypted,
    "v3": with_v3,
    "v3-cert-aes": lambda client: with_v3(encrypted(by_certificate(client))),
}
