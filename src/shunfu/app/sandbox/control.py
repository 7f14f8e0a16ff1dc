"""The control API: a tester is the shopper, commits faults, moves the clock, and sees what was sent. JSON in and out.

`channel` names the sandbox. It may be left out where there is only one, or where only one knows the order or refund.
Every refusal is `{"problem": code}` with a 4xx status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar, get_args

from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shunfu.app.sandbox import shown
from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.faults import read_faults
from shunfu.app.sandbox.host import AnyStage, Host
from shunfu.app.sandbox.lookup import has_letters, has_order, has_refund, refund_of
from shunfu.gateway.reading import JsonObject, parse_object
from shunfu.gateway.sandbox import Act, Deed, Faults
from shunfu.gateway.sandbox.values import DEEDS, PlacedRefund, RefundEnd
from shunfu.kernel.clock import rfc3339

SPEED_MIN, SPEED_MAX, ADVANCE_SECONDS_MAX = 0.001, 1e6, 1e9
REFUND_ENDS: tuple[RefundEnd, ...] = get_args(RefundEnd)
PHONE_DIGITS_MAX = 20

T = TypeVar("T")


class Control:
    """The endpoints under /control, over one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Route]:
        """What to mount at /control."""
        deeds = {
            "pay": self.pay,
            "refund": self.refund,
            "redeliver": self.redeliver,
            "complaint": self.complaint,
            "notify_key": self.notify_key,
            "phone_proof": self.phone_proof,
            "reset-faults": self.reset_faults,
        }
        looks = {
            "orders": self.orders,
            "refunds": self.refunds,
            "notifications": self.notifications,
            "sandboxes": self.sandboxes,
            "balance": self.balance,
            "scenarios": self.scenarios,
        }
        both = {"faults": self.faults, "clock": self.clock}
        return [
            *(Route(f"/control/{name}", serve, methods=["POST"]) for name, serve in deeds.items()),
            *(Route(f"/control/{name}", serve, methods=["GET"]) for name, serve in looks.items()),
            *(Route(f"/control/{name}", serve, methods=["GET", "POST"]) for name, serve in both.items()),
        ]

    async def pay(self, request: WebRequest) -> Response:
        """`{"channel"?, "order_no", "outcome"?, "faults"?}`: the shopper pays, or does another of the sheet's deeds."""
        body = await _object(request)
        if body is None:
            return _problem(400, "malformed_body")
        act = _act(body)
        if isinstance(act, str):
            return _problem(400, act)
        stage = self._host.find_by(body.get("channel"), lambda stage: has_order(stage, act.number))
        if stage is None:
            return _problem(400, "channel_unknown")
        name = stage.sandbox.name
        sheet = self._host.act(name, act)
        if sheet.order is None:
            return _problem(404, sheet.problem)
        is_refused = sheet.condition != "payable" and sheet.problem is not None
        return _problem(409, sheet.problem) if is_refused else JSONResponse(shown.order(name, sheet.order))

    async def refund(self, request: WebRequest) -> Response:
        """`{"channel"?, "refund_no", "end"}`: a refund that goes on ends now: succeeded, abnormal or closed."""
        body = await _object(request)
        if body is None:
            return _problem(400, "malformed_body")
        number = str(body.get("refund_no"))
        end: RefundEnd | None = next((end for end in REFUND_ENDS if end == body.get("end")), None)
        if end is None:
            return _problem(400, "end_unknown")
        stage = self._host.find_by(body.get("channel"), lambda stage: has_refund(stage, number))
        if stage is None:
            return _problem(400, "channel_unknown")
        if not has_refund(stage, number):
            return _problem(404, "refund_unknown")
        name = stage.sandbox.name
        if not self._host.end_refund(name, number, end):
            return _problem(409, "refund_cannot_end_so")
        return JSONResponse(shown.refund(name, refund_of(self._host.stages[name], number)))

    async def redeliver(self, request: WebRequest) -> Response:
        """`{"channel"?, "order_no"}`: send an order's notifications once more, their schedules begun anew."""
        body = await _object(request) or {}
        number = str(body.get("order_no"))
        stage = self._host.find_by(body.get("channel"), lambda stage: has_letters(stage, number))
        if stage is None:
            return _problem(400, "channel_unknown")
        is_done = self._host.redeliver(stage.sandbox.name, number)
        return JSONResponse({"order_no": number}) if is_done else _problem(404, "nothing_to_redeliver")

    async def complaint(self, request: WebRequest) -> Response:
        """`{"channel"?, "order_no", "text"}`: the shopper complains to the channel about a paid order."""
        body = await _object(request) or {}
        number, text = str(body.get("order_no")), body.get("text")
        stage = self._host.find_by(body.get("channel"), lambda stage: has_order(stage, number))
        if stage is None:
            return _problem(400, "channel_unknown")
        if stage.sandbox.file_complaint is None:
            return _problem(409, "no_complaints_here")
        is_filed = isinstance(text, str) and self._host.complain(stage.sandbox.name, number, text)
        return JSONResponse({"order_no": number}) if is_filed else _problem(404, "nothing_to_complain_about")

    async def notify_key(self, request: WebRequest) -> Response:
        """`{"channel"?, "key"}`: sign notifications by another of the channel's keys from now on."""
        body = await _object(request) or {}
        stage = self._host.find(body.get("channel"))
        if stage is None:
            return _problem(400, "channel_unknown")
        key = next((key for key in stage.sandbox.notify_keys if key == body.get("key")), None)
        if key is None:
            return _problem(400, "notify_key_unknown")
        self._host.switch_key(stage.sandbox.name, key)
        return JSONResponse({"channel": stage.sandbox.name, "key": key})

    async def phone_proof(self, request: WebRequest) -> Response:
        """`{"channel"?, "phone"}`: what a client in the channel's app is given for this phone number (digits)."""
        body = await _object(request) or {}
        stage, phone = self._host.find(body.get("channel")), body.get("phone")
        if stage is None:
            return _problem(400, "channel_unknown")
        if not isinstance(phone, str) or not (phone.isascii() and phone.isdigit() and len(phone) <= PHONE_DIGITS_MAX):
            return _problem(400, "phone_malformed")
        return JSONResponse({"proof": self._host.prove_phone(stage.sandbox.name, phone)})

    async def faults(self, request: WebRequest) -> Response:
        """Read or set the faults still to come, at `channel` or everywhere; a count may be "always".

        A field not named keeps its value. Where sandboxes differ, the answer has no fields beside `channels`.
        """
        told = await _object(request) if request.method == "POST" else {**request.query_params}
        if told is None:
            return _problem(400, "faults_malformed")
        stages = self._named(told.get("channel"))
        if stages is None:
            return _problem(400, "channel_unknown")
        faults = {stage.sandbox.name: stage.faults for stage in stages}
        if request.method == "POST":
            named = {field: value for field, value in told.items() if field != "channel"}
            for name, before in faults.items():
                read = read_faults(before, named)
                if read is None:
                    return _problem(400, "faults_malformed")
                faults[name] = read
            for name, after in faults.items():
                self._host.set_faults(name, after)
        return JSONResponse(shown.faults(faults))

    async def reset_faults(self, request: WebRequest) -> Response:
        """`{"channel"?}`, or no body: no fault is to come any more, at this channel or at all."""
        body = await _object(request, is_needed=False)
        stages = None if body is None else self._named(body.get("channel"))
        if stages is None:
            return _problem(400, "malformed_body" if body is None else "channel_unknown")
        names = [stage.sandbox.name for stage in stages]
        for name in names:
            self._host.set_faults(name, Faults())
        return JSONResponse({"channels": names})

    async def clock(self, request: WebRequest) -> Response:
        """Read the clock, or `{"speed"?, "advance_seconds"?}`: shorten waits, jump ahead. Signatures keep real time."""
        if request.method == "POST":
            body = await _object(request)
            speed = _number((body or {}).get("speed", self._host.pace.speed))
            advance = _number((body or {}).get("advance_seconds", 0))
            if body is None or speed is None or advance is None or not is_clock(speed, advance):
                return _problem(400, "clock_malformed")
            self._host.set_clock(speed, advance)
        pace, now = self._host.pace, self._host.source.now()
        told = {"speed": pace.speed, "offset_seconds": pace.offset_ms / 1000}
        business_ms = int(now.timestamp() * 1000) + pace.offset_ms
        return JSONResponse({**told, "now": rfc3339(now), "business_now": shown.moment(business_ms)})

    async def orders(self, request: WebRequest) -> Response:
        """Every order, a channel's newest first; of one channel when `channel` names it."""
        return self._items(request, lambda stage: stage.sandbox.verbs.list_orders(stage.state), shown.order)

    async def refunds(self, request: WebRequest) -> Response:
        """Every refund, newest first; of one channel when `channel` names it, of one order by `order_no`."""
        number = request.query_params.get("order_no")

        def found(stage: AnyStage) -> Iterable[PlacedRefund]:
            every = stage.sandbox.verbs.list_refunds(stage.state)
            return (one for one in every if number in {None, one.order_number})

        return self._items(request, found, shown.refund)

    async def notifications(self, request: WebRequest) -> Response:
        """What was sent, when, with which answer, a channel's newest first, and what is still to come."""
        stages, limit = self._named(request.query_params.get("channel")), _limit(request)
        number = request.query_params.get("order_no")
        if stages is None:
            return _problem(400, "channel_unknown")
        items, waiting = list[shown.Shown](), list[shown.Shown]()
        for stage in stages:
            name = stage.sandbox.name
            found = (one for one in reversed(stage.post.sendings) if number in {None, one.number})
            items += [shown.sending(name, one) for one in islice(found, limit)]
            every = stage.post.waiting.values()
            waiting += [shown.waiting(name, one) for one in every if number in {None, one.letter.number}]
        return JSONResponse({"items": items, "waiting": waiting})

    async def sandboxes(self, _: WebRequest) -> Response:
        """The channels that are stood in for: names, keys, the shopper and the code that logs them in."""
        return JSONResponse({"items": [shown.sandbox(stage) for stage in self._host.stages.values()]})

    async def balance(self, request: WebRequest) -> Response:
        """What the merchant has at each channel, after fees and refunds."""
        stages = self._named(request.query_params.get("channel"))
        if stages is None:
            return _problem(400, "channel_unknown")
        items = [
            {"channel": stage.sandbox.name, "balance_minor": stage.sandbox.verbs.balance_minor(stage.state)}
            for stage in stages
        ]
        return JSONResponse({"items": items})

    async def scenarios(self, _: WebRequest) -> Response:
        """The book of amounts: what each brings about."""
        return JSONResponse(shown.scenarios())

    def _items(
        self, request: WebRequest, found: Callable[[AnyStage], Iterable[T]], show: Callable[[str, T], shown.Shown]
    ) -> Response:
        stages, limit = self._named(request.query_params.get("channel")), _limit(request)
        if stages is None:
            return _problem(400, "channel_unknown")
        items: list[shown.Shown] = []
        for stage in stages:
            newest_first = reversed(tuple(found(stage)))
            items += [show(stage.sandbox.name, one) for one in islice(newest_first, limit)]
        return JSONResponse({"items": items})

    def _named(self, name: object) -> tuple[AnyStage, ...] | None:
        """The sandbox of that name, or every one without a name; None when it names none of ours."""
        if name is None:
            return tuple(self._host.stages.values())
        stage = self._host.find(name)
        return None if stage is None else (stage,)


def is_clock(speed: float, advance_seconds: float) -> bool:
    """Whether a clock may run so fast and jump so far."""
    return SPEED_MIN <= speed <= SPEED_MAX and abs(advance_seconds) <= ADVANCE_SECONDS_MAX


async def _object(request: WebRequest, *, is_needed: bool = True) -> JsonObject | None:
    """The body's JSON object, or None when it is none, is too large, or has a name twice."""
    try:
        body = await read_body(request)
    except BodyTooLargeToRead:
        return None
    return parse_object(body) if body or is_needed else {}


def _problem(status: int, code: str | None) -> JSONResponse:
    return JSONResponse({"problem": code}, status)


def _act(body: JsonObject) -> Act | str:
    """What the tester wants the shopper to do, or the problem's code."""
    faults, outcome = read_faults(Faults(), body.get("faults", {})), body.get("outcome", "pay")
    deed: Deed | None = next((deed for deed in DEEDS if deed == outcome), None)
    if faults is None or deed is None:
        return "faults_malformed" if faults is None else "outcome_unknown"
    return Act(str(body.get("order_no")), deed, faults)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None


def _limit(request: WebRequest) -> int:
    text = request.query_params.get("limit", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 100
