"""The sandbox's state: frozen values of texts and numbers. Times are Unix milliseconds. Must not know: HTTP, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shunfu.gateway.sandbox.till import Movement, Till

YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Material:
    """One seller with two applications, one with plain keys and one with certificates; everybody's keys as texts."""

    seller_id: str
    app_id: str
    app_private_key: str = field(repr=False)
    app_id_cert: str
    app_cert_private_key: str = field(repr=False)
    app_cert: str = field(repr=False)
    alipay_private_key: str = field(repr=False)
    alipay_public_key: str = field(repr=False)
    alipay_cert: str = field(repr=False)
    alipay_root_cert: str = field(repr=False)
    aes_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade. `scene` is the method that placed it, `fingerprint` what it was placed with, `refunded` in fen."""

    number: str
    trade_no: str
    scene: str
    app_id: str
    total: int
    subject: str
    body: str
    buyer: str
    notify_url: str
    return_url: str
    charset: str
    sign_type: str
    passback_params: str
    fingerprint: str
    qr_code: str
    created_ms: int
    expires_ms: int
    status: str = "WAIT_BUYER_PAY"
    paid_ms: int = 0
    closed_ms: int = 0
    refunded: int = 0
    refund_asked_ms: int = 0

    def at(self, now_ms: int) -> Trade:
        """The trade as it is at this moment: closed once its time is over, finished a year after it was paid."""
        if self.status == "WAIT_BUYER_PAY" and now_ms >= self.expires_ms:
            return replace(self, status="TRADE_CLOSED", closed_ms=self.expires_ms)
        if self.status == "TRADE_SUCCESS" and now_ms >= self.paid_ms + YEAR_MS:
            return replace(self, status="TRADE_FINISHED")
        return self


@dataclass(frozen=True, slots=True)
class TradeRefund:
    """One refund of a trade. `status` is ours, for Alipay names only the good end: PROCESSING, SUCCESS or FAILED."""

    request_no: str
    number: str
    amount: int
    reason: str
    status: str
    created_ms: int
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class Certification:
    """A certification begun: who it is about is not kept, only whether that person will pass."""

    certify_id: str
    return_url: str
    will_pass: bool
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A bill's address: what it leads to, until when."""

    kind: str
    begin_ms: int
    end_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything the sandbox knows. `tokens` are shoppers by access and refresh token, `spent` codes once used."""

    material: Material
    till: Till = field(default_factory=Till)
    trades: Mapping[str, Trade] = field(default_factory=dict[str, Trade])
    numbers: Mapping[str, str] = field(default_factory=dict[str, str])
    refunds: Mapping[str, TradeRefund] = field(default_factory=dict[str, TradeRefund])
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])
    spent: tuple[str, ...] = ()
    certifications: Mapping[str, Certification] = field(default_factory=dict[str, Certification])
    tickets: Mapping[str, Ticket] = field(default_factory=dict[str, Ticket])

    def with_trade(self, trade: Trade) -> State:
        """This state with one trade put in place; it is found by its three names."""
        names = {trade.trade_no: trade.number, **({trade.qr_code: trade.number} if trade.qr_code else {})}
        return replace(self, trades={**self.trades, trade.number: trade}, numbers={**self.numbers, **names})

    def with_refund(self, refund: TradeRefund) -> State:
        """This state with one refund put in place."""
        return replace(self, refunds={**self.refunds, refund_key(refund.number, refund.request_no): refund})

    def booked(self, movement: Movement) -> State:
        """This state after a movement of the seller's money."""
        return replace(self, till=self.till.book(movement))


def refund_key(number: str, request_no: str) -> str:
    """Under which name a refund is kept: request numbers are a trade's own."""
    return f"{number}/{request_no}"
