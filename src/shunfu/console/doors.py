"""The console's doors over HTTP: the first owner's link, log-in with two factors, the side that is looked at, sessions.

Every POST must come from a page of ours: the browser's Origin says so, and the form's own token.
Must not know: how passwords and codes are kept.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from unicodedata import category
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.checkout.kit import origin_of
from shunfu.console.api import PageRoute, in_other, language_of, page, refused_page
from shunfu.console.model import DoorPage, SessionRow, SideRow, Visitor
from shunfu.console.pages import (
    render_authenticator,
    render_code,
    render_first_owner,
    render_login,
    render_sessions,
)
from shunfu.kernel.caller import Caller
from shunfu.kernel.ids import decode, parse_public, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer
from shunfu.merchants import staff

HOME = "/console"
LOGIN, AUTHENTICATOR, CODE, SESSIONS = (f"{HOME}/{name}" for name in ("login", "authenticator", "code", "sessions"))
FIELD_MAX = 200
UNPRINTED = frozenset({"Cc", "Cs"})
"""Controls and lone surrogates: no field of ours holds one, and neither database nor hash takes them."""
FORM_PURPOSE = "console form"
_NEXT = re.compile(r"/console(/[A-Za-z0-9_/-]{0,200})?")
Fields: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the doors need. `public_url`: where browsers reach us; https makes the cookie a secure one."""

    staff: staff.StaffTools
    signer: Signer
    public_url: str

    @property
    def cookie(self) -> str:
        """The session cookie's name: with https it is bound to this host by its prefix (RFC 6265bis 4.1.3)."""
        return "__Host-shunfu_staff" if self.is_https else "shunfu_staff"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by TLS."""
        return self.public_url.startswith("https://")

    async def session(self, request: Request) -> staff.Session | None:
        """Whoever the cookie says, at whatever stage."""
        return await staff.recognise(self.staff, request.cookies.get(self.cookie))

    async def recognise(self, request: Request) -> Visitor | None:
        """Who looks: both factors were given, and there is a merchant to look at."""
        session = await self.session(request)
        return None if session is None else self.visitor_of(session)

    def visitor_of(self, session: staff.Session) -> Visitor | None:
        """Who looks by a session; None before the second factor, or without a merchant to look at."""
        if session.stage != "open" or session.side is None:
            return None
        side = session.side
        who = public("stf", session.staff_id)
        caller = Caller(side.merchant_id, "staff", who, staff.CAPABILITIES[side.role], is_live=side.mode == "live")
        token = self.form_token(session)
        return Visitor(caller, session.name, side.role, side.name, side.mode, token, session.session_id)

    def form_token(self, session: staff.Session | None) -> str:
        """What a form of this session carries; no other session's form does."""
        return self.signer.tag(FORM_PURPOSE, str(session.session_id) if session else "")

    def is_ours(self, request: Request, fields: Fields, session: staff.Session | None) -> bool:
        """Whether a POST was sent by a page of ours (OWASP: Origin, then a token of the session)."""
        near = {origin_of(self.public_url)}
        if not self.is_https:  # a machine of one's own, by whichever of its names it was opened
            near.add(origin_of(f"http://{request.headers.get('host', '')}"))
        is_near = origin_of(request.headers.get("origin")) in near - {None}
        bound = str(session.session_id) if session else ""
        return is_near and self.signer.is_genuine(FORM_PURPOSE, bound, fields.get("form_token", ""))

    def opened(self, found: staff.Opened, target: str) -> Response:
        """Go on with a new session's cookie; it ends with the browser, and no script reads it."""
        response = RedirectResponse(target, 303)
        response.set_cookie(
            self.cookie, found.token.reveal(), path="/", secure=self.is_https, httponly=True, samesite="strict"
        )
        return response

    def door_page(self, request: Request, session: staff.Session | None, error: str | None = None) -> DoorPage:
        """What every door's page shows."""
        token = self.form_token(session)
        language = language_of(request)
        return DoorPage(language, token, error, other_language=in_other(request, language))


