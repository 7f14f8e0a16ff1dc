"""Shipping information 发货信息: what a platform wants to know before it lets the merchant have the money.

Must not know: parcels' carriers, our states, any channel's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.login import LoginRefused, PlatformToken
from shunfu.gateway.moment import Moment
from shunfu.kernel.money import Money

S_contra = TypeVar("S_contra", contravariant=True)
Logistics = Literal["express", "city", "virtual", "pickup"]
ShippingState = Literal["to_ship", "shipped", "received", "completed", "refunded", "unsettled"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel, or without tracking the goods that need none. Contacts are masked by who writes them."""

    goods: str
    tracking_no: str = ""
    carrier: str = ""
    consignor_contact: str = field(default="", repr=False)
    receiver_contact: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Shipment:
    """How one payment's goods go out. Only express goes in several parcels, `is_complete` with the last of them.

    `uploaded_at` orders what is told: a later one replaces an earlier one, and after a complete one only once.
    """

    payment_number: str
    payer: str = field(repr=False)
    logistics: Logistics
    parcels: tuple[Parcel, ...]
    uploaded_at: datetime
    is_split: bool = False
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class CombinedShipment:
    """The shipments of a combined order's parts; `number` is the whole's."""

    number: str
    payer: str = field(repr=False)
    parts: tuple[Shipment, ...]
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class ShippingTaken:
    """The platform has what it was told."""


@dataclass(frozen=True, slots=True)
class ShippingNotYet:
    """The platform does not know the payment yet, which is normal right after it: tell it again later."""

    channel_code: str


@dataclass(frozen=True, slots=True)
class ShippingReport:
    """What the platform knows of one payment's goods."""

    payment_number: str
    channel_transaction_no: str
    amount: Money
    state: ShippingState
    is_in_complaint: bool
    is_complete: bool
    tracking_nos: tuple[str, ...]
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class ShippingAsked:
    """Which payments to list: those in a state, paid in a span of time; `after` is a former page's `next`."""

    state: ShippingState | None = None
    paid_from: datetime | None = None
    paid_until: datetime | None = None
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ShippingPage:
    """One page of that list; `next` is empty on the last."""

    reports: tuple[ShippingReport, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods that have arrived by express, and when."""

    payment_number: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Managed:
    """Whether the platform keeps the application's money until goods are shipped."""

    is_managed: bool


UploadAnswer: TypeAlias = ShippingTaken | ShippingNotYet | LoginRefused | Refused | Unknown
ShippingAnswer: TypeAlias = ShippingReport | NotFound | LoginRefused | Unknown
ShippingListAnswer: TypeAlias = ShippingPage | LoginRefused | Unknown
ManagedAnswer: TypeAlias = Managed | LoginRefused | Unknown


class ShippingVerbs(Protocol[S_contra]):
    """The conversations about shipping, each a generator. `token` is what `LoginVerbs.fetch_token` brought.

    LoginRefused("token") means that it has expired: fetch another, once, and ask again.
    """

    def upload(
        self, settings: S_contra, shipment: Shipment, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Tell how a payment's goods go out."""
        ...

    def upload_combined(
        self, settings: S_contra, shipment: CombinedShipment, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Tell how a combined order's goods go out."""
        ...

    def query_shipping(
        self, settings: S_contra, payment_number: str, token: PlatformToken, moment: Moment
    ) -> Flow[ShippingAnswer]:
        """Ask what the platform knows of a payment."""
        ...

    def list_shipping(
        self, settings: S_contra, asked: ShippingAsked, token: PlatformToken, moment: Moment
    ) -> Flow[ShippingListAnswer]:
        """Ask for many payments, page by page."""
        ...

    def remind_receipt(
        self, settings: S_contra, receipt: Receipt, token: PlatformToken, moment: Moment
    ) -> Flow[UploadAnswer]:
        """Let the platform remind the shopper to confirm that express goods came; once a payment."""
        ...

    def is_managed(self, settings: S_contra, token: PlatformToken, moment: Moment) -> Flow[ManagedAnswer]:
        """Ask whether the application must upload shipping information at all."""
        ...
