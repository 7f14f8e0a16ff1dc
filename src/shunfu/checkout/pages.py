"""The hosted checkout as HTML: one ticket that carries merchant, amount and state from choosing to the result.

Pure: a view in, text out. The pay form posts `method` and `idempotency_key` to `/c/{token}/pay`.
Must not know: how a payment starts, the database, HTTP frameworks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import segno
from markupsafe import Markup

from shunfu.checkout.kit import (
    Language,
    Say,
    clock_text,
    either,
    environment,
    is_web_address,
    label_of,
    moment_text,
    security_policy,
    speaker,
    with_query,
)
from shunfu.checkout.kit import static_dir as shared_static_dir
from shunfu.checkout.model import (
    WAITING,
    CheckoutView,
    MethodChoice,
    Phase,
    is_closing,
    is_late_money,
    may_change,
    phase,
    preselect,
)
from shunfu.kernel.money import Money
from shunfu.kernel.plain import amount_text

STYLE_SHEETS = ("/static/tokens.css", "/static/base.css")
_MARKS: dict[Phase, tuple[str, str]] = {
    "unknown": ("unk", "mark-unk"),
    "success": ("check", "mark-ok"),
    "failed": ("x", "mark-bad"),
    "cancelled": ("undo", ""),
    "expired": ("clock", ""),
    "closed": ("x", ""),
}
_LATE_MARK = ("alert", "mark-warn")


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A method as one radio row, with the whole text of its pay button."""

    method: str
    title: str
    icon: str
    reason: str
    button: str
    is_enabled: bool
    is_checked: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A line of the order, ready to show."""

    text: str
    amount: Money | None


def static_dir() -> Path:
    """The folder to serve under `/static/`."""
    return shared_static_dir()


def content_security_policy(view: CheckoutView) -> str:
    """The policy to send with the page: the pay form's answer leads to the channel, or to the sandbox's sheet."""
    sheet = view.payment.invoke.sandbox_url if view.payment and view.payment.invoke else None
    return security_policy(view.sandbox_origin, sheet) if view.is_sandbox else security_policy(is_leading_on=True)


def qr_svg(code_url: str) -> str:
    """A QR code of this text as one inline SVG element, with presentation attributes only."""
    code = segno.make(code_url, error="m", micro=False)
    return code.svg_inline(omitsize=True, border=4, dark="#1f181d", light="#fff", svgclass=None, lineclass=None)


def render_page(view: CheckoutView, language: Language, idempotency_key: str) -> str:
    """The whole page for the view's phase, as HTML."""
    say, shown = speaker(language), phase(view)
    variant = _variant(view, shown)
    method = _method_name(view, language)
    return (
        environment()
        .get_template(f"{shown if shown in {'qr', 'processing', 'unknown'} else 'ticket'}.html")
        .render(
            view=view,
            say=say,
            language=language,
            title=say(f"page.title.{shown}"),
            brand=say("kit.brand"),
            style_sheets=STYLE_SHEETS,
            is_sandbox=view.is_sandbox,
            phase=shown,
            variant=variant,
            mark=_LATE_MARK if variant == "late" else _MARKS.get(shown),
            method=method,
            heading=say(f"page.{variant}.heading", method=method) if shown != "ready" else None,
            text=_text(view, say, shown, variant, method),
            clock=_clock(view, say),
            held_until=clock_text(view.expires_at, view.now),
            paid_at=moment_text(view.payment.paid_at) if view.payment and view.payment.paid_at else None,
            amount=amount_text(view.pay),
            list_price=view.amount if view.saving_minor else None,
            saving=amount_text(Money(view.saving_minor, view.amount.currency)),
            offer=next((offer for offer in view.offers if offer.is_applied), None),
            missing=view.missing if shown in {"ready", "failed", "cancelled", "qr"} else [],
            items=[_item_row(view, say, index) for index in range(len(view.items))],
            methods=_method_rows(view, say, language, shown),
            qr=_qr(view) if shown == "qr" else None,
            sheet_url=_sheet_url(view) if shown == "qr" else None,
            pay_url=f"/c/{quote(view.token, safe='')}/pay?{urlencode({'lang': language})}",
            plain_url=f"?{urlencode({'lang': language})}",
            other_language=f"?{urlencode(_here(view, 'zh-CN' if language == 'en' else 'en'))}",
            poll_url=_poll_url(view),
            is_waiting=shown in WAITING,
            idempotency_key=idempotency_key,
            back=view.return_url if is_web_address(view.return_url) else None,
        )
    )


def render_invalid(language: Language) -> str:
    """The page for an address that names no order, or one whose token is not genuine, as HTML."""
    say = speaker(language)
    return (
        environment()
        .get_template("invalid.html")
        .render(
            say=say,
            language=language,
            title=say("page.title.invalid"),
            brand=say("kit.brand"),
            style_sheets=STYLE_SHEETS,
            is_sandbox=False,
            other_language=f"?{urlencode({'lang': 'zh-CN' if language == 'en' else 'en'})}",
        )
    )


