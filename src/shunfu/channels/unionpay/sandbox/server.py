"""The sandbox's front door: one request in, one reply out. Must not know: sockets, clocks, files.

Order of checks: address, form, what is missing, merchant, signature, permission, business.
"""

from __future__ import annotations

import html
from urllib.parse import parse_qs, urlencode, urlsplit

from shunfu.channels.unionpay.sandbox import files, orders, platform, refunds
from shunfu.channels.unionpay.sandbox.orders import Asking, Done
from shunfu.channels.unionpay.sandbox.shopper import RETURN, pay
from shunfu.channels.unionpay.sandbox.state import Order, State
from shunfu.channels.unionpay.sandbox.telling import facts_of_order
from shunfu.channels.unionpay.sandbox.wire import (
    CHARSETS,
    MESSAGES,
    TEXT,
    Fields,
    Pen,
    is_signed,
    page,
    read_form,
    reply,
    signed,
)
from shunfu.gateway.flow import Reply
from shunfu.gateway.sandbox.values import Answer, Call, Step
from shunfu.gateway.scenario import payment_twist

FRONT, APP = "/gateway/api/frontTransReq.do", "/gateway/api/appTransReq.do"
BACK, QUERY = "/gateway/api/backTransReq.do", "/gateway/api/queryTrans.do"
FILES = ("/", "/filedownload/")
OPEN = "/open/access/1.0/"

_NEEDED = ("version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "merId", "signature")
_ECHOED = (
    *("txnType", "txnSubType", "bizType", "accessType", "merId", "orderId", "txnTime", "reqReserved"),
    "settleDate",
)
_TWISTED = {"too_many": "37", "system_error": "06"}


def answer(state: State, call: Call) -> Answer[State]:
    """Answer one request as UnionPay's gateway, file server and open platform would."""
    path = urlsplit(call.request.url).path or "/"
    if path.startswith(OPEN):
        return _platform(state, path.removeprefix(OPEN), call)
    if path == RETURN:
        return Answer(Step(state), _front_return(state, call))
    if path not in {FRONT, APP, BACK, QUERY, *FILES}:
        return Answer(Step(state), page(404, "404 Not Found"))
    fields = _fields(call, is_front=path == FRONT)
    if fields is None:
        return Answer(Step(state), page(400, "报文格式错误"))
    asking = Asking(fields, orders.origin_of(call.request.url), call.at, call.faults)
    done = _checked(state, path, asking, call.twist)
    twist = call.twist if call.twist not in _TWISTED else ""
    said = _shown(asking, done) if path == FRONT else reply(done.state, _said(fields, done), _pen(fields, twist))
    paid = _paid_at_once(done, asking)
    return Answer(paid, said, done.faults, done.is_lost)


def _platform(state: State, name: str, call: Call) -> Answer[State]:
    if call.twist in platform.STORMS:
        return Answer(Step(state), platform.say("99", "系统繁忙"))
    state, said = platform.answer(state, name, call.request, call.at)
    return Answer(Step(state), said)


def _fields(call: Call, *, is_front: bool) -> dict[str, str] | None:
    """The form; the browser's may also come as a query, so that a plain link opens the cashier."""
    if call.request.method == "POST":
        return read_form(call.request.body)
    query = urlsplit(call.request.url).query
    return read_form(query.encode("utf-8", "replace")) if is_front and call.request.method == "GET" else None


def _checked(state: State, path: str, asking: Asking, twist: str) -> Done:
    fields = asking.fields
    if twist in _TWISTED:
        return Done(state, _TWISTED[twist])
    if any(not fields.get(name) for name in _NEEDED):
        return Done(state, "13")
    if fields["version"] != "5.1.0" or fields["encoding"].upper() not in CHARSETS or fields["accessType"] != "0":
        return Done(state, "10")
    if fields["merId"] != state.material.mer_id:
        return Done(state, "31")
    return _dispatched(state, path, asking) if is_signed(state, fields) else Done(state, "11")


def _dispatched(state: State, path: str, asking: Asking) -> Done:
    kind = (fields := asking.fields)["txnType"], fields["txnSubType"]
    match path, *kind:
        case ("/gateway/api/frontTransReq.do", "01", "01"):
            return orders.place(state, "front", asking)
        case ("/gateway/api/appTransReq.do", "01", "01"):
            return orders.place(state, "app", asking)
        case ("/gateway/api/backTransReq.do", "01", "07"):
            return orders.place(state, "qr", asking)
        case ("/gateway/api/backTransReq.do", "04" | "31", "00"):
            return refunds.take(state, kind[0], asking)
        case ("/gateway/api/backTransReq.do" | "/gateway/api/queryTrans.do", "00", "00" | "02"):
            return orders.ask(state, asking)
        case ("/" | "/filedownload/", "76", "01"):
            return files.fetch(state, asking)
        case _:
            return Done(state, "32")


def _paid_at_once(done: Done, asking: Asking) -> Step[State]:
    """The step of a request, and where the book of amounts says so, the payment that needs no shopper."""
    order = done.state.orders.get(_key(asking.fields))
    is_new = order is not None and order.created_ms == asking.at.business_ms and done.code == "00"
    if order and is_new and not order.is_paid and payment_twist(order.amount) == "pays_itself":
        step = pay(done.state, order, asking.at)
        return Step(step.state, (*done.letters, *step.letters), done.timers)
    return Step(done.state, done.letters, done.timers)


def _key(fields: Fields) -> str:
    return f"{fields.get('orderId', '')}@{fields.get('txnTime', '')}"


def _said(fields: Fields, done: Done) -> dict[str, str]:
    echoed = {name: fields[name] for name in _ECHOED if fields.get(name)}
    return {**echoed, **done.more, "respCode": done.code, "respMsg": MESSAGES[done.code]}


def _pen(fields: Fields, twist: str = "") -> Pen:
    encoding = fields.get("encoding", "UTF-8")
    return Pen(fields.get("signMethod", "01"), encoding if encoding.upper() in CHARSETS else "UTF-8", twist)


def _shown(asking: Asking, done: Done) -> Reply:
    """The cashier: the sandbox's sheet for an order that was taken, else a page that says what is wrong."""
    if done.code != "00":
        return page(200, f"<p>{done.code}</p><p>{html.escape(MESSAGES[done.code])}</p>")
    target = f"{asking.origin}/sandbox/sheet?{urlencode({'channel': 'unionpay', 'tn': done.more['tn']})}"
    return Reply(302, {**TEXT, "location": target}, b"")


def _front_return(state: State, call: Call) -> Reply:
    """The page that posts the result to frontUrl from the shopper's browser; it is for show only, never proof."""
    token = parse_qs(urlsplit(call.request.url).query).get("tn", [""])[0]
    order = state.order_with_token(token)
    if order is None or not order.front_url:
        return page(404, "404 Not Found")
    if not order.is_paid:
        return Reply(302, {**TEXT, "location": order.front_url}, b"")
    return _posting(order, _front_fields(state, order))


def _front_fields(state: State, order: Order) -> dict[str, str]:
    facts = {**facts_of_order(state, order), "respCode": order.code, "respMsg": MESSAGES[order.code]}
    return signed(state, facts, Pen(order.sign_method, order.encoding))


def _posting(order: Order, fields: Fields) -> Reply:
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    action = html.escape(order.front_url)
    return page(200, f'<form method="post" action="{action}">{inputs}<button>返回商户</button></form>')
