"""The demo shop against a stand-in API: a strict cart, one order a cart page, calm words when the API is away."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from pages.serving import FakeApi, free_listener, serving
from shunfu.app.shop.catalogue import Cart, read_cart
from shunfu.app.shop.command import run
from shunfu.app.shop.web import ShopSettings, create_app


@pytest.fixture
def shop() -> Iterator[tuple[str, FakeApi]]:
    api_listener, api_base = free_listener()
    shop_listener, shop_base = free_listener()
    api = FakeApi(api_base)
    settings = ShopSettings(api_base, "sk_test_secret", shop_base)
    with serving(api.app(), api_listener), serving(create_app(settings), shop_listener):
        yield shop_base, api


def client(cart: str = "", language: str = "zh-CN") -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
    return aiohttp.ClientSession(
        cookie_jar=jar, headers={"Accept-Language": language} | ({"Cookie": f"cart={cart}"} if cart else {})
    )


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        "beans",
        "beans.0",
        "beans.10",
        "beans.-1",
        "gold.1",
        "beans.1-beans.2",
        "beans.１",
        "beans.1;x",
        "a" * 9000,
    ],
)
def test_a_cart_that_we_did_not_write_is_empty(cookie):
    assert read_cart(cookie) == Cart()


def test_a_cart_survives_its_cookie_and_stays_within_its_bounds():
    cart = Cart().changed("cup", "add").changed("beans", "add").changed("cup", "add")
    assert cart.cookie() == "beans.1-cup.2"
    assert read_cart(cart.cookie()) == cart
    assert (cart.total.minor, cart.count) == (26000, 3)
    for _ in range(20):
        cart = cart.changed("beans", "add")
    assert cart.count == 11
    assert cart.changed("can", "remove") == cart
    assert Cart().changed("cup", "add").changed("cup", "remove").cookie() == ""


async def test_a_shopper_buys_with_one_order_however_often_the_button_is_tapped(shop):
    """Add from the catalogue, open the bag, tap twice: the API sees one key and one body, the shopper its checkout."""
    base, api = shop
    async with client() as session:
        async with session.post(f"{base}/cart", data={"good": "beans", "step": "add", "from": "home"}) as reply:
            assert reply.url.path == "/"
            assert "¥68.00" in await reply.text()
        async with session.get(f"{base}/cart") as reply:
            key = re.findall(r'name="idempotency_key" value="([0-9a-f]{32})"', await reply.text())[0]
        for _ in range(2):
            async with session.post(f"{base}/orders", data={"idempotency_key": key}, allow_redirects=False) as reply:
                assert (reply.status, reply.headers["Location"]) == (303, f"{api.base}/c/token")
    (headers, body), (headers_again, body_again) = api.created
    assert body == body_again
    assert headers["idempotency-key"] == headers_again["idempotency-key"] == key
    assert headers["authorization"] == "Bearer sk_test_secret"
    assert body | {"expires_at": "", "merchant_order_no": ""} == {
        "amount_minor": 6800,
        "currency": "CNY",
        "subject": "云南日晒咖啡豆",
        "items": [{"name": "云南日晒咖啡豆", "quantity": 1, "amount_minor": 6800}],
        "merchant_order_no": "",
        "expires_at": "",
        "return_url": f"{base}/orders/last",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(body["expires_at"]))


async def test_the_shopper_comes_back_to_their_order_and_the_bag_is_emptied_once_paid(shop):
    base, api = shop
    async with client() as session:
        await session.post(f"{base}/cart", data={"good": "cup", "step": "add", "from": "cart"})
        await session.post(f"{base}/orders", data={"idempotency_key": "0" * 32})
        async with session.get(f"{base}/orders/last") as reply:
            text = await reply.text()
            assert reply.url.path == f"/orders/{FakeApi.ORDER_ID}"
            assert "还没付款" in text
            assert f"{api.base}/c/token" in text
        api.state = "PAID"
        async with session.get(f"{base}/orders/last") as reply:
            assert "已付款" in await reply.text()
        async with session.get(f"{base}/cart") as reply:
            assert "购物袋是空的" in await reply.text()


@pytest.mark.parametrize("state", ["CLOSING", "SOMETHING_NEW"])
async def test_a_state_between_or_a_new_one_is_shown_as_being_confirmed(shop, state):
    base, api = shop
    api.state = state
    async with client() as session, session.get(f"{base}/orders/{FakeApi.ORDER_ID}") as reply:
        assert "正在确认结果" in await reply.text()


async def test_the_api_is_away_and_the_shop_stays_calm(shop):
    base, api = shop
    api.status = 503
    async with (
        client("beans.1", "en") as session,
        session.post(f"{base}/orders", data={"idempotency_key": "0" * 32}) as reply,
    ):
        text = await reply.text()
        assert reply.status == 503
        assert "You were not charged and your bag is kept" in text
        assert f'value="{"0" * 32}"' in text
    assert len(api.created) == 1


async def test_nothing_listens_where_the_api_should_be():
    unused, away = free_listener()
    unused.close()
    listener, base = free_listener()
    with serving(create_app(ShopSettings(away, "sk_test_x", base)), listener):
        async with client("beans.1") as session:
            async with session.post(f"{base}/orders", data={"idempotency_key": "0" * 32}) as reply:
                assert reply.status == 503
            async with session.get(f"{base}/orders/{FakeApi.ORDER_ID}") as reply:
                assert reply.status == 503
                assert "请勿重复支付" in await reply.text()


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/orders/ord_x", None, 404),
        ("GET", "/orders/ord_01KAMN3X8Q6V5T2R7W9Y1Z4B6D", None, 404),
        ("POST", "/cart", {"good": "gold", "step": "add"}, 422),
        ("POST", "/cart", {"good": "beans", "step": "steal"}, 422),
        ("POST", "/orders", {"idempotency_key": "../"}, 303),
        ("POST", "/orders", {"idempotency_key": "0" * 32}, 303),
        ("DELETE", "/cart", None, 405),
        ("GET", "/static/../web.py", None, 404),
    ],
)
async def test_odd_requests_get_a_calm_page_and_ask_nothing_of_the_api(shop, method, path, data, status):
    base, api = shop
    async with client() as session, session.request(method, base + path, data=data, allow_redirects=False) as reply:
        assert reply.status == status
        assert "Traceback" not in await reply.text()
    assert api.created == []


def test_a_taken_port_is_one_line_and_exit_2(capsys):
    listener, base = free_listener()
    port = listener.getsockname()[1]
    assert run(ShopSettings("http://127.0.0.1:9", "sk_test_x", base), port) == 2
    listener.close()
    assert capsys.readouterr().err == f"shop: port {port} is in use; stop what uses it or choose another port\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_shop_stops_cleanly(number):
    listener, base = free_listener()
    port = listener.getsockname()[1]
    listener.close()
    program = (
        "import sys; from shunfu.app.shop.command import run; from shunfu.app.shop.web import ShopSettings; "
        f"sys.exit(run(ShopSettings('http://127.0.0.1:9', 'sk_test_x', {base!r}), {port}))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    async with client() as session:
        for _ in range(200):
            try:
                async with session.get(base) as reply:
                    assert reply.status == 200
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    os.kill(process.pid, number)
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")
