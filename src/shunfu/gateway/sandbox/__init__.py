"""Sandboxes: what stands in for a channel's servers. A channel exports SANDBOX; the stage runs it."""

from shunfu.gateway.sandbox.keeping import read_stage, write_stage
from shunfu.gateway.sandbox.stage import Stage
from shunfu.gateway.sandbox.values import Act, Deed, Faults, Sheet
from shunfu.gateway.sandbox.verbs import Sandbox

__all__ = ["Act", "Deed", "Faults", "Sandbox", "Sheet", "Stage", "read_stage", "write_stage"]
