"""The payment sheet's page over HTTP: shows an order, carries out what the shopper chose, leads back to the shop.

The field `channel` names the sandbox; it may be left out where there is only one, or where only one knows what the
other fields open. `return` gets `result`, the sheet's word for what the shopper did, as a channel's own sheet tells its
client; it proves nothing. Without `return` a paid order leads to where the channel's own page would.
Must not know: how the page looks (`pages`), how an outcome is carried out (`channels.*.sandbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shunfu.app.sandbox.bodies import BodyTooLargeToRead, read_body
from shunfu.app.sandbox.faults import read_faults
from shunfu.app.sandbox.host import AnyStage, Host
from shunfu.app.sandbox.pages import (
    SheetView,
    content_security_policy,
    own_static_dir,
    render_done,
    render_sheet,
    static_dir,
)
from shunfu.app.sandbox.problems import sheet_problem
from shunfu.checkout.kit import Language, with_query
from shunfu.gateway.sandbox import Act, Deed, Faults, Sheet
from shunfu.gateway.sandbox.values import DEEDS

PATH = "/sandbox/sheet"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_OURS = frozenset({"channel", "return", "lang", "outcome", "fault"})
_CHOSEN = {
    "delay": ("delay_seconds", 30),
    "duplicate": ("duplicate", 1),
    "lose": ("lose", -1),
    "bad_signature": ("bad_signature", 1),
    "signtest": ("signtest", 1),
}
_RESULTS: Mapping[Deed, str | None] = {"pay": "ok", "cancel": "cancel", "wrong_password": "fail", "leave": None}


@dataclass(frozen=True, slots=True)
class _Visit:
    """What one request shows: a channel's sandbox, the form's or query's fields, and the sheet that they open."""

    stage: AnyStage
    fields: Mapping[str, str]
    sheet: Sheet
    language: Language
    query: str


class SheetPages:
    """GET and POST of the sheet, over one host."""

    def __init__(self, host: Host, return_origins: tuple[str, ...]) -> None:
        self._host = host
        self._return_origins = frozenset(origin.rstrip("/").lower() for origin in return_origins)

    def routes(self) -> list[Route | Mount]:
        """What to serve under /sandbox."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.choose, methods=["POST"]),
            Mount("/sandbox/static", StaticFiles(directory=static_dir())),
            Mount("/sandbox/own", StaticFiles(directory=own_static_dir())),
        ]

    async def show(self, request: WebRequest) -> Response:
        """The sheet for the payment parameters in the query."""
        visit = self._visit(request, dict(request.query_params))
        return self._page(visit) if visit else Response("unknown channel", 400)

    async def choose(self, request: WebRequest) -> Response:
        """Carry out the chosen outcome, then go back to `return` with its result, or show what came of it."""
        try:
            pairs = parse_qsl((await read_body(request)).decode(), keep_blank_values=True, max_num_fields=50)
        except (BodyTooLargeToRead, ValueError):
            return Response("malformed form", 400)
        visit = self._visit(request, dict(pairs))
        deed: Deed | None = next((deed for deed in DEEDS if ("outcome", deed) in pairs), None)
        if visit is None or deed is None:
            return Response("unknown outcome" if visit else "unknown channel", 400)
        order = visit.sheet.order
        if order is not None and visit.sheet.condition == "payable":
            faults = _faults({value for name, value in pairs if name == "fault"})
            sheet = self._host.act(visit.stage.sandbox.name, Act(order.number, deed, faults))
            visit = replace(visit, sheet=replace(sheet, back_url=sheet.back_url or visit.sheet.back_url))
        back = self._back(visit, deed)
        return RedirectResponse(back, 303) if back else self._page(visit, is_done=deed != "wrong_password")

    def _back(self, visit: _Visit, deed: Deed) -> str | None:
        """Where the deed leads by itself; None when there is nowhere to go, or the sheet has to say why not."""
        back, result = self._allowed(visit.fields.get("return")), _RESULTS[deed]
        if back and visit.sheet.condition in {"payable", "paid"}:
            return with_query(back, result=result) if result else back
        return self._allowed(visit.sheet.back_url) if visit.sheet.condition == "paid" else None

    def _visit(self, request: WebRequest, fields: Mapping[str, str]) -> _Visit | None:
        """What these fields open, or None when they name no sandbox of ours."""
        shown = {name: value for name, value in fields.items() if name not in _OURS}
        stage = self._host.find_by(
            fields.get("channel"), lambda one: self._host.open_sheet(one.sandbox.name, shown).order is not None
        )
        if stage is None:
            return None
        sheet = self._host.open_sheet(stage.sandbox.name, shown)
        language = language_of(fields, request.headers.get("accept-language", ""))
        return _Visit(stage, fields, sheet, language, request.url.query)

    def _page(self, visit: _Visit, *, is_done: bool = False) -> HTMLResponse:
        view = self._view(visit)
        html = render_done(view, visit.language) if is_done else render_sheet(view, visit.language)
        headers = {"cache-control": "no-store", "content-security-policy": content_security_policy(view)}
        return HTMLResponse(html, headers={**headers, "x-content-type-options": "nosniff"})

    def _view(self, visit: _Visit) -> SheetView:
        sandbox, sheet, language = visit.stage.sandbox, visit.sheet, visit.language
        merchant_no, order = sandbox.verbs.merchant_no(visit.stage.state), sheet.order
        problem = sheet_problem(sandbox, sheet.problem, language)
        asked = self._allowed(visit.fields.get("return"))
        back = asked or self._allowed(sheet.back_url)
        kept = tuple((name, value) for name, value in visit.fields.items() if name not in _OURS)
        ours = (("channel", sandbox.name), ("lang", language), *((("return", asked),) if asked else ()))
        return SheetView(
            merchant_name=f"Sandbox merchant {merchant_no}" if language == "en" else f"沙箱商户 {merchant_no}",
            amount_minor=order.amount_minor if order else 0,
            currency=order.currency if order else "CNY",
            order_no=order.number if order else "",
            method_label=sandbox.label[language],
            state=sheet.condition,
            problem=problem,
            action_url=PATH,
            hidden=(*kept, *ours),
            return_url=back,
            page_url=f"{PATH}?{visit.query}" if visit.query else "",
        )

    def _allowed(self, address: str | None) -> str | None:
        """The address when its origin is a loopback one or one of those told at the start, else None."""
        try:
            parts = urlsplit(address or "")
            host = parts.hostname
        except ValueError:
            return None
        if parts.scheme not in {"http", "https"} or "@" in parts.netloc or "\\" in (address or ""):
            return None
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        return address if host in LOOPBACK or origin in self._return_origins else None


def _faults(chosen: set[str]) -> Faults:
    picked = {_CHOSEN[name][0]: _CHOSEN[name][1] for name in chosen if name in _CHOSEN}
    return read_faults(Faults(), picked) or Faults()


def language_of(fields: Mapping[str, str], accepted: str) -> Language:
    """The language that the fields ask for, else the browser's first."""
    asked = fields.get("lang") or accepted.split(",", maxsplit=1)[0]
    return "en" if asked.strip().lower().startswith("en") else "zh-CN"
