"""Experience: how far visits to the checkout come, how long they wait, and how much they tap and type."""

from shunfu.console.sections.experience.routes import SECTION

__all__ = ["SECTION"]
