"""The book of amounts: at a sandbox some amounts choose what happens, the same at every channel.

A tester writes 99.03 as a price and gets an order whose reply is lost, with no control call and from any client.
Amounts are in fen. Must not know: which channels exist, how a channel says no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shunfu.gateway.faults import Faults

SLOW_REFUND_SECONDS = 3 * 86400


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one amount chooses: a twist in the channel, or faults of the notification; and the words that say it."""

    twist: str
    faults: Faults
    meaning: Mapping[str, str]


def _of(twist: str, zh: str, en: str, faults: Faults | None = None) -> Scenario:
    return Scenario(twist, faults or Faults(), {"zh-CN": zh, "en": en})


PAYMENTS: Mapping[int, Scenario] = {
    9901: _of("refused", "渠道因风控拒绝下单。", "The channel refuses the order for risk."),
    9902: _of("system_error", "下单报系统错误，订单并不存在。", "Placing fails with a system error; no order exists."),
    9903: _of("reply_lost", "下单成功，但应答丢失。", "The order is placed, and the reply is lost."),
    9904: _of("too_many", "下单被限流。", "Placing is refused as too frequent."),
    9905: _of("no_balance", "付款时余额不足，付不了。", "The shopper has not enough money and cannot pay."),
    9906: _of("pays_itself", "下单后立即自动付款。", "The order is paid at once, with no shopper."),
    9907: _of("closes_itself", "下单后一分钟渠道自行关闭。", "The channel closes the order by itself after a minute."),
    9911: _of("", "通知全部丢失，只能靠查询。", "Every notification is lost; only a query finds out.", Faults(lose=-1)),
    9912: _of("", "通知重复送达。", "The notification comes twice.", Faults(duplicate=1)),
    9913: _of("", "通知晚一小时。", "The notification comes an hour late.", Faults(delay_seconds=3600)),
    9914: _of("", "首个通知签名错误。", "The first notification has a wrong signature.", Faults(bad_signature=1)),
    9915: _of("", "首个通知金额被改。", "The first notification names another amount.", Faults(wrong_amount=1)),
    9916: _of("", "首个通知属于其他商户。", "The first notification names another merchant.", Faults(wrong_merchant=1)),
}

REFUNDS: Mapping[int, Scenario] = {
    9921: _of("abnormal", "退款异常（卡已注销）；无此状态则失败。", "The refund ends abnormal, or else fails."),
    9922: _of("closed", "退款关闭，钱没有退。", "The refund is closed; no money goes back."),
    9923: _of("no_balance", "商户余额不足，退款未受理。", "The merchant has not enough money; nothing is taken."),
    9924: _of("system_error", "退款报系统错误，但其实已受理。", "The refund fails with a system error, and was taken."),
    9925: _of("slow", "退款三天后才到账。", "The refund takes three days."),
}  # fmt: skip


def payment_twist(amount_minor: int) -> str:
    """What placing or paying this amount brings about, or an empty text."""
    found = PAYMENTS.get(amount_minor)
    return found.twist if found else ""


def refund_twist(amount_minor: int) -> str:
    """What refunding this amount brings about, or an empty text."""
    found = REFUNDS.get(amount_minor)
    return found.twist if found else ""


def letter_faults(amount_minor: int) -> Faults:
    """The faults that the notification of this amount shall have."""
    found = PAYMENTS.get(amount_minor)
    return found.faults if found else Faults()
