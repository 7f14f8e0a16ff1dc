"""The page that opens a payment which has no address of its own: a form that posts itself, or a wallet's own bridge.

Pure. The form works without a script by one tap; the bridge is a script's and says so without one.
"""

from __future__ import annotations

import json

from shunfu.checkout.kit import Language, environment, is_web_address, label_of, security_policy, speaker
from shunfu.checkout.model import CheckoutView
from shunfu.checkout.pages import STYLE_SHEETS
from shunfu.gateway.evidence import Invoke
from shunfu.kernel.plain import amount_text

BRIDGE_SUFFIX = "_jsapi"
"""Kinds whose params go to the bridge that a wallet's browser puts into its pages."""


def is_opened_by_page(invoke: Invoke) -> bool:
    """Whether this page can open it."""
    return is_form(invoke) or invoke.kind.endswith(BRIDGE_SUFFIX)


def is_form(invoke: Invoke) -> bool:
    """Whether it is a form with a web address to post to."""
    return invoke.kind == "form" and is_web_address(invoke.params.get("action"))


def opening_policy(invoke: Invoke) -> str:
    """The page's policy: the form leads to the channel and on from there, or stays with its sandbox."""
    if not is_form(invoke):
        return security_policy()
    return security_policy(invoke.params.get("action"), invoke.sandbox_url, is_leading_on=invoke.sandbox_url is None)


def render_opening(view: CheckoutView, invoke: Invoke, language: Language, home: str) -> str:
    """The page, as HTML; `home` is the checkout's own address."""
    say = speaker(language)
    used = view.payment.method if view.payment else ""
    choice = next((one for one in view.methods if one.method == used), None)
    method = label_of(choice.labels, language, used) if choice else say("scene.other")
    return (
        environment()
        .get_template("opening.html")
        .render(
            say=say,
            language=language,
            title=say("page.title.opening"),
            brand=say("kit.brand"),
            style_sheets=STYLE_SHEETS,
            is_sandbox=view.is_sandbox,
            method=method,
            view=view,
            action=invoke.params.get("action") if is_form(invoke) else None,
            fields=[(name, value) for name, value in invoke.params.items() if name != "action"],
            bridge=None if is_form(invoke) else json.dumps(invoke.params),
            button=say("page.opening.go", method=method, amount=amount_text(view.pay)),
            home=home,
        )
    )
