"""The hosted page in each kind of browser, against each channel's sandbox: what is offered, and where a tap leads.

WeChat's own browser walks through the platform's login first; nothing that it brings back is ever shown.
"""

import json
import re
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from checkout.test_methods import ALIPAY, ANDROID, CHROME, QUICK_PASS, WECHAT, WECHAT_MINI
from flows.world import SANDBOX_URL, SHOP, Said, World, call, credentials, make_world
from shunfu.app.commands import prove_books
from shunfu.db import Database, Transaction
from shunfu.gateway.flow import Reply, Request
from shunfu.kernel.ids import parse_public

OURS = "http://127.0.0.1:8700"
INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
METHODS = re.compile(r'name="method" id="c\d+" value="([^"]+)"')


class Visitor:
    """A browser: its User-Agent, its cookies, the page that it looks at."""

    def __init__(self, world: World, agent: str, order: dict[str, str]) -> None:
        self.world, self.agent = world, agent
        self.path = urlsplit(order["checkout_url"]).path
        self.cookies: dict[str, str] = {}
        self.html = ""

    async def get(self, target: str) -> Said:
        said = await call(self.world.app, "GET", target, self._headers(), b"")
        self.html = said.body.decode()
        return self._kept(said)

    async def tap(self, method: str, site: str = "same-origin", **changes: str) -> Said:
        """Open the page and post its form, as it stands there."""
        await self.get(self.path)
        fields = {**dict(INPUT.findall(self.html)), "method": method, **changes}
        headers = {
            **self._headers(),
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-site": site,
        }
        return self._kept(await call(self.world.app, "POST", f"{self.path}/pay", headers, urlencode(fields).encode()))

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"user-agent": self.agent, **({"cookie": cookies} if cookies else {})}

    def _kept(self, said: Said) -> Said:
        name, _, rest = said.headers.get("set-cookie", "").partition("=")
        if name:
            self.cookies[name] = rest.partition(";")[0]
        return said

    @property
    def methods(self) -> list[str]:
        return METHODS.findall(self.html)


async def visit(world: World, agent: str, **changes: object) -> Visitor:
    return Visitor(world, agent, await world.order(**changes))


def at_platform(world: World, address: str) -> str:
    """The browser goes to the platform, which sends it back."""
    reply = world.line.answer(Request("GET", address.partition("#")[0], ()))
    assert isinstance(reply, Reply)
    assert reply.status == 302, reply.body
    return reply.headers["location"]


def ours(address: str) -> str:
    assert address.startswith(f"{OURS}/"), address
    return address.removeprefix(OURS)


@pytest.mark.parametrize(
    ("channel", "agent", "expected"),
    [
        ("wechatpay", CHROME, ["wechatpay/native"]),
        ("wechatpay", ANDROID, ["wechatpay/h5"]),
        ("wechatpay", WECHAT, ["wechatpay/jsapi"]),
        ("wechatpay", WECHAT_MINI, []),
        ("wechatpay", ALIPAY, []),
        ("alipay", CHROME, ["alipay/page", "alipay/native"]),
        ("alipay", ANDROID, ["alipay/h5"]),
        ("alipay", ALIPAY, ["alipay/h5"]),
        ("alipay", WECHAT, []),
        ("unionpay", CHROME, ["unionpay/page", "unionpay/native"]),
        ("unionpay", ANDROID, ["unionpay/h5"]),
        ("unionpay", QUICK_PASS, ["unionpay/h5"]),
    ],
)
async def test_each_browser_is_offered_what_works_there(
    database: Database, channel: str, agent: str, expected: list[str]
) -> None:
    world = await make_world(database, channel)
    visitor = await visit(world, agent)
    said = await visitor.get(visitor.path)
    assert said.status == 200
    assert "User-Agent" in said.headers["vary"]
    assert visitor.methods == expected
    assert ("这里不能付款" in visitor.html) == (not expected)
    assert ('form="pay"' in visitor.html) == bool(expected)


