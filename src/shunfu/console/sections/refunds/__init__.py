"""Refunds: asked for, decided by a second person, explained."""

from shunfu.console.sections.refunds.routes import SECTION

__all__ = ["SECTION"]
