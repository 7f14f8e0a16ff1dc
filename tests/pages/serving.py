"""Small local servers for page tests: a page server for rendered views, the shop against a stand-in API."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pages import samples
from shunfu.app.sandbox import pages as sheet
from shunfu.checkout import opening
from shunfu.checkout import pages as checkout
from shunfu.checkout.model import phase


def free_listener() -> tuple[socket.socket, str]:
    """A listening socket on a port of the system's choice, and its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(app: Starlette, listener: socket.socket) -> Iterator[None]:
    """Serve an application from a thread of its own until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the page server did not start in 10 seconds"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def sheet_view(state: sheet.SheetState = "payable", problem: str | None = None, return_url: str | None = None):
    """The sandbox sheet of the design's picture."""
    return sheet.SheetView(
        merchant_name="山前咖啡",
        amount_minor=9600,
        currency="CNY",
        order_no="01KAMN3X8Q6V5T2R7W9Y1Z4B6C",
        method_label="微信支付",
        state=state,
        problem=problem,
        action_url="/sandbox/act",
        hidden=(("no", "01KAMN3X8Q6V5T2R7W9Y1Z4B6C"),),
        return_url=return_url,
        page_url="/sandbox/pay?no=01",
    )


class PageServer:
    """Serves views by name; what a form posted is kept; `phases` answers the poll when a test sets it."""

    def __init__(self, base: str = "") -> None:
        self.base = base
        self.posted: list[tuple[str, dict[str, list[str]]]] = []
        self.polls: list[str] = []
        self.shown: dict[str, str] = {}
        self.last = "ready"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/c/{name}", self.page),
                Route("/c/{name}/pay", self.post, methods=["POST"]),
                Route("/opening/{name}", self.opening),
                Route("/front", self.post, methods=["POST"]),
                Route("/v1/checkout/{token}", self.poll),
                Route("/sheet/{state}", self.sheet),
                Route("/sandbox/act", self.post, methods=["POST"]),
                Mount("/static", StaticFiles(directory=checkout.static_dir())),
                Mount("/sandbox/static", StaticFiles(directory=sheet.static_dir())),
            ]
        )

    async def page(self, request: Request) -> Response:
        name = self.shown.get(request.path_params["name"], request.path_params["name"])
        self.last = name
        if name == "invalid":
            asked = request.query_params.get("lang")
            return HTMLResponse(checkout.render_invalid("en" if asked == "en" else "zh-CN"))
        view = {**samples.VIEWS, **samples.MORE_VIEWS}[name]
        language = "en" if request.query_params.get("lang") == "en" else "zh-CN"
        policy = checkout.content_security_policy(view)
        html = checkout.render_page(view, language, "key-0001")
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    async def opening(self, request: Request) -> Response:
        invoke = {"form": replace(samples.FORM, params={**samples.FORM.params, "action": f"{self.base}/front"})}.get(
            request.path_params["name"], samples.BRIDGE
        )
        view = samples.checkout(payment=samples.payment("PENDING", invoke=invoke))
        language = "en" if request.query_params.get("lang") == "en" else "zh-CN"
        html = opening.render_opening(view, invoke, language, f"/c/cancelled?lang={language}")
        return HTMLResponse(html, headers={"Content-Security-Policy": opening.opening_policy(invoke)})

    async def poll(self, request: Request) -> Response:
        self.polls.append(str(request.url.query))
        name = next(iter(self.shown.values()), self.last)
        return JSONResponse({"phase": phase({**samples.VIEWS, **samples.MORE_VIEWS}[name])}, headers={"ETag": '"1"'})

    async def post(self, request: Request) -> Response:
        async with request.form() as form:
            fields = {key: [str(value) for value in form.getlist(key)] for key in form}
        self.posted.append((request.url.path, fields))
        return RedirectResponse("/c/unknown", 303)

    async def sheet(self, request: Request) -> Response:
        state = request.path_params["state"]
        problem = request.query_params.get("problem")
        view = sheet_view(state, problem, request.query_params.get("back"))
        language = "en" if request.query_params.get("lang") == "en" else "zh-CN"
        headers = {"Content-Security-Policy": sheet.content_security_policy(view)}
        return HTMLResponse(sheet.render_sheet(view, language), headers=headers)


class FakeApi:
    """The two calls of the public API that the shop makes, with a memory of what it was asked."""

    ORDER_ID = "ord_01KAMN3X8Q6V5T2R7W9Y1Z4B6C"

    def __init__(self, base: str) -> None:
        self.base = base
        self.state = "OPEN"
        self.status = 201
        self.created: list[tuple[dict[str, str], dict[str, object]]] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/orders", self.create, methods=["POST"]),
                Route("/v1/orders/{order_id}", self.read),
                Route("/c/{token}", self.checkout),
            ]
        )

    async def create(self, request: Request) -> Response:
        body = await request.json()
        self.created.append((dict(request.headers), body))
        if self.status != 201:
            return JSONResponse({"type": "/problems/overloaded", "status": self.status}, self.status)
        return JSONResponse(self._order(body["merchant_order_no"]), 201)

    async def read(self, request: Request) -> Response:
        if request.path_params["order_id"] != self.ORDER_ID:
            return JSONResponse({"type": "/problems/not_found", "status": 404}, 404)
        return JSONResponse(self._order("SHOP-1"))

    async def checkout(self, _request: Request) -> Response:
        return HTMLResponse("<!doctype html><title>checkout</title><link rel=icon href='data:,'>")

    def _order(self, number: str) -> dict[str, object]:
        return {
            "id": self.ORDER_ID,
            "state": self.state,
            "amount_minor": 9600,
            "currency": "CNY",
            "merchant_order_no": number,
            "checkout_url": f"{self.base}/c/token",
        }
