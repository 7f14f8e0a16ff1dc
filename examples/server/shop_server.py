"""The shop's own server in miniature: what is for sale, and an order from a cart. The standard library is all it needs.

SHUNFU_BASE=https://pay.example.com SHUNFU_KEY=sk_live_… python shop_server.py 8780

The secret key is here and nowhere else. A shopper sends counts, never prices. Put HTTPS and your own limits before it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

GOODS: dict[str, Any] = {good["id"]: good for good in json.loads(Path(__file__).with_name("goods.json").read_bytes())}
KEY = re.compile(r"[0-9a-f]{32}")
BODY_MAX = 8192
COUNT_MAX = 9
TIMEOUT_SECONDS = 10


class Refused(Exception):
    """The answer is this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Shunfu:
    """Where Shunfu is, and the secret key."""

    base: str
    key: str = field(repr=False)

    def create_order(self, body: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
        """`POST /v1/orders`: the same key and body give the same order. Refused 502 when it gives none."""
        at = urlsplit(self.base)
        make = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        line = make(at.netloc, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": idempotency_key}
        try:
            line.request("POST", "/v1/orders", json.dumps(body), {**headers, "Content-Type": "application/json"})
            reply = line.getresponse()
            if reply.status != 201:
                print(f"no order: {reply.status} {reply.read(500)!r}", file=sys.stderr)
                raise Refused(502)
            return cast("dict[str, Any]", json.load(reply))
        except (OSError, http.client.HTTPException) as error:
            print(f"no order: {error!r}", file=sys.stderr)
            raise Refused(502) from error
        finally:
            line.close()


def order_of(wish: Any) -> tuple[str, dict[str, Any]]:
    """The idempotency key and the order for {key, lang, lines: [{id, quantity}]}. Refused 422 for anything else."""
    try:
        key, lang, lines = wish["key"], wish["lang"], [(GOODS[line["id"]], line["quantity"]) for line in wish["lines"]]
        names = [good["name"][lang] for good, _ in lines]
        is_right = KEY.fullmatch(key) and names and len(set(names)) == len(names)
        is_right = is_right and all(type(count) is int and 1 <= count <= COUNT_MAX for _, count in lines)
    except (KeyError, TypeError) as error:
        raise Refused(422) from error
    if not is_right:
        raise Refused(422)
    amounts: list[int] = [good["price_minor"] * count for good, count in lines]
    items = [
        {"name": name, "quantity": count, "amount_minor": amount}
        for name, (_, count), amount in zip(names, lines, amounts, strict=True)
    ]
    subject = names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"
    order = {"amount_minor": sum(amounts), "currency": "CNY", "subject": subject, "items": items}
    return f"shop-{key}", {**order, "needs": ["address"]}


class Handler(BaseHTTPRequestHandler):
    """GET /shop/goods and POST /shop/orders."""

    shunfu: Shunfu
    timeout = TIMEOUT_SECONDS

    def do_GET(self) -> None:
        """The goods, in `lang`."""
        at = urlsplit(self.path)
        lang = "en" if parse_qs(at.query).get("lang") == ["en"] else "zh-CN"
        goods = [{**good, "name": good["name"][lang], "why": good["why"][lang]} for good in GOODS.values()]
        self.answer(*((200, {"goods": goods}) if at.path == "/shop/goods" else (404, {})))

    def do_POST(self) -> None:
        """One order from a cart: its number and checkout token."""
        try:
            made = self.make_order()
        except Refused as refusal:
            self.answer(refusal.status, {})
            return
        told = {"order": made["id"], "number": made["id"][-8:], "token": made["checkout_url"].rpartition("/")[2]}
        self.answer(201, {**told, "subject": made["subject"], "amount_minor": made["amount_minor"]})

    def make_order(self) -> dict[str, Any]:
        """The order that this request asks for."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/shop/orders":
            raise Refused(404)
        if not length.isdecimal() or int(length) > BODY_MAX:
            raise Refused(413)
        try:
            wish = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise Refused(422) from error
        key, order = order_of(wish)
        return self.shunfu.create_order(order, key)

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """JSON that nobody caches."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(raw)


def make_server(shunfu: Shunfu, port: int) -> ThreadingHTTPServer:
    """The shop's server on 127.0.0.1, not yet serving."""
    return ThreadingHTTPServer(("127.0.0.1", port), type("ShopHandler", (Handler,), {"shunfu": shunfu}))


if __name__ == "__main__":
    make_server(Shunfu(os.environ["SHUNFU_BASE"], os.environ["SHUNFU_KEY"]), int(sys.argv[1])).serve_forever()
