"""Template Pay: the channel to copy. Its README says how."""

from __future__ import annotations

from shunfu.channels._template import sandbox
from shunfu.channels._template.channel import PREPAY_SECONDS, TemplatePay
from shunfu.channels._template.login import TemplateLogin
from shunfu.channels._template.sandbox.state import State
from shunfu.channels._template.scrub import scrub
from shunfu.channels._template.settings import NAME, Settings, expiries, load, sandbox_url
from shunfu.channels._template.statement import TemplateStatements
from shunfu.channels._template.workbench import TemplateWorkbench
from shunfu.gateway.port import Capabilities, Channel, Identity, Scene
from shunfu.gateway.sandbox.verbs import Sandbox

LABEL = {"zh-CN": "模板支付", "en": "Template Pay"}


def identity(settings: Settings) -> Identity:
    """Whom the money must have been paid to: at this channel the account is the application."""
    return Identity(settings.merchant_no, settings.merchant_no)


CHANNEL = Channel(
    name=NAME,
    label=LABEL,
    icon="wallet",
    scenes=(Scene("native", "qr", needs_payer=False),),
    capabilities=Capabilities(
        currencies=frozenset({"CNY"}),
        can_close=True,
        prepay_seconds=PREPAY_SECONDS,
        order_seconds_max=7 * 86400,
        statement_utc_offset_hours=8,
        statement_cut_hour=0,
        statement_ready_hour=9,
        refund_days=365,
        refunds_max=50,
        refund_gap_seconds=0,
    ),
    verbs=TemplatePay(),
    load=load,
    identity=identity,
    sandbox_url=sandbox_url,
    expiries=expiries,
    scrub=scrub,
    refunds=TemplatePay(),
    statements=TemplateStatements(),
    login=TemplateLogin(),
    workbench=TemplateWorkbench(),
)

SANDBOX = Sandbox(
    name=NAME,
    label=LABEL,
    paths=("/template/*",),
    problems=sandbox.PROBLEMS,
    notify_keys=(),
    waits_seconds=(15, 60, 600, 3600),
    timeout_seconds=5.0,
    shopper="tmpl_shopper_0001",
    login_code="login-code",
    state_type=State,
    verbs=sandbox,
)

__all__ = ["CHANNEL", "SANDBOX", "Settings", "identity", "load"]
