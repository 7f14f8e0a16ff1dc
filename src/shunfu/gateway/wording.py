"""What channels do, in plain Chinese and English, for sentences about payments and about refunds. Pure.

Places: `{c}` the channel, `{t}` when, `{asked}` what we sent. Must not know: our states, any channel's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from shunfu.gateway.evidence import RefusedReason
from shunfu.kernel.plain import NOTHING, Words, clock_words

Heard = Literal["nothing", "unsent", "unclear"]
"""Why nothing is known: no answer came, the request could not be sent, or an answer that we cannot trust or read."""

UNHEARD: Mapping[Heard, Words] = {
    "nothing": Words("{c}在 {t} 没有答复{asked}", "{c} did not answer {asked} at {t}"),
    "unsent": Words("{asked}在 {t} 没能送到{c}", "{asked} could not reach {c} at {t}"),
    "unclear": Words("{c}在 {t} 对{asked}的答复不能采信", "{c}'s answer to {asked} at {t} cannot be trusted"),
}

REASONS: Mapping[RefusedReason, Words] = {
    "invalid_request": Words("请求内容不合要求", "the request was not acceptable"),
    "configuration": Words("商户在渠道的配置不对", "the merchant's set-up at the channel is wrong"),
    "not_permitted": Words("商户没有这项权限", "the merchant may not use this product"),
    "risk": Words("被渠道风控拦下", "its risk control stopped it"),
    "number_reused": Words("单号已被用过", "the number was used before"),
    "payer": Words("付款人标识不对", "the payer's id is not right"),
    "order_closed": Words("渠道那边这一单已关闭", "the order is closed there"),
    "too_frequent": Words("请求太频繁", "requests came too often"),
}


def reason_words(reason: str) -> Words:
    """A refusal's reason in words; the code itself where nobody wrote any."""
    words: Mapping[str, Words] = {**REASONS}
    return words.get(reason, Words(reason, reason))


def ask_words(asks: int, next_at: datetime | None, now: datetime) -> Words:
    """How often we have asked and when we ask next, as the end of a sentence; nothing when there is neither."""
    done = NOTHING
    if asks:
        done = Words(f"；已查 {asks} 次", f"; we have asked {'once' if asks == 1 else f'{asks} times'}")
    if next_at is None:
        return done
    joined = Words("，", " and ") if asks else Words("；", "; we ")
    if next_at <= now:
        return done.plus(joined, Words("马上再查", "ask again now") if asks else Words("马上去查", "ask now"))
    told = Words("{n} 再查", "ask again at {n}") if asks else Words("{n} 去查", "ask what became of it at {n}")
    return done.plus(joined, told.filled(n=clock_words(next_at, now)))
