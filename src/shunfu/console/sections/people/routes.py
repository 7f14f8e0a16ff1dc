"""Staff over HTTP: seen by who may, changed by an owner who has just given both factors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, cast
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.checkout.kit import with_query
from shunfu.console.api import HEADERS, Asked, ConsoleTools, Done, Guard, Section, acted, page, shown
from shunfu.console.kit import Frame, MenuEntry
from shunfu.console.sections.people.page import PATH, WRITE, render_link, render_people
from shunfu.kernel.errors import FieldError, Forbidden, InvalidField, NotFoundHere
from shunfu.kernel.ids import parse_public
from shunfu.kernel.secret import Secret
from shunfu.merchants import staff
from shunfu.merchants.api import path_id

READ = frozenset({"staff:read"})
About: TypeAlias = Callable[[staff.Actor, UUID], Awaitable[staff.Denial | None]]


def add_routes(router: APIRouter, tools: ConsoleTools) -> None:
    """The routes of staff."""
    _add_reading(router, tools)
    _add_links(router, tools)
    _add_people(router, tools)


SECTION = Section(MenuEntry("staff", PATH, "console.staff", "people", READ, "console.group.people"), add_routes)


def _add_reading(router: APIRouter, tools: ConsoleTools) -> None:
    @router.get("/staff")
    async def people(request: Request) -> Response:
        """Everybody who works for the shop."""

        async def draw(_: Request, frame: Frame) -> str:
            team = await staff.list_team(tools.staff, frame.visitor.caller.merchant_id)
            return render_people(frame, team, tools.staff.source.now())

        return await shown(tools, request, READ, draw)


def _add_links(router: APIRouter, tools: ConsoleTools) -> None:
    @router.post("/staff/invite")
    async def invite(request: Request) -> Response:
        """Make a link for one person, and show it this once."""

        async def act(asked: Asked) -> Response:
            made = await staff.invite(tools.staff, _actor(asked), _role(asked))
            return _shown_once(tools, asked, made, "first")

        return await acted(tools, request, _GUARD, act)

    @router.post("/staff/links/{link}/end")
    async def end(request: Request, link: str) -> Response:
        """Take a link back."""

        async def act(asked: Asked) -> Done | Response:
            return _told(await staff.take_back(tools.staff, _actor(asked), path_id("lnk", link)), "link_ended")

        return await acted(tools, request, _GUARD, act)

    @router.post("/staff/{person}/reset")
    async def reset(request: Request, person: str) -> Response:
        """A link by which a person gets a new second factor, shown this once."""

        async def act(asked: Asked) -> Response:
            made = await staff.reset_factor(tools.staff, _actor(asked), path_id("stf", person))
            return _shown_once(tools, asked, made, "reset")

        return await acted(tools, request, _GUARD, act)


def _add_people(router: APIRouter, tools: ConsoleTools) -> None:
    async def about(request: Request, person: str, note: str, do: About) -> Response:
        async def act(asked: Asked) -> Done | Response:
            return _told(await do(_actor(asked), path_id("stf", person)), note)

        return await acted(tools, request, _GUARD, act)

    @router.post("/staff/{person}/role")
    async def role(request: Request, person: str) -> Response:
        """Another role, at once."""

        async def act(asked: Asked) -> Done | Response:
            wish = path_id("stf", person), _role(asked)
            return _told(await staff.change_role(tools.staff, _actor(asked), *wish), "role_changed")

        return await acted(tools, request, _GUARD, act)

    @router.post("/staff/{person}/unlock")
    async def unlock(request: Request, person: str) -> Response:
        """Take guesses at the name again."""
        return await about(request, person, "unlocked", lambda actor, who: staff.unlock(tools.staff, actor, who))

    @router.post("/staff/{person}/remove")
    async def remove(request: Request, person: str) -> Response:
        """Take a person out of this organisation at once."""
        return await about(request, person, "removed", lambda actor, who: staff.remove(tools.staff, actor, who))

    @router.post("/staff/{person}/disable")
    async def disable(request: Request, person: str) -> Response:
        """Put a person out at once."""
        return await about(request, person, "disabled", lambda actor, who: staff.disable(tools.staff, actor, who))


_GUARD = Guard(WRITE, PATH, is_grave=True)


def _actor(asked: Asked) -> staff.Actor:
    visitor = asked.visitor
    staff_id = parse_public("stf", visitor.caller.subject)
    assert staff_id is not None, "a visitor is a person"
    return staff.Actor(staff_id, visitor.session_id, visitor.caller.merchant_id, is_proved=visitor.is_proved)


def _role(asked: Asked) -> staff.Role:
    """The role asked for. Raises InvalidField."""
    role = asked.fields.get("role", "")
    if role not in staff.CAPABILITIES:
        raise InvalidField(errors=(FieldError("/role", "unknown"),))
    return cast("staff.Role", role)


def _told(problem: staff.Denial | None, note: str) -> Done | Response:
    """What came of it. Raises Forbidden and NotFoundHere."""
    match problem:
        case None:
            return Done(PATH, note)
        case "not_allowed":
            raise Forbidden
        case "not_found":
            raise NotFoundHere
        case _:
            return RedirectResponse(with_query(PATH, no=problem), 303, headers=HEADERS)


def _shown_once(tools: ConsoleTools, asked: Asked, made: Secret[str] | staff.Denial, door: str) -> Response:
    if not isinstance(made, Secret):
        said = _told(made, "")
        assert isinstance(said, Response), "there was a problem"
        return said
    address = f"{tools.forms.public_url}/console/{door}/{made.reveal()}"
    return page(render_link(asked.frame(tools), address, is_reset=door == "reset"), 201)