def make_door_router(doors: Doors) -> APIRouter:
    """The routes of first owner, log-in, authenticator, code, log-out, side and sessions."""
    router = APIRouter(prefix=HOME, include_in_schema=False, route_class=PageRoute)
    _add_link_routes(router, doors)
    _add_login_routes(router, doors)
    _add_code_routes(router, doors)
    _add_session_routes(router, doors)
    _add_side_route(router, doors)
    return router


def _add_link_routes(router: APIRouter, doors: Doors) -> None:
    @router.get("/first/{link}")
    async def show(request: Request, link: str) -> Response:
        """Who comes by a link says who they are, once."""
        found = await staff.read_link(doors.staff, link)
        if found is None:
            return refused_page(request, "link_ended", 404)
        told = replace(doors.door_page(request, None), asks_shop=found.organisation_id is None)
        return page(render_first_owner(told), request=request)

    @router.post("/first/{link}")
    async def accept(request: Request, link: str) -> Response:
        """Make the person, and go on to the authenticator."""
        fields = await read_fields(request)
        found = await staff.read_link(doors.staff, link)
        if not doors.is_ours(request, fields, None):
            return refused_page(request, "foreign_form", 403)
        if found is None:
            return refused_page(request, "link_ended", 404)
        owner = staff.NewOwner(
            fields.get("name", "").strip(),
            fields.get("login_name", "").strip().lower(),
            Secret(fields.get("password", "")),
            fields.get("shop_name", "").strip(),
        )
        asks_shop = found.organisation_id is None
        outcome = _fault_of(fields, owner, asks_shop=asks_shop) or await staff.accept_link(
            doors.staff, link, owner, _agent(request)
        )
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, AUTHENTICATOR)
        values = {name: fields.get(name, "") for name in ("shop_name", "name", "login_name")}
        told = replace(doors.door_page(request, None, outcome), asks_shop=asks_shop, values=values)
        return page(render_first_owner(told), 422)


def _fault_of(fields: Fields, owner: staff.NewOwner, *, asks_shop: bool) -> str | None:
    """What is wrong with a first owner's form by itself."""
    if not owner.name or (asks_shop and not owner.shop_name):
        return "name_missing"
    if not staff.is_login_name(owner.login_name):
        return "login_name_invalid"
    return "password_differs" if fields.get("password_again") != owner.password.reveal() else None


def _add_login_routes(router: APIRouter, doors: Doors) -> None:
    @router.get("/login")
    async def show(request: Request) -> Response:
        """Name and password."""
        return page(render_login(doors.door_page(request, None)), request=request)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        """The first factor; then to the second."""
        fields = await read_fields(request)
        if not doors.is_ours(request, fields, None):
            return refused_page(request, "foreign_form", 403)
        login_name, password = fields.get("login_name", "").strip().lower(), Secret(fields.get("password", ""))
        outcome = await staff.log_in(doors.staff, login_name, password, _agent(request))
        if isinstance(outcome, staff.Opened):
            after = _next_of(request)
            target = AUTHENTICATOR if outcome.stage == "enrol" else CODE
            return doors.opened(outcome, f"{target}?next={quote(after, safe='')}")
        told = doors.door_page(request, None, outcome)
        return page(render_login(replace(told, values={"login_name": login_name})), 422)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        """This session ends at once."""
        session, fields = await doors.session(request), await read_fields(request)
        if session is None:
            return RedirectResponse(LOGIN, 303)
        if not doors.is_ours(request, fields, session):
            return refused_page(request, "foreign_form", 403)
        await staff.end_session(doors.staff, session, session.session_id)
        response = RedirectResponse(LOGIN, 303)
        response.delete_cookie(doors.cookie, path="/", secure=doors.is_https, httponly=True, samesite="strict")
        return response


def _add_code_routes(router: APIRouter, doors: Doors) -> None:
    async def authenticator(request: Request, session: staff.Session, error: str | None) -> Response:
        shown = await staff.enrolment(doors.staff, session)
        if shown is None:
            return RedirectResponse(LOGIN, 303)
        told = doors.door_page(request, session, error)
        html = render_authenticator(told, shown.uri.reveal(), shown.secret.reveal())
        return page(html, 422 if error else 200, request)

    async def code(request: Request, session: staff.Session, error: str | None) -> Response:
        return page(render_code(doors.door_page(request, session, error)), 422 if error else 200, request)

    for path, stage, show in (("/authenticator", "enrol", authenticator), ("/code", "code", code)):
        _add_code_route(router, doors, (path, stage), show)


