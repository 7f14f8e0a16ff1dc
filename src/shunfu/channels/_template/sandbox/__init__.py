"""A stand-in for Template Pay's servers, pure. It reads the rules by itself and never imports the channel's codec.

As a module it has every verb of `gateway.sandbox.verbs.SandboxVerbs`.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

from shunfu.channels._template.sandbox import bill, money
from shunfu.channels._template.sandbox.money import Done, no
from shunfu.channels._template.sandbox.state import State
from shunfu.gateway.flow import Reply, Request
from shunfu.gateway.reading import parse_object, parse_timestamp
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
)
from shunfu.gateway.scenario import payment_twist

PROBLEMS = {"no_balance": {"zh-CN": "余额不足。", "en": "Not enough money."}}
SHOPPER = "tmpl_shopper_0001"
LOGIN_CODE = "login-code"

_PAYMENT = re.compile(r"/template/payments/([0-9A-Za-z]{1,64})")
_CLOSE = re.compile(r"/template/payments/([0-9A-Za-z]{1,64})/close")
_REFUND = re.compile(r"/template/refunds/([0-9A-Za-z]{1,64})")
_STATEMENT = re.compile(r"/template/statements/([0-9-]{10})")


def create_state(now: datetime, entropy: bytes) -> State:
    """A new merchant with a fresh key."""
    number = int.from_bytes(sha256(entropy + b"merchant").digest()[:4], "big")
    return State(f"70{number:010d}", sha256(entropy + b"key").hexdigest())


def describe(state: State, base_url: str) -> Credentials:
    """What a client needs."""
    client = {"base_url": base_url, "merchant_no": state.merchant_no, "secret_key": state.secret_key}
    return Credentials(client, {})


def merchant_no(state: State) -> str:
    """The merchant's number."""
    return state.merchant_no


def answer(state: State, call: Call) -> Answer[State]:
    """Answer one request; what is not signed by the merchant is refused before anything else."""
    request, at = call.request, call.at
    if not _is_signed(state, request, at):
        return Answer(Step(state), Reply(401, {"content-type": "application/json"}, b'{"code":"BAD_SIGNATURE"}'))
    early = {"too_many": "TOO_MANY", "system_error": "SYSTEM_ERROR"}.get(call.twist)
    done = no(state, early) if early else _dispatch(state, call)
    body = json.dumps(done.said, ensure_ascii=False).encode()
    status = 200 if done.said["code"] == "OK" else 400
    headers = _signature(state, "REPLY", body, at)
    if call.twist in {"reply_bad_signature", "reply_signtest"}:
        headers["template-signature"] = at.draw("noise").hex()
    reply = Reply(status, {"content-type": "application/json", **headers}, body)
    return Answer(done.step, reply, done.faults, done.is_lost)


def ring(state: State, timer: str, at: At) -> Step[State]:
    """A refund ends, an order of the book of amounts pays or closes itself."""
    what, _, number = timer.partition(":")
    if what == "refund":
        return money.end_refund(state, number, state.refund_ends.get(number, ""), at) or Step(state)
    order = state.orders.get(number)
    if order is None or order.state != "WAITING":
        return Step(state)
    return money.pay(state, order, at) if what == "pays_itself" else money.close(state, number).step


def open_sheet(state: State, fields: Mapping[str, str], at: At) -> Sheet:
    """The order behind a QR code's address."""
    number = fields.get("code_url", "").removeprefix("template://pay/")
    order = state.orders.get(number)
    return _look(order, at) if order else Sheet(None, "invalid", "order_unknown")


def act(state: State, act: Act, at: At) -> tuple[Step[State], Sheet]:
    """Only `pay` on a payable order changes anything."""
    order = state.orders.get(act.number)
    seen = _look(order, at) if order else Sheet(None, "invalid", "order_unknown")
    if order is None or seen.condition != "payable":
        return Step(state), seen
    if act.deed != "pay":
        return Step(state), replace(seen, problem=act.deed)
    if payment_twist(order.amount_minor) == "no_balance":
        return Step(state), replace(seen, problem="no_balance")
    step = money.pay(state, order, at)
    return step, Sheet(step.state.orders[order.number], "paid")


def end_refund(state: State, number: str, end: RefundEnd, at: At) -> Step[State] | None:
    """End a refund now."""
    return money.end_refund(state, number, end, at)


def phone_proof(state: State, phone: str, at: At) -> str:
    """The phone in a code that names its own signature."""
    return f"{phone}.{hmac.new(state.secret_key.encode(), phone.encode(), sha256).hexdigest()[:16]}"


