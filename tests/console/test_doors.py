"""The console's doors through the whole server: one link, two factors, a cookie for no script, and who stays out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

import pytest
from pyotp.totp import TOTP
from starlette.types import ASGIApp

from app.asgi import Answer, call
from db.support import rows
from flows.world import World, make_world
from shunfu.app.http.server import create_app
from shunfu.app.settings import load
from shunfu.db import Database
from shunfu.kernel.ids import encode, public
from shunfu.merchants.staff import disable_staff, make_founding_link, make_link

PASSWORD = "correct horse battery"
HOST = "pay.example.com"
COOKIE = re.compile(r"((?:__Host-)?shunfu_\w+)=([^;]*)")
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
SECRET = re.compile(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}")


@dataclass
class Browser:
    """A browser with one cookie jar, at our pages."""

    app: ASGIApp
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    async def get(self, path: str) -> Answer:
        return await self._call("GET", path, {})

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """A form of these fields, or the given `body`."""
        body = headers.pop("body", None) or urlencode(fields)
        told = {"origin": f"https://{HOST}", "content-type": "application/x-www-form-urlencoded", **headers}
        return await self._call("POST", path, told, body.encode())

    async def submit(self, path: str, fields: dict[str, str]) -> Answer:
        """Open a page and send its form."""
        token = TOKEN.search((await self.get(path)).body.decode())
        assert token is not None, path
        return await self.post(path, {**fields, "form_token": token[1]})

    async def _call(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await call(self.app, method, path, {"host": HOST, **headers}, (body,) if body else ())
        for line in answer.cookies:
            found = COOKIE.match(line)
            if found is not None and found[2].strip('"'):
                self.cookies[found[1]] = found[2]
            elif found is not None:
                self.cookies.pop(found[1], None)
        return answer


@dataclass
class Office:
    """A world with its server, and people who come to its doors."""

    world: World
    app: ASGIApp

    def browser(self) -> Browser:
        return Browser(self.app)

    async def link(self) -> str:
        link = await self.world.house.database.transact(lambda tx: make_founding_link(tx, self.world.house.source))
        assert link is not None
        return f"/console/first/{link.reveal()}"

    async def owner(self, browser: Browser) -> str:
        """Become the first owner in this browser; the authenticator's secret."""
        told = {"shop_name": "山前书店", "name": "陈梅", "login_name": "mei"}
        said = await browser.submit(await self.link(), {**told, "password": PASSWORD, "password_again": PASSWORD})
        assert (said.status, said.headers["location"]) == (303, "/console/authenticator"), said.body.decode()
        shown = (await browser.get("/console/authenticator")).body.decode()
        secret = SECRET.search(shown)
        assert secret is not None
        said = await browser.submit("/console/authenticator", {"code": self.code(secret[0])})
        assert (said.status, said.headers["location"]) == (303, "/console"), said.body.decode()
        return secret[0]

    def code(self, secret: str) -> str:
        return TOTP(secret.replace(" ", "")).at(self.now())

    def now(self) -> datetime:
        return self.world.clock.instant


@pytest.fixture
async def office(database: Database) -> Office:
    world = await make_world(database)
    settings = load({"public_url": f"https://{HOST}"}, {})
    return Office(world, create_app(replace(world.house, settings=settings)))


async def test_from_the_link_to_today_and_to_the_own_merchant_only(office: Office) -> None:
    order = await office.world.order(amount_minor=2800)
    browser = office.browser()
    await office.owner(browser)
    today = await browser.get("/console")
    assert today.status == 200
    assert "山前书店" in today.body.decode()
    assert "陈梅" in today.body.decode()
    assert today.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in today.headers["content-security-policy"]
    assert (await browser.get(f"/console/orders/{order['id']}")).status == 404, "another merchant's"


async def test_staff_of_a_merchant_see_its_orders_and_another_merchants_staff_do_not(office: Office) -> None:
    order = await office.world.order(amount_minor=2800)
    organisation = (await office.world.sql("SELECT organisation_id FROM merchants LIMIT 1"))[0][0]
    link = await office.world.house.database.transact(
        lambda tx: make_link(tx, office.world.house.source, organisation, "viewer")
    )
    browser = office.browser()
    page = f"/console/first/{link.reveal()}"
    told = {"name": "林", "login_name": "lin", "password": PASSWORD, "password_again": PASSWORD}
    assert (await browser.submit(page, told)).status == 303
    shown = (await browser.get("/console/authenticator")).body.decode()
    found = SECRET.search(shown)
    assert found is not None
    await browser.submit("/console/authenticator", {"code": office.code(found[0])})
    assert (await browser.get(f"/console/orders/{order['id']}")).status == 200
    assert order["id"] in (await browser.get("/console/orders")).body.decode()


PAGES = ("/console", "/console/orders", "/console/refunds", "/console/payments/pay_0", "/console/sessions")


