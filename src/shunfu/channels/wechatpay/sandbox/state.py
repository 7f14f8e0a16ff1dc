"""The sandbox's state: frozen values that write to JSON and back. Times are Unix milliseconds. Must not know: HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeVar, cast

from shunfu.channels.wechatpay.reading import JsonObject, object_at
from shunfu.channels.wechatpay.sandbox.keys import Keys, Material, parse_keys, read_material
from shunfu.gateway.sandbox import Faults, Notification, Sending

NotifyKey = Literal["order", "public_key", "cert", "alternate"]
NOTIFY_KEYS: tuple[NotifyKey, ...] = ("order", "public_key", "cert", "alternate")
FORMAT = 1
SENDINGS_KEPT = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Order:
    """One order as WeChat keeps it. `token` is its prepay_id or code_url, `token_ms` when that was last issued."""

    number: str
    trade_type: str
    description: str
    notify_url: str
    total: int
    currency: str
    openid: str
    attach: str
    expires_ms: int
    fingerprint: str
    named_key: str
    token: str
    token_ms: int
    created_ms: int
    state: str = "NOTPAY"
    transaction_id: str = ""
    paid_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything the sandbox knows. Business time is the wall clock plus `offset_ms`; waits shrink by `speed`."""

    keys: Keys
    notify_key: NotifyKey = "order"
    speed: float = 1.0
    offset_ms: int = 0
    orders: Mapping[str, Order] = field(default_factory=dict[str, Order])
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    notifications: Mapping[str, Notification] = field(default_factory=dict[str, Notification])
    sendings: tuple[Sending, ...] = ()
    faults: Faults = field(default_factory=Faults)

    def business_ms(self, now: datetime) -> int:
        """The sandbox's own time, for due dates and expiry; signatures use the wall clock."""
        return milliseconds(now) + self.offset_ms

    def with_order(self, order: Order) -> State:
        """This state with one order put in place."""
        return replace(
            self,
            orders={**self.orders, order.number: order},
            tokens={**self.tokens, order.token: order.number},
        )

    def with_notification(self, notification: Notification) -> State:
        """This state with one notification put in place."""
        return replace(self, notifications={**self.notifications, notification.number: notification})

    def without_notification(self, number: str) -> State:
        """This state with nothing more to send for an order."""
        left = {key: one for key, one in self.notifications.items() if key != number}
        return replace(self, notifications=left)

    def with_sending(self, sending: Sending) -> State:
        """This state with one more line in the log, the oldest dropped beyond 1000."""
        return replace(self, sendings=(*self.sendings, sending)[-SENDINGS_KEPT:])


def milliseconds(now: datetime) -> int:
    """Unix milliseconds of a moment."""
    return int(now.timestamp() * 1000)


def draw(entropy: bytes, *labels: str | int) -> bytes:
    """32 bytes for one purpose, out of the entropy given for one step."""
    return sha256(entropy + "/".join(str(label) for label in labels).encode()).digest()


def write_state(state: State) -> str:
    """The state as JSON text."""
    content = {
        "format": FORMAT,
        "material": state.keys.material,
        "notify_key": state.notify_key,
        "speed": state.speed,
        "offset_ms": state.offset_ms,
        "orders": list(state.orders.values()),
        "tokens": dict(state.tokens),
        "notifications": list(state.notifications.values()),
        "sendings": state.sendings,
        "faults": state.faults,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_members)


def read_state(text: str) -> State:
    """The state in this text; raises ValueError when it is not one."""
    try:
        source = cast("JsonObject", json.loads(text))
        if source["format"] != FORMAT:
            raise ValueError("the state file has another format")
        return _read(source)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state file is damaged: {error}") from error


def _read(source: JsonObject) -> State:
    orders = [_record(Order, one) for one in _list(source["orders"])]
    notifications = [_notification(one) for one in _list(source["notifications"])]
    return State(
        keys=parse_keys(read_material(object_at(source, "material"))),
        notify_key=cast("NotifyKey", source["notify_key"]),
        speed=float(cast("float", source["speed"])),
        offset_ms=int(cast("int", source["offset_ms"])),
        orders={order.number: order for order in orders},
        tokens=cast("dict[str, str]", dict(object_at(source, "tokens"))),
        notifications={one.number: one for one in notifications},
        sendings=tuple(_record(Sending, one) for one in _list(source["sendings"])),
        faults=_record(Faults, source["faults"]),
    )


def _notification(raw: object) -> Notification:
    found = _record(Notification, raw)
    return replace(found, faults=_record(Faults, found.faults))


def _members(record: Material | Order | Notification | Sending | Faults) -> dict[str, object]:
    return {item.name: getattr(record, item.name) for item in fields(record)}


def _list(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise TypeError("a list is missing")
    return cast("list[object]", raw)


def _record(make: Callable[..., T], raw: object) -> T:
    return make(**cast("dict[str, object]", raw))
