"""UnionPay 银联 (ACP 5.1.0, 全渠道) and 云闪付: app orders, browser cashier, QR codes, one merchant."""

from __future__ import annotations

from shunfu.channels.unionpay import sandbox
from shunfu.channels.unionpay.answers import ORDER_SECONDS
from shunfu.channels.unionpay.channel import UnionPay
from shunfu.channels.unionpay.login import UnionPayLogin
from shunfu.channels.unionpay.refunds import UnionPayRefunds
from shunfu.channels.unionpay.scrub import scrub
from shunfu.channels.unionpay.settings import NAME, Settings, expiries, load, sandbox_url
from shunfu.channels.unionpay.statement import READY_HOUR, UnionPayStatements
from shunfu.channels.unionpay.workbench import UnionPayWorkbench
from shunfu.gateway.port import Capabilities, Channel, Identity, OwnBrowser, Scene
from shunfu.gateway.sandbox.verbs import Sandbox

LABEL = {"zh-CN": "云闪付", "en": "UnionPay"}


def identity(settings: Settings) -> Identity:
    """Whom the money must have been paid to: merId, for the application too, since no message names one."""
    return Identity(settings.mer_id, settings.mer_id)


CHANNEL = Channel(
    name=NAME,
    label=LABEL,
    icon="card",
    # 34 is what a query says of a tn that nobody has opened yet, and no call closes it: it may be paid all the same.
    scenes=(
        Scene("miniprogram", "unionpay_tn", needs_payer=False, not_found_is_final=False),
        Scene("app", "unionpay_tn", needs_payer=False, not_found_is_final=False),
        Scene("h5", "form", needs_payer=False, is_local=True, not_found_is_final=False),
        Scene("page", "form", needs_payer=False, is_local=True, not_found_is_final=False),
        Scene("native", "qr", needs_payer=False, not_found_is_final=False),
    ),
    capabilities=Capabilities(
        currencies=frozenset({"CNY"}),
        can_close=False,
        prepay_seconds=ORDER_SECONDS,
        order_seconds_max=ORDER_SECONDS,
        statement_utc_offset_hours=8,
        statement_cut_hour=23,
        statement_ready_hour=READY_HOUR,
        refund_days=330,
        refunds_max=50,
        refund_gap_seconds=0,
        notifications_expire=False,
        refund_absence_hours=24,
    ),
    verbs=UnionPay(),
    load=load,
    identity=identity,
    sandbox_url=sandbox_url,
    expiries=expiries,
    scrub=scrub,
    refunds=UnionPayRefunds(),
    statements=UnionPayStatements(),
    login=UnionPayLogin(),
    workbench=UnionPayWorkbench(),
    # Source: open.unionpay.com: 云闪付 writes "UnionPay/1.0 CloudPay", newer ones name the package com.unionpay.chsp.
    own_browser=OwnBrowser(("cloudpay", "com.unionpay.chsp"), "h5"),
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
