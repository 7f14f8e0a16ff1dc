"""Who owns an organisation, held: every story about its people begins here, so that no two of them pass each other."""

from __future__ import annotations

from uuid import UUID

from shunfu.db import Transaction
from shunfu.merchants.staff import store
from shunfu.merchants.staff.model import StaffLink


async def hold_owners(tx: Transaction, organisation_id: UUID) -> dict[UUID, list[UUID]]:
    """Each side's owners, held until the transaction ends, disabled ones too."""
    sides = await store.list_organisation(tx, organisation_id)
    return {one.merchant_id: await store.lock_owners(tx, one.merchant_id) for one in sides}


async def has_good_maker(tx: Transaction, link: StaffLink) -> bool:
    """Whether a link still stands on its maker's right: a command's does, a person's while they own the organisation.

    The owners and the maker are held until the transaction ends: whoever takes the right away waits, or was first.
    """
    if link.made_by is None:
        return True
    if link.organisation_id is None:
        return False
    owners = await hold_owners(tx, link.organisation_id)
    maker = await store.lock_staff(tx, link.made_by)
    is_owner = bool(owners) and all(link.made_by in people for people in owners.values())
    return is_owner and maker is not None and maker.disabled_at is None
