"""The contact of an order: sealed when the shopper gives it, opened for whoever may read the order."""

from __future__ import annotations

import json
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.errors import NotFoundHere, OrderNotOpen
from shunfu.merchants import Place
from shunfu.payments import store
from shunfu.payments.contact import Contact, check_contact, contact_from_json, contact_to_json
from shunfu.payments.model import Order, OrderState
from shunfu.payments.usecases.tools import PaymentTools

PURPOSE = "contacts"


async def open_contact(tools: PaymentTools, reader: Reader, order: Order) -> Contact | None:
    """What was given with an order, or None."""
    envelope = await store.get_contact(reader, order.merchant_id, order.order_id)
    if envelope is None:
        return None
    opened = await tools.vault.open(reader, _place(order), envelope)
    return contact_from_json(json.loads(opened.reveal()))


async def keep_contact(tools: PaymentTools, tx: Transaction, order: Order, given: Contact | None) -> None:
    """Keep what the shopper gave now over what was given before. Raises ContactMissing when the order needs more.

    The caller holds the order's lock.
    """
    if given is None and not order.needs:
        return
    before = await open_contact(tools, tx, order)
    contact = given.over(before) if given else before
    check_contact(order.needs, contact)
    if contact is None or contact == before:
        return
    plaintext = json.dumps(contact_to_json(contact), ensure_ascii=False).encode()
    envelope = await tools.vault.seal(tx, _place(order), PURPOSE, plaintext)
    await store.save_contact(tx, order, envelope, tools.now())


async def give_contact(tools: PaymentTools, merchant_id: UUID, order_id: UUID, given: Contact | None) -> None:
    """Keep what the shopper gave before a payment begins. Raises ContactMissing, OrderNotOpen or NotFoundHere."""

    async def story(tx: Transaction) -> None:
        order = await store.lock_order(tx, merchant_id, order_id)
        if order is None:
            raise NotFoundHere
        if order.state is not OrderState.OPEN:
            raise OrderNotOpen
        await keep_contact(tools, tx, order, given)

    await tools.database.transact(story)


def _place(order: Order) -> Place:
    return Place(order.merchant_id, "order_contacts", "contact", order.order_id)
