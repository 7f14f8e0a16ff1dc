"""The control page over HTTP: GET shows a sandbox, each POST does one thing and leads back (`303`). No script needed.

Must not know: how the page looks (`deskview`), how a deed is carried out (`host`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.control import is_clock
from shunfu.app.sandbox.deskview import ADVANCES, PATH, DeskView, content_security_policy, render_desk
from shunfu.app.sandbox.faults import read_form, read_number
from shunfu.app.sandbox.host import AnyStage, Host
from shunfu.app.sandbox.problems import desk_problem
from shunfu.app.sandbox.sheet import language_of
from shunfu.checkout.kit import Language
from shunfu.gateway.sandbox import Act, Faults
from shunfu.gateway.sandbox.values import RefundEnd

FIELDS_MAX = 60


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of a deed: a word for the page, and whether it was done."""

    word: str
    is_done: bool = True


_Deed = Callable[[AnyStage, Mapping[str, str]], _Said]


class Desk:
    """The page and its deeds, over one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Route]:
        """What to serve at /sandbox."""
        deeds: Mapping[str, _Deed] = {
            "pay": self._pay,
            "refund": self._refund,
            "redeliver": self._redeliver,
            "faults": self._faults,
            "reset": self._reset,
            "clock": self._clock,
            "key": self._key,
        }
        return [
            Route(PATH, self.show, methods=["GET"]),
            *(Route(f"{PATH}/{name}", self._doing(deed), methods=["POST"]) for name, deed in deeds.items()),
        ]

    async def show(self, request: WebRequest) -> Response:
        """The page of the sandbox that `channel` names, or of the first."""
        query = request.query_params
        stage = self._stage(query)
        if stage is None:
            return Response("unknown channel", 404)
        language = language_of(query, request.headers.get("accept-language", ""))
        name, problem = stage.sandbox.name, query.get("problem", "")
        labels = {other: one.sandbox.label for other, one in self._host.stages.items()}
        sentence = desk_problem(stage.sandbox, problem, language) if problem else ""
        view = DeskView(stage, self._host.at(name), labels, query.get("said", ""), sentence)
        headers = {"cache-control": "no-store", "content-security-policy": content_security_policy()}
        return HTMLResponse(render_desk(view, language), headers={**headers, "x-content-type-options": "nosniff"})

    def _stage(self, fields: Mapping[str, str]) -> AnyStage | None:
        name = fields.get("channel")
        return next(iter(self._host.stages.values()), None) if name is None else self._host.find(name)

    def _doing(self, deed: _Deed) -> Callable[[WebRequest], object]:
        """The handler of one deed: read the form, do it, lead back to the page with a word on it."""

        async def serve(request: WebRequest) -> Response:
            try:
                pairs = parse_qsl(
                    (await read_body(request)).decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX
                )
            except (BodyTooLargeToRead, ValueError):
                return Response("malformed form", 400)
            form = dict(pairs)
            stage = self._host.find(form.get("channel"))
            if stage is None:
                return Response("unknown channel", 400)
            said = deed(stage, form)
            language: Language = language_of(form, request.headers.get("accept-language", ""))
            told = {"channel": stage.sandbox.name, "lang": language, "said" if said.is_done else "problem": said.word}
            return RedirectResponse(f"{PATH}?{urlencode(told)}", 303)

        return serve

    def _pay(self, stage: AnyStage, form: Mapping[str, str]) -> _Said:
        sheet = self._host.act(stage.sandbox.name, Act(form.get("number", ""), "pay"))
        is_done = sheet.condition == "paid" and not sheet.problem
        return _Said("pay") if is_done else _Said(sheet.problem or "other", is_done=False)

    def _refund(self, stage: AnyStage, form: Mapping[str, str]) -> _Said:
        end: RefundEnd | None = next((end for end in get_args(RefundEnd) if end == form.get("end")), None)
        is_done = end is not None and self._host.end_refund(stage.sandbox.name, form.get("number", ""), end)
        return _Said("refund") if is_done else _Said("refund_cannot_end_so", is_done=False)

    def _redeliver(self, stage: AnyStage, form: Mapping[str, str]) -> _Said:
        is_done = self._host.redeliver(stage.sandbox.name, form.get("number", ""))
        return _Said("redeliver") if is_done else _Said("nothing_to_redeliver", is_done=False)

    def _faults(self, stage: AnyStage, form: Mapping[str, str]) -> _Said:
        faults = read_form(stage.faults, form)
        if faults is None:
            return _Said("faults_malformed", is_done=False)
        self._host.set_faults(stage.sandbox.name, faults)
        return _Said("faults")

    def _reset(self, stage: AnyStage, _: Mapping[str, str]) -> _Said:
        self._host.set_faults(stage.sandbox.name, Faults())
        return _Said("reset")

    def _clock(self, _: AnyStage, form: Mapping[str, str]) -> _Said:
        """The speed of all sandboxes, or a jump by one of the spans that the page offers."""
        speed = read_number(form["speed"]) if "speed" in form else self._host.pace.speed
        advance_seconds = ADVANCES.get(form.get("advance", ""), 0)
        if speed is None or not is_clock(speed, advance_seconds):
            return _Said("clock_malformed", is_done=False)
        self._host.set_clock(speed, advance_seconds)
        return _Said("clock")

    def _key(self, stage: AnyStage, form: Mapping[str, str]) -> _Said:
        key = form.get("key", "")
        if key not in stage.sandbox.notify_keys:
            return _Said("notify_key_unknown", is_done=False)
        self._host.switch_key(stage.sandbox.name, key)
        return _Said("key")
