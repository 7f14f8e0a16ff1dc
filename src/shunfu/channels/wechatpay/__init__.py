"""WeChat Pay 微信支付, API v3, direct merchants: mini-program, native (QR), H5, app and its own browser."""

from __future__ import annotations

from shunfu.channels.wechatpay import sandbox
from shunfu.channels.wechatpay.beyond.combine import WeChatCombine
from shunfu.channels.wechatpay.beyond.complaints import WeChatComplaints
from shunfu.channels.wechatpay.beyond.sharing import WeChatSharing
from shunfu.channels.wechatpay.beyond.shipping import WeChatShipping
from shunfu.channels.wechatpay.beyond.transfers import WeChatTransfers
from shunfu.channels.wechatpay.channel import WeChatPay
from shunfu.channels.wechatpay.invoking import KINDS, NEED_PAYER, PREPAY_SECONDS
from shunfu.channels.wechatpay.login import WeChatLogin
from shunfu.channels.wechatpay.official import WeChatWebLogin
from shunfu.channels.wechatpay.refunds import WeChatRefunds
from shunfu.channels.wechatpay.scrub import scrub
from shunfu.channels.wechatpay.settings import NAME, OFFICIAL_SCENE, Settings, expiries, load, sandbox_url
from shunfu.channels.wechatpay.statement import WeChatStatements
from shunfu.channels.wechatpay.workbench import WeChatWorkbench
from shunfu.gateway.port import Capabilities, Channel, Identity, OwnBrowser, Scene
from shunfu.gateway.sandbox.verbs import Sandbox

LABEL = {"zh-CN": "微信支付", "en": "WeChat Pay"}


def identity(settings: Settings) -> Identity:
    """Whom the money must have been paid to: mchid and appid, in its own browser the official account's."""
    official = {OFFICIAL_SCENE: settings.official_appid} if settings.official_appid else {}
    return Identity(settings.mchid, settings.appid, official)


def is_open(settings: Settings, scene: Scene) -> bool:
    """Its own browser pays through an official account, which not every merchant has."""
    return scene.name != OFFICIAL_SCENE or settings.official_appid is not None


CHANNEL = Channel(
    name=NAME,
    label=LABEL,
    icon="wallet",
    scenes=tuple(Scene(name, kind, needs_payer=name in NEED_PAYER) for name, kind in KINDS.items()),
    capabilities=Capabilities(
        currencies=frozenset({"CNY"}),
        can_close=True,
        prepay_seconds=PREPAY_SECONDS,
        order_seconds_max=7 * 86400,
        statement_utc_offset_hours=8,
        statement_cut_hour=0,
        statement_ready_hour=10,
        refund_days=365,
        refunds_max=50,
        refund_gap_seconds=60,
    ),
    verbs=WeChatPay(),
    load=load,
    identity=identity,
    sandbox_url=sandbox_url,
    expiries=expiries,
    scrub=scrub,
    refunds=WeChatRefunds(),
    statements=WeChatStatements(),
    login=WeChatLogin(),
    workbench=WeChatWorkbench(),
    # Source: User-Agent of WeChat's browser, "MicroMessenger/8.0.…"; pages that a mini-program shows add "miniProgram".
    own_browser=OwnBrowser(("micromessenger/",), OFFICIAL_SCENE, except_marks=("miniprogram",)),
    web_login=WeChatWebLogin(),
    is_open=is_open,
    combine=WeChatCombine(),
    sharing=WeChatSharing(),
    transfers=WeChatTransfers(),
    shipping=WeChatShipping(),
    complaints=WeChatComplaints(),
)

SANDBOX = Sandbox(
    name=NAME,
    label=LABEL,
    paths=sandbox.PATHS,
    problems=sandbox.PROBLEMS,
    notify_keys=sandbox.NOTIFY_KEYS,
    waits_seconds=sandbox.WAITS_SECONDS,
    timeout_seconds=sandbox.TIMEOUT_SECONDS,
    shopper=sandbox.SHOPPER,
    login_code=sandbox.LOGIN_CODE,
    state_type=sandbox.State,
    verbs=sandbox,
    file_complaint=sandbox.file_complaint,
)

__all__ = ["CHANNEL", "SANDBOX", "Settings", "identity", "load"]