async def test_in_wechat_one_tap_walks_through_the_platform_to_the_sheet(world: World) -> None:
    visitor = await visit(world, WECHAT)
    said = await visitor.tap("wechatpay/jsapi")
    assert said.status == 303
    address = said.headers["location"]
    assert address.startswith(f"{SANDBOX_URL}/connect/oauth2/authorize?appid=")
    assert address.endswith("#wechat_redirect")
    asked = parse_qs(urlsplit(address).query)
    assert (asked["response_type"], asked["scope"]) == (["code"], ["snsapi_base"])
    assert asked["redirect_uri"][0].startswith(f"{OURS}{visitor.path}/known?")
    assert "HttpOnly" in said.headers["set-cookie"]
    assert "SameSite=lax" in said.headers["set-cookie"]
    back = at_platform(world, address)
    said = await visitor.get(ours(back))
    assert said.status == 303, said.body
    sheet = urlsplit(said.headers["location"])
    assert f"{sheet.scheme}://{sheet.netloc}{sheet.path}" == f"{SANDBOX_URL}/sandbox/sheet"
    fields = dict(parse_qsl(sheet.query))
    assert fields["appId"] == credentials()["official_appid"]
    assert fields["return"].startswith(f"{OURS}{visitor.path}")
    placed = json.loads(next(one for one in world.line.requests if one.url.endswith("/jsapi")).body)
    assert placed["appid"] == credentials()["official_appid"]
    openid = placed["payer"]["openid"]
    again = await visitor.get(ours(back))
    assert again.headers["location"] != said.headers["location"], "the cookie is gone: who comes back later is nobody"
    assert await world.sql("SELECT count(*) FROM payments") == [(1,)]
    order = (await world.get(f"/v1/orders/{await only_order(world)}")).json()
    await world.shopper_pays(order["payments"][0]["id"])
    assert await world.order_state(order["id"]) == "PAID"
    proof = await prove_books(world.house)
    assert proof["ok"], proof
    await visitor.get(f"{visitor.path}?result=ok")
    assert "付款成功" in visitor.html
    shown = visitor.html + json.dumps(visitor.cookies) + str(said.headers) + said.body.decode() + address
    assert openid not in shown
    ((row,),) = await world.sql("SELECT row_to_json(payments)::text FROM payments")
    assert openid not in str(row)


async def only_order(world: World) -> str:
    (order,) = (await world.get("/v1/orders")).json()["items"]
    return order["id"]


async def walked(world: World, visitor: Visitor) -> str:
    """As far as the address on which the browser comes back."""
    said = await visitor.tap("wechatpay/jsapi")
    return ours(at_platform(world, said.headers["location"]))


async def refused(world: World, visitor: Visitor, target: str) -> None:
    said = await visitor.get(target)
    assert said.status == 303
    assert said.headers["location"].startswith(f"{visitor.path}?"), said.headers["location"]
    assert "said=login" in said.headers["location"]
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]
    await visitor.get(said.headers["location"])
    assert "没能确认付款人" in visitor.html
    assert 'form="pay"' in visitor.html


async def test_nobody_comes_back_in_somebody_elses_browser(world: World) -> None:
    """Whoever sends another person the end of their own walk pays nothing and shows nothing."""
    visitor = await visit(world, WECHAT)
    back = await walked(world, visitor)
    visitor.cookies = {"shunfu_walk": "0" * 32}
    await refused(world, visitor, back)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "0" * 74),
        ("state", ""),
        ("method", "wechatpay/miniprogram"),
        ("amount", "1"),
        ("offer", "off_01HZY3V9Q8M5T2K7R4W6X0J1BC"),
        ("code", "made-up"),
        ("code", ""),
    ],
)
async def test_a_walk_that_was_changed_ends_nowhere(world: World, name: str, value: str) -> None:
    visitor = await visit(world, WECHAT)
    parts = urlsplit(await walked(world, visitor))
    changed = {**dict(parse_qsl(parts.query)), name: value}
    await refused(world, visitor, f"{parts.path}?{urlencode(changed)}")


