"""Which sites' scripts may call us from a browser: exact origins, for what a checkout asks, without cookies.

Every other route never sends a CORS header, so no browser lets a stranger's script read an answer of ours (ASVS 3.4.2).
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHOPPERS_OWN = ("/v1/checkout/", "/v1/shoppers/")
"""What a shopper's own device asks, with a token in the path or in a header that no browser adds by itself."""
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE",
    "access-control-allow-headers": "authorization, content-type, idempotency-key, if-none-match, shunfu-shopper",
    "access-control-max-age": "7200",
}
READABLE = "ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"


class Origins:
    """Answers preflights of the allowed origins, and lets them read what a shopper may."""

    def __init__(self, app: ASGIApp, allowed: frozenset[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._allowed or not scope["path"].startswith(SHOPPERS_OWN):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        is_allowed = origin in self._allowed
        if is_allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            answer = Response(status_code=204, headers={**PREFLIGHT, "access-control-allow-origin": str(origin)})
            answer.headers["vary"] = "Origin"
            await answer(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                written = MutableHeaders(scope=message)
                written.add_vary_header("Origin")
                if is_allowed:
                    written["access-control-allow-origin"] = str(origin)
                    written["access-control-expose-headers"] = READABLE
            await send(message)

        await self._app(scope, receive, told)
