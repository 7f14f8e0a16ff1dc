"""The control API: a tester is the shopper, commits faults, moves the clock, and sees what was sent. JSON in and out.

`channel` names the sandbox; it may be left out where there is only one. Every refusal is `{"problem": code}` with a 4xx
status.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from itertools import islice
from typing import NoReturn, TypeAlias, cast

from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.host import AnyStand, Host
from shunfu.gateway.sandbox import DEEDS, Act, Deed, Faults, Notification, PlacedOrder, Sending
from shunfu.kernel.clock import rfc3339

JsonObject: TypeAlias = Mapping[str, object]


class Control:
    """The endpoints under /control, over one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Route]:
        """What to mount at /control."""
        return [
            Route("/control/pay", self.pay, methods=["POST"]),
            Route("/control/redeliver", self.redeliver, methods=["POST"]),
            Route("/control/faults", self.faults, methods=["GET", "POST"]),
            Route("/control/clock", self.clock, methods=["GET", "POST"]),
            Route("/control/orders", self.orders, methods=["GET"]),
            Route("/control/notifications", self.notifications, methods=["GET"]),
        ]

    async def pay(self, request: WebRequest) -> Response:
        """`{"channel", "order_no", "outcome"?, "faults"?}`: the shopper pays, or does another of the sheet's deeds."""
        body = await _object(request)
        if body is None:
            return _problem(400, "malformed_body")
        stand, act = self._host.find(body.get("channel")), _act(body)
        if stand is None:
            return _problem(400, "channel_unknown")
        if isinstance(act, str):
            return _problem(400, act)
        sheet = self._host.act(stand, act)
        if sheet.order is None:
            return _problem(404, sheet.problem)
        is_refused = sheet.condition != "payable" and sheet.problem is not None
        return _problem(409, sheet.problem) if is_refused else JSONResponse(_order(stand, sheet.order))

    async def redeliver(self, request: WebRequest) -> Response:
        """`{"channel", "order_no"}`: send a paid order's notification once more, its schedule begun anew."""
        body = await _object(request) or {}
        stand, now, number = self._host.find(body.get("channel")), self._host.source.now(), str(body.get("order_no"))
        if stand is None:
            return _problem(400, "channel_unknown")
        is_done = self._host.change(stand, lambda state: stand.sandbox.verbs.redeliver(state, number, now))
        return JSONResponse({"order_no": number}) if is_done else _problem(404, "nothing_to_redeliver")

    async def faults(self, request: WebRequest) -> Response:
        """Read or set the faults still to come; `lose` may be "always", a field not named keeps its value."""
        told = await _object(request) if request.method == "POST" else {**request.query_params}
        stand = self._host.find(told.get("channel")) if told is not None else None
        if told is None or stand is None:
            return _problem(400, "faults_malformed" if told is None else "channel_unknown")
        verbs = stand.sandbox.verbs
        if request.method == "POST":
            named = {name: value for name, value in told.items() if name != "channel"}
            faults = _faults(verbs.get_faults(stand.state), named)
            if faults is None:
                return _problem(400, "faults_malformed")
            self._host.change(stand, lambda state: verbs.set_faults(state, faults))
        return JSONResponse(asdict(verbs.get_faults(stand.state)))

    async def clock(self, request: WebRequest) -> Response:
        """Read the clock, or `{"speed"?, "advance_seconds"?}`: shorten waits, jump ahead. Signatures keep real time."""
        if request.method == "POST":
            body = await _object(request) or {}
            speed = _number(body.get("speed", self._host.pace.speed))
            advance = _number(body.get("advance_seconds", 0))
            if speed is None or advance is None or not 0.001 <= speed <= 1e6 or abs(advance) > 1e9:
                return _problem(400, "clock_malformed")
            self._host.set_clock(speed, advance)
        pace, now = self._host.pace, self._host.source.now()
        shown = {"speed": pace.speed, "offset_seconds": pace.offset_ms / 1000}
        business_ms = int(now.timestamp() * 1000) + pace.offset_ms
        return JSONResponse({**shown, "now": rfc3339(now), "business_now": _time(business_ms)})

    async def orders(self, request: WebRequest) -> Response:
        """Every order, a channel's newest first; of one channel when `channel` names it."""
        stands, limit = self._named(request), _limit(request)
        if stands is None:
            return _problem(400, "channel_unknown")
        items: list[dict[str, object]] = []
        for stand in stands:
            newest_first = reversed(stand.sandbox.verbs.list_orders(stand.state))
            items += [_order(stand, order) for order in islice(newest_first, limit)]
        return JSONResponse({"items": items})

    async def notifications(self, request: WebRequest) -> Response:
        """What was sent, when, with which answer, a channel's newest first, and what is still to come."""
        stands, limit, number = self._named(request), _limit(request), request.query_params.get("order_no")
        if stands is None:
            return _problem(400, "channel_unknown")
        items, waiting = list[dict[str, object]](), list[dict[str, object]]()
        for stand in stands:
            newest_first = reversed(stand.sandbox.verbs.list_sendings(stand.state))
            found = (one for one in newest_first if number in {None, one.number})
            items += [_sending(stand, one) for one in islice(found, limit)]
            waiting += [_waiting(one) for one in stand.sandbox.verbs.list_waiting(stand.state)]
        return JSONResponse({"items": items, "waiting": waiting})

    def _named(self, request: WebRequest) -> Iterable[AnyStand] | None:
        """The sandbox that the query names, or every one; None when it names none of ours."""
        name = request.query_params.get("channel")
        if name is None:
            return self._host.stands.values()
        stand = self._host.find(name)
        return None if stand is None else (stand,)


