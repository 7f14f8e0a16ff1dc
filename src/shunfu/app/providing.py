"""The identity provider that the settings name, if any."""

from __future__ import annotations

from shunfu.app.wiring import House
from shunfu.merchants.staff import Provider, ProviderSettings

RETURN_PATH = "/console/provider/back"
"""Registered at the provider, behind our public address."""


def provider_of(house: House) -> Provider | None:
    """The provider to ask, or None. Raises SetupFault when only some of its settings are there."""
    named = house.settings.oidc
    if named is None:
        return None
    issuer, client_id, secret = named
    return_url = f"{house.settings.public_url}{RETURN_PATH}"
    trusts_amr = house.settings.is_on("oidc_trusts_amr")
    settings = ProviderSettings(issuer, client_id, secret, return_url, trusts_amr=trusts_amr)
    return Provider(settings, house.source.clock)
