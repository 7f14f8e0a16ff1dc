"""What a channel with shipping information promises: the platform knows what it was told, in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shunfu.gateway.contract.check import AnyRig
from shunfu.gateway.contract.rig import AMOUNT_MINOR
from shunfu.gateway.evidence import NotFound, Refused, Unknown
from shunfu.gateway.login import LoginRefused, PlatformToken
from shunfu.gateway.shipping import (
    Managed,
    Parcel,
    Receipt,
    Shipment,
    ShippingAsked,
    ShippingNotYet,
    ShippingPage,
    ShippingReport,
    ShippingTaken,
    ShippingVerbs,
    UploadAnswer,
)
from shunfu.kernel.money import Money
from shunfu.kernel.secret import Secret

KNOWN_SECONDS = 60


def shipment(rig: AnyRig, number: str) -> Shipment:
    """One parcel by express."""
    return Shipment(number, rig.payer, "express", (Parcel("咖啡豆 1 袋", "JT1234567890", "JTSD"),), rig.now)


def _shipped_is_told(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    assert _ask(rig, number, token).state == "to_ship"
    assert isinstance(_upload(rig, shipment(rig, number), token), ShippingTaken)
    told = _ask(rig, number, token)
    assert (told.state, told.is_complete, told.tracking_nos) == ("shipped", True, ("JT1234567890",))
    assert told.amount == Money(AMOUNT_MINOR, "CNY")
    assert told.channel_transaction_no


def _same_shipment_again_changes_nothing(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    first = shipment(rig, number)
    _upload(rig, first, token)
    assert isinstance(_upload(rig, first, token), ShippingTaken | Unknown)
    assert _ask(rig, number, token).tracking_nos == ("JT1234567890",)


def _older_shipment_is_not_taken(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    _upload(rig, shipment(rig, number), token)
    older = replace(
        shipment(rig, number), parcels=(Parcel("x", "OLD", "JTSD"),), uploaded_at=rig.now - timedelta(hours=1)
    )
    assert not isinstance(_upload(rig, older, token), ShippingTaken)
    assert _ask(rig, number, token).tracking_nos == ("JT1234567890",)


def _unpaid_cannot_be_shipped(rig: AnyRig) -> None:
    number, _ = rig.place()
    told = _upload(rig, shipment(rig, number), _token(rig))
    assert isinstance(told, ShippingNotYet), told
    asked = rig.run(_verbs(rig).query_shipping(rig.settings, number, _token(rig), rig.moment()))
    assert isinstance(asked, NotFound), asked


def _another_shopper_is_refused(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    told = _upload(rig, replace(shipment(rig, number), payer=f"{rig.payer[:-1]}x"), token)
    assert isinstance(told, Refused), told


def _time_confirms_what_nobody_does(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    _upload(rig, shipment(rig, number), token)
    reminded = rig.run(_verbs(rig).remind_receipt(rig.settings, Receipt(number, rig.now), token, rig.moment()))
    assert isinstance(reminded, ShippingTaken), reminded
    states: list[str] = []
    for _ in range(3):
        rig.advance(11 * 86400)
        rig.due()
        states.append(_ask(rig, number, _token(rig)).state)
    assert states[0] in {"received", "completed"}
    assert states[-1] == "completed"


def _list_finds_every_payment(rig: AnyRig) -> None:
    numbers = {_paid(rig, serial) for serial in (61, 62, 63)}
    found: list[str] = []
    asked = ShippingAsked(state="to_ship", limit=2)
    for _ in range(3):
        page = rig.run(_verbs(rig).list_shipping(rig.settings, asked, _token(rig), rig.moment()))
        assert isinstance(page, ShippingPage), page
        found.extend(report.payment_number for report in page.reports)
        asked = replace(asked, after=page.next)
        if not page.next:
            break
    assert (set(found), len(found)) == (numbers, 3)


def _expired_token_is_said(rig: AnyRig) -> None:
    number, token = _paid(rig), _token(rig)
    rig.advance(3 * 3600)
    for wrong in (token, PlatformToken(Secret("no-such-token"), rig.now)):
        told = _upload(rig, shipment(rig, number), wrong)
        assert isinstance(told, LoginRefused), told
        assert told.reason == "token"
    assert isinstance(_upload(rig, shipment(rig, number), _token(rig)), ShippingTaken)


def _management_is_told(rig: AnyRig) -> None:
    told = rig.run(_verbs(rig).is_managed(rig.settings, _token(rig), rig.moment()))
    assert isinstance(told, Managed), told


ONCE = (
    _shipped_is_told,
    _same_shipment_again_changes_nothing,
    _older_shipment_is_not_taken,
    _unpaid_cannot_be_shipped,
    _another_shopper_is_refused,
    _time_confirms_what_nobody_does,
    _list_finds_every_payment,
    _expired_token_is_said,
    _management_is_told,
)


def _verbs(rig: AnyRig) -> ShippingVerbs[object]:
    assert rig.channel.shipping is not None
    return rig.channel.shipping


def _paid(rig: AnyRig, serial: int = 0) -> str:
    number = rig.paid(serial=serial)
    rig.advance(KNOWN_SECONDS)
    return number


def _token(rig: AnyRig) -> PlatformToken:
    token = rig.run(rig.channel.login.fetch_token(rig.settings, rig.moment()))
    assert isinstance(token, PlatformToken), token
    return token


def _upload(rig: AnyRig, told: Shipment, token: PlatformToken) -> UploadAnswer:
    return rig.run(_verbs(rig).upload(rig.settings, told, token, rig.moment()))


def _ask(rig: AnyRig, number: str, token: PlatformToken) -> ShippingReport:
    told = rig.run(_verbs(rig).query_shipping(rig.settings, number, token, rig.moment()))
    assert isinstance(told, ShippingReport), told
    return told
