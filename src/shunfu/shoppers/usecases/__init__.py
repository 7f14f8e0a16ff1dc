"""The shoppers room's stories, one file a subject."""

from shunfu.shoppers.usecases.consents import give_consents, last_method, read_consents, remember_method
from shunfu.shoppers.usecases.leaving import Export, delete_ended_sessions, erase_shopper, export_shopper
from shunfu.shoppers.usecases.profiles import payer_at, read_profile, replace_profile, verify_phone
from shunfu.shoppers.usecases.recognising import SCHEME, end_session, identify_shopper, recognise_shopper
from shunfu.shoppers.usecases.signing_in import SignedIn, SignIn, sign_in
from shunfu.shoppers.usecases.tools import ShopperTools

__all__ = [
    "SCHEME",
    "Export",
    "ShopperTools",
    "SignIn",
    "SignedIn",
    "delete_ended_sessions",
    "end_session",
    "erase_shopper",
    "export_shopper",
    "give_consents",
    "identify_shopper",
    "last_method",
    "payer_at",
    "read_consents",
    "read_profile",
    "recognise_shopper",
    "remember_method",
    "replace_profile",
    "sign_in",
    "verify_phone",
]
