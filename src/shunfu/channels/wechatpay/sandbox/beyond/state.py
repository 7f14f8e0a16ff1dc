"""What the sandbox knows beyond single payments, one frozen value. Times are Unix ms, 0 for never.

Must not know: requests, the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One share of a sharing order. `result` is PENDING, SUCCESS or CLOSED."""

    type: str
    account: str
    amount: int
    description: str
    detail_id: str
    created_ms: int
    result: str = "PENDING"
    fail_reason: str = ""
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class SharingRow:
    """One sharing order of a payment; with `unfreezes` nothing stays frozen when it is finished."""

    number: str
    order_id: str
    order_number: str
    transaction_id: str
    shares: tuple[ShareRow, ...]
    unfreezes: bool
    fingerprint: str
    state: str = "PROCESSING"


@dataclass(frozen=True, slots=True)
class ShareReturnRow:
    """Money taken back from a receiver. `result` is PROCESSING, SUCCESS or FAILED."""

    number: str
    return_id: str
    sharing_number: str
    mchid: str
    amount: int
    description: str
    fingerprint: str
    created_ms: int
    result: str = "PROCESSING"
    fail_reason: str = ""
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class TransferBill:
    """One transfer to a shopper; `state` is WeChat's word."""

    number: str
    bill_no: str
    openid: str
    amount: int
    remark: str
    notify_url: str
    package: str
    fingerprint: str
    named_key: str
    created_ms: int
    updated_ms: int
    state: str = "WAIT_USER_CONFIRM"
    fail_reason: str = ""


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """One parcel, or goods that need none."""

    goods: str
    tracking_no: str
    carrier: str
    uploaded_ms: int


@dataclass(frozen=True, slots=True)
class ShippingRow:
    """How one payment's goods went out. `state` is the platform's number: 2 shipped, 3 received, 4 completed."""

    order_number: str
    logistics: int
    mode: int
    parcels: tuple[ParcelRow, ...]
    fingerprint: str
    uploaded_ms: int
    is_finished: bool
    finished_count: int
    state: int = 2
    is_reminded: bool = False


@dataclass(frozen=True, slots=True)
class ComplaintStep:
    """One step of a negotiation."""

    log_id: str
    operator: str
    kind: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ComplaintRow:
    """One complaint about a payment. `state` is PENDING, PROCESSING or PROCESSED."""

    id: str
    order_number: str
    transaction_id: str
    amount: int
    openid: str
    text: str
    made_ms: int
    state: str = "PENDING"
    is_waiting: bool = False
    times: int = 1
    steps: tuple[ComplaintStep, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token of the open platform."""

    text: str = field(repr=False)
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Beyond:
    """Everything beyond single payments; combined orders are kept among the orders.

    `receivers` are by type, a blank and account. `unfrozen` are the numbers of payments with nothing frozen any more.
    `complaint_key` is the WeChat key that was named when `complaint_url` was set. `tokens` are oldest first.
    `used_codes` are the codes that the platform has exchanged, `refreshes` the moments of forced refreshes.
    """

    receivers: Mapping[str, str] = field(default_factory=dict[str, str])
    sharings: Mapping[str, SharingRow] = field(default_factory=dict[str, SharingRow])
    returns: Mapping[str, ShareReturnRow] = field(default_factory=dict[str, ShareReturnRow])
    unfrozen: tuple[str, ...] = ()
    transfers: Mapping[str, TransferBill] = field(default_factory=dict[str, TransferBill])
    shipments: Mapping[str, ShippingRow] = field(default_factory=dict[str, ShippingRow])
    complaints: Mapping[str, ComplaintRow] = field(default_factory=dict[str, ComplaintRow])
    complaint_url: str = ""
    complaint_key: str = ""
    tokens: tuple[AccessToken, ...] = ()
    refreshes: tuple[int, ...] = ()
    used_codes: Mapping[str, int] = field(default_factory=dict[str, int])

    def with_sharing(self, row: SharingRow) -> Beyond:
        """With one sharing order put in place."""
        return replace(self, sharings={**self.sharings, row.number: row})

    def with_return(self, row: ShareReturnRow) -> Beyond:
        """With one return put in place."""
        return replace(self, returns={**self.returns, row.number: row})

    def with_transfer(self, bill: TransferBill) -> Beyond:
        """With one transfer put in place."""
        return replace(self, transfers={**self.transfers, bill.number: bill})

    def with_shipment(self, row: ShippingRow) -> Beyond:
        """With one shipment put in place."""
        return replace(self, shipments={**self.shipments, row.order_number: row})

    def with_complaint(self, row: ComplaintRow) -> Beyond:
        """With one complaint put in place."""
        return replace(self, complaints={**self.complaints, row.id: row})
