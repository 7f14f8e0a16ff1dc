"""Signed calls on the sandbox's wire that several tests make."""

from __future__ import annotations

import json

from shunfu.channels.wechatpay import codec
from shunfu.channels.wechatpay.tests.rig import Rig, keys
from shunfu.gateway.evidence import Accepted, Evidence
from shunfu.gateway.flow import Reply

JSAPI = "/v3/pay/transactions/jsapi"


def order(**changes: object) -> dict[str, object]:
    material = keys().material
    body: dict[str, object] = {
        "appid": material.appid,
        "mchid": material.mchid,
        "description": "山行咖啡",
        "out_trade_no": "order-0001",
        "notify_url": "http://127.0.0.1:9/notify",
        "amount": {"total": 100, "currency": "CNY"},
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def post(rig: Rig, body: dict[str, object], path: str = JSAPI) -> tuple[int, dict[str, object]]:
    return said(rig.said(codec.build_request(rig.settings, codec.Line("POST", path), rig.moment(), json.dumps(body))))


def get(rig: Rig, target: str) -> tuple[int, dict[str, object]]:
    return said(rig.said(codec.build_request(rig.settings, codec.Line("GET", target), rig.moment())))


def said(reply: Reply) -> tuple[int, dict[str, object]]:
    return reply.status, json.loads(reply.body or b"{}")


def token_of(evidence: Evidence) -> dict[str, str]:
    assert isinstance(evidence, Accepted)
    return evidence.invoke.params
