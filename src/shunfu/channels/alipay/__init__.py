"""Alipay 支付宝 OpenAPI, v2 and v3, direct merchants: mini-program, QR code, phone and desktop browser, app."""

from __future__ import annotations

from shunfu.channels.alipay import sandbox
from shunfu.channels.alipay.channel import PREPAY_SECONDS, Alipay
from shunfu.channels.alipay.login import AlipayLogin
from shunfu.channels.alipay.refunds import AlipayRefunds
from shunfu.channels.alipay.scrub import scrub
from shunfu.channels.alipay.settings import NAME, Settings, expiries, load, sandbox_url
from shunfu.channels.alipay.statement import READY_HOUR, AlipayStatements
from shunfu.channels.alipay.workbench import AlipayWorkbench
from shunfu.gateway.port import Capabilities, Channel, Identity, OwnBrowser, Scene
from shunfu.gateway.sandbox.verbs import Sandbox

LABEL = {"zh-CN": "支付宝", "en": "Alipay"}


def identity(settings: Settings) -> Identity:
    """Whom the money must have been paid to: seller_id and app_id."""
    return Identity(settings.seller_id, settings.app_id)


CHANNEL = Channel(
    name=NAME,
    label=LABEL,
    icon="wallet",
    scenes=(
        Scene("miniprogram", "alipay_trade_pay", needs_payer=True),
        # A QR code is an offer: the trade begins when it is scanned, until then Alipay knows none.
        Scene("native", "qr", needs_payer=False, not_found_is_final=False),
        Scene("h5", "redirect", needs_payer=False, is_local=True, not_found_is_final=False),
        Scene("page", "form", needs_payer=False, is_local=True, not_found_is_final=False),
        Scene("app", "alipay_app", needs_payer=False, is_local=True, not_found_is_final=False),
    ),
    capabilities=Capabilities(
        currencies=frozenset({"CNY"}),
        can_close=True,
        prepay_seconds=PREPAY_SECONDS,
        order_seconds_max=15 * 86400,
        statement_utc_offset_hours=8,
        statement_cut_hour=0,
        statement_ready_hour=READY_HOUR,
        refund_days=365,
        refunds_max=99,
        refund_gap_seconds=3,
    ),
    verbs=Alipay(),
    load=load,
    identity=identity,
    sandbox_url=sandbox_url,
    expiries=expiries,
    scrub=scrub,
    refunds=AlipayRefunds(),
    statements=AlipayStatements(),
    login=AlipayLogin(),
    workbench=AlipayWorkbench(),
    # Source: opendocs.alipay.com, "UserAgent": pages in Alipay see "AlipayClient/…", in a mini-program "MiniProgram".
    own_browser=OwnBrowser(("alipayclient/",), "h5", except_marks=("miniprogram",)),
)

SANDBOX = Sandbox(
    name=NAME,
    label=LABEL,
    paths=sandbox.PATHS,
    problems=sandbox.PROBLEMS,
    notify_keys=(),
    waits_seconds=sandbox.WAITS_SECONDS,
    timeout_seconds=sandbox.TIMEOUT_SECONDS,
    shopper=sandbox.SHOPPER,
    login_code=sandbox.LOGIN_CODE,
    state_type=sandbox.State,
    verbs=sandbox,
)

__all__ = ["CHANNEL", "SANDBOX", "Settings", "identity", "load"]
