"""What an event says that needs a person, as an alarm. Pure.

Every event with an `alarm` names what it is about by one of these members.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from shunfu.inspections import Alarm
from shunfu.kernel.ids import public

SUBJECTS = {
    "payment_id": "pay",
    "refund_id": "rfd",
    "notification_id": "ntf",
    "endpoint_id": "whk",
    "run_id": "rcn",
}
"""The member that names an event's subject, and the prefix of its public id."""

TOLD = ("name", "step", "reason", "number", "day", "breaks")
"""What else an alarm says; never a secret and nobody's datum."""


def alarm_of(merchant_id: UUID, event_id: UUID, body: Mapping[str, object]) -> Alarm:
    """The alarm of an event's body, as the outbox keeps it."""
    named = next(
        (public(prefix, UUID(str(body[name]))) for name, prefix in SUBJECTS.items() if name in body),
        str(body.get("subject", "")),
    )
    told = " · ".join(str(body[name]) for name in TOLD if body.get(name) not in (None, ""))
    happened_at = datetime.fromisoformat(str(body["happened_at"]))
    return Alarm(merchant_id, event_id, str(body["alarm"]), named, told, happened_at)
