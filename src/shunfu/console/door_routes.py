"""The doors themselves over HTTP: links, log-in, the second factor, and proving oneself again inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.console.account_routes import add_account_routes
from shunfu.console.api import HEADERS, page, refused_page
from shunfu.console.doors import (
    ANSWER_MAX,
    AUTHENTICATOR,
    CODE,
    HOME,
    LOGIN,
    OPEN,
    Doors,
    factor_of,
    make_base_router,
    next_of,
    to_login,
)
from shunfu.console.forms import Fields, is_line, read_fields
from shunfu.console.pages import (
    render_authenticator,
    render_code,
    render_confirm,
    render_first_owner,
    render_login,
    render_reset,
)
from shunfu.console.provider_routes import add_provider_routes
from shunfu.console.session_routes import add_session_routes
from shunfu.kernel.secret import Secret
from shunfu.merchants import staff

NAME_MAX = 80


def make_door_router(doors: Doors) -> APIRouter:
    """The routes of links, log-in, second factor, sessions, and of people's own accounts."""
    router = make_base_router()
    _add_link_routes(router, doors)
    _add_reset_routes(router, doors)
    _add_login_routes(router, doors)
    _add_code_routes(router, doors)
    _add_confirm_routes(router, doors)
    add_session_routes(router, doors)
    add_account_routes(router, doors)
    add_provider_routes(router, doors)
    return router


def _add_link_routes(router: APIRouter, doors: Doors) -> None:
    @router.get("/first/{link}")
    async def show(request: Request, link: str) -> Response:
        """Who comes by a link says who they are, once."""
        found = await staff.read_link(doors.staff, link)
        if found is None or found.role is None:
            return refused_page(request, "link_ended", 404)
        told = replace(doors.door_page(request, None), asks_shop=found.organisation_id is None)
        return page(render_first_owner(told), request=request)

    @router.post("/first/{link}")
    async def accept(request: Request, link: str) -> Response:
        """Make the person, and go on to the authenticator."""
        fields = await read_fields(request)
        found = await staff.read_link(doors.staff, link)
        if not doors.forms.is_ours(request, fields, None):
            return refused_page(request, "foreign_form", 403)
        if found is None or found.role is None:
            return refused_page(request, "link_ended", 404)
        owner = staff.NewOwner(
            fields.get("name", "").strip(),
            fields.get("login_name", "").strip().lower(),
            Secret(fields.get("password", "")),
            fields.get("shop_name", "").strip(),
        )
        asks_shop = found.organisation_id is None
        outcome = _fault_of(fields, owner, asks_shop=asks_shop) or await staff.accept_link(
            doors.staff, link, owner, doors.visit(request)
        )
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, AUTHENTICATOR)
        values = {name: fields.get(name, "") for name in ("shop_name", "name", "login_name")}
        told = replace(doors.door_page(request, None, outcome), asks_shop=asks_shop, values=values)
        return page(render_first_owner(told), 422)


def _fault_of(fields: Fields, owner: staff.NewOwner, *, asks_shop: bool) -> str | None:
    """What is wrong with a first owner's form by itself."""
    if not is_line(owner.name, NAME_MAX) or (asks_shop and not is_line(owner.shop_name, NAME_MAX)):
        return "name_missing"
    if not staff.is_login_name(owner.login_name):
        return "login_name_invalid"
    return "password_differs" if fields.get("password_again") != owner.password.reveal() else None


def _add_reset_routes(router: APIRouter, doors: Doors) -> None:
    @router.get("/reset/{link}")
    async def show(request: Request, link: str) -> Response:
        """Who lost an authenticator comes by a link, and shows the password."""
        found = await staff.read_link(doors.staff, link)
        if found is None or found.staff_id is None:
            return refused_page(request, "link_ended", 404)
        return page(render_reset(doors.door_page(request, None)), request=request)

    @router.post("/reset/{link}")
    async def accept(request: Request, link: str) -> Response:
        """Forget the lost authenticator, and go on to the new one."""
        fields = await read_fields(request)
        if not doors.forms.is_ours(request, fields, None):
            return refused_page(request, "foreign_form", 403)
        password = Secret(fields.get("password", ""))
        outcome = await staff.accept_reset(doors.staff, link, password, doors.visit(request))
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, AUTHENTICATOR)
        if outcome == "link_ended":
            return refused_page(request, "link_ended", 404)
        return page(render_reset(doors.door_page(request, None, "password_wrong")), 422)


