"""Payments and refunds at the sandbox, by the channel's business rules. Must not know: signatures, HTTP headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from shunfu.channels._template.sandbox.state import State
from shunfu.gateway.faults import Faults
from shunfu.gateway.reading import JsonObject, integer_at, parse_time
from shunfu.gateway.sandbox.till import Movement, fee_back, fee_of
from shunfu.gateway.sandbox.values import At, Letter, PlacedOrder, PlacedRefund, Step, Timer, beijing
from shunfu.gateway.scenario import SLOW_REFUND_SECONDS, payment_twist, refund_twist

REFUND_SECONDS = 60
Body: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """What a call came to: the step, what is said, and whether the reply is lost."""

    step: Step[State]
    said: Mapping[str, object]
    faults: Faults | None = None
    is_lost: bool = False


def no(state: State, code: str) -> Done:
    """The channel says no."""
    return Done(Step(state), {"code": code})


def place(state: State, body: JsonObject, at: At) -> Done:
    """A new order or the same one again."""
    number, amount = body.get("number"), integer_at(body, "amount")
    expires, url = parse_time(body.get("expires_at")), body.get("notify_url")
    if not isinstance(number, str) or amount is None or amount < 1 or expires is None or not isinstance(url, str):
        return no(state, "BAD_FIELD")
    old, twist = state.orders.get(number), payment_twist(amount)
    if old is not None:
        is_same = old.state == "WAITING" and old.amount_minor == amount
        return Done(Step(state), _accepted(old)) if is_same else no(state, "NUMBER_TAKEN")
    if twist in {"refused", "system_error", "too_many"}:
        return no(state, {"refused": "RISK", "system_error": "SYSTEM_ERROR", "too_many": "TOO_MANY"}[twist])
    order = PlacedOrder(
        number, "QR", "WAITING", amount, "CNY", str(body.get("subject", "")), url,
        at.business_ms, int(expires.timestamp() * 1000),
    )  # fmt: skip
    timers = {"pays_itself": 0, "closes_itself": 60}
    timer = (Timer(f"{twist}:{number}", timers[twist]),) if twist in timers else ()
    return Done(Step(state.with_order(order), timers=timer), _accepted(order), is_lost=twist == "reply_lost")


def close(state: State, number: str) -> Done:
    """Close an unpaid order, again and again."""
    order = state.orders.get(number)
    if order is None or order.state == "PAID":
        return no(state, "NOT_FOUND" if order is None else "ALREADY_PAID")
    closed = replace(order, state="CLOSED")
    return Done(Step(state.with_order(closed)), payment(state, closed))


def pay(state: State, order: PlacedOrder, at: At) -> Step[State]:
    """The shopper pays: the money less its fee is in the till, and the merchant is to be told."""
    channel_no = f"TP{at.beijing:%Y%m%d}{at.digits(12, 'payment', order.number)}"
    paid = replace(order, state="PAID", paid_ms=at.business_ms, transaction_no=channel_no)
    fee = fee_of(order.amount_minor)
    movement = Movement(at.business_ms, "payment", order.number, channel_no, order.amount_minor, fee)
    state = replace(state.with_order(paid), till=state.till.book(movement))
    content = json.dumps({**payment(state, paid), "id": channel_no, "kind": "PAYMENT"})
    letter = Letter(channel_no, order.number, "PAYMENT", order.notify_url, content, order.amount_minor)
    return Step(state, (letter,))


def refund(state: State, body: JsonObject, at: At, faults: Faults) -> Done:
    """A new refund or the same one again; it ends a minute later."""
    number, payment_no, amount = body.get("number"), body.get("payment"), integer_at(body, "amount")
    url = body.get("notify_url")
    if not isinstance(number, str) or not isinstance(payment_no, str) or amount is None or amount < 1:
        return no(state, "BAD_FIELD")
    order, old, twist = state.orders.get(payment_no), state.refunds.get(number), refund_twist(amount)
    if old is not None:
        is_same = (old.amount_minor, old.order_number) == (amount, payment_no)
        return Done(Step(state), refunded(old)) if is_same else no(state, "NUMBER_TAKEN")
    code = _why_no_refund(state, order, amount, twist)
    if code or order is None:
        return no(state, code)
    made = PlacedRefund(
        number, payment_no, "WORKING", amount, "CNY", f"TR{at.digits(14, 'refund', number)}", at.business_ms
    )
    end, left = _end(twist, faults)
    urls, ends = {**state.refund_urls, number: str(url)}, {**state.refund_ends, number: end}
    state = replace(state.with_refund(made), refund_urls=urls, refund_ends=ends)
    timer = Timer(f"refund:{number}", SLOW_REFUND_SECONDS if twist == "slow" else REFUND_SECONDS)
    said: Mapping[str, object] = {"code": "SYSTEM_ERROR"} if twist == "system_error" else refunded(made)
    return Done(Step(state, timers=(timer,)), said, left)


def end_refund(state: State, number: str, end: str, at: At) -> Step[State] | None:
    """A refund that is going on comes to this end, and the merchant is to be told."""
    found = state.refunds.get(number)
    if found is None or found.state != "WORKING":
        return None
    order = state.orders[found.order_number]
    words = {"succeeded": "DONE", "abnormal": "ABNORMAL", "closed": "CLOSED"}
    done = replace(found, state=words[end], finished_ms=at.business_ms)
    if end == "succeeded":
        before = sum(-one.amount_minor for one in state.till.movements if _is_refund_of(one, order.number))
        fee = -fee_back(order.amount_minor, before, found.amount_minor)
        moved = Movement(
            at.business_ms, "refund", order.number, order.transaction_no, -found.amount_minor, fee,
            number, found.transaction_no,
        )  # fmt: skip
        state = replace(state, till=state.till.book(moved))
    state = state.with_refund(done)
    event = {**refunded(done), "id": done.transaction_no, "kind": "REFUND", "payment": order.number}
    letter = Letter(done.transaction_no, order.number, "REFUND", state.refund_urls[number], json.dumps(event))
    return Step(state, (letter,))


def payment(state: State, order: PlacedOrder) -> Body:
    """An order as a reply and a notification tell it."""
    shown: Body = {"code": "OK", "number": order.number, "state": order.state, "amount": order.amount_minor}
    if order.state != "PAID":
        return shown
    paid_at = beijing(order.paid_ms).isoformat(timespec="milliseconds")
    more = {"paid_at": paid_at, "happened_at": paid_at, "channel_no": order.transaction_no}
    return {**shown, **more, "merchant_no": state.merchant_no}


def refunded(refund: PlacedRefund) -> Body:
    """A refund as a reply and a notification tell it."""
    shown: Body = {"code": "OK", "number": refund.number, "state": refund.state, "amount": refund.amount_minor}
    shown["channel_no"] = refund.transaction_no
    if refund.finished_ms:
        shown["finished_at"] = beijing(refund.finished_ms).isoformat(timespec="milliseconds")
    return shown


def _accepted(order: PlacedOrder) -> Body:
    return {"code": "OK", "number": order.number, "code_url": f"template://pay/{order.number}"}


def _why_no_refund(state: State, order: PlacedOrder | None, amount: int, twist: str) -> str:
    if order is None or order.state != "PAID":
        return "NOT_FOUND" if order is None else "NOT_PAID"
    if state.refunded_minor(order.number) + amount > order.amount_minor:
        return "TOO_MUCH"
    if twist == "no_balance" or amount - fee_of(amount) > state.till.balance_minor:
        return "NO_BALANCE"
    return ""


def _end(twist: str, faults: Faults) -> tuple[str, Faults | None]:
    if faults.refund_abnormal:
        return "abnormal", replace(faults, refund_abnormal=_less(faults.refund_abnormal))
    if faults.refund_closed:
        return "closed", replace(faults, refund_closed=_less(faults.refund_closed))
    return (twist, None) if twist in {"abnormal", "closed"} else ("succeeded", None)


def _less(count: int) -> int:
    return count - 1 if count > 0 else count


def _is_refund_of(movement: Movement, number: str) -> bool:
    return movement.kind == "refund" and movement.number == number
