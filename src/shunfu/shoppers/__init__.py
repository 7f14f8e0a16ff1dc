"""Shoppers: who pays, known by what the platforms say; short sessions, what is filled in for them, their consents."""

from shunfu.shoppers.jobs import REMEMBER_HANDLER, make_handlers
from shunfu.shoppers.model import Address, Consents, Invoice, Profile, Shopper
from shunfu.shoppers.usecases import (
    SCHEME,
    ShopperTools,
    SignedIn,
    SignIn,
    delete_ended_sessions,
    end_session,
    erase_shopper,
    identify_shopper,
    last_method,
    payer_at,
    read_consents,
    read_profile,
    recognise_shopper,
    remember_method,
    sign_in,
)

__all__ = [
    "REMEMBER_HANDLER",
    "SCHEME",
    "Address",
    "Consents",
    "Invoice",
    "Profile",
    "Shopper",
    "ShopperTools",
    "SignIn",
    "SignedIn",
    "delete_ended_sessions",
    "end_session",
    "erase_shopper",
    "identify_shopper",
    "last_method",
    "make_handlers",
    "payer_at",
    "read_consents",
    "read_profile",
    "recognise_shopper",
    "remember_method",
    "sign_in",
]