def _add_login_routes(router: APIRouter, doors: Doors) -> None:
    has_provider = doors.provider is not None

    @router.get("/login")
    async def show(request: Request) -> Response:
        """Name and password."""
        told = replace(doors.door_page(request, None), has_provider=has_provider)
        has_ended = doors.cookie in request.cookies and await doors.session(request) is None
        return page(render_login(replace(told, has_ended=has_ended)), request=request)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        """The first factor; then to the second."""
        fields = await read_fields(request)
        if not doors.forms.is_ours(request, fields, None):
            return refused_page(request, "foreign_form", 403)
        login_name, password = fields.get("login_name", "").strip().lower(), Secret(fields.get("password", ""))
        outcome = await staff.log_in(doors.staff, login_name, password, doors.visit(request))
        if isinstance(outcome, staff.Opened):
            target = AUTHENTICATOR if outcome.stage == "enrol" else CODE
            return doors.opened(outcome, f"{target}?next={quote(next_of(request), safe='')}")
        told = replace(doors.door_page(request, None, outcome), has_provider=has_provider)
        return page(render_login(replace(told, values={"login_name": login_name})), 422)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        """This session ends at once."""
        found = await doors.posted(request, frozenset({"enrol", "code", "open"}))
        if isinstance(found, Response):
            return found
        session = found[0]
        await staff.end_session(doors.staff, session, session.session_id)
        response = RedirectResponse(LOGIN, 303, headers=HEADERS)
        response.delete_cookie(doors.cookie, path="/", secure=doors.forms.is_https, httponly=True, samesite="strict")
        return response


Show: TypeAlias = Callable[[Request, staff.Session, str | None], Awaitable[Response]]


def _add_code_routes(router: APIRouter, doors: Doors) -> None:
    async def authenticator(request: Request, session: staff.Session, error: str | None) -> Response:
        shown = await staff.enrolment(doors.staff, session)
        if shown is None:
            return RedirectResponse(LOGIN, 303, headers=HEADERS)
        told = doors.door_page(request, session, error)
        html = render_authenticator(told, shown.uri.reveal(), shown.secret.reveal())
        return page(html, 422 if error else 200, request)

    async def code(request: Request, session: staff.Session, error: str | None) -> Response:
        told = replace(doors.door_page(request, session, error), passkey=await staff.ask_passkey(doors.staff, session))
        return page(render_code(told), 422 if error else 200, request)

    for path, stage, show in (("/authenticator", "enrol", authenticator), ("/code", "code", code)):
        _add_code_route(router, doors, (path, stage), show)


def _add_code_route(router: APIRouter, doors: Doors, where: tuple[str, str], show: Show) -> None:
    path, stage = where

    @router.get(path)
    async def ask(request: Request) -> Response:
        """One code, or a passkey."""
        session = await doors.session(request)
        if session is None or session.stage != stage:
            target = HOME if session and session.stage == "open" else LOGIN
            return RedirectResponse(target, 303, headers=HEADERS)
        return await show(request, session, None)

    @router.post(path)
    async def check(request: Request) -> Response:
        """The second factor opens a session of its own."""
        found = await doors.posted(request, frozenset({stage}), ANSWER_MAX)
        if isinstance(found, Response):
            return found
        session, fields = found
        outcome = await staff.pass_factor(doors.staff, session, factor_of(fields), doors.visit(request))
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, next_of(request))
        return await show(request, session, outcome)


def _add_confirm_routes(router: APIRouter, doors: Doors) -> None:
    async def ask(request: Request, session: staff.Session, error: str | None) -> Response:
        told = replace(doors.door_page(request, session, error), passkey=await staff.ask_passkey(doors.staff, session))
        return page(render_confirm(told), 422 if error else 200, request)

    @router.get("/confirm")
    async def show(request: Request) -> Response:
        """Both factors again, before money moves or rights change."""
        session = await doors.session(request)
        if session is None or session.stage != "open":
            return to_login(request)
        return await ask(request, session, None)

    @router.post("/confirm")
    async def check(request: Request) -> Response:
        """The session goes on under a new token, and for a while it may act."""
        found = await doors.posted(request, OPEN, ANSWER_MAX)
        if isinstance(found, Response):
            return found
        session, fields = found
        proof = staff.Proof(factor_of(fields), Secret(fields.get("password", "")))
        outcome = await staff.confirm(doors.staff, session, proof, doors.visit(request))
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, next_of(request))
        return await ask(request, session, "password_wrong" if outcome == "wrong" else outcome)
