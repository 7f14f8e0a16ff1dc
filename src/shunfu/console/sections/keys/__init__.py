"""Keys: the merchant's API keys, its channel accounts and their credentials, and when each of them ends."""

from shunfu.console.sections.keys.routes import SECTION

__all__ = ["SECTION"]
