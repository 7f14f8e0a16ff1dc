"""The sandbox wallet's pages: a stand-in for a channel's payment sheet, where a person picks the outcome and faults.

Form fields: `outcome` is one of OUTCOMES, `fault` any of FAULTS (repeated), and the hidden ones that the view names.
Must not know: how the sandbox carries an outcome out, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shunfu.checkout.kit import Language, environment, is_web_address, security_policy, speaker, with_query
from shunfu.checkout.kit import static_dir as shared_static_dir
from shunfu.kernel.money import Money

SheetState = Literal["payable", "paid", "closed", "expired", "invalid"]

OUTCOMES = ("pay", "cancel", "wrong_password", "leave")
FAULTS = ("delay", "duplicate", "lose", "bad_signature", "signtest")

_HERE = Path(__file__).parent
_STYLE_SHEETS = tuple(f"/sandbox/static/{name}" for name in ("tokens.css", "base.css", "sheet.css"))
_SCRIPT = "/sandbox/static/page.js"
_OUTCOME_ICONS = {"pay": "check", "cancel": "undo", "wrong_password": "x", "leave": "leave"}
_STATE_MARKS = {
    "payable": ("undo", ""),
    "paid": ("check", "mark-ok"),
    "closed": ("x", ""),
    "expired": ("clock", ""),
    "invalid": ("alert", "mark-bad"),
}


@dataclass(frozen=True, slots=True)
class SheetView:
    """One payment as the stand-in sheet shows it; `page_url` is this page's address, for the language link.

    `problem` is a ready sentence in the page's language, shown above the form; `hidden` fields go along with it.
    """

    merchant_name: str
    amount_minor: int
    currency: str
    order_no: str
    method_label: str
    state: SheetState
    problem: str | None
    action_url: str
    hidden: tuple[tuple[str, str], ...]
    return_url: str | None
    page_url: str = ""


def static_dir() -> Path:
    """The folder to serve under `/sandbox/static/`: style sheets and the script, shared with the checkout."""
    return shared_static_dir()


def own_static_dir() -> Path:
    """The folder to serve under `/sandbox/own/`: what only the sandbox's pages need."""
    return _HERE / "static"


def content_security_policy(view: SheetView) -> str:
    """The policy to send with a sheet; its form leads to the sandbox itself and from there to the return address."""
    return security_policy(view.action_url, view.return_url)


def render_sheet(view: SheetView, language: Language) -> str:
    """The payment sheet as an HTML page; a payment that cannot be paid shows its state instead of the form."""
    return _render("sheet.html", view, language) if view.state == "payable" else render_done(view, language)


def render_done(view: SheetView, language: Language) -> str:
    """The page after the outcome when there is no checkout to go back to by itself, as HTML."""
    return _render("done.html", view, language)


def _render(template: str, view: SheetView, language: Language) -> str:
    say = speaker(language, _HERE / "texts")
    other = "zh-CN" if language == "en" else "en"
    return (
        environment(_HERE / "templates")
        .get_template(template)
        .render(
            view=view,
            say=say,
            language=language,
            title=say("sheet.title"),
            brand=say("kit.brand"),
            style_sheets=_STYLE_SHEETS,
            script=_SCRIPT,
            is_sandbox=True,
            money=Money(view.amount_minor, view.currency),
            outcomes=[(name, _OUTCOME_ICONS[name]) for name in OUTCOMES],
            faults=FAULTS,
            mark=_STATE_MARKS[view.state],
            back=view.return_url if is_web_address(view.return_url) else None,
            other_language=with_query(view.page_url, lang=other) if view.page_url else None,
        )
    )
