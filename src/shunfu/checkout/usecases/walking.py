"""A wallet's own browser knows its shopper only after a walk through the platform: begin it, and pay when it ends.

What the platform says goes straight into the payment, sealed; no cookie, address or page ever holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from shunfu.checkout.usecases.paying import Wish, pay_from_checkout
from shunfu.checkout.usecases.tools import CheckoutTools, Visit
from shunfu.checkout.walk import Tap, write_state
from shunfu.gateway.login import LoggedIn
from shunfu.kernel.errors import MethodUnavailable, Unauthenticated
from shunfu.merchants import OpenAccount
from shunfu.payments import Contact, Given, Payment, give_contact


async def begin_walk(
    tools: CheckoutTools, visit: Visit, tap: Tap, contact: Contact | None, query: Mapping[str, str]
) -> tuple[str, str] | None:
    """Where to send the browser and the nonce for its cookie; None where a tap needs no walk.

    `query` comes back with the browser. Raises ContactMissing: what the shopper gave is kept now, for it does not walk.
    """
    account = await _walked_account(tools, visit, tap.method)
    if account is None:
        return None
    given = Given(contact, visit.shopper_id, is_visitor=True)
    await give_contact(tools.payments, visit.merchant_id, visit.order_id, given)
    nonce = tools.payments.source.nonce()
    back = f"{tools.payments.public_url}/c/{visit.token}/known?{urlencode(query)}"
    login = account.channel.web_login
    assert login is not None, "an account to walk for has a login"
    return login.authorize_url(account.settings, back, write_state(tools.signer, tap, nonce, tools.now())), nonce


async def end_walk(tools: CheckoutTools, visit: Visit, wish: Wish, code: str) -> Payment:
    """Learn who pays and start the payment. Raises Unauthenticated when it is not said, and what paying does."""
    account = await _walked_account(tools, visit, wish.method)
    if account is None or account.channel.web_login is None:
        raise MethodUnavailable
    conversation = account.channel.web_login.exchange(account.settings, code, tools.payments.moment())
    said = await tools.payments.driver.run(account.channel, conversation)
    if not isinstance(said, LoggedIn):
        raise Unauthenticated("The platform did not say who pays.")
    return await pay_from_checkout(tools, visit, replace(wish, payer=said.shopper.reveal()))


async def _walked_account(tools: CheckoutTools, visit: Visit, method: str) -> OpenAccount | None:
    """The account of a method that only a walk can tell the payer of, or None."""
    async with tools.payments.database.glancing() as reader:
        found = await tools.payments.accounts.for_method(reader, visit.merchant_id, method)
    if found is None:
        return None
    account, scene = found
    browser = account.channel.own_browser
    is_walked = scene.needs_payer and browser is not None and browser.scene == scene.name
    return account if is_walked and account.channel.web_login is not None else None
