"""The contact of an order: sealed when the shopper gives it, opened for whoever may read the order."""

from __future__ import annotations

import json
from uuid import UUID

from shunfu.db import Reader, Transaction
from shunfu.kernel.errors import NotFoundHere, OrderNotOpen
from shunfu.merchants import Place
from shunfu.payments import store
from shunfu.payments.contact import Given, KeptContact, check_contact, contact_from_json, contact_to_json
from shunfu.payments.model import Order, OrderState
from shunfu.payments.usecases.tools import PaymentTools

PURPOSE = "contacts"


async def open_contact(tools: PaymentTools, reader: Reader, order: Order) -> KeptContact | None:
    """What was given with an order and by whom, or None."""
    found = await store.get_contact(reader, order.merchant_id, order.order_id)
    if found is None:
        return None
    envelope, givers = found
    opened = await tools.vault.open(reader, _place(order), envelope)
    return KeptContact(contact_from_json(json.loads(opened.reveal())), givers)


async def keep_contact(tools: PaymentTools, tx: Transaction, order: Order, given: Given) -> None:
    """Keep what is given now, as far as it may replace what is there. Raises ContactMissing when the order needs more.

    The caller holds the order's lock.
    """
    before, after = await _weighed(tools, tx, order, given)
    if after == before:
        return
    plaintext = json.dumps(contact_to_json(after.contact), ensure_ascii=False).encode()
    envelope = await tools.vault.seal(tx, _place(order), PURPOSE, plaintext)
    await store.save_contact(tx, order, (envelope, after.givers), tools.now())


async def check_given(tools: PaymentTools, reader: Reader, order: Order, given: Given) -> None:
    """Whether the order would have all that it needs; nothing is kept. Raises ContactMissing."""
    await _weighed(tools, reader, order, given)


async def _weighed(tools: PaymentTools, reader: Reader, order: Order, given: Given) -> tuple[KeptContact, KeptContact]:
    """What the order has, and what it has with this. Raises ContactMissing."""
    if given.contact is None and not order.needs:
        return KeptContact(), KeptContact()
    before = await open_contact(tools, reader, order) or KeptContact()
    after = before.with_given(given)
    check_contact(order.needs, after.contact)
    return before, after


async def give_contact(tools: PaymentTools, merchant_id: UUID, order_id: UUID, given: Given) -> None:
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
