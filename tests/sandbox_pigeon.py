"""A toy channel's sandbox, Carrier Pigeon: JSON without signatures, so that the host is tested apart from any channel.

It lists orders and refunds, sends letters with the twist written into them, and uses up the faults of a refund.
"""

# ruff: noqa: ARG002  # the interface names more than a toy needs
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.sandbox.values import (
    Act,
    Answer,
    At,
    Call,
    Credentials,
    Letter,
    Outcome,
    PlacedOrder,
    PlacedRefund,
    RefundEnd,
    Sheet,
    Step,
    Timer,
)
from shunfu.gateway.sandbox.verbs import Sandbox


@dataclass(frozen=True, slots=True)
class State:
    merchant: str
    key: str = "grain"
    orders: Mapping[str, PlacedOrder] = field(default_factory=dict[str, PlacedOrder])
    refunds: Mapping[str, PlacedRefund] = field(default_factory=dict[str, PlacedRefund])


class Pigeon:
    """The verbs. Addresses: `<base>/orders`, `<base>/refunds`, `<base>/echo`."""

    def create_state(self, now: datetime, entropy: bytes) -> State:
        return State("p" + entropy.hex()[:8])

    def describe(self, state: State, base_url: str) -> Credentials:
        told = {"base_url": base_url, "merchant": state.merchant}
        return Credentials(told, {f"{state.merchant}_private_key": "k"})

    def merchant_no(self, state: State) -> str:
        return state.merchant

    def answer(self, state: State, call: Call) -> Answer[State]:
        if call.twist in {"system_error", "too_many"}:
            return Answer(Step(state), _json({"error": call.twist}, 429 if call.twist == "too_many" else 500))
        path = call.request.url.partition("?")[0].removeprefix("http://sandbox")
        if path.endswith("/orders"):
            return self._order(state, call)
        if path.endswith("/refunds"):
            return self._refund(state, call)
        told = {"url": call.request.url, "body": call.request.body.decode("latin-1"), "draw": call.at.digits(8, "x")}
        return Answer(Step(state), _json(told))

    def ring(self, state: State, timer: str, at: At) -> Step[State]:
        found = self.end_refund(state, timer.removeprefix("refund/"), "succeeded", at)
        return found or Step(state)

    def open_sheet(self, state: State, fields: Mapping[str, str], at: At) -> Sheet:
        order = state.orders.get(fields.get("number", ""))
        if order is None:
            return Sheet(None, "invalid", "order_unknown")
        back = f"http://127.0.0.1:1/back?number={order.number}"
        return Sheet(order, "paid" if order.paid_ms else "payable", back_url=fields.get("back", back))

    def act(self, state: State, act: Act, at: At) -> tuple[Step[State], Sheet]:
        order = state.orders.get(act.number)
        if order is None:
            return Step(state), Sheet(None, "invalid", "order_unknown")
        if order.paid_ms:
            return Step(state), Sheet(order, "paid", "already_paid")
        if act.deed != "pay":
            return Step(state), Sheet(order, "payable", act.deed)
        order = replace(order, state="PAID", paid_ms=at.business_ms, transaction_no=at.digits(10, "paid", act.number))
        letter = Letter(
            at.digits(12, act.number), order.number, "paid", order.notify_url, order.transaction_no, order.amount_minor
        )
        back = f"http://127.0.0.1:1/back?number={order.number}"
        state = replace(state, orders={**state.orders, order.number: order})
        return Step(state, (letter,)), Sheet(order, "paid", back_url=back)

    def end_refund(self, state: State, number: str, end: RefundEnd, at: At) -> Step[State] | None:
        refund = state.refunds.get(number)
        if refund is None or refund.finished_ms or end == "abnormal":
            return None
        refund = replace(refund, state=end.upper(), finished_ms=at.business_ms)
        return Step(replace(state, refunds={**state.refunds, number: refund}))

    def phone_proof(self, state: State, phone: str, at: At) -> str:
        return f"proof-of-{phone}"

    def write_letter(self, state: State, letter: Letter, twist: str, at: At) -> Request:
        told = {"id": letter.id, "content": letter.content, "twist": twist, "key": state.key, "at": at.business_ms}
        return Request("POST", letter.url, (("Content-Type", "application/json"),), json.dumps(told).encode())

    def is_heard(self, outcome: Outcome) -> bool:
        return outcome.status == 200

    def switch_key(self, state: State, notify_key: str) -> State:
        return replace(state, key=notify_key)

    def list_orders(self, state: State) -> tuple[PlacedOrder, ...]:
        return tuple(state.orders.values())

    def list_refunds(self, state: State) -> tuple[PlacedRefund, ...]:
        return tuple(state.refunds.values())

    def balance_minor(self, state: State) -> int:
        return sum(order.amount_minor for order in state.orders.values() if order.paid_ms)

    def _order(self, state: State, call: Call) -> Answer[State]:
        told = json.loads(call.request.body)
        number, at_ms = told["number"], call.at.business_ms
        order = PlacedOrder(
            number, "coop", "OPEN", told.get("amount_minor", 100), "CNY", "grain", told.get("notify_url", ""), at_ms,
            at_ms + 7_200_000,
        )  # fmt: skip
        state = replace(state, orders={**state.orders, number: order})
        return Answer(Step(state), _json({"number": number, "draw": call.at.digits(8, "x")}))

    def _refund(self, state: State, call: Call) -> Answer[State]:
        told = json.loads(call.request.body)
        refund = PlacedRefund(told["number"], told["order"], "GOING", 10, "CNY", "t", call.at.business_ms)
        state = replace(state, refunds={**state.refunds, refund.number: refund})
        timers = (Timer(f"refund/{refund.number}", 3600.0),)
        return Answer(Step(state, timers=timers), _json({"number": refund.number}))


def _json(told: object, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(told).encode())


def pigeon(name: str = "pigeon", *paths: str) -> Sandbox[State]:
    """The toy under a name, at `/<name>/*` unless told otherwise."""
    return Sandbox(
        name=name,
        label={"zh-CN": "信鸽支付", "en": f"{name.title()} Pay"},
        paths=paths or (f"/{name}/*",),
        problems={"coop_shut": {"zh-CN": "鸽舍关门了。", "en": "The coop is shut."}},
        notify_keys=("grain", "seed"),
        waits_seconds=(10, 60),
        timeout_seconds=5.0,
        shopper=f"{name}-shopper",
        login_code=f"{name}-code",
        state_type=State,
        verbs=Pigeon(),
    )
