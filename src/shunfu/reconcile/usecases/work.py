"""One run at work: whose, on what, who watches; and how it stops without a result."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shunfu.gateway.port import Capabilities
from shunfu.merchants import OpenAccount
from shunfu.reconcile.days import Window, window_of
from shunfu.reconcile.model import RunState
from shunfu.reconcile.store.runs import Run
from shunfu.reconcile.usecases.tools import ReconcileTools, Watch


class Stopped(Exception):
    """A run cannot go on: it waits for its statement, or has failed. `reason` is one sentence for people."""

    def __init__(self, state: RunState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Work:
    """A run that this process holds."""

    tools: ReconcileTools
    merchant_id: UUID
    account: OpenAccount
    run: Run
    watch: Watch

    @property
    def capabilities(self) -> Capabilities:
        """What the channel promises about its statements."""
        return self.account.channel.capabilities

    @property
    def window(self) -> Window:
        """The instants of the run's day."""
        return window_of(self.run.day, self.capabilities)
