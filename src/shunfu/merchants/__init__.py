"""Merchants: tenants, API keys, channel accounts with sealed credentials; tells who asks."""

from shunfu.merchants.accounts import Accounts, OpenAccount
from shunfu.merchants.envelope import EnvelopeBroken, Place
from shunfu.merchants.keyfile import KeyRing, make_key_file, read_key_file
from shunfu.merchants.model import Merchant
from shunfu.merchants.tokens import write_checkout_token
from shunfu.merchants.usecases import (
    Organisation,
    create_merchant,
    get_merchant,
    has_data_keys,
    identify,
    identify_checkout,
    issue_api_key,
    list_merchants,
    revoke_api_key,
    set_return_origins,
)
from shunfu.merchants.vault import Vault

__all__ = [
    "Accounts",
    "EnvelopeBroken",
    "KeyRing",
    "Merchant",
    "OpenAccount",
    "Organisation",
    "Place",
    "Vault",
    "create_merchant",
    "get_merchant",
    "has_data_keys",
    "identify",
    "identify_checkout",
    "issue_api_key",
    "list_merchants",
    "make_key_file",
    "read_key_file",
    "revoke_api_key",
    "set_return_origins",
    "write_checkout_token",
]
