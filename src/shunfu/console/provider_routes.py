"""Log-in through the shop's own identity provider, over HTTP: off to it, back from it, and linking from inside.

The browser carries one signed cookie from leaving to coming back; state, nonce and PKCE verifier are made of it: a
return that this browser did not begin fits nothing. It comes back from another site, when a strict cookie stays at
home: the page that it returns to only leads on to ours, and there every cookie is present.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from shunfu.console.api import HEADERS, language_of, page, refused_page
from shunfu.console.door_pages import render_returning
from shunfu.console.doors import ACCOUNT, CODE, HOME, LOGIN, OPEN, Doors, to_confirm, to_login
from shunfu.kernel.ids import encode
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer, to_text
from shunfu.merchants import staff

FLOW_PURPOSE, FLOW_SECONDS = "staff provider flow", 600
COOKIE = "provider"
SECRET_BYTES = 32
Wish = Literal["enter", "link"]


def add_provider_routes(router: APIRouter, doors: Doors) -> None:
    """The routes of the identity provider; none without one."""
    if doors.provider is None:
        return
    provider = doors.provider
    _add_leaving(router, doors, provider)
    _add_returning(router, doors, provider)


def _add_leaving(router: APIRouter, doors: Doors, provider: staff.Provider) -> None:
    @router.get("/provider")
    async def enter(request: Request) -> Response:
        """Off to the provider, to log in."""
        del request
        return await _leave(doors, provider, "enter", None)

    @router.post("/account/identity")
    async def link(request: Request) -> Response:
        """Off to the provider, to say who one is there; afterwards that opens the first door."""
        found = await doors.posted(request, OPEN)
        if isinstance(found, Response):
            return found
        session = found[0]
        if not session.is_proved(doors.staff.source.now()):
            return to_confirm(ACCOUNT)
        return RedirectResponse(f"{HOME}/account/identity/go", 303, headers=HEADERS)

    @router.get("/account/identity/go")
    async def go(request: Request) -> Response:
        """A form may only lead to ourselves (form-action), so the way out is a page of its own."""
        session = await doors.session(request)
        if session is None or session.stage != "open":
            return to_login(request)
        if not session.is_proved(doors.staff.source.now()):
            return to_confirm(ACCOUNT)
        return await _leave(doors, provider, "link", session)


def _add_returning(router: APIRouter, doors: Doors, provider: staff.Provider) -> None:
    @router.get("/provider/back")
    async def back(request: Request) -> Response:
        """The return from another site: leads on at once, or by a click."""
        kept = [(name, value) for name in ("code", "state", "iss") if (value := request.query_params.get(name))]
        return page(render_returning(language_of(request), f"{HOME}/provider/done?{urlencode(kept)}"))

    @router.get("/provider/done")
    async def done(request: Request) -> Response:
        """Who came back, checked; the flow's cookie is good no longer."""
        response = await _come_back(request, doors, provider)
        response.delete_cookie(
            doors.cookie_name(COOKIE), path="/", secure=doors.forms.is_https, httponly=True, samesite="lax"
        )
        return response


async def _leave(doors: Doors, provider: staff.Provider, wish: Wish, session: staff.Session | None) -> Response:
    source, signer = doors.staff.source, doors.staff.ring.signer
    bound = encode(session.session_id) if session else "-"
    began = int(source.now().timestamp())
    flow = f"{to_text(source.entropy.take(SECRET_BYTES))}.{wish}.{bound}.{began}"
    response = RedirectResponse(await provider.address(_ask_of(signer, flow)), 303, headers=HEADERS)
    response.set_cookie(
        doors.cookie_name(COOKIE),
        f"{flow}.{signer.tag(FLOW_PURPOSE, flow)}",
        FLOW_SECONDS,
        path="/",
        secure=doors.forms.is_https,
        httponly=True,
        samesite="lax",
    )
    return response


async def _come_back(request: Request, doors: Doors, provider: staff.Provider) -> Response:
    carried = request.cookies.get(doors.cookie_name(COOKIE), "")
    flow = _read_flow(doors.staff.ring.signer, carried, doors.staff.source.now())
    asked = request.query_params
    if flow is None or asked.get("iss", provider.settings.issuer) != provider.settings.issuer:  # RFC 9207
        return refused_page(request, "provider", 403)
    ask = _ask_of(doors.staff.ring.signer, flow)
    if not compare_digest(asked.get("state", "").encode(), ask.state.encode()):
        return refused_page(request, "provider", 403)
    identity = await provider.redeem(asked.get("code", ""), ask)
    if identity is None:
        return refused_page(request, "provider", 403)
    _, wish, bound, _ = flow.split(".")
    if wish == "link":
        return await _link(request, doors, identity, bound)
    outcome = await staff.enter_by_identity(doors.staff, identity, doors.visit(request))
    if isinstance(outcome, staff.Opened):
        return doors.opened(outcome, HOME if outcome.stage == "open" else CODE)
    return refused_page(request, "provider_unknown", 403)


async def _link(request: Request, doors: Doors, identity: staff.Identity, bound: str) -> Response:
    session = await doors.session(request)
    if session is None or encode(session.session_id) != bound:
        return RedirectResponse(LOGIN, 303, headers=HEADERS)
    problem = await staff.link_identity(doors.staff, session, identity)
    query = f"no={problem}" if problem else "done=identity_linked"
    return RedirectResponse(f"{ACCOUNT}?{query}", 303, headers=HEADERS)


def _ask_of(signer: Signer, flow: str) -> staff.Ask:
    """State, nonce and verifier of a flow: nobody makes them without its secret and our key."""
    verifier = signer.tag("staff provider verifier", f"1{flow}") + signer.tag("staff provider verifier", f"2{flow}")
    return staff.Ask(
        signer.tag("staff provider state", flow), signer.tag("staff provider nonce", flow), Secret(verifier)
    )


def _read_flow(signer: Signer, text: str, now: datetime) -> str | None:
    """A flow that we began a short while ago, or None."""
    flow, _, tag = text.rpartition(".")
    if not signer.is_genuine(FLOW_PURPOSE, flow, tag):
        return None
    began = datetime.fromtimestamp(int(flow.rpartition(".")[2]), now.tzinfo)
    return flow if timedelta(0) <= now - began < timedelta(seconds=FLOW_SECONDS) else None