async def test_a_walk_of_another_order_ends_nowhere(world: World) -> None:
    visitor, other = await visit(world, WECHAT), await visit(world, WECHAT)
    back = await walked(world, visitor)
    said = await visitor.get(back.replace(visitor.path, other.path))
    assert "said=login" in said.headers["location"]
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]


async def test_a_walk_that_took_too_long_ends_nowhere(world: World) -> None:
    visitor = await visit(world, WECHAT)
    back = await walked(world, visitor)
    world.clock.advance(601)
    await refused(world, visitor, back)


async def test_a_platform_that_does_not_answer_leaves_the_order_as_it_is(world: World) -> None:
    visitor = await visit(world, WECHAT)
    back = await walked(world, visitor)
    world.line.lose_requests = 1
    await refused(world, visitor, back)


async def test_a_shopper_who_comes_again_walks_again_to_the_same_payment(world: World) -> None:
    visitor = await visit(world, WECHAT)
    first = await visitor.get(await walked(world, visitor))
    second = await visitor.get(await walked(world, visitor))
    assert urlsplit(second.headers["location"]).path == urlsplit(first.headers["location"]).path == "/sandbox/sheet"
    assert await world.sql("SELECT count(*) FROM payments") == [(1,)]


async def test_without_an_official_account_the_scene_is_not_there(world: World) -> None:
    merchant = world.notify_path.split("/")[3]
    merchant_id, account_id = parse_public("mer", merchant), parse_public("acc", world.notify_path.split("/")[4])
    assert merchant_id is not None
    assert account_id is not None
    without = {name: text for name, text in credentials().items() if not name.startswith("official_")}

    async def story(tx: Transaction) -> None:
        await world.house.accounts.replace(tx, merchant_id, account_id, ("wechatpay", without))

    await world.house.database.transact(story)
    visitor = await visit(world, WECHAT)
    await visitor.get(visitor.path)
    assert visitor.methods == []
    assert "这里不能付款" in visitor.html
    order = await world.order()
    said = await world.pay(order["id"], "wechatpay/jsapi")
    assert (said.status, said.code) == (422, "method_unavailable")


async def test_what_the_order_needs_does_not_walk_and_is_kept_before(world: World) -> None:
    visitor = await visit(world, WECHAT, needs=["phone"])
    said = await visitor.tap("wechatpay/jsapi")
    assert "said=contact" in said.headers["location"]
    said = await visitor.tap("wechatpay/jsapi", **{"contact.phone": "13800138000"})
    assert "13800138000" not in said.headers["location"]
    assert (await visitor.get(ours(at_platform(world, said.headers["location"])))).status == 303
    order = (await world.get("/v1/orders")).json()["items"][0]
    assert (await world.get(f"/v1/orders/{order['id']}")).json()["contact"]["phone"] == "13800138000"


@pytest.mark.parametrize(
    ("channel", "agent", "method"),
    [
        ("alipay", CHROME, "alipay/page"),
        ("unionpay", CHROME, "unionpay/page"),
        ("unionpay", ANDROID, "unionpay/h5"),
        ("unionpay", QUICK_PASS, "unionpay/h5"),
    ],
)
async def test_a_form_is_posted_from_a_page_of_ours_and_paid(
    database: Database, channel: str, agent: str, method: str
) -> None:
    world = await make_world(database, channel)
    visitor = await visit(world, agent)
    said = await visitor.tap(method)
    assert urlsplit(said.headers["location"]).path == f"{visitor.path}/open"
    page = await visitor.get(said.headers["location"])
    found = re.search(r'<form method="post" action="([^"]+)" data-go>', visitor.html)
    assert found is not None
    action = unescape(found[1])
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(action))
    assert f"form-action 'self' {origin}" in page.headers["content-security-policy"]
    fields = {unescape(name): unescape(value) for name, value in INPUT.findall(visitor.html)}
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    reply = world.line.answer(Request("POST", action, headers, urlencode(fields).encode()))
    assert isinstance(reply, Reply)
    assert reply.status in {302, 303}, reply.body
    order = (await world.get("/v1/orders")).json()["items"][0]
    payment = (await world.get(f"/v1/orders/{order['id']}")).json()["payments"][0]
    await world.shopper_pays(payment["id"])
    assert await world.order_state(order["id"]) == "PAID"


