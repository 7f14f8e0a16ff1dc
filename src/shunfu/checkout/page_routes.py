"""The hosted page over HTTP: the checkout, the tap, the walk of a wallet's browser, and the page that opens the sheet.

Every address that a browser is sent to is our own page, the channel's word, or the merchant's registered one: nothing
in a request names one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shunfu.checkout.api import CheckoutApi, client_ip, language_of, sheet_result, user_agent
from shunfu.checkout.kit import security_policy, with_query
from shunfu.checkout.model import Notice
from shunfu.checkout.opening import is_opened_by_page, opening_policy, render_opening
from shunfu.checkout.pages import content_security_policy, render_invalid, render_page
from shunfu.checkout.usecases import Visit, Wish, begin_walk, end_walk, pay_from_checkout, view_checkout
from shunfu.checkout.walk import LIFE, Tap, is_same_browser, read_state
from shunfu.kernel.errors import InvalidField, MalformedBody, Refusal, Unauthenticated
from shunfu.kernel.ids import parse_public, public
from shunfu.merchants import identify_checkout
from shunfu.payments import Contact, Payment
from shunfu.payments.render import read_contact
from shunfu.payments.schemas import ContactBody

LOG = structlog.stdlib.get_logger("checkout")
SHEET_PATH = "/sandbox/sheet"
"""A sandbox's own sheet takes our return address in its query; a channel's page was told it in the signed order."""
METHOD = re.compile(r"[a-z0-9_]{1,32}/[a-z0-9_]{1,32}")
AMOUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
COOKIE = "shunfu_walk"
NOTICES: dict[str, Notice] = {
    "amount_changed": "changed",
    "offer_gone": "offer",
    "contact_missing": "contact",
    "invalid_field": "contact",
    "unauthenticated": "login",
    "rate_limited": "busy",
    "overloaded": "busy",
}
"""What the page says of a refusal; of others it reads the order's state and says what happened."""


@dataclass(frozen=True, slots=True)
class _Form:
    """One tap on the page, as it was posted."""

    method: str
    key: str
    amount_minor: int | None
    offer_id: UUID | None
    contact: Contact | None


def make_page_router(api: CheckoutApi) -> APIRouter:
    """The hosted page: GET and POST /c/{token}, POST …/pay, GET …/known and GET …/open."""
    router = APIRouter(include_in_schema=False)

    @router.get("/c/{token}")
    async def page(request: Request, token: str) -> Response:
        """The checkout or the result, whichever the order's state asks for."""
        language = language_of(request)
        try:
            visit = _visit(api, request, token)
        except Unauthenticated:
            return _page(render_invalid(language), security_policy(), 404)
        view = (await view_checkout(api.tools, visit)).view
        html = render_page(view, language, api.tools.payments.source.nonce())
        return _page(html, content_security_policy(view), 200)

    @router.post("/c/{token}/pay")
    async def pay(request: Request, token: str) -> Response:
        """One tap: start the payment, then lead to where it is opened, or back to the page."""
        visit, home = _visit(api, request, token), _home(request, token)
        if request.headers.get("sec-fetch-site") == "cross-site":
            return RedirectResponse(home, 303)  # another site's form: who pays shall see first what, and tap here
        try:
            return await _tapped(api, request, visit, home)
        except Refusal as refusal:
            return RedirectResponse(_said(home, refusal), 303)

    _add_ways_back(router, api)
    return router


def _add_ways_back(router: APIRouter, api: CheckoutApi) -> None:
    """Where a browser stands between the tap and the sheet, and after it."""

    @router.post("/c/{token}")
    async def returned(request: Request, token: str) -> Response:
        """A channel that leads a shopper who paid back by a form: its fields are no proof, and nobody reads them."""
        return RedirectResponse(with_query(_home(request, token), result="ok"), 303)

    @router.get("/c/{token}/known")
    async def known(request: Request, token: str) -> Response:
        """The browser comes back from its platform: learn who pays, start the payment, lead on."""
        visit, home = _visit(api, request, token), _home(request, token)
        try:
            target = await _known(api, request, visit, home)
        except Refusal as refusal:
            target = _said(home, refusal)
        answer = RedirectResponse(target, 303)
        answer.delete_cookie(COOKIE, path=f"/c/{token}")
        return answer

    @router.get("/c/{token}/open")
    async def opening(request: Request, token: str) -> Response:
        """The page that opens what a browser cannot open by an address: a form to post, or the wallet's own bridge."""
        visit, home = _visit(api, request, token), _home(request, token)
        view = (await view_checkout(api.tools, visit)).view
        invoke = view.payment.invoke if view.payment else None
        if invoke is None or not is_opened_by_page(invoke):
            return RedirectResponse(home, 303)
        return _page(render_opening(view, invoke, language_of(request), home), opening_policy(invoke), 200)


async def _tapped(api: CheckoutApi, request: Request, visit: Visit, home: str) -> Response:
    form = await _form(request)
    tap = Tap(visit.merchant_id, visit.order_id, form.method, form.amount_minor, form.offer_id)
    walk = await begin_walk(api.tools, visit, tap, form.contact, _walked_query(request, tap))
    if walk is not None:
        return _sent_off(api, visit, *walk)

    async def work(payment_id: UUID) -> str:
        return await _pay(api, visit, _wish(form, payment_id), home)

    path = f"/c/{visit.order_id}/pay/{form.method}"
    return RedirectResponse(await api.once(visit.merchant_id, path, form.key, work), 303)


