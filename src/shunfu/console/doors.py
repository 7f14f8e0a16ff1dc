"""The console's doors over HTTP: who comes by which cookie, and the pages before and beside the console.

Every POST must come from a page of ours: the browser's Origin says so, and the form's own token.
Must not know: how passwords and codes are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.console.api import HEADERS, PageRoute, in_other, language_of, note_of, refused_page
from shunfu.console.forms import Fields, Forms, read_fields
from shunfu.console.kit import Frame, Menu
from shunfu.console.model import DoorPage, Visitor
from shunfu.kernel.caller import Caller
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.merchants import staff

HOME = "/console"
LOGIN, AUTHENTICATOR, CODE, CONFIRM, SESSIONS, ACCOUNT = (
    f"{HOME}/{name}" for name in ("login", "authenticator", "code", "confirm", "sessions", "account")
)
OPEN = frozenset({"open"})
ANSWER_MAX = 16_384
"""An authenticator's answer is longer than anything that a person types."""
DEVICE_SECONDS = 180 * 24 * 3600
_NEXT = re.compile(r"/console(/[A-Za-z0-9_/-]{0,200})?")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the doors need. Where browsers reach us by https the cookies are secure ones."""

    staff: staff.StaffTools
    forms: Forms
    menu: Menu = ()
    provider: staff.Provider | None = None

    @property
    def cookie(self) -> str:
        """The session cookie's name: with https it is bound to this host by its prefix (RFC 6265bis 4.1.3)."""
        return self.cookie_name("staff")

    def cookie_name(self, what: str) -> str:
        """A cookie of ours, by what it is for."""
        return f"__Host-shunfu_{what}" if self.forms.is_https else f"shunfu_{what}"

    async def session(self, request: Request) -> staff.Session | None:
        """Whoever the cookie says, at whatever stage."""
        return await staff.recognise(self.staff, request.cookies.get(self.cookie))

    async def recognise(self, request: Request) -> Visitor | None:
        """Who looks: both factors were given, and there is a merchant to look at."""
        session = await self.session(request)
        return None if session is None else self.visitor_of(session)

    async def watch(self, request: Request) -> Visitor | None:
        """Who watches a page that moves by itself: like `recognise`, but it does not keep the session alive."""
        session = await staff.recognise(self.staff, request.cookies.get(self.cookie), is_use=False)
        return None if session is None else self.visitor_of(session)

    def visitor_of(self, session: staff.Session) -> Visitor | None:
        """Who looks by a session; None before the second factor, or without a merchant to look at."""
        if session.stage != "open" or session.side is None:
            return None
        side = session.side
        who = public("stf", session.staff_id)
        caller = Caller(side.merchant_id, "staff", who, staff.CAPABILITIES[side.role], is_live=side.mode == "live")
        token = self.forms.token(session.session_id)
        is_proved = session.is_proved(self.staff.source.now())
        return Visitor(
            caller, session.name, side.role, side.name, side.mode, token, session.session_id, is_proved=is_proved
        )

    def frame(self, request: Request, visitor: Visitor) -> Frame:
        """The frame of a page inside."""
        language = language_of(request)
        return Frame(visitor, language, in_other(request, language), self.menu, note_of(request))

    def visit(self, request: Request) -> staff.Visit:
        """The browser as it comes."""
        return staff.Visit(_agent(request), request.cookies.get(self.cookie_name("device"), ""))

    def opened(self, found: staff.Opened, target: str) -> Response:
        """Go on with a new session's cookie; it ends with the browser, and no script reads it."""
        response = RedirectResponse(target, 303, headers=HEADERS)
        if found.device is not None:
            self._keep(response, self.cookie_name("device"), found.device, DEVICE_SECONDS)
        self._keep(response, self.cookie, found.token, None)
        return response

    def _keep(self, response: Response, name: str, text: Secret[str], seconds: int | None) -> None:
        response.set_cookie(
            name, text.reveal(), seconds, path="/", secure=self.forms.is_https, httponly=True, samesite="strict"
        )

    def door_page(self, request: Request, session: staff.Session | None, error: str | None = None) -> DoorPage:
        """What every door's page shows."""
        token = self.forms.token(session.session_id if session else None)
        language = language_of(request)
        return DoorPage(language, token, error, other_language=in_other(request, language))

    async def posted(
        self, request: Request, stages: frozenset[str], length: int = 200
    ) -> tuple[staff.Session, Fields] | Response:
        """A form of ours in a session of one of these stages; else the answer that sends it away."""
        session, fields = await self.session(request), await read_fields(request, length)
        if session is None or session.stage not in stages:
            return to_login(request)
        if not self.forms.is_ours(request, fields, session.session_id):
            return refused_page(request, "foreign_form", 403)
        return session, fields


def make_base_router() -> APIRouter:
    """A router whose refusals are pages."""
    return APIRouter(prefix=HOME, include_in_schema=False, route_class=PageRoute)


def to_login(request: Request) -> Response:
    """The way to the log-in, and back to where one was: by path alone, so that no query travels along."""
    path = request.url.path
    back = f"?next={quote(path, safe='')}" if request.method == "GET" and path != HOME else ""
    return RedirectResponse(f"{LOGIN}{back}", 303, headers=HEADERS)


def to_confirm(path: str) -> Response:
    """The way to the page that asks for both factors again, and back to a page of ours."""
    return RedirectResponse(f"{CONFIRM}?next={quote(path, safe='')}", 303, headers=HEADERS)


def next_of(request: Request) -> str:
    """Where to go afterwards: a page of the console, else its first one. A query is cut off."""
    asked = request.query_params.get("next", HOME).partition("?")[0]
    return asked if _NEXT.fullmatch(asked) else HOME


def factor_of(fields: Fields) -> staff.Factor:
    """The second factor in a form: an authenticator's answer, else what was typed."""
    answer = fields.get("answer", "")
    if answer:
        return staff.PasskeyAnswer(Secret(answer))
    return staff.Code(Secret(re.sub(r"\s", "", fields.get("code", ""))))


def _agent(request: Request) -> str:
    told = request.headers.get("user-agent", "")
    return "".join(character for character in told if character.isprintable())
