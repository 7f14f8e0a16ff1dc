"""Payments at the sandbox: place and ask, by UnionPay's business rules. Must not know: signatures, HTTP.

Source: 全渠道平台接入接口规范 5.1.0 (消费, 二维码消费, 交易状态查询). An order is placed once: the real gateway answers
12 to any repetition. This one gives the same tn or code again while the order is unpaid and nothing in it has changed,
so that a merchant whose reply was lost can go on; all other repetitions are 12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from shunfu.channels.unionpay.sandbox.state import PENDING, Order, State, key_of
from shunfu.channels.unionpay.sandbox.telling import facts_of_order, facts_of_return, outcome_of
from shunfu.channels.unionpay.sandbox.wire import MESSAGES, Fields
from shunfu.gateway.faults import Faults
from shunfu.gateway.sandbox.values import At, Letter, Timer
from shunfu.gateway.scenario import payment_twist

DAY_MS = 86_400_000
CLOSES_SECONDS = 60
SILENT_MINOR, TAKEN_MINOR, DEFECTIVE_MINOR = 9963, 9965, 9966
"""UnionPay's own additions to the book of amounts: placing answers 03, or 05, and the order is there; paid with A6."""

_ORDER_ID = re.compile(r"[0-9A-Za-z]{8,40}", re.ASCII)
_TIME = re.compile(r"20[0-9]{12}", re.ASCII)
_AMOUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_NEEDED = ("channelType", "orderId", "txnTime", "txnAmt", "currencyCode", "backUrl")
_REFUSALS = {"refused": "38", "system_error": "06", "too_many": "37"}
_ODD_CODES = {SILENT_MINOR: "03", TAKEN_MINOR: "05"}


@dataclass(frozen=True, slots=True)
class Asking:
    """One request past its signature: its fields, where it was sent to, and the moment."""

    fields: Fields
    origin: str
    at: At
    faults: Faults


@dataclass(frozen=True, slots=True)
class Done:
    """What a request brought about: the state, the code, more fields of the reply, what is told and timed."""

    state: State
    code: str
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    letters: tuple[Letter, ...] = ()
    timers: tuple[Timer, ...] = ()
    is_lost: bool = False
    faults: Faults | None = None


def place(state: State, door: str, asking: Asking) -> Done:
    """A new order, or the same one again; doors are app, front and qr."""
    fields = asking.fields
    wrong = wrong_format(fields, _NEEDED)
    if wrong:
        return Done(state, wrong)
    order = _new_order(door, asking)
    if order is None or order.expires_ms <= asking.at.business_ms:
        return Done(state, "10")
    old = state.orders.get(order.key)
    if old is not None or order.key in state.returns:
        is_same = old is not None and old.fingerprint == order.fingerprint and old.door == door
        is_open = old is not None and outcome_of(old, asking.at.business_ms) == PENDING
        return Done(state, "00", _shown(old)) if old and is_same and is_open else Done(state, "12")
    twist = payment_twist(order.amount)
    if twist in _REFUSALS:
        return Done(state, _REFUSALS[twist])
    timers = (Timer(f"close:{order.key}", CLOSES_SECONDS),) if twist == "closes_itself" else ()
    code = "00" if door == "front" else _ODD_CODES.get(order.amount, "00")
    return Done(
        state.with_order(order),
        code,
        _shown(order) if code == "00" else {},
        timers=timers,
        is_lost=twist == "reply_lost",
    )


def ask(state: State, asking: Asking) -> Done:
    """The transaction by orderId and txnTime, or by queryId: 34, or 00 with its own code in origRespCode."""
    fields = asking.fields
    key, query_id = key_of(fields.get("orderId", ""), fields.get("txnTime", "")), fields.get("queryId", "")
    order = state.orders.get(key) or next(
        (o for o in state.orders.values() if query_id and o.query_id == query_id), None
    )
    if order is not None:
        return _told(state, outcome_of(order, asking.at.business_ms), facts_of_order(state, order))
    one = state.returns.get(key) or next(
        (r for r in state.returns.values() if query_id and r.query_id == query_id), None
    )
    return Done(state, "34") if one is None else _told(state, one.code, facts_of_return(state, one))


def wrong_format(fields: Fields, needed: tuple[str, ...]) -> str:
    """13 when something needed is missing, 10 when something is not written as it must be, else an empty text."""
    if any(not fields.get(name) for name in needed):
        return "13"
    is_sound = (
        _ORDER_ID.fullmatch(fields["orderId"])
        and _moment_ms(fields["txnTime"]) is not None
        and _AMOUNT.fullmatch(fields["txnAmt"])
        and fields.get("currencyCode", "156") == "156"
        and len(fields["backUrl"]) <= 256
        and fields["backUrl"].startswith(("http://", "https://", "ZX|"))
    )
    return "" if is_sound else "10"


def closed(state: State, key: str) -> State:
    """The state after UnionPay itself gave up an order that is still open."""
    order = state.orders.get(key)
    return state.with_order(replace(order, code="01")) if order and order.code == PENDING else state


def _told(state: State, code: str, facts: Mapping[str, str]) -> Done:
    told = {"origRespCode": code, "origRespMsg": MESSAGES.get(code, "交易失败[2000001]")}
    return Done(state, "00", {**facts, **told})


def _shown(order: Order) -> dict[str, str]:
    return {"qrCode" if order.door == "qr" else "tn": order.token}


def _new_order(door: str, asking: Asking) -> Order | None:
    fields, at = asking.fields, asking.at
    expires_ms = _moment_ms(fields["payTimeout"]) if fields.get("payTimeout") else at.business_ms + DAY_MS
    if expires_ms is None:
        return None
    return Order(
        number=fields["orderId"],
        txn_time=fields["txnTime"],
        door=door,
        txn_sub=fields.get("txnSubType", "01"),
        biz_type=fields.get("bizType", "000201"),
        amount=int(fields["txnAmt"]),
        description=fields.get("orderDesc", ""),
        back_url=fields["backUrl"],
        front_url=fields.get("frontUrl", ""),
        origin=asking.origin,
        reserved=fields.get("reqReserved", ""),
        sign_method=fields["signMethod"],
        encoding=fields["encoding"],
        fingerprint=_fingerprint(fields),
        token=_token(door, asking),
        created_ms=at.business_ms,
        expires_ms=expires_ms,
    )


def _token(door: str, asking: Asking) -> str:
    """A tn of 21 digits, or the address of a QR code."""
    digits = asking.at.digits(16, "token", asking.fields["orderId"])
    return f"https://qr.95516.com/00010000/{digits}" if door == "qr" else f"{asking.at.beijing:%d%H%M}{digits[-15:]}"


def _fingerprint(fields: Fields) -> str:
    own = sorted((name, value) for name, value in fields.items() if value and name not in {"signature", "certId"})
    return sha256(repr(own).encode()).hexdigest()


def _moment_ms(text: str) -> int | None:
    """`yyyyMMddHHmmss` in Beijing as Unix milliseconds, or None."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        moment = datetime.strptime(f"{text}+0000", "%Y%m%d%H%M%S%z") - timedelta(hours=8)
    except ValueError:
        return None
    return int(moment.astimezone(UTC).timestamp() * 1000)


def origin_of(url: str) -> str:
    """Scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
