"""Who comes too often is turned away, whatever he spells differently; who does not is not, whatever others do.

Each attack also shows that it reached the check: the answer is the limit's own 429, and the bucket was there before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from starlette.types import ASGIApp

from app.asgi import Answer, call
from flows.world import World, make_world
from shunfu.app.http.server import build_api, create_app
from shunfu.app.http.turnstile import DOORS, PROVIDER
from shunfu.app.settings import load
from shunfu.db import Database

STRANGER, OTHER = "203.0.113.9", "203.0.113.10"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


def app_with(world: World, **limits: str | int) -> ASGIApp:
    """The installation with other limits."""
    settings = load({"public_url": "http://127.0.0.1:8700", **limits}, {})
    return create_app(replace(world.house, settings=settings))


def keyed(world: World) -> dict[str, str]:
    return {"authorization": f"Bearer {world.api_key}"}


async def ask(app: ASGIApp, target: str = "/v1/orders", client: str = STRANGER, **headers: str) -> Answer:
    return await call(
        app, "GET", target, {name.replace("_", "-"): text for name, text in headers.items()}, client=client
    )


def is_limited(answer: Answer, name: str) -> bool:
    return answer.status == 429 and answer.headers["ratelimit"].startswith(f'"{name}";r=0;t=')


async def test_an_address_and_what_it_is_told(world: World) -> None:
    app = app_with(world, limit_address_per_minute=5)
    answers = [await ask(app, "/problems/forbidden") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    refused = answers[-1]
    assert refused.problem["type"] == "/problems/rate_limited"
    assert refused.headers["ratelimit-policy"] == '"address";q=5;w=60'
    assert refused.headers["retry-after"] == "12"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert (await ask(app, "/problems/forbidden", OTHER)).status == 200
    assert (await ask(app, "/healthz")).status == 200, "a monitor is not counted"
    world.clock.advance(12.1)
    assert (await ask(app, "/problems/forbidden")).status == 200


@pytest.mark.parametrize(
    "spelling",
    [
        "/PROBLEMS/forbidden",
        "/problems/forbidden?x=1",
        "/%70roblems/forbidden",
        "//problems/forbidden",
        "/problems/../c/x",
    ],
)
async def test_spelling_the_path_differently_leads_past_nothing(world: World, spelling: str) -> None:
    app = app_with(world, limit_address_per_minute=5)
    for _ in range(5):
        assert (await ask(app, "/problems/forbidden")).status == 200
    assert is_limited(await ask(app, spelling), "address")


async def test_a_forged_proxy_header_makes_no_new_address(world: World) -> None:
    app = app_with(world, limit_address_per_minute=5)
    for number in range(5):
        assert (await ask(app, "/problems/forbidden", x_forwarded_for=f"198.51.100.{number}")).status == 200
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "x_forwarded_host"):
        assert is_limited(await ask(app, "/problems/forbidden", **{name: "198.51.100.77"}), "address")


async def test_behind_a_named_proxy_each_customer_is_one(world: World) -> None:
    app = app_with(world, limit_address_per_minute=5, trusted_proxies="127.0.0.1")
    statuses: Counter[int] = Counter()
    for number in range(20):
        answer = await ask(app, "/problems/forbidden", "127.0.0.1", x_forwarded_for=f"{number}.1.1.1, {STRANGER}")
        statuses[answer.status] += 1
    assert statuses == {200: 5, 429: 15}
    assert (await ask(app, "/problems/forbidden", "127.0.0.1", x_forwarded_for=OTHER)).status == 200


async def test_one_ipv6_network_is_one_address(world: World) -> None:
    app = app_with(world, limit_address_per_minute=5)
    answers = [await ask(app, "/problems/forbidden", f"2001:db8:1:2::{number:x}") for number in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert (await ask(app, "/problems/forbidden", "2001:db8:1:3::1")).status == 200


async def test_this_machine_is_not_one_customer(world: World) -> None:
    app = app_with(world, limit_address_per_minute=2)
    assert {(await ask(app, "/problems/forbidden", "127.0.0.1")).status for _ in range(10)} == {200}


async def test_behind_a_proxy_that_nobody_named_one_client_shuts_nobody_out(world: World) -> None:
    """All the world comes from this machine then: no failure and no log-in of one counts against the others."""
    app = app_with(world, limit_failures_per_minute=2, limit_login_per_minute=2)
    for _ in range(6):
        answer = await ask(app, "/v1/orders", "127.0.0.1", authorization="Bearer sk_test_x")
        assert answer.status == 401
    assert (await ask(app, "/console/login", "127.0.0.1")).status == 200


async def test_how_often_an_address_may_sign_shoppers_in(world: World) -> None:
    """Each try may ask a platform in the merchant's name; one that is refused is counted too."""
    app = app_with(world, limit_sign_in_per_minute=3)
    target, body = "/v1/shoppers/sessions", (b'{"merchant":"mer_x"}',)
    for path in (target, f"{target}?x=1", target):
        answer = await call(app, "POST", path, JSON, body, client=STRANGER)
        assert (answer.status, answer.problem["type"]) == (422, "/problems/invalid_field"), path
    assert is_limited(await call(app, "POST", target, JSON, body, client=STRANGER), "sign_in")
    assert (await call(app, "POST", target, JSON, body, client=OTHER)).status == 422
    assert (await ask(app, **keyed(world))).status == 200, "other things are another matter"
    assert (await call(app, "POST", target, JSON, body, client="127.0.0.1")).status == 422


