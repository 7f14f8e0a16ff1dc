"""Every page of the console as HTML, by the name of what it shows. Pure: values in, text out."""

from shunfu.console.account_pages import AccountView, render_account, render_codes, render_new_passkey
from shunfu.console.door_pages import (
    render_authenticator,
    render_code,
    render_confirm,
    render_first_owner,
    render_login,
    render_refused,
    render_reset,
    render_returning,
    render_sessions,
)
from shunfu.console.kit import Frame, Listing, static_dir
from shunfu.console.sections.orders.page import render_order, render_orders
from shunfu.console.sections.people.page import render_link, render_people
from shunfu.console.sections.refunds.page import render_refunds
from shunfu.console.sections.subject import render_payment, render_refund
from shunfu.console.sections.today.page import render_today

__all__ = [
    "AccountView",
    "Frame",
    "Listing",
    "render_account",
    "render_authenticator",
    "render_code",
    "render_codes",
    "render_confirm",
    "render_first_owner",
    "render_link",
    "render_login",
    "render_new_passkey",
    "render_order",
    "render_orders",
    "render_payment",
    "render_people",
    "render_refund",
    "render_refunds",
    "render_refused",
    "render_reset",
    "render_returning",
    "render_sessions",
    "render_today",
    "static_dir",
]
