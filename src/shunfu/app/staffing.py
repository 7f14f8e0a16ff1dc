"""Staff by command: the first owner's link, which `shunfu up` prints, `shunfu staff` and its links."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import UUID

from shunfu.app.commands import Report, in_house
from shunfu.app.database import Located
from shunfu.app.settings import Settings
from shunfu.app.wiring import House, opened_database
from shunfu.db import Transaction
from shunfu.kernel.clock import Source, SystemClock, SystemEntropy
from shunfu.kernel.errors import SetupFault
from shunfu.kernel.ids import parse_public
from shunfu.kernel.secret import Secret
from shunfu.merchants import get_merchant
from shunfu.merchants.staff import CAPABILITIES, Role, disable_staff, make_founding_link, make_link, make_reset_link


def founding_link(settings: Settings, database: Located) -> Secret[str] | None:
    """The address where the first owner is made, once, within a day; None when there is staff already."""

    async def work() -> Secret[str] | None:
        source = Source(SystemClock(), SystemEntropy())
        async with opened_database(settings, database.app_url) as opened:
            return await opened.transact(lambda tx: make_founding_link(tx, source))

    link = asyncio.run(work())
    return None if link is None else _address(settings, link)


async def owner_link(tx: Transaction, source: Source, merchant_id: UUID) -> Secret[str] | None:
    """The text of a link whose holder owns a merchant's organisation; None when there is staff already."""
    merchant = await get_merchant(tx, merchant_id)
    assert merchant is not None, "who asks has the merchant"
    return await make_founding_link(tx, source, merchant.organisation_id)


def staff_link(settings: Settings, merchant: str, role: str) -> Report:
    """A link by which one person becomes staff of the merchant's organisation, on both sides."""
    merchant_id = parse_public("mer", merchant)
    if merchant_id is None:
        raise SetupFault(f"{merchant!r} is no merchant's id; `shunfu merchant create` printed it (mer_…).")
    if role not in CAPABILITIES:
        raise SetupFault(f"There is no role {role!r}; there are: {', '.join(CAPABILITIES)}.")

    async def work(house: House) -> Secret[str]:
        async def story(tx: Transaction) -> Secret[str]:
            found = await get_merchant(tx, merchant_id)
            if found is None:
                raise SetupFault(f"There is no merchant {merchant}.")
            return await make_link(tx, house.source, found.organisation_id, cast("Role", role))

        return await house.database.transact(story)

    return {"role": role, "link": _address(settings, in_house(settings, work)).reveal(), "lasts_hours": 24}


def disable(settings: Settings, login_name: str) -> Report:
    """Put a person out at once. Raises SetupFault when there is nobody to put out."""

    async def work(house: House) -> bool:
        return await house.database.transact(lambda tx: disable_staff(tx, house.source, login_name))

    if not in_house(settings, work):
        raise SetupFault(f"There is nobody called {login_name!r} who can log in.")
    return {"login_name": login_name, "disabled": True}


def reset(settings: Settings, login_name: str) -> Report:
    """A link by which a person gets a new second factor. Raises SetupFault when there is nobody of that name."""

    async def work(house: House) -> Secret[str] | None:
        return await house.database.transact(lambda tx: make_reset_link(tx, house.source, login_name))

    link = in_house(settings, work)
    if link is None:
        raise SetupFault(f"There is nobody called {login_name!r} who can log in.")
    return {"login_name": login_name, "link": _address(settings, link, "reset").reveal(), "lasts_hours": 24}


def _address(settings: Settings, link: Secret[str], door: str = "first") -> Secret[str]:
    return Secret(f"{settings.public_url}/console/{door}/{link.reveal()}")
