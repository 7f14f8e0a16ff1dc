"""The steps of a first real payment of one fen, in both languages, and which of them a channel's abilities ask for.

Must not know: which channels exist, how a step is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shunfu.driver.registry import AnyChannel


def _always(_: AnyChannel) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name for programs, its sentence by language, and when a channel needs it."""

    name: str
    text: Mapping[str, str]
    needs: Callable[[AnyChannel], bool] = _always


def _step(name: str, zh: str, en: str, needs: Callable[[AnyChannel], bool] = _always) -> Step:
    return Step(name, {"zh-CN": zh, "en": en}, needs)


def is_asked_for(step: Step, channel: AnyChannel) -> bool:
    """Whether this channel's walk has the step."""
    return step.needs(channel)


def _has_payer(channel: AnyChannel) -> bool:
    return any(scene.needs_payer for scene in channel.scenes)


def _has_link(channel: AnyChannel) -> bool:
    return any(scene.invoke in {"redirect", "form"} for scene in channel.scenes)


def _has_local(channel: AnyChannel) -> bool:
    return any(scene.is_local for scene in channel.scenes)


def _can_close(channel: AnyChannel) -> bool:
    return channel.capabilities.can_close


def _refunds(channel: AnyChannel) -> bool:
    return channel.capabilities.refund_days > 0


CHECKED: tuple[Step, ...] = (
    _step(
        "account",
        "读取账户资料：能解析，且属于真实账户而不是沙箱。",
        "The account's credentials load, and are a real account's, not a sandbox's.",
    ),
    _step("keys", "证书都在有效期内，30 天内不会到期。", "No certificate has expired or will within 30 days."),
    _step("clock", "本机时钟正常；渠道只容许几分钟的偏差。", "This machine's clock is sound; channels allow minutes."),
    _step(
        "address",
        "通知地址是公网 https 地址（public_url），渠道要能访问到。",
        "Notifications are received at a public https address (public_url) that the channel can reach.",
    ),
    _step(
        "question",
        "向渠道查询一个从未用过的单号：不产生任何单据，却能证明双方的密钥、时钟和网络。",
        "Ask the channel about a number never used: it leaves nothing behind, and proves both keys, clock and network.",
    ),
)
"""What can be looked at from here."""

PROVED: tuple[Step, ...] = (
    _step(
        "activated",
        "在渠道的商户后台确认：产品已开通，应用与商户号已绑定，支付目录、域名或 IP 白名单已配置。",
        "At the channel's merchant pages: the product is active, application and merchant are bound, and the paths, "
        "domains or addresses that it asks for are listed.",
    ),
    _step(
        "payer",
        "在真机上登录小程序，服务器换到付款人的标识。",
        "On a real phone, log in to the mini program; the server gets the payer's id.",
        _has_payer,
    ),
    _step(
        "order",
        "把账户加到正式环境（shunfu account add），下一笔 1 分钱的订单：支付状态变为 PENDING。",
        "Add the account to the live side (shunfu account add) and order for one fen: the payment becomes PENDING.",
    ),
    _step(
        "local",
        "有的场景要等顾客打开付款页，渠道那边才有订单：打开之前查询为“不存在”是正常的。",
        "In some scenes the order exists at the channel only once the shopper has opened its page: until then a query "
        "that finds none is right.",
        _has_local,
    ),
    _step(
        "pay",
        "在真机上付这 1 分钱，款项到账，商户后台能看到这笔交易。",
        "Pay the one fen on a real phone; the money arrives, and the merchant pages show it.",
    ),
    _step(
        "return",
        "浏览器付款后回到收银台；只凭回跳不会记为已付。",
        "After paying, the browser comes back to the checkout; coming back alone marks nothing as paid.",
        _has_link,
    ),
    _step(
        "notification",
        "渠道的通知已收到并验签通过：支付的时间线上有 notification 一行，状态为 CAPTURED。",
        "The channel's notification came and was verified: the payment's timeline has a line by notification, and its "
        "state is CAPTURED.",
    ),
    _step(
        "query",
        "停下通知（例如先关掉公网入口）再付一笔 1 分钱：几分钟内由查询找回。",
        "Keep notifications out (close the public entrance) and pay one more fen: within minutes a query finds it.",
    ),
    _step(
        "close",
        "再下一笔不付，到期后渠道确认关闭，状态为 CLOSED。",
        "Order once more and do not pay: when it expires the channel confirms the close, and its state is CLOSED.",
        _can_close,
    ),
    _step(
        "refund",
        "退回这 1 分钱：钱回到付款人手里，退款的通知或查询给出终态。",
        "Refund the one fen: the money is back with the payer, and a notification or a query says how it ended.",
        _refunds,
    ),
    _step(
        "statement",
        "第二天渠道出账单后下载：付款、退款和手续费与账本逐行一致。",
        "The next day, once the channel has its statement: payment, refund and fee agree with the ledger line by line.",
    ),
    _step("books", "运行 shunfu ledger check：账本平衡。", "Run shunfu ledger check: the books balance."),
)
"""What only a real account can prove."""