@pytest.mark.parametrize(("channel", "method"), [("wechatpay", "wechatpay/h5"), ("alipay", "alipay/h5")])
async def test_on_a_phone_a_tap_leads_to_the_wallet(database: Database, channel: str, method: str) -> None:
    world = await make_world(database, channel)
    visitor = await visit(world, ANDROID)
    said = await visitor.tap(method)
    assert said.headers["location"].startswith(f"{SANDBOX_URL}/")


async def test_the_bridge_page_holds_what_is_signed_and_says_that_it_needs_a_script(world: World) -> None:
    visitor = await visit(world, WECHAT)
    await visitor.get(await walked(world, visitor))
    said = await visitor.get(f"{visitor.path}/open?lang=en")
    found = re.search(r'data-bridge="([^"]+)"', visitor.html)
    assert found is not None
    params = json.loads(unescape(found[1]))
    assert set(params) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert "<noscript>" in visitor.html
    assert "Paying here needs JavaScript" in visitor.html
    assert "form-action 'self';" in said.headers["content-security-policy"]


async def test_there_is_nothing_to_open_without_a_live_payment(world: World) -> None:
    visitor = await visit(world, CHROME)
    said = await visitor.get(f"{visitor.path}/open")
    assert (said.status, urlsplit(said.headers["location"]).path) == (303, visitor.path)
    await visitor.tap("wechatpay/native")
    said = await visitor.get(f"{visitor.path}/open")
    assert (said.status, urlsplit(said.headers["location"]).path) == (303, visitor.path)


@pytest.mark.parametrize("part", ["", "/open", "/known"])
@pytest.mark.parametrize("name", ["return", "return_url", "next", "redirect_uri", "back", "home", "lang", "result"])
async def test_no_address_in_a_request_leads_anywhere(world: World, part: str, name: str) -> None:
    visitor = await visit(world, WECHAT)
    for hostile in ("https://evil.example/x", "//evil.example", "javascript:alert(1)", "\\\\evil.example"):
        said = await visitor.get(f"{visitor.path}{part}?{urlencode({name: hostile})}")
        assert "evil.example" not in said.headers.get("location", "")
        assert 'href="https://evil' not in visitor.html
        assert "javascript:" not in visitor.html
        tapped = await visitor.tap("wechatpay/jsapi", **{name: hostile})
        assert "evil.example" not in tapped.headers["location"]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back",
        f"{SHOP}.evil.example/",
        f"{SHOP}@evil.example/",
        f"{SHOP}:8443/back",
        "http://shop.example.com/back",
        "//shop.example.com/back",
        "javascript:alert(1)",
    ],
)
async def test_only_a_registered_address_is_returned_to(world: World, address: str) -> None:
    told = {"amount_minor": 8600, "currency": "CNY", "subject": "x", "return_url": address}
    said = await world.post("/v1/orders", told)
    assert (said.status, said.code) == (422, "invalid_field"), said.body


async def test_a_changed_amount_is_shown_before_it_is_paid(world: World) -> None:
    visitor = await visit(world, CHROME)
    said = await visitor.tap("wechatpay/native", amount_minor="1")
    assert "said=changed" in said.headers["location"]
    await visitor.get(said.headers["location"])
    assert "金额已变，请再看一眼" in visitor.html
    assert await world.sql("SELECT count(*) FROM payments") == [(0,)]


