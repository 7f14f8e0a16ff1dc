"""Notifications of the sandbox: what is due, signed afresh each time. Must not know: sockets.

Source: pay.weixin.qq.com "支付成功回调通知": 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h after each
failure; HTTP 200 or 204 within 5 seconds is success. A delivery with a forged signature never counts as accepted.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shunfu.channels.wechatpay.sandbox.orders import shanghai, transaction
from shunfu.channels.wechatpay.sandbox.state import Order, State, draw, milliseconds
from shunfu.channels.wechatpay.sandbox.wire import Signing, seal, signature_headers
from shunfu.gateway.flow import Request
from shunfu.gateway.sandbox import Delivery, Faults, Notification, Outcome, Sending

MINUTE, HOUR = 60, 3600
WAITS_SECONDS = (
    *(15, 15, 30, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE),
    *(HOUR, 3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR),
)
TIMEOUT_SECONDS = 5.0


def announce(state: State, order: Order, faults: Faults, now: datetime) -> State:
    """The state with the notification of a just paid order due, later when a fault delays it."""
    delay = max(faults.delay_seconds, state.faults.delay_seconds) / state.speed
    due_ms = state.business_ms(now) + int(delay * 1000)
    return state.with_notification(Notification(order.number, due_ms, faults=faults))


def send_due(state: State, now: datetime, entropy: bytes) -> tuple[State, tuple[Delivery, ...]]:
    """The deliveries that are due now, with their next tries already in the state should no outcome ever be told."""
    deliveries: list[Delivery] = []
    for one in state.notifications.values():
        if one.due_ms <= state.business_ms(now):
            state, more = _send(state, one, now, draw(entropy, one.number, one.attempts))
            deliveries.extend(more)
    return state, tuple(deliveries)


def next_due_seconds(state: State, now: datetime) -> float | None:
    """Seconds on the wall clock until something is due, 0 when it already is, None when nothing waits."""
    due = [one.due_ms for one in state.notifications.values()]
    return max(0.0, (min(due) - state.business_ms(now)) / 1000) if due else None


def redeliver(state: State, number: str, now: datetime) -> State | None:
    """The state with a paid order's notification due now, its schedule begun anew, or None when it is not paid."""
    order = state.orders.get(number)
    if order is None or not order.transaction_id:
        return None
    return state.with_notification(Notification(number, state.business_ms(now)))


def settle(state: State, delivery: Delivery, outcome: Outcome, now: datetime) -> State:
    """The state after a delivery's outcome: logged, and done with when accepted, else due again by the schedule."""
    is_accepted = outcome.status in {200, 204} and delivery.fault not in {"bad_signature", "signtest"}
    logged = Sending(
        delivery.notification_id, delivery.number, delivery.attempt, outcome.sent_ms, delivery.fault,
        outcome.status, "accepted" if is_accepted else outcome.reason, outcome.took_ms,
    )  # fmt: skip
    state, one = state.with_sending(logged), state.notifications.get(delivery.number)
    if is_accepted:
        return state.without_notification(delivery.number)
    if one is None or one.attempts != delivery.attempt:
        return state
    return _wait(state, one, now, grace_ms=0)


def _send(state: State, one: Notification, now: datetime, entropy: bytes) -> tuple[State, tuple[Delivery, ...]]:
    state, one, fault = _take_fault(state, one)
    attempt = one.attempts + 1
    grace_ms = 0 if fault == "lose" else int(TIMEOUT_SECONDS * 1000)
    state = _wait(state, replace(one, attempts=attempt), now, grace_ms)
    notification_id = _notification_id(state.orders[one.number])
    if fault == "lose":
        lost = Sending(notification_id, one.number, attempt, milliseconds(now), "lose", outcome="lost")
        return state.with_sending(lost), ()
    copies = 2 if fault == "duplicate" else 1
    requests = [_request(state, one, fault, Signing(state.keys, "", now, draw(entropy, i))) for i in range(copies)]
    return state, tuple(Delivery(one.number, notification_id, attempt, fault, request) for request in requests)


def _wait(state: State, one: Notification, now: datetime, grace_ms: int) -> State:
    """The state with the next try due by the schedule, or with none after the sixteenth."""
    if one.attempts > len(WAITS_SECONDS):
        return state.without_notification(one.number)
    wait_ms = max(1, int(WAITS_SECONDS[one.attempts - 1] / state.speed * 1000))
    return state.with_notification(replace(one, due_ms=state.business_ms(now) + wait_ms + grace_ms))


def _take_fault(state: State, one: Notification) -> tuple[State, Notification, str]:
    """The next fault to commit, its own before the sandbox's, with that count one lower."""
    for name in ("lose", "signtest", "bad_signature", "duplicate"):
        if getattr(one.faults, name):
            return state, replace(one, faults=_one_less(one.faults, name)), name
        if getattr(state.faults, name):
            return replace(state, faults=_one_less(state.faults, name)), one, name
    return state, one, ""


def _one_less(faults: Faults, name: str) -> Faults:
    left: int = getattr(faults, name)
    return faults if left < 0 else replace(faults, **{name: left - 1})


def _notification_id(order: Order) -> str:
    """The same for each try, and different for each order."""
    return str(UUID(bytes=draw(order.transaction_id.encode(), "notification")[:16], version=4))


def _request(state: State, one: Notification, fault: str, signing: Signing) -> Request:
    order = state.orders[one.number]
    signing = replace(signing, key_id=_key_id(state, order, one.attempts))
    plaintext = json.dumps(transaction(state, order), ensure_ascii=False, separators=(",", ":"))
    envelope = {
        "id": _notification_id(order),
        "create_time": shanghai(order.paid_ms).isoformat(timespec="seconds"),
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": "transaction",
            **seal(state.keys, plaintext, "transaction", signing.entropy),
        },
    }
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {**signature_headers(body, signing), **_forged(fault, signing.entropy)}
    sent = {"content-type": "application/json", "request-id": f"{draw(signing.entropy, 'request').hex()[:32]}-0"}
    names = tuple((name.title(), value) for name, value in (sent | headers).items())
    return Request("POST", order.notify_url, names, body, TIMEOUT_SECONDS)


def _forged(fault: str, entropy: bytes) -> dict[str, str]:
    noise = b64encode(b"".join(draw(entropy, "forged", i) for i in range(8))).decode()
    match fault:
        case "bad_signature":
            return {"wechatpay-signature": noise}
        case "signtest":
            return {"wechatpay-signature": f"WECHATPAY/SIGNTEST/{noise}"}
        case _:
            return {}


def _key_id(state: State, order: Order, attempts: int) -> str:
    """Which WeChat key signs: as set, else the one that the order's request named, else the platform certificate."""
    material = state.keys.material
    match state.notify_key:
        case "public_key":
            return material.public_key_id
        case "cert":
            return material.platform_serial
        case "alternate":
            return material.public_key_id if attempts % 2 == 0 else material.platform_serial
        case "order":
            return order.named_key or material.platform_serial