async def test_a_key_wherever_it_comes_from(world: World) -> None:
    app = app_with(world, limit_key_per_minute=5)
    for number in range(5):
        assert (await ask(app, client=f"198.51.100.{number}", **keyed(world))).status == 200
    assert is_limited(await ask(app, **keyed(world)), "key")
    for spelling in (f"bearer {world.api_key}", f"BEARER   {world.api_key} "):
        assert is_limited(await ask(app, authorization=spelling), "key")
    assert (await ask(app, authorization=f"Bearer {world.other_key}")).status == 200, "another merchant's is another's"


async def test_nobody_spends_anothers_allowance(world: World) -> None:
    app = app_with(world, limit_key_per_minute=5)
    wrong = world.api_key[:-1] + ("A" if world.api_key[-1] != "A" else "B")
    for _ in range(20):
        assert (await ask(app, authorization=f"Bearer {wrong}")).status == 401
    assert (await ask(app, client=OTHER, **keyed(world))).status == 200


async def test_a_limited_post_is_stored_under_no_key(world: World) -> None:
    app = app_with(world, limit_key_per_minute=1)
    told = {**keyed(world), **JSON, "idempotency-key": "once"}
    body = b'{"amount_minor": 8600, "currency": "CNY", "subject": "tea"}'
    assert (await ask(app, **keyed(world))).status == 200
    assert is_limited(await call(app, "POST", "/v1/orders", told, [body], STRANGER), "key")
    assert await world.sql("SELECT 1 FROM shunfu.idempotency_keys WHERE key = 'once'") == []
    world.clock.advance(61)
    assert (await call(app, "POST", "/v1/orders", told, [body], STRANGER)).status == 201