async def test_the_saving_is_on_the_page_and_in_the_payment(world: World) -> None:
    terms = {"name": "新客立减", "kind": "amount_off", "amount_minor": 1000, "currency": "CNY"}
    await world.post("/v1/offers", {**terms, "ends_at": "2027-01-31T00:00:00+08:00"})
    visitor = await visit(world, CHROME)
    await visitor.get(visitor.path)
    for words in ("已省 ¥10.00", "新客立减", "<s>", "¥86.00", "微信支付 ¥76.00"):
        assert words in visitor.html, words
    await visitor.tap("wechatpay/native")
    order = (await world.get("/v1/orders")).json()["items"][0]
    payment = (await world.get(f"/v1/orders/{order['id']}")).json()["payments"][0]
    assert (payment["amount_minor"], payment["discount_minor"]) == (7600, 1000)


async def test_the_page_asks_for_what_the_order_needs(world: World) -> None:
    visitor = await visit(world, CHROME, needs=["address", "invoice"])
    await visitor.get(visitor.path)
    for name in ("address.name", "address.phone", "address.street", "invoice.title"):
        assert f'name="contact.{name}"' in visitor.html
    given = {
        "contact.address.name": "陈梅",
        "contact.address.phone": "13912345678",
        "contact.address.province": "云南省",
        "contact.address.city": "昆明市",
        "contact.address.district": "五华区",
        "contact.address.street": "翠湖南路 1 号",
        "contact.invoice.title": "陈梅",
    }
    wrong = await visitor.tap("wechatpay/native", **{**given, "contact.address.phone": "x"})
    assert "said=contact" in wrong.headers["location"]
    said = await visitor.tap("wechatpay/native", **given)
    assert "said" not in said.headers["location"]
    order = (await world.get("/v1/orders")).json()["items"][0]
    contact = (await world.get(f"/v1/orders/{order['id']}")).json()["contact"]
    assert (contact["address"]["name"], contact["invoice"]["kind"]) == ("陈梅", "personal")
    await visitor.get(visitor.path)
    assert "contact.address" not in visitor.html


async def test_an_odd_form_is_no_payment(world: World) -> None:
    visitor = await visit(world, CHROME)
    for changes in (
        {"method": "../../etc"},
        {"amount_minor": "-1"},
        {"amount_minor": "9" * 40},
        {"offer": "off_x"},
        {"contact.address": "x"},
        {"contact.address.name.more": "x"},
        {"contact.": "x"},
        {"idempotency_key": ""},
    ):
        said = await visitor.tap(changes.pop("method", "wechatpay/native"), **changes)
        assert said.status == 303, changes
        assert said.headers["location"].startswith(visitor.path), changes


async def test_another_sites_form_does_not_pay(world: World) -> None:
    """Who is led here by somebody else's page sees the order first; nothing walks or pays in their name."""
    visitor = Visitor(world, WECHAT, await world.order())
    said = await visitor.tap("wechatpay/jsapi", site="cross-site")
    assert (said.status, urlsplit(said.headers["location"]).path) == (303, visitor.path)
    assert visitor.cookies == {}
    assert (await visitor.tap("wechatpay/jsapi")).headers["location"] != said.headers["location"]


async def test_a_form_that_leads_back_is_an_address_and_no_proof(world: World) -> None:
    """A channel's page may post its result to us: the page opens again, and only the channel's word pays the order."""
    order = await world.order()
    path = urlsplit(order["checkout_url"]).path
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
    said = await call(world.app, "POST", f"{path}?lang=en", headers, b"respCode=00&txnAmt=8600")
    assert (said.status, said.headers["location"]) == (303, f"{path}?lang=en&result=ok")
    assert (await world.get(f"/v1/orders/{order['id']}")).json()["state"] == "OPEN"
