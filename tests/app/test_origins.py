"""CORS: exact origins, the routes of checkout and shopper alone, never with cookies (ASVS 3.4.2)."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from app.asgi import Answer, call
from shunfu.app.http.origins import Origins

SHOP = "https://shop.example.com"
APP: ASGIApp = Origins(JSONResponse({"reached": True}, headers={"etag": '"1"'}), frozenset({SHOP}))
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "idempotency-key"}


def told(answer: Answer) -> dict[str, str]:
    return {name: text for name, text in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["/v1/checkout/token", "/v1/shoppers/me", "/v1/shoppers/sessions"])
async def test_an_allowed_site_reads_the_checkout(path: str) -> None:
    answer = await call(APP, "GET", path, {"origin": SHOP})
    assert b"reached" in answer.body
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


async def test_its_preflight_is_answered_and_kept() -> None:
    answer = await call(APP, "OPTIONS", "/v1/checkout/token/payments", {"origin": SHOP, **PREFLIGHT})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == SHOP
    for name in ("idempotency-key", "authorization", "shunfu-shopper"):
        assert name in answer.headers["access-control-allow-headers"].split(", ")
    assert answer.headers["access-control-max-age"] == "7200"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{SHOP}.evil.example", f"{SHOP}:8443", f"{SHOP}/", "http://shop.example.com", ""],
)
async def test_no_other_site_does(origin: str) -> None:
    for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT)):
        answer = await call(APP, method, "/v1/checkout/token", {"origin": origin, **more})
        assert b"reached" in answer.body, "it reached the application and no preflight of ours answered"
        assert told(answer) == {}


@pytest.mark.parametrize(
    "path", ["/v1/orders", "/console", "/v1/checkout", "/v1/shoppers", "/c/token", "/v1/Checkout/token", "/healthz"]
)
async def test_no_other_route_does(path: str) -> None:
    for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT)):
        answer = await call(APP, method, path, {"origin": SHOP, **more})
        assert b"reached" in answer.body
        assert told(answer) == {}
        assert "vary" not in answer.headers


async def test_without_the_setting_nobody_does() -> None:
    closed = Origins(JSONResponse({"reached": True}), frozenset())
    answer = await call(closed, "GET", "/v1/checkout/token", {"origin": SHOP})
    assert told(answer) == {}
