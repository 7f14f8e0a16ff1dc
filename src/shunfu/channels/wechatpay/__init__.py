"""WeChat Pay 微信支付, API v3, direct merchants: mini-program and native (QR) scenes."""

from __future__ import annotations

from shunfu.channels.wechatpay import sandbox
from shunfu.channels.wechatpay.channel import PREPAY_SECONDS, WeChatPay
from shunfu.channels.wechatpay.scrub import scrub
from shunfu.channels.wechatpay.settings import NAME, Settings, load, sandbox_url
from shunfu.gateway.port import Capabilities, Channel, Identity, Scene
from shunfu.gateway.sandbox import Sandbox

LABEL = {"zh-CN": "微信支付", "en": "WeChat Pay"}


def identity(settings: Settings) -> Identity:
    """Whom the money must have been paid to: mchid and appid."""
    return Identity(settings.mchid, settings.appid)


CHANNEL = Channel(
    name=NAME,
    label=LABEL,
    icon="wallet",
    scenes=(Scene("miniprogram", "wechat_request_payment", needs_payer=True), Scene("native", "qr", needs_payer=False)),
    capabilities=Capabilities(
        currencies=frozenset({"CNY"}),
        can_close=True,
        prepay_seconds=PREPAY_SECONDS,
        order_seconds_max=7 * 86400,
        statement_utc_offset_hours=8,
    ),
    verbs=WeChatPay(),
    load=load,
    identity=identity,
    sandbox_url=sandbox_url,
    scrub=scrub,
)

SANDBOX = Sandbox(
    name=NAME,
    label=LABEL,
    paths=sandbox.PATHS,
    problems=sandbox.PROBLEMS,
    notify_keys=sandbox.NOTIFY_KEYS,
    verbs=sandbox,
)

__all__ = ["CHANNEL", "SANDBOX", "Settings", "identity", "load"]
