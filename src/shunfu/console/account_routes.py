"""A person's own account over HTTP: password, passkeys, recovery codes, and the identity at the shop's provider.

Each act needs a session in which both factors were given a short while ago; else the way leads to that first.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from shunfu.console.account_pages import AccountView, render_account, render_codes, render_new_passkey
from shunfu.console.api import HEADERS, page, refused_page
from shunfu.console.doors import ACCOUNT, ANSWER_MAX, OPEN, Doors, factor_of, to_confirm, to_login
from shunfu.console.forms import Fields, is_line
from shunfu.kernel.ids import parse_public
from shunfu.kernel.secret import Secret
from shunfu.merchants import staff

NEW_PASSKEY = f"{ACCOUNT}/passkey"
PASSKEY_NAME_MAX = 60


def add_account_routes(router: APIRouter, doors: Doors) -> None:
    """The routes of a person's own account."""
    _add_page(router, doors)
    _add_password(router, doors)
    _add_passkey_page(router, doors)
    _add_passkeys(router, doors)
    _add_codes(router, doors)


async def _proved(
    request: Request, doors: Doors, back: str = ACCOUNT, length: int = 200
) -> tuple[staff.Session, Fields] | Response:
    """A form of ours by somebody who has just given both factors; else the answer that says what is missing."""
    found = await doors.posted(request, OPEN, length)
    if isinstance(found, Response) or found[0].is_proved(doors.staff.source.now()):
        return found
    return to_confirm(back)


async def _view(request: Request, doors: Doors, session: staff.Session, error: str | None = None) -> Response:
    visitor = doors.visitor_of(session)
    if visitor is None:
        return to_login(request)
    account = await staff.read_account(doors.staff, session)
    view = AccountView(account, error, has_provider=doors.provider is not None)
    return page(render_account(doors.frame(request, visitor), view), 422 if error else 200, request)


def _add_page(router: APIRouter, doors: Doors) -> None:
    @router.get("/account")
    async def show(request: Request) -> Response:
        """What opens this person's doors."""
        session = await doors.session(request)
        if session is None or session.stage != "open":
            return to_login(request)
        return await _view(request, doors, session)


def _add_password(router: APIRouter, doors: Doors) -> None:
    @router.post("/account/password")
    async def change(request: Request) -> Response:
        """Another password; all other sessions end."""
        found = await _proved(request, doors)
        if isinstance(found, Response):
            return found
        session, fields = found
        if fields.get("password", "") != fields.get("password_again"):
            return await _view(request, doors, session, "password_differs")
        chosen = staff.NewPassword(Secret(fields.get("password_old", "")), Secret(fields.get("password", "")))
        outcome = await staff.change_password(doors.staff, session, chosen, doors.visit(request))
        if isinstance(outcome, staff.Opened):
            return doors.opened(outcome, f"{ACCOUNT}?done=password_changed")
        return await _view(request, doors, session, "password_wrong" if outcome == "wrong" else outcome)


def _add_passkey_page(router: APIRouter, doors: Doors) -> None:
    @router.get("/account/passkey")
    async def ask(request: Request) -> Response:
        """A page that has the browser make a passkey."""
        session = await doors.session(request)
        visitor = doors.visitor_of(session) if session else None
        if session is None or visitor is None:
            return to_login(request)
        if not visitor.is_proved:
            return to_confirm(NEW_PASSKEY)
        options = await staff.ask_new_passkey(doors.staff, session)
        if options is None:
            return refused_page(request, "not_found", 404)
        return page(render_new_passkey(doors.frame(request, visitor), options), request=request)


def _add_passkeys(router: APIRouter, doors: Doors) -> None:
    @router.post("/account/passkey")
    async def add(request: Request) -> Response:
        """Keep what the browser has made."""
        found = await _proved(request, doors, NEW_PASSKEY, ANSWER_MAX)
        if isinstance(found, Response):
            return found
        session, fields = found
        name, answer = fields.get("name", "").strip(), factor_of(fields)
        if not is_line(name, PASSKEY_NAME_MAX) or not isinstance(answer, staff.PasskeyAnswer):
            return _back("no=passkey_refused")
        problem = await staff.add_passkey(doors.staff, session, name, answer)
        return _back(f"no={problem}" if problem else "done=passkey_added")

    @router.post("/account/passkeys/{passkey}/remove")
    async def remove(request: Request, passkey: str) -> Response:
        """A passkey of one's own is good no longer."""
        found = await _proved(request, doors)
        if isinstance(found, Response):
            return found
        passkey_id = parse_public("psk", passkey)
        if passkey_id is None or await staff.remove_passkey(doors.staff, found[0], passkey_id):
            return refused_page(request, "not_found", 404)
        return _back("done=passkey_removed")


def _add_codes(router: APIRouter, doors: Doors) -> None:
    @router.post("/account/codes")
    async def make(request: Request) -> Response:
        """Ten new recovery codes, this once: as a page, or as a text file."""
        found = await _proved(request, doors)
        if isinstance(found, Response):
            return found
        codes = await staff.make_recovery_codes(doors.staff, found[0])
        visitor = doors.visitor_of(found[0])
        if codes is None or visitor is None:
            return to_confirm(ACCOUNT)
        if found[1].get("as") == "file":
            told = {**HEADERS, "content-disposition": 'attachment; filename="shunfu-recovery-codes.txt"'}
            return PlainTextResponse("\n".join([*codes, ""]), headers=told)
        frame = replace(doors.frame(request, visitor), note=None)
        return page(render_codes(frame, codes))

    @router.post("/account/identity/unlink")
    async def unlink(request: Request) -> Response:
        """The provider opens no door of this person any longer."""
        found = await _proved(request, doors)
        if isinstance(found, Response):
            return found
        if await staff.unlink_identities(doors.staff, found[0]):
            return refused_page(request, "not_found", 404)
        return _back("done=identity_unlinked")


def _back(query: str) -> Response:
    return RedirectResponse(f"{ACCOUNT}?{query}", 303, headers=HEADERS)
