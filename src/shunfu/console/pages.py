"""Every page of the console as HTML, by the name of what it shows. Pure: values in, text out."""

from shunfu.console.door_pages import (
    render_authenticator,
    render_code,
    render_first_owner,
    render_login,
    render_refused,
    render_sessions,
)
from shunfu.console.kit import Frame, static_dir
from shunfu.console.order_pages import Listing, render_order, render_orders, render_refunds
from shunfu.console.subject_pages import render_payment, render_refund
from shunfu.console.today_page import render_today

__all__ = [
    "Frame",
    "Listing",
    "render_authenticator",
    "render_code",
    "render_first_owner",
    "render_login",
    "render_order",
    "render_orders",
    "render_payment",
    "render_refund",
    "render_refunds",
    "render_refused",
    "render_sessions",
    "render_today",
    "static_dir",
]
