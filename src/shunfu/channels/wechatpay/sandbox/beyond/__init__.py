"""The sandbox beyond single payments: combined orders, profit sharing, transfers, shipping information, complaints.

Must not know: the channel's codec, the stage.
"""

from __future__ import annotations
