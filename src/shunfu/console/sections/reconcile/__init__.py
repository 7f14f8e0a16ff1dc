"""Reconciliation: the channels' statements against our books, what differs, and its repair by two people."""

from shunfu.console.sections.reconcile.routes import SECTION

__all__ = ["SECTION"]
