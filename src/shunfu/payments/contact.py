"""Where to send an order and whom to bill: what an order asks for, what the shopper gave, what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shunfu.kernel.errors import ContactMissing, FieldError
from shunfu.payments.model import Need
from shunfu.shoppers import Address, Invoice


@dataclass(frozen=True, slots=True)
class Contact:
    """What a shopper gave with an order; what is not asked for may be given too."""

    address: Address | None = None
    phone: str | None = None
    invoice: Invoice | None = None

    def over(self, older: Contact | None) -> Contact:
        """This, and from an older one what this does not have."""
        if older is None:
            return self
        return Contact(self.address or older.address, self.phone or older.phone, self.invoice or older.invoice)


def check_contact(needs: Sequence[Need], contact: Contact | None) -> None:
    """Raises ContactMissing, which names each need that the contact does not meet."""
    told = contact or Contact()
    missing = [need for need in needs if getattr(told, need) is None]
    if missing:
        raise ContactMissing(errors=tuple(FieldError(f"/contact/{need}", "required") for need in missing))


def contact_to_json(contact: Contact) -> dict[str, object]:
    """What is sealed."""
    return asdict(contact)


def contact_from_json(found: Mapping[str, Any]) -> Contact:
    """What was sealed."""
    address, invoice = found["address"], found["invoice"]
    return Contact(Address(**address) if address else None, found["phone"], Invoice(**invoice) if invoice else None)
