"""Webhooks: where the merchant's server is told, what it was told, and sending it once more."""

from shunfu.console.sections.webhooks.routes import SECTION

__all__ = ["SECTION"]
