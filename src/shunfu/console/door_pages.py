"""The pages before and beside the console as HTML: log-in, first owner, authenticator, code, sessions, refusals. Pure.

A form posts to the address that it is on and carries `form_token`; a password is never written into a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from shunfu.checkout.kit import Language, Say, either, moment_text
from shunfu.checkout.pages import qr_svg
from shunfu.console.kit import Chip, Frame, other_of, plain_chip, render, speak, templates
from shunfu.console.model import DoorPage, SessionRow, SideRow
from shunfu.kernel.ids import encode


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a door's form."""

    name: str
    autocomplete: str
    type: str = "text"
    length: int = 80
    label: str = ""
    hint: str = ""
    value: str = ""
    is_wrong: bool = False
    described: str = ""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session, ready to show."""

    agent: str
    created_at: str
    seen_at: str
    is_current: bool
    end_url: str
    chip: Chip


_LOGIN = (Field("login_name", "username"), Field("password", "current-password", "password", 128))
_OWNER = (
    Field("shop_name", "organization"),
    Field("name", "name"),
    Field("login_name", "username"),
    Field("password", "new-password", "password", 128),
    Field("password_again", "new-password", "password", 128),
)
_CODE = (Field("code", "one-time-code", length=24),)
_PASSWORD = (Field("password", "current-password", "password", 128),)
_WRONG: Mapping[str, frozenset[str]] = {
    "wrong": frozenset({"login_name", "password"}),
    "code_wrong": frozenset({"code"}),
    "password_wrong": frozenset({"password"}),
    "password_common": frozenset({"password"}),
    "name_taken": frozenset({"login_name"}),
    "login_name_invalid": frozenset({"login_name"}),
    "name_missing": frozenset({"shop_name", "name"}),
    "password_short": frozenset({"password"}),
    "password_plain": frozenset({"password"}),
    "password_differs": frozenset({"password_again"}),
}
"""Which fields an error is about."""


def render_login(page: DoorPage) -> str:
    """Login name and password."""
    return _door(page, "login", _LOGIN)


def render_first_owner(page: DoorPage) -> str:
    """Who comes by a one-time link says who they are; the shop's name only if asked."""
    return _door(page, "first", _OWNER if page.asks_shop else _OWNER[1:])


def render_code(page: DoorPage) -> str:
    """The second factor at log-in."""
    return _door(page, "code", _CODE)


def render_confirm(page: DoorPage) -> str:
    """Both factors again, inside."""
    return _door(page, "confirm", (*_PASSWORD, *_CODE))


def render_reset(page: DoorPage) -> str:
    """Who lost an authenticator shows the password."""
    return _door(page, "reset", _PASSWORD)


def render_returning(language: Language, target: str) -> str:
    """Leads on from another site's return to a page of ours."""
    say = speak(language)
    shown = {"say": say, "language": language, "is_sandbox": False, "target": target}
    return templates().get_template("returning.html").render(title=say("console.door.returning"), **shown)


def render_authenticator(page: DoorPage, uri: str, secret: str) -> str:
    """An `otpauth://` address as a QR code, its secret for typing (base 32), and the first code."""
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    qr = Markup(qr_svg(uri))  # noqa: S704 - segno's own SVG
    return _door(page, "authenticator", _CODE, template="authenticator.html", qr=qr, secret=groups)


def render_sessions(frame: Frame, rows: Sequence[SessionRow], sides: Sequence[SideRow]) -> str:
    """Where the visitor is logged in and for whom they work.

    Forms post to `/console/sessions/{id}/end`, and to `/console/side` to look at another merchant.
    """
    say = frame.say
    lines = [_session(say, row) for row in rows]
    return render(frame, "sessions.html", "account", title=say("console.account"), rows=lines, sides=sides)


def render_refused(language: Language, why: str) -> str:
    """A page that says no: `not_found`, `forbidden`, `foreign_form`, `link_ended`, `unavailable`."""
    say = speak(language)
    return (
        templates()
        .get_template("refused.html")
        .render(
            say=say,
            language=language,
            is_sandbox=False,
            title=either(say, f"console.refused.{why}", "console.refused.other"),
            text=either(say, f"console.refused.{why}.text", "console.refused.other.text"),
        )
    )


def _door(page: DoorPage, name: str, fields: Sequence[Field], template: str = "door.html", **more: object) -> str:
    say = speak(page.language)
    shown: dict[str, object] = {
        "say": say,
        "language": page.language,
        "is_sandbox": False,
        "title": say(f"console.door.{name}"),
        "text": say(f"console.door.{name}.text"),
        "button": say(f"console.door.{name}.button"),
        "error": either(say, f"console.error.{page.error}", "console.error.other") if page.error else None,
        "form_token": page.form_token,
        "note": say("console.door.ended") if page.has_ended else None,
        "passkey": page.passkey,
        "has_provider": page.has_provider,
        "fields": [_field(say, page, name, one) for one in fields],
        "other_language": f"?{page.other_language or 'lang=' + other_of(page.language)}",
    }
    return templates().get_template(template).render(shown | more)


def _field(say: Say, page: DoorPage, door: str, one: Field) -> Field:
    is_wrong = one.name in _WRONG.get(page.error or "", frozenset())
    has_hint = door == "first" and one.name in {"login_name", "password"}
    described = [f"{one.name}_hint"] * has_hint + ["error"] * is_wrong
    return replace(
        one,
        label=say(f"console.field.{one.name}"),
        hint=say(f"console.hint.{one.name}") if has_hint else "",
        value="" if one.type == "password" or one.name == "code" else page.values.get(one.name, ""),
        is_wrong=is_wrong,
        described=" ".join(described),
    )


def _session(say: Say, row: SessionRow) -> SessionLine:
    return SessionLine(
        agent=row.agent or say("console.sessions.no_agent"),
        created_at=moment_text(row.created_at),
        seen_at=moment_text(row.seen_at),
        is_current=row.is_current,
        end_url=f"/console/sessions/{encode(row.session_id)}/end",
        chip=plain_chip(say("console.sessions.current"), "check", "ok"),
    )
