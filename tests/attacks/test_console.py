"""Every route of the console with another merchant's ids (A40 to A43), and hostile texts on every page of it (A48).

The routes are those of the server, so a new one is walked by itself; a path parameter that is not known fails until
`Tenants.ids` has it. The victim's own staff open the same addresses: that is the control. What they see, full of texts
that strangers chose, is then shown to a real browser, which runs nothing of it.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.asgi import Answer
from attacks.tenants import HOOK, PARAMETER, Tenants, fingerprint
from console.test_doors import HOST, PASSWORD, SECRET, Browser, Office
from db.support import sql
from flows.world import credentials
from pages.serving import free_listener, serving
from pages.test_chromium import FLAGS
from shunfu.app.http.server import build_api, create_app
from shunfu.app.settings import load
from shunfu.checkout.pages import static_dir as shopper_static_dir
from shunfu.console.pages import static_dir
from shunfu.db import Urls
from shunfu.kernel.ids import PLATFORM, public
from shunfu.merchants.staff import make_link

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEFORE_THE_DOOR = re.compile(r"/console/(first|reset|login|authenticator|code|logout|confirm|provider|account)\b")
"""Nobody is logged in there yet, or only the person themself is meant: tests/console/test_doors.py walks them."""
NOWHERE = "/console/{path:path}"
"""The page that says that there is none."""
LIVE = "/console/live"
"""A stream that does not end; it names nobody's id, and tests/console/test_sections.py listens to it."""
PATIENCE_SECONDS = 20.0
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>{{7*7}}&#x202e;"
FIELDS = {
    "amount": "1.00",
    "cap": "",
    "capabilities": "orders:read",
    "channel": "wechatpay",
    "day": "2026-01-01",
    "days": "30",
    "description": "x",
    "event_types": "*",
    "kind": "amount_off",
    "label": "x",
    "last_day": "2036-01-01",
    "minimum": "",
    "note": "知道了",
    "offer_name": "减一元",
    "old_valid_seconds": "86400",
    "origins": "https://shop.example.com",
    "per_shopper": "",
    "reason": "少一件",
    "role": "viewer",
    "size": "1.00",
    "stock": "",
    "to": "merchant",
    "url": HOOK["url"],
}
"""What a form of the console may ask for; one that asks for more fails the walk until its field stands here."""
STAFF_TABLES = ("shunfu.staff", "shunfu.staff_roles", "shunfu.staff_links", "shunfu.staff_passkeys")