async def _object(request: WebRequest) -> JsonObject | None:
    """The body's JSON object, or None when it is none, is too large, or has a name twice."""
    try:
        text = (await read_body(request)).decode("utf-8")
        found: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (BodyTooLargeToRead, ValueError, RecursionError):
        return None
    return cast("JsonObject", found) if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _problem(status: int, code: str | None) -> JSONResponse:
    return JSONResponse({"problem": code}, status)


def _act(body: JsonObject) -> Act | str:
    """What the tester wants the shopper to do, or the problem's code."""
    faults, outcome = _faults(Faults(), body.get("faults", {})), body.get("outcome", "pay")
    deed: Deed | None = next((deed for deed in DEEDS if deed == outcome), None)
    if faults is None or deed is None:
        return "faults_malformed" if faults is None else "outcome_unknown"
    return Act(str(body.get("order_no")), deed, faults)


def _faults(now: Faults, raw: object) -> Faults | None:
    """The faults with the named ones replaced, or None when a name or a value is not one."""
    if not isinstance(raw, dict):
        return None
    names, changes = {item.name for item in fields(Faults)}, dict[str, float]()
    for name, value in cast("dict[str, object]", raw).items():
        number = -1 if (name, value) == ("lose", "always") else _number(value)
        if name not in names or number is None or number < (-1 if name == "lose" else 0):
            return None
        changes[name] = number if name == "delay_seconds" else int(number)
    return replace(now, **changes)  # pyright: ignore[reportArgumentType]  # the loop has given each its type


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None


def _limit(request: WebRequest) -> int:
    text = request.query_params.get("limit", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 100


def _time(moment_ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(moment_ms / 1000, UTC))


def _order(stand: AnyStand, order: PlacedOrder) -> dict[str, object]:
    return {
        "channel": stand.sandbox.name,
        "order_no": order.number,
        "trade_type": order.trade_type,
        "state": order.state,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "description": order.description,
        "transaction_id": order.transaction_no or None,
        "created_at": _time(order.created_ms),
        "expires_at": _time(order.expires_ms),
        "paid_at": _time(order.paid_ms) if order.paid_ms else None,
        "notify_url": order.notify_url,
    }


def _sending(stand: AnyStand, one: Sending) -> dict[str, object]:
    return {
        "channel": stand.sandbox.name,
        "order_no": one.number,
        "notification_id": one.notification_id,
        "attempt": one.attempt,
        "sent_at": _time(one.sent_ms),
        "fault": one.fault or None,
        "status": one.status or None,
        "outcome": one.outcome,
        "took_ms": one.took_ms,
    }


def _waiting(one: Notification) -> dict[str, object]:
    return {"order_no": one.number, "attempts": one.attempts, "due_at": _time(one.due_ms)}
