"""Where to send an order and whom to bill: what an order asks for, what the shopper gave, what is still missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

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

    @property
    def kinds(self) -> tuple[Need, ...]:
        """What is there."""
        told: dict[Need, object] = {"address": self.address, "phone": self.phone, "invoice": self.invoice}
        return tuple(kind for kind, value in told.items() if value is not None)

    def only(self, kinds: Collection[Need]) -> Contact | None:
        """These kinds of it, or None when it has none of them."""
        cut = Contact(
            self.address if "address" in kinds else None,
            self.phone if "phone" in kinds else None,
            self.invoice if "invoice" in kinds else None,
        )
        return cut if cut.kinds else None


@dataclass(frozen=True, slots=True)
class KeptContact:
    """What an order has been given, and the shopper who gave each kind.

    A kind that a guest or the merchant's own server gave has no giver.
    """

    contact: Contact = field(default_factory=Contact)
    givers: Mapping[Need, UUID] = field(default_factory=dict[Need, UUID])

    def of(self, shopper_id: UUID | None) -> Contact | None:
        """What this shopper gave, or None."""
        kinds: list[Need] = [kind for kind in self.contact.kinds if self._is_from(shopper_id, kind)]
        return self.contact.only(kinds)

    def with_given(self, given: Given) -> KeptContact:
        """This after somebody gave more: a visitor changes nothing that somebody else gave."""
        if given.contact is None:
            return self
        kinds: list[Need] = [
            kind
            for kind in given.contact.kinds
            if not given.is_visitor or kind not in self.contact.kinds or self._is_from(given.shopper_id, kind)
        ]
        taken = given.contact.only(kinds)
        if taken is None:
            return self
        givers: dict[Need, UUID] = {kind: giver for kind, giver in self.givers.items() if kind not in kinds}
        if given.shopper_id is not None:
            givers |= dict.fromkeys(kinds, given.shopper_id)
        return KeptContact(taken.over(self.contact), givers)

    def _is_from(self, shopper_id: UUID | None, kind: Need) -> bool:
        return shopper_id is not None and self.givers.get(kind) == shopper_id


@dataclass(frozen=True, slots=True)
class Given:
    """What comes with a wish to pay, and from whom; a visitor holds the checkout's link and nothing else."""

    contact: Contact | None
    shopper_id: UUID | None = None
    is_visitor: bool = False


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