async def _known(api: CheckoutApi, request: Request, visit: Visit, home: str) -> str:
    asked = request.query_params
    form = _Form(
        _method(asked.get("method", "")), "", _amount(asked.get("amount", "")), _offer(asked.get("offer", "")), None
    )
    tap = Tap(visit.merchant_id, visit.order_id, form.method, form.amount_minor, form.offer_id)
    nonce = read_state(api.tools.signer, tap, asked.get("state", ""), api.tools.now())
    if nonce is None or not is_same_browser(nonce, request.cookies.get(COOKIE, "")):
        raise Unauthenticated("This is not the browser that went to the platform, or it took too long.")

    async def work(payment_id: UUID) -> str:
        payment = await end_walk(api.tools, visit, _wish(form, payment_id), asked.get("code", "")[:512])
        return _next(payment, api.tools.payments.public_url, home) or home

    return await api.once(visit.merchant_id, f"/c/{visit.order_id}/known", nonce, work)


async def _pay(api: CheckoutApi, visit: Visit, wish: Wish, home: str) -> str:
    """Where the tap leads. A refusal is an answer too: the same tap again gets the same."""
    try:
        payment = await pay_from_checkout(api.tools, visit, wish)
    except Refusal as refusal:
        return _said(home, refusal)
    return _next(payment, api.tools.payments.public_url, home) or home


def _sent_off(api: CheckoutApi, visit: Visit, address: str, nonce: str) -> Response:
    """To the platform, with a cookie that says nothing but which walk this is."""
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        COOKIE,
        nonce,
        max_age=int(LIFE.total_seconds()),
        path=f"/c/{visit.token}",
        secure=api.tools.payments.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


def _visit(api: CheckoutApi, request: Request, token: str) -> Visit:
    """Raises Unauthenticated."""
    caller, order_id = identify_checkout(api.tools.signer, token, api.tools.now())
    said = request.query_params.get("said")
    return Visit(
        merchant_id=caller.merchant_id,
        order_id=order_id,
        token=token,
        client="web",
        sheet_result=sheet_result(request.query_params.get("result")),
        client_ip=client_ip(request),
        return_url=api.tools.payments.public_url + _home(request, token),
        user_agent=user_agent(request),
        notice=next((notice for notice in NOTICES.values() if notice == said), None),
    )


def _home(request: Request, token: str) -> str:
    return with_query(f"/c/{token}", lang=language_of(request))


def _said(home: str, refusal: Refusal) -> str:
    LOG.info("tap_refused", code=refusal.code)
    notice = NOTICES.get(refusal.code)
    return with_query(home, said=notice) if notice else home


def _wish(form: _Form, payment_id: UUID) -> Wish:
    return Wish(
        method=form.method,
        payment_id=payment_id,
        offer_id=form.offer_id,
        amount_minor=form.amount_minor,
        contact=form.contact,
    )


async def _form(request: Request) -> _Form:
    """Raises MalformedBody, or InvalidField for a contact that cannot be one."""
    try:
        form = await request.form(max_fields=30, max_files=0)
    except UnicodeError as error:  # a character set that cannot be one
        raise MalformedBody from error
    return _Form(
        method=_method(_text(form, "method")),
        key=_text(form, "idempotency_key"),
        amount_minor=_amount(_text(form, "amount_minor")),
        offer_id=_offer(_text(form, "offer")),
        contact=_contact(form),
    )


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))[:200]


def _method(text: str) -> str:
    return text if METHOD.fullmatch(text) else ""


def _amount(text: str) -> int | None:
    return int(text) if AMOUNT.fullmatch(text) else None


def _offer(text: str) -> UUID | None:
    return parse_public("off", text)


def _contact(form: FormData) -> Contact | None:
    """The fields `contact.address.name` and so on, as the API's own body would have them. Raises InvalidField."""
    told: dict[str, dict[str, str] | str] = {}
    for name in form:
        _, _, field = name.partition("contact.")
        kind, _, member = field.partition(".")
        text = _text(form, name).strip()
        if not name.startswith("contact.") or not text:
            continue
        if member:
            group = told.setdefault(kind, {})
            if isinstance(group, dict):
                group[member] = text
        else:
            told[kind] = text
    if isinstance(invoice := told.get("invoice"), dict):
        invoice["kind"] = "company" if invoice.get("tax_number") else "personal"
    try:
        return read_contact(ContactBody.model_validate(told))
    except ValidationError as error:
        raise InvalidField from error


def _walked_query(request: Request, tap: Tap) -> dict[str, str]:
    """What comes back with the browser; the state holds a seal of it."""
    asked = {"lang": language_of(request), "method": tap.method}
    if tap.amount_minor is not None:
        asked["amount"] = str(tap.amount_minor)
    return asked | ({"offer": public("off", tap.offer_id)} if tap.offer_id else {})


def _next(payment: Payment, origin: str, home: str) -> str | None:
    """Where the shopper goes after the tap: the channel's page, a sandbox's sheet, our page that opens what has no
    address, or None to stay (a code).
    """
    invoke = payment.invoke
    if invoke is None or invoke.kind == "qr":
        return None
    is_sheet = invoke.sandbox_url is not None and urlsplit(invoke.sandbox_url).path == SHEET_PATH
    if invoke.kind == "form" or (is_opened_by_page(invoke) and not is_sheet):
        return urlunsplit(urlsplit(home)._replace(path=f"{urlsplit(home).path}/open"))
    if is_sheet:
        return with_query(invoke.sandbox_url or "", **{"return": origin + home})
    return invoke.sandbox_url or (invoke.params.get("url") if invoke.kind == "redirect" else None)


def _page(html: str, policy: str, status: int) -> Response:
    headers = {"content-security-policy": policy, "cache-control": "no-store", "vary": "User-Agent, Accept-Language"}
    return HTMLResponse(html, status, headers=headers)
