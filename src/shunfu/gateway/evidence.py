"""Evidence: the only inputs that move a money state. A channel's codec maps its answers to these seven.

Source: the evidence table of docs/states.md. Must not know: states, any channel's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from shunfu.kernel.money import Money

RefusedReason = Literal[
    "invalid_request",
    "configuration",
    "not_permitted",
    "risk",
    "number_reused",
    "payer",
    "order_closed",
    "too_frequent",
]
InvokeKind = Literal[
    "wechat_request_payment",
    "wechat_jsapi",
    "wechat_app",
    "alipay_trade_pay",
    "alipay_app",
    "unionpay_tn",
    "qr",
    "redirect",
    "form",
]


@dataclass(frozen=True, slots=True)
class Invoke:
    """What the client needs to open the channel's payment sheet. `params` are the channel's own texts for that kind.

    `qr` has one address to draw, `redirect` has `url`, `form` has `action` and the fields to post to it with a browser.
    `sandbox_url` is the stand-in sheet's address when the account is a sandbox's, else None.
    """

    kind: InvokeKind
    params: dict[str, str]
    expires_at: datetime
    sandbox_url: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel took the order; the shopper can pay it now."""

    invoke: Invoke


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel said no, and its documentation says that this "no" leaves nothing behind."""

    reason: RefusedReason
    channel_code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """We cannot tell: time-out, bad signature on a reply, or an answer that no table lists."""

    why: str


@dataclass(frozen=True, slots=True)
class NotPaid:
    """The channel has the order and no money has moved."""

    channel_state: str


@dataclass(frozen=True, slots=True)
class Paid:
    """Money moved. `account` and `app` are the channel's names for whom it was paid to; the guard compares all."""

    amount: Money
    account: str
    app: str
    channel_transaction_no: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """The channel has closed the order unpaid: it can never be paid."""

    channel_state: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The channel does not know the number."""

    channel_code: str = field(default="")


Evidence: TypeAlias = Accepted | Refused | Unknown | NotPaid | Paid | Closed | NotFound
EVIDENCE_KINDS: tuple[type, ...] = (Accepted, Refused, Unknown, NotPaid, Paid, Closed, NotFound)