Show: TypeAlias = Callable[[Request, staff.Session, str | None], Awaitable[Response]]


def _add_code_route(router: APIRouter, doors: Doors, where: tuple[str, str], show: Show) -> None:
    path, stage = where

    @router.get(path)
    async def ask(request: Request) -> Response:
        """One code of six digits."""
        session = await doors.session(request)
        if session is None or session.stage != stage:
            return RedirectResponse(HOME if session and session.stage == "open" else LOGIN, 303)
        return await show(request, session, None)

    @router.post(path)
    async def check(request: Request) -> Response:
        """The second factor opens a session of its own."""
        session, fields = await doors.session(request), await read_fields(request)
        if session is None or session.stage != stage:
            return RedirectResponse(LOGIN, 303)
        if not doors.is_ours(request, fields, session):
            return refused_page(request, "foreign_form", 403)
        typed = re.sub(r"\s", "", fields.get("code", ""))
        outcome = await staff.pass_code(doors.staff, session, typed, _agent(request))
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, _next_of(request))
        return await show(request, session, outcome)


def _add_session_routes(router: APIRouter, doors: Doors) -> None:
    @router.get("/sessions")
    async def show(request: Request) -> Response:
        """Where the person is logged in, and the sides that they may look at."""
        session = await doors.session(request)
        visitor = None if session is None else doors.visitor_of(session)
        if visitor is None or session is None:
            return RedirectResponse(f"{LOGIN}?next={quote(SESSIONS, safe='')}", 303)
        rows = [
            SessionRow(one.session_id, one.created_at, one.seen_at, one.agent, one.session_id == visitor.session_id)
            for one in await staff.list_sessions(doors.staff, session)
        ]
        found = await staff.list_sides(doors.staff, session)
        mine = visitor.caller.merchant_id
        sides = [
            SideRow(public("mer", one.merchant_id), one.name, one.role, one.mode, one.merchant_id == mine)
            for one in found
        ]
        return page(render_sessions(visitor, rows, sides, language_of(request)), request=request)

    @router.post("/sessions/{session_id}/end")
    async def end(request: Request, session_id: str) -> Response:
        """End one of the person's own sessions."""
        session, fields = await doors.session(request), await read_fields(request)
        if session is None or session.stage != "open":
            return RedirectResponse(LOGIN, 303)
        if not doors.is_ours(request, fields, session):
            return refused_page(request, "foreign_form", 403)
        found = decode(session_id)
        if found is None or not await staff.end_session(doors.staff, session, found):
            return refused_page(request, "not_found", 404)
        return RedirectResponse(SESSIONS, 303)


def _add_side_route(router: APIRouter, doors: Doors) -> None:
    @router.post("/side")
    async def choose(request: Request) -> Response:
        """Look at another side, test or live, that the person works for."""
        session, fields = await doors.session(request), await read_fields(request)
        if session is None or session.stage != "open":
            return RedirectResponse(LOGIN, 303)
        if not doors.is_ours(request, fields, session):
            return refused_page(request, "foreign_form", 403)
        merchant_id = parse_public("mer", fields.get("merchant", ""))
        if merchant_id is None or not await staff.choose_side(doors.staff, session, merchant_id):
            return refused_page(request, "not_found", 404)
        return RedirectResponse(HOME, 303)


async def read_fields(request: Request) -> Fields:
    """A form's fields, each cut to what any of ours holds. Files are refused, and what holds a control is left out."""
    form = await request.form(max_fields=20, max_files=0)
    texts = {name: value[:FIELD_MAX] for name, value in form.items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if not any(category(one) in UNPRINTED for one in text)}


def _agent(request: Request) -> str:
    told = request.headers.get("user-agent", "")
    return "".join(character for character in told if character.isprintable())


def _next_of(request: Request) -> str:
    """Where to go afterwards: a page of the console, else its first one."""
    asked = request.query_params.get("next", HOME)
    return asked if _NEXT.fullmatch(asked) else HOME
