"""Shoppers' values to the wire and back. Must not know: use-cases, routes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from shunfu.kernel.clock import rfc3339
from shunfu.kernel.errors import FieldError, InvalidField
from shunfu.kernel.ids import public
from shunfu.shoppers.model import Address, Consents, Invoice, Profile, Shopper
from shunfu.shoppers.schemas import (
    AddressBody,
    ConsentFactOut,
    ConsentsOut,
    ExportOut,
    InvoiceBody,
    KnownAtOut,
    LastPaidOut,
    ListedSessionOut,
    ProfileIn,
    ProfileOut,
    SessionOut,
    ShopperOut,
)
from shunfu.shoppers.usecases import Export, SignedIn


def read_profile_body(body: ProfileIn) -> Profile:
    """The profile in a request. Raises InvalidField for two defaults, or a company without a tax number."""
    errors = [*_second_default("addresses", body.addresses), *_second_default("invoices", body.invoices)]
    for index, invoice in enumerate(body.invoices):
        if invoice.kind == "company" and invoice.tax_number is None:
            errors.append(FieldError(f"/invoices/{index}/tax_number", "required"))
    if errors:
        raise InvalidField(errors=tuple(errors))
    return Profile(
        addresses=tuple(Address(**one.model_dump()) for one in body.addresses),
        phone=body.phone,
        invoices=tuple(Invoice(**one.model_dump()) for one in body.invoices),
    )


def _second_default(name: str, told: list[AddressBody] | list[InvoiceBody]) -> list[FieldError]:
    defaults = [index for index, one in enumerate(told) if one.is_default]
    return [FieldError(f"/{name}/{index}/is_default", "only_one") for index in defaults[1:]]


def render_session(signed_in: SignedIn) -> SessionOut:
    """A fresh session with its token."""
    shopper = signed_in.shopper
    return SessionOut(token=signed_in.token.reveal(), expires_at=rfc3339(shopper.ends_at), shopper=shopper.public_id)


def render_profile(profile: Profile) -> ProfileOut:
    """A profile as its shopper sees it."""
    return ProfileOut(
        addresses=[AddressBody(**asdict(one)) for one in profile.addresses],
        phone=profile.phone,
        phone_is_verified=profile.is_phone_verified,
        invoices=[InvoiceBody(**asdict(one)) for one in profile.invoices],
    )


def render_consents(consents: Consents) -> ConsentsOut:
    """The last answers."""
    return ConsentsOut(telemetry=consents.telemetry, personalisation=consents.personalisation)


def render_shopper(shopper: Shopper, profile: Profile, consents: Consents, last_method: str | None) -> ShopperOut:
    """A shopper, to themselves."""
    return ShopperOut(
        **render_profile(profile).model_dump(),
        shopper=shopper.public_id,
        last_method=last_method,
        consents=render_consents(consents),
    )


def render_export(export: Export) -> ExportOut:
    """Everything that is kept about a shopper."""
    paid = export.last_paid
    return ExportOut(
        shopper=public("shp", export.kept.shopper_id),
        created_at=rfc3339(export.kept.created_at),
        profile=render_profile(export.profile),
        known_at=[
            KnownAtOut(kind=one.kind, channel=one.channel, app=one.app, since=rfc3339(one.created_at))
            for one in export.known_at
        ],
        consents=[
            ConsentFactOut(kind=fact.kind, is_given=fact.is_given, happened_at=rfc3339(fact.happened_at))
            for fact in export.consents
        ],
        sessions=[
            ListedSessionOut(
                channel=one.channel,
                created_at=rfc3339(one.created_at),
                ends_at=rfc3339(one.ends_at),
                ended_at=_maybe(one.ended_at),
            )
            for one in export.sessions
        ],
        last_paid=LastPaidOut(method=paid.method, happened_at=rfc3339(paid.happened_at)) if paid else None,
    )


def _maybe(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