def write_letter(state: State, letter: Letter, twist: str, at: At) -> Request:
    """The letter signed as a notification, or forged."""
    content = json.loads(letter.content)
    if twist == "wrong_amount":
        content["amount"] += 1
    if twist == "wrong_merchant":
        content["merchant_no"] = "700000000000"
    body = json.dumps(content, ensure_ascii=False).encode()
    signer = replace(state, secret_key="0" * 64) if twist == "wrong_serial" else state
    then = replace(at, now=datetime.fromtimestamp(at.now.timestamp() - 7200, at.now.tzinfo))
    headers = _signature(signer, "NOTIFY", body, then if twist == "stale_timestamp" else at)
    if twist in {"bad_signature", "signtest"}:
        headers["template-signature"] = at.draw("noise").hex()
    return Request("POST", letter.url, (*headers.items(), ("content-type", "application/json")), body)


def is_heard(outcome: Outcome) -> bool:
    """200 and the word `taken`."""
    return outcome.status == 200 and outcome.body == b"taken"


def switch_key(state: State, notify_key: str) -> State:
    """This channel has one key."""
    return state


def list_orders(state: State) -> tuple[PlacedOrder, ...]:
    """Every order, oldest first."""
    return tuple(state.orders.values())


def list_refunds(state: State) -> tuple[PlacedRefund, ...]:
    """Every refund, oldest first."""
    return tuple(state.refunds.values())


def balance_minor(state: State) -> int:
    """What the merchant has."""
    return state.till.balance_minor


def _dispatch(state: State, call: Call) -> Done:
    path, at = urlsplit(call.request.url).path, call.at
    body = parse_object(call.request.body) or {}
    match call.request.method, path:
        case "POST", "/template/payments":
            return money.place(state, body, at)
        case "POST", "/template/refunds":
            return money.refund(state, body, at, call.faults)
        case "POST", "/template/login":
            return _log_in(state, str(body.get("login_code")))
        case "POST", "/template/phone":
            return _phone(state, str(body.get("phone_code")), at)
        case "POST", _ if found := _CLOSE.fullmatch(path):
            return money.close(state, found.group(1))
        case _:
            return _look_up(state, path, call)


def _look_up(state: State, path: str, call: Call) -> Done:
    if found := _PAYMENT.fullmatch(path):
        order = state.orders.get(found.group(1))
        return Done(Step(state), money.payment(state, order)) if order else no(state, "NOT_FOUND")
    if found := _REFUND.fullmatch(path):
        refund = state.refunds.get(found.group(1))
        return Done(Step(state), money.refunded(refund)) if refund else no(state, "NOT_FOUND")
    if found := _STATEMENT.fullmatch(path):
        said, left = bill.tell(state, found.group(1), call.at, call.faults)
        return Done(Step(state), said, left)
    return no(state, "NO_SUCH_ADDRESS")


def _log_in(state: State, code: str) -> Done:
    if not code.startswith(LOGIN_CODE) or code in state.codes:
        return no(state, "BAD_CODE")
    shopper = SHOPPER if code == LOGIN_CODE else f"tmpl_{sha256(code.encode()).hexdigest()[:16]}"
    used = replace(state, codes=(*state.codes, code))
    return Done(Step(used), {"code": "OK", "shopper_id": shopper})


def _phone(state: State, proof: str, at: At) -> Done:
    phone = proof.partition(".")[0]
    is_ours = hmac.compare_digest(phone_proof(state, phone, at).encode(), proof.encode("utf-8", "replace"))
    return Done(Step(state), {"code": "OK", "phone": phone}) if is_ours else no(state, "BAD_CODE")


def _look(order: PlacedOrder, at: At) -> Sheet:
    if order.state == "PAID":
        return Sheet(order, "paid", "already_paid")
    if order.state == "CLOSED":
        return Sheet(order, "closed", "order_closed")
    is_late = at.business_ms >= order.expires_ms
    return Sheet(order, "expired", "order_expired") if is_late else Sheet(order, "payable")


def _header(request: Request, name: str) -> str:
    return next((value for key, value in request.headers if key.lower() == name), "")


def _is_signed(state: State, request: Request, at: At) -> bool:
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    stamp = _header(request, "template-timestamp")
    seconds = parse_timestamp(stamp)
    if seconds is None or abs(at.now.timestamp() - seconds) > 300:
        return False
    text = f"{request.method}\n{target}\n{stamp}\n".encode("utf-8", "replace") + request.body + b"\n"
    expected = hmac.new(state.secret_key.encode(), text, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), _header(request, "template-signature").encode("utf-8", "replace"))


def _signature(state: State, word: str, body: bytes, at: At) -> dict[str, str]:
    stamp = str(int(at.now.timestamp()))
    text = f"{word}\n{stamp}\n".encode() + body + b"\n"
    signed = hmac.new(state.secret_key.encode(), text, sha256).hexdigest()
    return {"template-timestamp": stamp, "template-signature": signed}
