"""What a person decides about a refund, as a line of the audit log."""

from __future__ import annotations

from shunfu.kernel.ids import public
from shunfu.merchants import AuditEntry, fingerprint
from shunfu.refunds.model import Refund


def audited(before: Refund, after: Refund, subject: str, action: str) -> AuditEntry:
    """Who did what to a refund, with its state before and after."""
    return AuditEntry(
        merchant_id=after.merchant_id,
        actor=subject,
        action=action,
        object=public("rfd", after.refund_id),
        before=_state(before),
        after=_state(after),
        detail={"amount_minor": after.amount.minor, "currency": after.amount.currency},
    )


def _state(refund: Refund) -> bytes:
    return fingerprint(
        {
            "state": refund.state.value,
            "decided_by": refund.decided_by,
            "amount_minor": refund.amount.minor,
            "currency": refund.amount.currency,
            "redirected_at": refund.redirected_at.isoformat() if refund.redirected_at else None,
        }
    )
