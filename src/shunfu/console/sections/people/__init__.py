"""Staff: who works for the shop, as what, and with which second factor."""

from shunfu.console.sections.people.routes import SECTION

__all__ = ["SECTION"]
