"""Orders and their payments: found, explained, closed, asked about."""

from shunfu.console.sections.orders.routes import SECTION

__all__ = ["SECTION"]