@dataclass
class Staffed:
    """The two merchants and a person of each, logged in with both factors."""

    tenants: Tenants
    victim: Browser
    stranger: Browser
    pages: dict[str, Answer] = field(default_factory=dict[str, Answer])

    def routes(self, method: str) -> list[str]:
        """The paths of the console behind its door."""
        found = iter_route_contexts(build_api(self.tenants.world.house).routes)
        mine = [one.path or "" for one in found if method in (one.methods or ())]
        mine = [path for path in mine if path.startswith("/console")]
        assert mine, "the server has no console"
        return [path for path in mine if not BEFORE_THE_DOOR.match(path) and path not in {NOWHERE, LIVE}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def staffed(tenants: Tenants) -> AsyncIterator[Staffed]:
    world = tenants.world
    await with_hostile_texts(tenants)
    settings = load({"public_url": f"https://{HOST}"}, {})
    office = Office(world, create_app(replace(world.house, settings=settings)))
    stranger, victim, colleague = office.browser(), office.browser(), office.browser()
    await office.owner(stranger)
    await joined(office, victim, ("owner", "lin"))
    await joined(office, colleague, ("viewer", "wen"))
    invited = await invitation(office, "viewer")
    merchant_id = tenants.merchant_id
    dead = (
        "UPDATE jobs SET state = 'dead', finished_at = created_at, last_error = $2 WHERE merchant_id = $1 AND id = $3"
    )
    ((job_id,),) = await world.sql("SELECT id FROM jobs WHERE merchant_id = $1 AND state = 'done' LIMIT 1", merchant_id)
    await world.house.database.transact(lambda tx: tx.execute(sql(dead), merchant_id, HOSTILE, job_id))
    ((key_id,),) = await world.sql("SELECT key_id FROM api_keys WHERE merchant_id = $1 ORDER BY 1 LIMIT 1", merchant_id)
    ((alarm_id,),) = await world.sql("SELECT alarm_id FROM alarms WHERE merchant_id = $1 LIMIT 1", merchant_id)
    ((person,),) = await world.sql("SELECT staff_id FROM staff WHERE login_name = 'wen'")
    tenants.ids |= {
        "session_id": victim.cookies["__Host-shunfu_staff"][:26],
        "person": public("stf", person),
        "link": public("lnk", invited),
        "alarm_id": public("alm", alarm_id),
        "job_id": public("job", job_id),
        "key_id": public("key", key_id),
    }
    yield Staffed(tenants, victim, stranger)


async def invitation(office: Office, role: str) -> UUID:
    """A link of the victim's organisation that nobody has used yet."""
    await made_link(office, role)
    ((link_id,),) = await office.world.sql(
        "SELECT link_id FROM staff_links WHERE used_at IS NULL ORDER BY 1 DESC LIMIT 1"
    )
    assert isinstance(link_id, UUID)
    return link_id


async def made_link(office: Office, role: str) -> str:
    house = office.world.house
    wanted = "SELECT organisation_id FROM merchants WHERE merchant_id = $1"
    ((organisation,),) = await office.world.sql(wanted, Tenants(office.world).merchant_id)
    link = await house.database.transact(lambda tx: make_link(tx, house.source, organisation, role))  # type: ignore[arg-type]
    return f"/console/first/{link.reveal()}"


async def joined(office: Office, browser: Browser, who: tuple[str, str]) -> None:
    """A person of the victim's organisation comes in by a link: role and log-in name."""
    told = {"name": HOSTILE[:60], "login_name": who[1], "password": PASSWORD, "password_again": PASSWORD}
    said = await browser.submit(await made_link(office, who[0]), told)
    assert said.status == 303, said.body.decode()
    found = SECRET.search((await browser.get("/console/authenticator")).body.decode())
    assert found is not None
    said = await browser.submit("/console/authenticator", {"code": office.code(found[0])})
    assert (said.status, said.headers["location"]) == (303, "/console"), said.body.decode()


async def with_hostile_texts(tenants: Tenants) -> None:
    """Wherever a stranger may leave a text: orders, lines, numbers, reasons, descriptions."""
    world = tenants.world
    items = [{"name": HOSTILE, "quantity": 1, "amount_minor": 8600}]
    order = await world.order(subject=HOSTILE, items=items)
    tenants.ids["order_id"] = order["id"]
    said = await world.post("/v1/webhook_endpoints", {**HOOK, "description": HOSTILE[:80]})
    assert said.status == 201, said.body
    tenants.ids["endpoint_id"] = said.json()["id"]
    wish = {"amount_minor": 100, "reason": HOSTILE[:80]}
    said = await world.post(f"/v1/payments/{tenants.ids['payment_id']}/refunds", wish)
    assert said.status == 201, said.body
    await world.work()


async def opened(browser: Browser, target: str) -> Answer:
    """A page or a file."""
    return await asyncio.wait_for(browser.get(target), PATIENCE_SECONDS)


async def test_no_page_opens_with_anothers_id_and_none_changes_anything(staffed: Staffed, module_urls: Urls) -> None:
    """A40, A41: and A39, since a GET is what a link elsewhere can send with the cookie."""
    tenants = staffed.tenants
    before = await fingerprint(module_urls, tenants.merchant_id)
    wrong: list[str] = []
    for path in staffed.routes("GET"):
        target = tenants.filled(path)
        said = await opened(staffed.stranger, target)
        if said.status not in ({403, 404} if PARAMETER.search(path) else {200}):
            wrong.append(f"{target}: {said.status}")
        if shown := tenants.betrayed(said.body):
            wrong.append(f"{target} shows {shown}")
        own = await opened(staffed.victim, target)
        assert own.status == 200, (target, own.status)
        staffed.pages[target] = own
    assert wrong == []
    assert len(staffed.pages) >= 7
    assert await fingerprint(module_urls, tenants.merchant_id) == before, "a GET has changed something"


async def test_every_page_asks_browsers_to_come_by_tls_only(staffed: Staffed) -> None:
    """HSTS for a year at least, and the headers of every page, on whatever the server answers at an https address."""
    for path in ("/console", "/console/orders/ord_x", "/console/login", "/v1/orders", "/nowhere", "/healthz"):
        headers = (await opened(staffed.victim, path)).headers
        seconds = re.match(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
        assert seconds is not None, path
        assert int(seconds[1]) >= 365 * 24 * 3600
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_search_finds_nothing_of_anothers(staffed: Staffed) -> None:
    """A41: by id, by our own number, and by a part of the text."""
    tenants = staffed.tenants
    for needle in (tenants.ids["order_id"], tenants.ids["payment_id"], tenants.ids["payment_id"][4:]):
        theirs = (await opened(staffed.stranger, f"/console/orders?q={needle}")).body.decode()
        ours = (await opened(staffed.victim, f"/console/orders?q={needle}")).body.decode()
        assert 'href="/console/orders/ord_' in ours, needle
        assert 'href="/console/orders/ord_' not in theirs, needle


async def test_no_list_goes_on_with_anothers_cursor(staffed: Staffed) -> None:
    """A43: a cursor of the API is none of the console's, and one merchant's is none of another's."""
    for _ in range(51):
        await staffed.tenants.world.order()
    found = re.search(r'href="([^"]*cursor=[^"]*)"', (await opened(staffed.victim, "/console/orders")).body.decode())
    assert found, "there is no second page"
    following = html.unescape(found[1])
    assert (await opened(staffed.victim, following)).status == 200
    assert (await opened(staffed.stranger, following)).status == 404
    for path in ("orders", "refunds"):
        cursor = staffed.tenants.cursors[f"/v1/{path}"]
        assert (await opened(staffed.victim, f"/console/{path}?cursor={cursor}")).status == 404


async def test_no_form_does_anything_to_what_is_anothers(staffed: Staffed, module_urls: Urls) -> None:
    """A42: with a form of one's own, rightly filled in, sent to the victim's address."""
    tenants = staffed.tenants
    form = await form_of(staffed.stranger)
    before = await rows_of(module_urls, tenants)
    about = [path for path in staffed.routes("POST") if PARAMETER.search(path)]
    for path in about:
        said = await staffed.stranger.post(tenants.filled(path), fields_of(tenants, form))
        assert said.status in {403, 404}, (path, said.status, said.headers.get("location"))
    side = {"merchant": tenants.ids["merchant"], **form}
    assert (await staffed.stranger.post("/console/side", side)).status == 404
    assert await rows_of(module_urls, tenants) == before, "a stranger changed the victim's rows"
    for path in set(staffed.routes("POST")) - set(about) - {"/console/side"}:
        said = await staffed.stranger.post(path, fields_of(tenants, form))
        assert said.status < 500, (path, said.status)
        assert tenants.betrayed(said.body) == [], path
    after = await rows_of(module_urls, tenants)
    assert {name for name in after if after[name] != before[name] and name not in STAFF_TABLES} == set()
    for path in sorted(about, key=lambda path: ("sessions" in path, "person}/remove" in path, "disable" in path, path)):
        said = await staffed.victim.post(tenants.filled(path), fields_of(tenants, await form_of(staffed.victim)))
        assert said.status not in {403, 404}, (path, "the control")
        assert said.status < 500, (path, "the control")
        assert "/console/login" not in said.headers.get("location", ""), (path, "the control")


async def rows_of(urls: Urls, tenants: Tenants) -> dict[str, str]:
    """The victim's rows, and what the installation knows of people: roles, links, factors."""
    people = await fingerprint(urls, PLATFORM)
    return await fingerprint(urls, tenants.merchant_id) | {
        name: people[name] for name in STAFF_TABLES if name in people
    }


def fields_of(tenants: Tenants, form: dict[str, str]) -> dict[str, str]:
    told = {"account": tenants.ids["account_id"], "credentials": json.dumps(credentials())}
    return {**FIELDS, **told, **form}


async def form_of(browser: Browser) -> dict[str, str]:
    """What a form of the browser's own session carries: its token, and the id that what it makes gets."""
    page = (await browser.get("/console/webhooks")).body.decode()
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("form_token", "form_id")}
    assert all(found.values()), page
    return {name: match[1] for name, match in found.items() if match}


async def test_a_browser_runs_nothing_of_what_strangers_wrote(staffed: Staffed) -> None:
    """A48: every page of the victim's, in Chromium, with the headers that it came with."""
    if not staffed.pages:
        for path in staffed.routes("GET"):
            target = staffed.tenants.filled(path)
            staffed.pages[target] = await opened(staffed.victim, target)
    shown = [one for one in staffed.pages.values() if one.headers["content-type"].startswith("text/html")]
    texts = [answer.body.decode() for answer in shown]
    assert sum(html.escape(HOSTILE[:25]) in text for text in texts) >= 2, "no page shows a stranger's text"
    policy = shown[0].headers
    evil = f"<!doctype html><title>x</title><link rel=icon href=data:,><p>{HOSTILE}"
    answers = {f"/shown/{number}": answer for number, answer in enumerate(shown)}
    answers["/evil/policed"] = Answer(200, dict(policy), evil.encode())
    answers["/evil/bare"] = Answer(200, {"content-type": "text/html; charset=utf-8"}, evil.encode())
    complaints = await looked_at(answers)
    assert any("alert" in one for one in complaints["/evil/bare"]), "the control: without our policy it runs"
    policed = complaints.pop("/evil/policed")
    assert not any(one.startswith("dialog") for one in policed), "our policy alone would stop it"
    assert any("Content Security Policy" in one for one in policed), "and is heard to"
    del complaints["/evil/bare"]
    assert {target: found for target, found in complaints.items() if found} == {}


async def quiet(_: Request) -> Response:
    """No figures: what is looked at is the page."""
    return Response(status_code=204)


async def looked_at(answers: dict[str, Answer]) -> dict[str, list[str]]:
    """What Chromium says about each page: dialogs, errors, violations of its policy."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"

    async def show(request: Request) -> Response:
        answer = answers[request.url.path]
        kept = {name: text for name, text in answer.headers.items() if name not in {"content-length", "set-cookie"}}
        return Response(answer.body, 200, kept)

    routes = [
        Mount("/console/static", StaticFiles(directory=static_dir())),
        Mount("/static", StaticFiles(directory=shopper_static_dir())),
        Route(LIVE, quiet),
        Route("/shown/{number}", show),
        Route("/evil/{name}", show),
    ]
    listener, base = free_listener()
    with serving(Starlette(routes=routes), listener):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = Watched(await browser.new_page())
            found = {target: await page.complaints_about(base + target) for target in answers}
            await browser.close()
    return found


class Watched:
    """A page of Chromium that writes down what it complains of."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._found: list[str] = []
        page.on("dialog", self._dismissed)
        page.on("console", lambda said: self._heard(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._heard(str(error)))

    async def complaints_about(self, address: str) -> list[str]:
        """Everything that it says while it shows a page with every part of it open."""
        self._found = []
        await self._page.goto(address)
        await self._page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        return self._found

    def _heard(self, text: str) -> None:
        self._found.append(text)

    async def _dismissed(self, dialog: Any) -> None:
        self._heard(f"dialog alert {dialog.message}")
        await dialog.dismiss()
