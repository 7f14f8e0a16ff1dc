"""What every staff page over HTTP is made with: who looks, what they may, the page around it, an act and its answer.

Must not know: how a visitor is recognised (`doors.py`), SQL, any one page (`sections/`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import quote, urlencode
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shunfu.checkout.api import language_of as asked_language_of
from shunfu.checkout.kit import Language, with_query
from shunfu.console.door_pages import render_refused
from shunfu.console.forms import Fields, Forms, read_fields
from shunfu.console.kit import Frame, Listing, Menu, MenuEntry, Note, other_of, static_dir
from shunfu.console.model import PAGE_ROWS, Visitor
from shunfu.db import Reader
from shunfu.kernel.cursor import read_cursor, write_cursor
from shunfu.kernel.errors import Forbidden, MalformedBody, NotFoundHere, Refusal, TransientFault
from shunfu.kernel.plain import Words
from shunfu.kernel.signing import Signer
from shunfu.merchants import Accounts, KeyExpiry
from shunfu.merchants.staff import StaffTools
from shunfu.payments import PaymentTools, Teller, channel_words
from shunfu.reconcile import ReconcileTools
from shunfu.refunds import RefundTools
from shunfu.webhooks import WebhookTools

__all__ = [
    "Act",
    "Asked",
    "ConsoleTools",
    "Done",
    "Draw",
    "Guard",
    "PageRoute",
    "Part",
    "Recognise",
    "Section",
    "acted",
    "frame_for",
    "in_other",
    "language_of",
    "note_of",
    "page",
    "part_of",
    "refused_page",
    "shown",
    "state_of",
    "static_dir",
    "to_login",
]

Recognise: TypeAlias = Callable[[Request], Awaitable[Visitor | None]]
"""Who looks, or None: nobody has logged in."""

Expiries: TypeAlias = Callable[[Reader, UUID], Awaitable[tuple[KeyExpiry, ...]]]
"""When a merchant's keys end, of every room."""

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Row = TypeVar("Row")
LOG = structlog.stdlib.get_logger("console")
LANGUAGE_COOKIE = "lang"
LANGUAGE_SECONDS = 365 * 24 * 3600
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class ConsoleTools:
    """What the pages need. `teller` says what the merchant's server was told; `signer` binds cursors.

    `watch` recognises like `recognise` and does not count as use of the session: a page left open is not a person.
    `settings` are what the settings page shows: (name, value, where it comes from), secrets masked.
    """

    payments: PaymentTools
    refunds: RefundTools
    reconcile: ReconcileTools
    webhooks: WebhookTools
    teller: Teller
    recognise: Recognise
    watch: Recognise
    signer: Signer
    forms: Forms
    menu: Menu
    expiries: Expiries
    staff: StaffTools
    settings: Sequence[tuple[str, str, str]] = ()
    look_seconds: float = 3.0
    """So often the figures are looked at while somebody watches."""

    @property
    def accounts(self) -> Accounts:
        """Opens channel accounts."""
        return self.payments.accounts

    def label(self, channel: str) -> Words:
        """What a channel is called."""
        return channel_words(self.payments, channel)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the console: its entry in the menu, and its routes. `sections/` holds them; there is no other list."""

    entry: MenuEntry
    add_routes: Callable[[APIRouter, ConsoleTools], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that a visitor posted: genuine, by somebody who may."""

    request: Request
    visitor: Visitor
    fields: Fields

    @property
    def language(self) -> Language:
        """The visitor's language."""
        return language_of(self.request)

    def frame(self, tools: ConsoleTools) -> Frame:
        """The frame of a page that answers the form at once, such as one that shows a secret this once."""
        return Frame(self.visitor, self.language, "", tools.menu)

    def made_id(self, tools: ConsoleTools) -> UUID | None:
        """The id that gets what this form makes, or None when it is none of ours."""
        return tools.forms.read_id(self.visitor.session_id, self.fields.get("form_id", ""))


@dataclass(frozen=True, slots=True)
class Done:
    """An act was carried out: go on to a page of the console and say so by a text key's last part."""

    path: str
    note: str


Draw: TypeAlias = Callable[[Request, Frame], Awaitable[str]]
"""Reads and draws one page for a visitor."""

Act: TypeAlias = Callable[[Asked], Awaitable[Done | Response]]
"""Carries out what a form asked. A Refusal that it raises is said on the page that the form was on."""


def page(html: str, status: int = 200, request: Request | None = None) -> Response:
    """A page with the headers of every page; with its request, a language asked for by `?lang=` is remembered."""
    response = HTMLResponse(html, status, headers=HEADERS)
    if request is not None and request.query_params.get("lang"):
        language = asked_language_of(request)
        is_https = request.url.scheme == "https"
        response.set_cookie(
            LANGUAGE_COOKIE, language, LANGUAGE_SECONDS, path="/console", secure=is_https, httponly=True, samesite="lax"
        )
    return response


def refused_page(request: Request, why: str, status: int) -> Response:
    """A page that says no, for instance `not_found`."""
    return page(render_refused(language_of(request), why), status)


