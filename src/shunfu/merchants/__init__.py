"""Merchants: tenants, API keys, channel accounts with sealed credentials; tells who asks."""

from shunfu.merchants.accounts import Accounts, OpenAccount
from shunfu.merchants.audit import (
    COMMAND_LINE,
    AuditEntry,
    AuditHead,
    AuditRow,
    fingerprint,
    merkle_root,
    plain_json,
)
from shunfu.merchants.audit_check import Damage
from shunfu.merchants.auditing import (
    AuditProof,
    audit_heads,
    audited_merchants,
    read_audit,
    verify_audit,
    write_audit,
)
from shunfu.merchants.envelope import EnvelopeBroken, Place
from shunfu.merchants.keyfile import KeyRing, make_key_file, read_key_file
from shunfu.merchants.model import ALL_CAPABILITIES, Merchant
from shunfu.merchants.tokens import write_checkout_token
from shunfu.merchants.usecases import (
    NewKey,
    Organisation,
    create_merchant,
    create_sides,
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
    "ALL_CAPABILITIES",
    "COMMAND_LINE",
    "Accounts",
    "AuditEntry",
    "AuditHead",
    "AuditProof",
    "AuditRow",
    "Damage",
    "EnvelopeBroken",
    "KeyRing",
    "Merchant",
    "NewKey",
    "OpenAccount",
    "Organisation",
    "Place",
    "Vault",
    "audit_heads",
    "audited_merchants",
    "create_merchant",
    "create_sides",
    "fingerprint",
    "get_merchant",
    "has_data_keys",
    "identify",
    "identify_checkout",
    "issue_api_key",
    "list_merchants",
    "make_key_file",
    "merkle_root",
    "plain_json",
    "read_audit",
    "read_key_file",
    "revoke_api_key",
    "set_return_origins",
    "verify_audit",
    "write_audit",
    "write_checkout_token",
]
