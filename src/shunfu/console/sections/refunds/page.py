"""Refunds as a list, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shunfu.console.kit import Frame, Label, Listing, render, second_text, state_chip
from shunfu.console.model import REFUND_FILTERS
from shunfu.console.sections.rows import Row, filters
from shunfu.kernel.ids import public
from shunfu.refunds import Refund


def render_refunds(frame: Frame, listing: Listing, refunds: Sequence[Refund], label: Label) -> str:
    """A page of refunds, as HTML."""
    say, path = frame.say, "/console/refunds"
    return render(
        frame,
        "refunds.html",
        "refunds",
        title=say("console.refunds"),
        filters=filters(frame, listing, path, {one: say(f"console.state.refund.{one}") for one in REFUND_FILTERS}),
        rows=[
            Row(
                href=f"{path}/{public('rfd', one.refund_id)}",
                number=public("rfd", one.refund_id),
                amount=one.amount,
                at=second_text(one.created_at),
                chip=state_chip(say, "refund", one.state.value),
                method=frame.word(label(one.channel)),
                reason=one.reason,
            )
            for one in refunds
        ],
        **listing.frame(path),
    )
