"""Wrong guesses: who counts them, and when a door stays closed.

A browser in which a person has logged in before has a counter of its own, so that strangers who guess at a known name
close the door for strangers only (OWASP, "device cookies"). A name that does not exist is counted too, in one of a few
counters: a guess at it costs the same reads and writes, so that it cannot be told apart by time.
Must not know: which door the guess is at.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from shunfu.db import Transaction
from shunfu.kernel.ids import PLATFORM, decode, encode, public
from shunfu.kernel.secret import Secret
from shunfu.kernel.signing import Signer, from_text
from shunfu.merchants.audit import AuditEntry
from shunfu.merchants.auditing import write_audit
from shunfu.merchants.staff import store
from shunfu.merchants.staff.model import Denial, Guesses, locked_until
from shunfu.merchants.staff.tools import StaffTools, Visit

DEVICE_PURPOSE = "staff device"
STRANGER_PURPOSE = "staff stranger"
STRANGER = "stranger"
"""The audit log's word for whoever guesses at a name that does not exist."""
ID_CHARACTERS = 26


def write_device(signer: Signer, staff_id: UUID, device_id: UUID) -> Secret[str]:
    """The text of the cookie by which a browser is known as one of a person's."""
    return Secret(f"{encode(device_id)}{signer.tag(DEVICE_PURPOSE, f'{staff_id}|{device_id}')}")


def read_device(signer: Signer, staff_id: UUID, text: str) -> UUID | None:
    """The browser behind a cookie's text, or None when it is not one of this person's."""
    device_id = decode(text[:ID_CHARACTERS])
    is_genuine = signer.is_genuine(DEVICE_PURPOSE, f"{staff_id}|{device_id}", text[ID_CHARACTERS:])
    return device_id if is_genuine else None


def counter_of(tools: StaffTools, staff_id: UUID | None, login_name: str, visit: Visit) -> UUID:
    """Which counter a guess counts in: the known browser's, else the person's, else one of 256 for unknown names."""
    signer = tools.ring.signer
    device_id = read_device(signer, staff_id or PLATFORM, visit.device)
    drawn = from_text(signer.tag(STRANGER_PURPOSE, login_name))
    assert drawn is not None, "a tag of ours is base 64"
    if staff_id is None:
        return UUID(int=256 + drawn[0])  # no id that we make is as small
    return device_id or staff_id


async def fail(tx: Transaction, tools: StaffTools, guesses: Guesses, staff_id: UUID | None, why: Denial) -> Denial:
    """Count a wrong guess; from the sixth on the counter is locked for a while."""
    failures, now = guesses.failures + 1, tools.source.now()
    until = locked_until(failures, now)
    await store.count_guesses(tx, Guesses(guesses.counter_id, failures, until))
    if until is not None:
        who = public("stf", staff_id) if staff_id else STRANGER
        entry = AuditEntry(PLATFORM, who, "staff.locked", who, detail={"failures": failures})
        await write_audit(tx, tools.source, entry)
    return why


async def forgive(tx: Transaction, guesses: Guesses) -> None:
    """A right guess: count from the beginning again."""
    if guesses.failures:
        await store.count_guesses(tx, replace(guesses, failures=0, locked_until=None))


def known_device(tools: StaffTools, staff_id: UUID, visit: Visit) -> Secret[str]:
    """The device cookie for a browser in which both factors were given: the one that it has, or a new one."""
    signer = tools.ring.signer
    if read_device(signer, staff_id, visit.device) is not None:
        return Secret(visit.device)
    return write_device(signer, staff_id, tools.source.new_id())