async def test_nobody_sees_a_page_without_both_factors(office: Office) -> None:
    await office.owner(office.browser())
    browser = office.browser()
    for path in PAGES:
        said = await browser.get(path)
        assert said.status == 303, path
        assert said.headers["location"].startswith("/console/login"), path
    said = await browser.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    assert said.headers["location"].startswith("/console/code")
    for path in PAGES:
        said = await browser.get(path)
        assert (said.status, said.headers["location"].partition("?")[0]) == (303, "/console/login"), path


async def test_log_in_log_out_and_the_way_back(office: Office) -> None:
    secret = await office.owner(office.browser())
    office.world.clock.advance(30)
    browser = office.browser()
    said = await browser.submit(
        "/console/login?next=%2Fconsole%2Forders", {"login_name": " MEI ", "password": PASSWORD}
    )
    door = dict(browser.cookies)
    said = await browser.submit(said.headers["location"], {"code": office.code(secret)})
    assert said.headers["location"] == "/console/orders"
    assert browser.cookies != door, "a new session on log-in"
    token = TOKEN.search((await browser.get("/console")).body.decode())
    assert token is not None
    said = await browser.post("/console/logout", {"form_token": token[1]})
    assert said.headers["location"] == "/console/login"
    browser.cookies = {}
    assert (await browser.get("/console")).status == 303


async def test_the_cookie_is_a_hosts_own_and_no_script_reads_it(office: Office) -> None:
    browser = office.browser()
    said = await browser.submit(
        await office.link(),
        {"shop_name": "店", "name": "梅", "login_name": "mei", "password": PASSWORD, "password_again": PASSWORD},
    )
    cookie = said.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert "Secure" in cookie
    assert cookie.startswith("__Host-")


async def test_without_tls_the_machines_own_names_are_taken(office: Office) -> None:
    """The world's address is http: whoever opens it as localhost is let in, and whoever comes from elsewhere is not."""
    browser = Browser(create_app(office.world.house))
    token = TOKEN.search((await browser.get("/console/login")).body.decode())
    assert token is not None
    told = {"form_token": token[1], "login_name": "mei", "password": PASSWORD}
    for origin, status in ((f"http://{HOST}", 422), ("http://127.0.0.1:8700", 422), ("http://evil.example", 403)):
        assert (await browser.post("/console/login", told, origin=origin)).status == status, origin


AWAY = ("//evil.example", "https://evil.example", "/console/../x", "/c/x", "/a\\x", "")


async def test_next_leads_nowhere_else(office: Office) -> None:
    secret = await office.owner(office.browser())
    for next_ in AWAY:
        office.world.clock.advance(30)
        browser = office.browser()
        query = urlencode({"next": next_})
        said = await browser.submit(f"/console/login?{query}", {"login_name": "mei", "password": PASSWORD})
        said = await browser.submit(said.headers["location"], {"code": office.code(secret)})
        assert said.headers["location"] == "/console", next_
        said = await office.browser().get(f"/console/code?{query}")
        assert said.headers["location"] == "/console/login", next_


FORMS = ("/console/login", "/console/logout", "/console/side", "/console/sessions/00000000000000000000000000/end")


ELSEWHERE = (
    {"origin": "https://evil.example"},
    {"origin": f"http://{HOST}"},
    {"origin": "https://evil.example", "host": "evil.example"},
    {"origin": "http://["},
    {"origin": "null"},
    {"origin": ""},
    {"content-type": "text/plain"},
)