def language_of(request: Request) -> Language:
    """`?lang=`, else what was asked for before, else Accept-Language, else Chinese."""
    kept = request.cookies.get(LANGUAGE_COOKIE)
    if request.query_params.get("lang") or kept not in {"zh-CN", "en"}:
        return asked_language_of(request)
    return cast("Language", kept)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a list that was asked for: below which id, and in which state."""

    before: UUID
    state: str | None
    is_first: bool
    _write: Callable[[UUID], str]

    def cut(self, found: Sequence[Row], id_of: Callable[[Row], UUID]) -> tuple[Sequence[Row], Listing]:
        """A page of rows out of those found, one more than a page where older ones follow, and what leads to them."""
        rows = found[:PAGE_ROWS]
        older = self._write(id_of(rows[-1])) if len(found) > PAGE_ROWS else None
        return rows, Listing(self.state, "", self.is_first, older)


def state_of(request: Request, states: Sequence[str]) -> str | None:
    """The state that a list's address asks for; one that is none of `states` filters nothing."""
    asked = request.query_params.get("state")
    return asked if asked in states else None


def part_of(tools: ConsoleTools, request: Request, merchant_id: UUID, name: str, states: Sequence[str] = ()) -> Part:
    """What a list's address asks for; a state that is none of `states` filters nothing. Raises InvalidField."""
    state, cursor = state_of(request, states), request.query_params.get("cursor")
    bound = f"console.{name}|{state}"

    def write(last: UUID) -> str:
        return write_cursor(tools.signer, merchant_id, bound, last)

    return Part(read_cursor(tools.signer, merchant_id, bound, cursor), state, cursor is None, write)


async def frame_for(tools: ConsoleTools, request: Request, needs: frozenset[str]) -> Frame | None:
    """The frame of a page for whoever looks, or None: nobody has logged in. Raises Forbidden."""
    visitor = await tools.recognise(request)
    if visitor is None:
        return None
    for capability in sorted(needs):
        visitor.caller.must(capability)
    language = language_of(request)
    form_id = tools.forms.write_id(visitor.session_id, tools.payments.source.new_id())
    return Frame(visitor, language, in_other(request, language), tools.menu, note_of(request), form_id)


async def shown(tools: ConsoleTools, request: Request, needs: frozenset[str], draw: Draw) -> Response:
    """The page for whoever looks; else the way to the log-in. Raises Forbidden."""
    frame = await frame_for(tools, request, needs)
    return to_login(request) if frame is None else page(await draw(request, frame), 200, request)


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may do it, the page that the form was on, and whether it is grave.

    What is grave, moving money or handing out rights, is asked of the person once more when their second factor is too
    long ago (ASVS 7.5.3).
    """

    needs: str
    back: str
    is_grave: bool = False


async def acted(tools: ConsoleTools, request: Request, guard: Guard, act: Act) -> Response:
    """Carry out a form of ours for somebody who may, and go on to a page that says what came of it."""
    back = guard.back
    fields, visitor = await read_fields(request), await tools.recognise(request)
    if visitor is None:
        return to_login(request, back)
    if not tools.forms.is_ours(request, fields, visitor.session_id):
        return refused_page(request, "foreign_form", 403)
    visitor.caller.must(guard.needs)
    if guard.is_grave and not visitor.is_proved:
        return RedirectResponse(f"/console/confirm?next={quote(back, safe='')}", 303, headers=HEADERS)
    try:
        done = await act(Asked(request, visitor, fields))
    except (
        Forbidden,
        NotFoundHere,
    ):  # no page of ours leads there: another merchant's id, or a form of one's own making
        raise
    except Refusal as refusal:
        return RedirectResponse(with_query(back, no=refusal.code), 303, headers=HEADERS)
    if isinstance(done, Response):
        return done
    return RedirectResponse(with_query(done.path, done=done.note), 303, headers=HEADERS)


class PageRoute(APIRoute):
    """A route whose refusals and faults are pages too."""

    def get_route_handler(self) -> Handler:
        """The handler around FastAPI's own."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except Forbidden:
                return refused_page(request, "forbidden", 403)
            except TransientFault as fault:
                LOG.warning("transient_fault", reason=str(fault))
                return refused_page(request, "unavailable", 503)
            except MalformedBody:
                return refused_page(request, "other", 400)
            except Refusal:  # an id or a cursor that is not this merchant's
                return refused_page(request, "not_found", 404)
            except HTTPException as error:  # a form that is none of ours
                return refused_page(request, "other", error.status_code)

        return handle


def in_other(request: Request, language: Language) -> str:
    """The query that leads to this page in the other language."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in {"lang", "done", "no"}]
    return urlencode([*kept, ("lang", other_of(language))])


def to_login(request: Request, path: str | None = None) -> Response:
    """To the log-in, and from there back to a page."""
    return RedirectResponse(f"/console/login?next={quote(path or request.url.path, safe='')}", 303, headers=HEADERS)


def note_of(request: Request) -> Note | None:
    """What the page says above its contents, by `?done=` or `?no=`; the words are always ours."""
    for is_good, name in ((True, "done"), (False, "no")):
        if key := request.query_params.get(name):
            return Note(key, is_good=is_good)
    return None
