"""The people of a shop as HTML: a list, what an owner can do about each, and links shown once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shunfu.checkout.kit import Say, moment_text
from shunfu.console.kit import ActForm, Chip, FormField, Frame, plain_chip, render, role_text
from shunfu.kernel.ids import public
from shunfu.merchants.staff import CAPABILITIES, Colleague, OpenLink, Team

PATH = "/console/staff"
WRITE = "staff:write"


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, ready to show."""

    name: str
    login_name: str
    text: str
    chips: Sequence[Chip]
    acts: Sequence[ActForm]


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that is still good, ready to show."""

    text: str
    person: str
    until: str
    act: ActForm | None


def render_people(frame: Frame, team: Team, now: datetime) -> str:
    """Everybody who works for the shop, the links that are still good, and a form that makes another."""
    say, may_write = frame.say, WRITE in frame.visitor.caller.capabilities
    invite = ActForm(
        f"{PATH}/invite",
        say("console.staff.invite"),
        say("console.staff.invite.text"),
        (_roles(say, "viewer"),),
        is_main=True,
    )
    return render(
        frame,
        "people.html",
        "staff",
        title=say("console.staff"),
        people=[_person(frame, one, now) for one in team.people],
        links=[_link(say, one, may_write=may_write) for one in team.links],
        invite=invite if may_write else None,
    )


def render_link(frame: Frame, address: str, *, is_reset: bool) -> str:
    """A link, this once."""
    say = frame.say
    what = "console.staff.link.reset" if is_reset else "console.staff.link.invite"
    return render(frame, "people_link.html", "staff", title=say(what), address=address)


def _person(frame: Frame, one: Colleague, now: datetime) -> PersonRow:
    say = frame.say
    seen = (
        say("console.staff.seen", at=moment_text(one.last_login_at))
        if one.last_login_at
        else say("console.staff.unseen")
    )
    is_own = public("stf", one.staff_id) == frame.visitor.caller.subject
    may_write = WRITE in frame.visitor.caller.capabilities
    return PersonRow(
        name=one.name,
        login_name=one.login_name,
        text=f"{_factors(say, one)} · {seen}",
        chips=_chips(say, one, now),
        acts=_acts(say, one, now, is_own=is_own) if may_write else (),
    )


def _factors(say: Say, one: Colleague) -> str:
    if not one.has_totp:
        return say("console.staff.factor.none")
    if one.passkeys:
        return say("console.staff.factor.passkeys", count=one.passkeys)
    return say("console.staff.factor.totp")


def _chips(say: Say, one: Colleague, now: datetime) -> list[Chip]:
    chips = [plain_chip(role_text(say, one.role), "person", "ok" if one.role == "owner" else "")]
    if one.disabled_at is not None:
        return [*chips, plain_chip(say("console.staff.disabled"), "x", "bad")]
    if one.is_locked(now):
        chips.append(plain_chip(say("console.staff.locked"), "clock", "warn"))
    if one.reset_at is not None:
        chips.append(plain_chip(say("console.staff.waits"), "key", "warn"))
    return chips


def _acts(say: Say, one: Colleague, now: datetime, *, is_own: bool) -> list[ActForm]:
    base = f"{PATH}/{public('stf', one.staff_id)}"
    remove = ActForm(f"{base}/remove", say("console.staff.remove"), say("console.staff.remove.text"), is_danger=True)
    if one.disabled_at is not None:
        return [remove]
    text = say("console.staff.role.text")
    acts = [ActForm(f"{base}/role", say("console.staff.role.change"), text, (_roles(say, one.role),))]
    if is_own:
        return acts
    if one.is_locked(now):
        acts.append(ActForm(f"{base}/unlock", say("console.staff.unlock"), say("console.staff.unlock.text")))
    acts.append(ActForm(f"{base}/reset", say("console.staff.reset"), say("console.staff.reset.text")))
    disable = ActForm(
        f"{base}/disable", say("console.staff.disable"), say("console.staff.disable.text"), is_danger=True
    )
    return [*acts, remove, disable]


def _roles(say: Say, chosen: str) -> FormField:
    options = tuple((role, role_text(say, role)) for role in CAPABILITIES)
    return FormField("role", say("console.role"), chosen, options=options)


def _link(say: Say, one: OpenLink, *, may_write: bool) -> LinkRow:
    text = say("console.staff.link.reset") if one.role is None else role_text(say, one.role)
    act = ActForm(f"{PATH}/links/{public('lnk', one.link_id)}/end", say("console.staff.link.end"), is_danger=True)
    until = say(
        "console.staff.link.until", at=moment_text(one.ends_at), maker=one.maker or say("console.staff.command")
    )
    return LinkRow(text, one.person or "", until, act if may_write else None)