async def test_a_form_from_elsewhere_does_nothing(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    token = TOKEN.search((await browser.get("/console")).body.decode())
    assert token is not None
    before = dict(browser.cookies)
    told = {"form_token": token[1], "login_name": "mei", "password": PASSWORD}
    for path in FORMS:
        for headers in ELSEWHERE:
            assert (await browser.post(path, told, **headers)).status == 403, (path, headers)
    assert browser.cookies == before
    assert (await browser.get("/console")).status == 200, "still logged in"


async def test_a_form_with_another_sessions_token_does_nothing(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    token = TOKEN.search((await office.browser().get("/console/login")).body.decode())
    assert token is not None
    for path in FORMS:
        told = {"form_token": token[1] if path != "/console/login" else "x" * 22, "login_name": "mei"}
        assert (await browser.post(path, told)).status == 403, path


@pytest.mark.parametrize("path", ["/console/login", "first"])
async def test_odd_forms_are_answered_by_a_page(office: Office, path: str) -> None:
    """Controls, lone surrogates, too many fields and a file: never a fault, never a document for machines."""
    page = await office.link() if path == "first" else path
    browser = office.browser()
    odd = {"login_name": "a\0b", "name": "\x07", "password": "p\0" * 8, "shop_name": "s\n"}
    said = await browser.submit(page, odd)
    assert said.status == 422
    many = await browser.post(page, {f"field{n}": "x" for n in range(50)})
    multipart = "multipart/form-data; boundary=b; charset=unicode_escape"
    token = TOKEN.search((await browser.get(page)).body.decode())
    assert token is not None
    parts = {"form_token": token[1], "login_name": "mei", "password": "\\ud800" * 6}
    text = "".join(
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    )
    lone = await browser.post(page, {}, **{"content-type": multipart, "body": text + "--b--\r\n"})
    file = '--b\r\ncontent-disposition: form-data; name="x"; filename="x"\r\n\r\ny\r\n--b--\r\n'
    sent = await browser.post(page, {}, **{"content-type": "multipart/form-data; boundary=b", "body": file})
    for answer, status in ((many, 400), (lone, 422), (sent, 400)):
        assert answer.status == status, answer.body.decode()
        assert answer.headers["content-type"].startswith("text/html")


async def test_an_ended_sessions_log_out_leads_to_the_log_in(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    token = TOKEN.search((await browser.get("/console")).body.decode())
    assert token is not None
    office.world.clock.advance(31 * 60)
    said = await browser.post("/console/logout", {"form_token": token[1]})
    assert (said.status, said.headers["location"]) == (303, "/console/login")


async def test_an_authenticator_that_was_set_up_is_never_shown_again(office: Office) -> None:
    secret = await office.owner(office.browser())
    office.world.clock.advance(30)
    browser = office.browser()
    await browser.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    said = await browser.get("/console/authenticator")
    assert (said.status, said.headers["location"]) == (303, "/console/login")
    assert secret not in said.body.decode()


async def test_style_sheets_are_kept_for_an_hour_and_pages_are_not(office: Office) -> None:
    sheet = await office.browser().get("/console/static/ops.css")
    assert (sheet.status, sheet.headers["cache-control"]) == (200, "public, max-age=3600")
    assert (await office.browser().get("/console/login")).headers["cache-control"] == "no-store"


async def test_the_other_language_keeps_the_way_on(office: Office) -> None:
    shown = (await office.browser().get("/console/login?next=%2Fconsole%2Forders")).body.decode()
    assert 'href="?next=%2Fconsole%2Forders&amp;lang=en"' in shown


async def test_sessions_are_listed_and_ended(office: Office) -> None:
    browser, other = office.browser(), office.browser()
    secret = await office.owner(browser)
    office.world.clock.advance(30)
    await other.submit("/console/login", {"login_name": "mei", "password": PASSWORD})
    await other.submit("/console/code", {"code": office.code(secret)})
    listed = (await browser.get("/console/sessions")).body.decode()
    ends = re.findall(r'action="(/console/sessions/[0-9A-Z]{26}/end)"', listed)
    mine = browser.cookies["__Host-shunfu_staff"][:26]
    (end,) = [path for path in ends if mine not in path]
    token = TOKEN.search(listed)
    assert token is not None
    assert (await browser.post(end, {"form_token": token[1]})).headers["location"] == "/console/sessions"
    assert (await other.get("/console")).status == 303
    assert (await browser.post(end, {"form_token": token[1]})).status == 404, "ended, or another person's"


async def test_only_a_side_of_ones_own_can_be_chosen(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    found = await rows(
        office.world.house.database,
        "SELECT m.merchant_id, r.staff_id IS NOT NULL FROM merchants m"
        " LEFT JOIN staff_roles r ON r.merchant_id = m.merchant_id WHERE m.mode = 'live'",
    )
    by_own = {is_own: public("mer", merchant_id) for merchant_id, is_own in found}
    token = TOKEN.search((await browser.get("/console")).body.decode())
    assert token is not None
    assert (await browser.post("/console/side", {"form_token": token[1], "merchant": by_own[False]})).status == 404
    assert (await browser.post("/console/side", {"form_token": token[1], "merchant": by_own[True]})).status == 303


WRONG_FORMS: tuple[dict[str, str], ...] = (
    {"password": "short", "password_again": "short"},
    {"password_again": "another one here"},
    {"login_name": "<script>"},
    {"name": " "},
    {"shop_name": ""},
)


async def test_a_wrong_first_form_is_shown_again_without_its_password(office: Office) -> None:
    told = {"shop_name": "<b>店", "name": "梅", "login_name": "mei", "password": PASSWORD, "password_again": PASSWORD}
    link = await office.link()
    for changes in WRONG_FORMS:
        said = await office.browser().submit(link, {**told, **changes})
        shown = said.body.decode()
        assert said.status == 422, changes
        assert PASSWORD not in shown
        assert "<script>" not in shown
        assert "<b>店" not in shown
    assert (await office.browser().get(link)).status == 200, "the link is still good"


async def test_a_used_link_and_a_forged_one_are_the_same_page(office: Office) -> None:
    link = await office.link()
    browser = office.browser()
    told = {"shop_name": "店", "name": "梅", "login_name": "mei", "password": PASSWORD, "password_again": PASSWORD}
    await browser.submit(link, told)
    used = await browser.get(link)
    forged = await browser.get(f"/console/first/{encode(office.world.house.source.new_id())}{'A' * 43}")
    assert (used.status, forged.status) == (404, 404)
    assert used.body == forged.body


async def test_a_disabled_person_is_out(office: Office) -> None:
    browser = office.browser()
    await office.owner(browser)
    house = office.world.house
    await house.database.transact(lambda tx: disable_staff(tx, house.source, "mei"))
    assert (await browser.get("/console")).status == 303
