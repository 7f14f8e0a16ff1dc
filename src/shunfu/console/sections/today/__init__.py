"""Today: what moved, how well each method works, and what needs a person."""

from shunfu.console.sections.today.routes import SECTION

__all__ = ["SECTION"]