def _variant(view: CheckoutView, shown: Phase) -> str:
    """The family of texts inside a phase."""
    if shown == "unknown" and is_closing(view):
        return "closing"
    if is_late_money(view):
        return "late"
    if shown == "cancelled" and view.sheet_result == "fail":
        return "not_completed"
    return shown


def _text(view: CheckoutView, say: Say, shown: Phase, variant: str, method: str) -> str | None:
    if shown in {"ready", "success"}:
        return None
    if shown == "failed":
        reason = view.payment.refused_reason if view.payment else None
        if reason is None:
            return None
        return either(say, f"refused.{reason}", "refused.other").format(method=method)
    return say(f"page.{variant}.text", method=method)


def _clock(view: CheckoutView, say: Say) -> str:
    left = view.expires_at - view.now
    minutes = left // timedelta(minutes=1)
    if minutes < 1:
        remaining = say("page.left.moment")
    elif minutes < 60:
        remaining = say("page.left.minutes", minutes=minutes)
    elif minutes < 48 * 60:
        remaining = say("page.left.hours", hours=minutes // 60, minutes=minutes % 60)
    else:
        remaining = say("page.left.days", days=minutes // (24 * 60))
    return say("page.clock", clock=clock_text(view.expires_at, view.now), left=remaining)


def _item_row(view: CheckoutView, say: Say, index: int) -> ItemRow:
    item = view.items[index]
    amount = None if item.amount_minor is None else Money(item.amount_minor, view.amount.currency)
    return ItemRow(say("page.item", name=item.name, quantity=item.quantity), amount)


def _label(choice: MethodChoice, language: Language) -> str:
    return label_of(choice.labels, language, choice.method)


def _title(view: CheckoutView, choice: MethodChoice, say: Say, language: Language) -> str:
    """The channel's name; its second scene on one page also says which scene it is."""
    label = _label(choice, language)
    first = next(other for other in view.methods if _label(other, language) == label)
    return (
        label if first.method == choice.method else f"{label} · {either(say, f'scene.{choice.scene}', 'scene.other')}"
    )


def _method_name(view: CheckoutView, language: Language) -> str:
    """The channel's name of the payment in use, or of the method that is preselected."""
    wanted = view.payment.method if view.payment else None
    choice = next((choice for choice in view.methods if choice.method == wanted), None) or preselect(view.methods)
    return _label(choice, language) if choice else wanted or ""


def _method_rows(view: CheckoutView, say: Say, language: Language, shown: Phase) -> list[MethodRow]:
    used = view.payment.method if view.payment else None
    refused = used if shown == "failed" else None
    listed = [choice for choice in view.methods if not (shown == "qr" and choice.method == used)]
    is_resuming = shown in {"ready", "cancelled"} and view.payment is not None and view.payment.state == "PENDING"
    wanted = next((choice for choice in listed if is_resuming and choice.method == used and choice.is_enabled), None)
    chosen = wanted or preselect(listed, avoid=refused)
    rows: list[MethodRow] = []
    for choice in listed:
        reason = "resume" if choice is wanted else "refused_just_now" if choice.method == refused else choice.reason
        title = _title(view, choice, say, language)
        fallback = "reason.available" if choice.is_enabled else "reason.unavailable"
        key = "page.pay_instead" if refused and choice.method != refused else "page.pay"
        rows.append(
            MethodRow(
                method=choice.method,
                title=title,
                icon=choice.icon,
                reason=either(say, f"reason.{reason}", fallback),
                button=say(key, method=title, amount=amount_text(view.pay)),
                is_enabled=choice.is_enabled,
                is_checked=choice is chosen,
            )
        )
    return rows


def _qr(view: CheckoutView) -> Markup | None:
    if view.payment is None or view.payment.invoke is None:
        return None
    return Markup(qr_svg(view.payment.invoke.params.get("code_url", "")))  # noqa: S704 - segno's own SVG


def _sheet_url(view: CheckoutView) -> str | None:
    """The stand-in sheet's address for a shopper who has no second device: only in a sandbox."""
    address = view.payment.invoke.sandbox_url if view.payment and view.payment.invoke else None
    if not view.is_sandbox or address is None or not is_web_address(address):
        return None
    return with_query(address, **{"return": view.page_url}) if view.page_url else address


def _here(view: CheckoutView, language: str | None) -> dict[str, str]:
    """The query that keeps what the sheet said."""
    query = {} if language is None else {"lang": language}
    return query | ({"result": view.sheet_result} if view.sheet_result else {})


def _poll_url(view: CheckoutView) -> str | None:
    if not may_change(view):
        return None
    query = urlencode(_here(view, None))
    return f"/v1/checkout/{quote(view.token, safe='')}{'?' + query if query else ''}"
