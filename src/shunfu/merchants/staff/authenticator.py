"""The authenticator's secret: made, wrapped like a data key by the installation's own key, and opened."""

from __future__ import annotations

from uuid import UUID

from shunfu.merchants.envelope import NONCE_BYTES
from shunfu.merchants.kms import Envelope
from shunfu.merchants.staff.codes import SECRET_BYTES
from shunfu.merchants.staff.model import Staff
from shunfu.merchants.staff.resealing import totp_place
from shunfu.merchants.staff.tools import StaffTools


async def new_totp(tools: StaffTools, staff_id: UUID) -> Envelope:
    """A fresh secret, wrapped for its row. Raises TransientFault while a key service is out of reach."""
    take = tools.source.entropy.take
    return await tools.ring.wrap(totp_place(staff_id), take(SECRET_BYTES), take(NONCE_BYTES))


async def open_totp(tools: StaffTools, person: Staff) -> bytes:
    """A person's secret. Raises EnvelopeBroken when it was changed or moved, TransientFault as above."""
    return await tools.ring.unwrap(totp_place(person.staff_id), person.totp)
