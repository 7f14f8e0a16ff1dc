"""The hosted checkout as a shopper's browser meets it: one tap, the sheet, the result; links that are not ours."""

import re
from urllib.parse import parse_qs, urlsplit

from flows.world import World

KEY = re.compile(r'name="idempotency_key"[^>]*value="([0-9A-F]{32})"')


async def open_checkout(world: World) -> tuple[str, str, str]:
    """A new order's page: (order id, path, the form's idempotency key)."""
    order = await world.order()
    path = urlsplit(order["checkout_url"]).path
    page = await world.page(path)
    assert page.status == 200
    found = KEY.search(page.body.decode())
    assert found is not None
    return order["id"], path, found[1]


async def test_one_tap_leads_to_the_sheet_and_paying_there_pays_the_order(world: World) -> None:
    order_id, path, key = await open_checkout(world)
    said = await world.form(f"{path}/pay", method="wechatpay/miniprogram", idempotency_key=key)
    assert said.status == 303
    sheet = urlsplit(said.headers["location"])
    assert f"{sheet.scheme}://{sheet.netloc}{sheet.path}" == "http://127.0.0.1:8701/sandbox/sheet"
    query = parse_qs(sheet.query)
    assert query["return"][0].startswith(f"http://127.0.0.1:8700{path}")
    assert query["package"][0].startswith("prepay_id=")
    order = (await world.get(f"/v1/orders/{order_id}")).json()
    await world.shopper_pays(order["payments"][0]["id"])
    page = await world.page(f"{path}?result=ok")
    assert "付款成功" in page.body.decode()
    assert "Payment complete" in (await world.page(f"{path}?lang=en")).body.decode()


async def test_a_double_tap_starts_one_payment(world: World) -> None:
    order_id, path, key = await open_checkout(world)
    first = await world.form(f"{path}/pay", method="wechatpay/miniprogram", idempotency_key=key)
    second = await world.form(f"{path}/pay", method="wechatpay/miniprogram", idempotency_key=key)
    assert first.headers["location"] == second.headers["location"]
    assert len((await world.get(f"/v1/orders/{order_id}")).json()["payments"]) == 1


async def test_a_code_is_shown_for_the_qr_method(world: World) -> None:
    _, path, key = await open_checkout(world)
    said = await world.form(f"{path}/pay", method="wechatpay/native", idempotency_key=key)
    assert said.status == 303
    assert urlsplit(said.headers["location"]).path == path
    page = (await world.page(path)).body.decode()
    assert "<svg" in page
    assert "http-equiv" in page, "without a script the page asks again by itself"


async def test_the_page_sends_a_strict_policy(world: World) -> None:
    _, path, _ = await open_checkout(world)
    policy = (await world.page(path)).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_an_unknown_payment_takes_the_pay_button_away(world: World) -> None:
    _, path, key = await open_checkout(world)
    world.line.lose_replies = 1
    await world.form(f"{path}/pay", method="wechatpay/miniprogram", idempotency_key=key)
    page = (await world.page(path)).body.decode()
    assert "请勿重复支付" in page
    assert f'action="{path}/pay' not in page


async def test_links_that_are_not_ours_say_so_and_open_nothing(world: World) -> None:
    order = await world.order()
    path = urlsplit(order["checkout_url"]).path
    for spoiled in (path[:-1] + ("A" if path[-1] != "A" else "B"), "/c/x", path.lower(), path + "x"):
        assert (await world.page(spoiled)).status == 404
        token = spoiled.removeprefix("/c/")
        assert (await world.page(f"/v1/checkout/{token}")).code == "unauthenticated"


async def test_a_link_ends(world: World) -> None:
    order = await world.order()
    path = urlsplit(order["checkout_url"]).path
    await world.pass_time(days=31)
    assert (await world.page(path)).status == 404


async def test_one_answer_with_an_etag(world: World) -> None:
    order = await world.order()
    token = order["checkout_url"].rpartition("/")[2]
    said = await world.page(f"/v1/checkout/{token}")
    told = said.json()
    assert told["phase"] == "ready"
    assert [method["method"] for method in told["methods"]][:2] == ["wechatpay/miniprogram", "wechatpay/native"]
    assert [method["is_default"] for method in told["methods"]].index(True) == 0
    assert sum(method["is_default"] for method in told["methods"]) == 1
    again = await world.page(f"/v1/checkout/{token}", **{"if-none-match": said.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_a_client_pays_with_its_token(world: World) -> None:
    order = await world.order()
    token = order["checkout_url"].rpartition("/")[2]
    target = f"/v1/checkout/{token}/payments"
    said = await world.post(target, {"method": "wechatpay/native"}, "tap", authorization="")
    assert said.status == 201
    assert said.json()["invoke"]["kind"] == "qr"
    again = await world.post(target, {"method": "wechatpay/native"}, "tap", authorization="")
    assert again.body == said.body


async def test_a_token_opens_only_its_own_order(world: World) -> None:
    order = await world.order()
    token = order["checkout_url"].rpartition("/")[2]
    for target in ("/v1/orders", f"/v1/orders/{order['id']}"):
        assert (await world.get(target, authorization=f"Bearer {token}")).status == 401


async def test_hostile_words_are_only_words(world: World) -> None:
    order = await world.order(
        subject="<script>alert(1)</script>",
        items=[
            {"name": '"><img src=x onerror=alert(1)>', "quantity": 1, "amount_minor": 8600},
        ],
    )
    page = (await world.page(urlsplit(order["checkout_url"]).path)).body.decode()
    assert "<script>alert" not in page
    assert "<img" not in page


async def test_style_sheets_are_kept_and_answers_are_not(world: World) -> None:
    sheet = await world.page("/static/base.css")
    assert sheet.status == 200
    assert sheet.headers["cache-control"].startswith("public, max-age=")
    assert sheet.headers["etag"]
    assert (await world.get("/v1/orders")).headers["cache-control"] == "no-store"
