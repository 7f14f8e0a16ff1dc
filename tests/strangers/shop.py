"""A merchant at our sandbox for WeChat Pay whose client is wechatpay-axios-plugin."""

from __future__ import annotations

from itertools import count
from typing import Any

from sandbox_process import Catcher, Sandbox
from strangers.stranger import Stranger

numbers = count(1)
PAYER = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
ORDERS = "v3.pay.transactions"
BY_NUMBER = f"{ORDERS}.outTradeNo.$out_trade_no$"


class Shop:
    """A merchant with this client."""

    def __init__(self, client: Stranger, running: Sandbox, catcher: Catcher) -> None:
        self.client, self.running, self.catcher = client, running, catcher
        self.mchid, self.appid = running.wechatpay["mchid"], running.wechatpay["appid"]

    def order(self, scene: str, total: int = 100, **more: object) -> tuple[str, dict[str, Any]]:
        """One order; its number, and what the sandbox said."""
        number = f"axios-{next(numbers):06d}"
        body: dict[str, object] = {
            "appid": self.appid,
            "mchid": self.mchid,
            "description": "Image形象店-深圳腾大-QQ公仔",
            "out_trade_no": number,
            "notify_url": self.catcher.notify_url,
            "amount": {"total": total, "currency": "CNY"},
            **({"payer": {"openid": PAYER}} if scene == "jsapi" else {}),
            **more,
        }
        told = self.client.ask("post", f"{ORDERS}.{scene}", body)
        assert told["status"] == 200
        return number, told["data"]

    def paid(self, total: int = 100) -> dict[str, Any]:
        """An order that a shopper has paid, as the query tells it."""
        number, _ = self.order("native", total)
        assert self.running.control("POST", "pay", {"channel": "wechatpay", "order_no": number})[0] == 200
        return self.query(number)

    def query(self, number: str) -> dict[str, Any]:
        return self.client.ask("get", BY_NUMBER, self.where(number))["data"]

    def where(self, number: str) -> dict[str, object]:
        return {"out_trade_no": number, "params": {"mchid": self.mchid}}

    def close(self, number: str) -> dict[str, Any]:
        return self.client.ask("post", f"{BY_NUMBER}.close", {"mchid": self.mchid}, {"out_trade_no": number})

    def refund(self, paid: dict[str, Any], minor: int, notify_url: str | None = None) -> dict[str, Any]:
        """A refund that the sandbox takes."""
        amount = {"refund": minor, "total": paid["amount"]["total"], "currency": "CNY"}
        body = {"transaction_id": paid["transaction_id"], "out_refund_no": f"refund-{next(numbers):06d}"}
        body |= {"amount": amount, "reason": "商品已售完"} | ({"notify_url": notify_url} if notify_url else {})
        told = self.client.ask("post", "v3.refund.domestic.refunds", body)
        assert told["status"] == 200
        return told["data"]

    def query_refund(self, number: str) -> dict[str, Any]:
        told = self.client.ask("get", "v3.refund.domestic.refunds.$out_refund_no$", {"out_refund_no": number})
        return told["data"]

    def read(self, at: int = 0) -> dict[str, Any]:
        """What the client makes of the notification that came at this place."""
        caught = self.catcher.wait(at + 1)[at]
        headers = {name.lower(): value for name, value in caught.headers.items()}
        return self.client.ask("notification", headers, caught.body.decode())

    def advance(self, seconds: float) -> None:
        """Let time pass at the sandbox."""
        assert self.running.control("POST", "clock", {"advance_seconds": seconds})[0] == 200