async def test_guessing_keys_ends_after_so_many(world: World) -> None:
    app = app_with(world, limit_failures_per_minute=10)
    answers = [await ask(app, authorization=f"Bearer {world.other_key[:-4]}{number:04}") for number in range(15)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 5
    assert is_limited(answers[-1], "failures")
    assert is_limited(await ask(app, **keyed(world)), "failures"), "the right key is not tried either"
    assert (await ask(app, client=OTHER, **keyed(world))).status == 200
    world.clock.advance(6.1)
    assert (await ask(app, **keyed(world))).status == 200


async def test_guessing_links_ends_after_so_many(world: World) -> None:
    app = app_with(world, limit_failures_per_minute=10)
    order = await world.order()
    token = order["checkout_url"].rpartition("/")[2]
    guesses = [f"{token[:-8]}{number:08}" for number in range(12)]
    pages = [await ask(app, f"/c/{guess}") for guess in guesses[:10]]
    assert {page.status for page in pages} == {404}
    limited = await ask(app, f"/c/{guesses[10]}")
    assert is_limited(limited, "failures")
    assert limited.headers["content-type"].startswith("text/html"), "a shopper reads a page"
    assert is_limited(await ask(app, f"/v1/checkout/{guesses[11]}"), "failures"), "and the other door is shut too"
    assert (await ask(app, f"/c/{token}", OTHER)).status == 200


async def test_one_link_by_both_of_its_doors(world: World) -> None:
    app = app_with(world, limit_key_per_minute=4)
    token = (await world.order())["checkout_url"].rpartition("/")[2]
    answers = [await ask(app, f"/{door}/{token}", f"198.51.100.{n}") for n, door in enumerate(["c", "v1/checkout"] * 3)]
    assert [answer.status for answer in answers] == [200] * 4 + [429] * 2


@pytest.mark.parametrize("path", ["/console/login", "/console/code", "/console/first/x", "/console/reset/x"])
async def test_tries_to_log_in_of_one_address_with_names_that_nobody_has(world: World, path: str) -> None:
    app = app_with(world, limit_login_per_minute=5)
    form = {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1:8700"}

    async def attempt(number: int, client: str) -> Answer:
        body = f"login_name=nobody{number}&password=x".encode()
        return await call(app, "POST", path, form, [body], client)

    answers = [await attempt(number, STRANGER) for number in range(6)]
    assert 429 not in [answer.status for answer in answers[:5]]
    assert is_limited(answers[5], "login")
    assert answers[5].headers["content-type"].startswith("text/html")
    assert (await attempt(7, OTHER)).status != 429
    assert (await call(app, "GET", "/console/login", client=STRANGER)).status == 200, "to look is no try"


async def test_genuine_messages_pass_whatever_forged_ones_do(world: World) -> None:
    """A channel's address is never limited, not even when forged messages come from the same address afterwards."""
    app = app_with(world, limit_failures_per_minute=5, limit_address_per_minute=5)
    _, payment_id = await world.pending()
    world.line.shopper(payment_id.removeprefix("pay_"))
    genuine = world.line.due()[0]
    forged = world.forged(genuine)[0]

    async def deliver(delivery: object, client: str) -> Answer:
        request = delivery.request  # type: ignore[attr-defined]
        return await call(app, "POST", world.notify_path, dict(request.headers), [request.body], client)

    assert (await deliver(genuine, OTHER)).status in {200, 204}
    for _ in range(20):
        assert (await deliver(forged, OTHER)).status not in {200, 204, 429}, (
            "reached the verification, and failed there"
        )
        assert (await deliver(genuine, OTHER)).status in {200, 204}
    noisy = [(await deliver(forged, STRANGER)).status for _ in range(8)]
    assert 429 not in noisy[:5]
    assert noisy[5:] == [429] * 3, "who only ever sent forged ones is heard no more"
    world.clock.advance(60)
    assert (await deliver(genuine, STRANGER)).status in {200, 204}


async def test_the_line_in_the_log_says_who_was_turned_away(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    app = app_with(world, limit_address_per_minute=1)
    capsys.readouterr()
    await ask(app, "/problems/forbidden")
    await ask(app, "/problems/forbidden")
    passed, refused = capsys.readouterr().out.splitlines()
    assert "outcome='limited:address'" in refused
    assert STRANGER in refused
    assert STRANGER not in passed


async def test_every_door_that_is_counted_is_there(world: World) -> None:
    """A door that is renamed must not go uncounted."""
    included = [route.original_router for route in build_api(world.house).routes if hasattr(route, "original_router")]
    paths = [getattr(route, "path", "") for router in included for route in router.routes]
    first = {path.split("/")[2] for path in paths if path.startswith("/console/")}
    assert first | {PROVIDER} >= DOORS  # with an identity provider alone there is a door for it
