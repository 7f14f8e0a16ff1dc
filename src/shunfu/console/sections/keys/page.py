"""API keys, channel accounts and the ends of keys as HTML. Pure. A secret is in the one page that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shunfu.checkout.kit import moment_text
from shunfu.console.kit import ActForm, Chip, Fact, FormField, Frame, Label, NavItem, plain_chip
from shunfu.console.model import Signer, rate_permille, rate_text
from shunfu.console.panels import Cell, Column, Empty, Panel, PanelPage, render_panels
from shunfu.kernel.ids import public
from shunfu.kernel.secret import Secret
from shunfu.merchants import ALL_CAPABILITIES, KeyExpiry, ListedKey, OpenAccount

PATH = "/console/keys"
LIVES = (30, 90, 365)
"""How many days a new API key may be good for."""
CREDENTIALS_MAX = 20_000
GRANTABLE = ALL_CAPABILITIES - {"refunds:approve", "reconcile:approve"}
"""What a key made here may ever do: a second person's word is given by a person."""


@dataclass(frozen=True, slots=True)
class Rings:
    """Everything that opens something: API keys, channel accounts, and when they end."""

    keys: Sequence[ListedKey]
    accounts: Sequence[OpenAccount]
    expiries: Sequence[KeyExpiry]
    channels: Sequence[str]
    now: datetime


def render_keys(frame: Frame, rings: Rings, label: Label) -> str:
    """API keys and channel accounts, and what ends soonest."""
    say = frame.say
    may_write = "keys:write" in frame.visitor.caller.capabilities
    page = PanelPage(
        title=say("console.keys"),
        main=(_accounts(frame, rings, label), _api_keys(frame, rings), _ends(frame, rings.expiries)),
        side=(_new_key(frame), _new_account(frame, rings, label)) if may_write else (),
    )
    return render_panels(frame, "keys", page)


def render_key(frame: Frame, key: ListedKey, now: datetime) -> str:
    """One API key: what it may do, and taking it back."""
    say, number = frame.say, public("key", key.key_id)
    acts = ()
    if "keys:write" in frame.visitor.caller.capabilities and key.is_in_force(now):
        acts = (
            ActForm(
                f"{PATH}/{number}/revoke",
                say("console.keys.revoke"),
                say("console.keys.revoke.text"),
                (),
                is_danger=True,
            ),
        )
    facts = [
        Fact(say("console.keys.made"), moment_text(key.created_at)),
        Fact(say("console.keys.ends"), moment_text(key.expires_at) if key.expires_at else say("console.keys.never")),
        Fact(say("console.keys.may"), ", ".join(sorted(key.capabilities))),
    ]
    page = PanelPage(
        title=say("console.keys.api"),
        lead=key.label,
        chip=_key_chip(frame, key, now),
        number=number,
        crumb=NavItem(PATH, say("console.keys")),
        main=(Panel(say("console.facts"), facts=facts),),
        side=(Panel(say("console.acts"), acts=acts),) if acts else (),
    )
    return render_panels(frame, "keys", page)


def render_new_key(frame: Frame, label: str, secret: Secret[str]) -> str:
    """A new API key, this once."""
    say = frame.say
    panel = Panel(
        say("console.keys.api"),
        text=say("console.keys.secret.text"),
        code=secret.reveal(),
        links=(NavItem(PATH, say("console.webhooks.secret.kept")),),
    )
    return render_panels(frame, "keys", PanelPage(title=say("console.keys.new"), lead=label, main=(panel,)))


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """A channel account, when its keys end, and by which keys the channel signs for it now."""

    account: OpenAccount
    expiries: Sequence[KeyExpiry]
    signers: Sequence[Signer]


def render_account(frame: Frame, keys: AccountKeys, label: Label) -> str:
    """One channel account: who it is at the channel, its keys, how far a change of them is, giving others."""
    say, account = frame.say, keys.account
    number = public("acc", account.account_id)
    facts = [
        Fact(say("console.keys.identity.account"), account.identity.account),
        Fact(say("console.keys.identity.app"), account.identity.app or "—"),
        Fact(say("console.keys.identity.side"), _side(frame, account)),
        Fact(say("console.keys.identity.scenes"), ", ".join(scene.name for scene in account.scenes)),
    ]
    acts: tuple[ActForm, ...] = ()
    if "keys:write" in frame.visitor.caller.capabilities:
        acts = (
            ActForm(
                f"{PATH}/accounts/{number}/replace",
                say("console.keys.replace"),
                say("console.keys.replace.text"),
                (_credentials(frame),),
            ),
        )
    page = PanelPage(
        title=say("console.keys.account"),
        lead=frame.word(label(account.channel.name)),
        number=number,
        crumb=NavItem(PATH, say("console.keys")),
        main=(Panel(say("console.facts"), facts=facts), _signers(frame, keys.signers), _ends(frame, keys.expiries)),
        side=(Panel(say("console.acts"), acts=acts),) if acts else (),
    )
    return render_panels(frame, "keys", page)


def _signers(frame: Frame, signers: Sequence[Signer]) -> Panel:
    """While a channel changes its key, each key's share says how far it is."""
    say, total = frame.say, sum(one.messages for one in signers)
    rows = [
        (
            Cell(one.name, is_code=True),
            Cell(f"{one.messages:,}"),
            Cell(rate_text(rate_permille(one.messages, total))),
            Cell(moment_text(one.last_at)),
        )
        for one in signers
    ]
    names = ("signer", "messages", "share", "last")
    columns = [Column(say(f"console.keys.column.{name}"), name in {"messages", "share"}) for name in names]
    empty = Empty("key", say("console.keys.no_signer"), say("console.keys.no_signer.text"))
    text = say("console.keys.signers.text") if signers else ""
    return Panel(say("console.keys.signers"), text=text, columns=columns, rows=rows, empty=empty)


def _accounts(frame: Frame, rings: Rings, label: Label) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(frame.word(label(one.channel.name)), f"{PATH}/accounts/{public('acc', one.account_id)}"),
            Cell(one.identity.account, note=one.identity.app),
            Cell(chip=_worst(frame, [end for end in rings.expiries if end.subject == public("acc", one.account_id)])),
        )
        for one in rings.accounts
    ]
    columns = [Column(say(f"console.keys.column.{name}")) for name in ("channel", "account", "state")]
    empty = Empty("wallet", say("console.keys.no_account"), say("console.keys.no_account.text"))
    return Panel(say("console.keys.accounts"), columns=columns, rows=rows, empty=empty)


def _api_keys(frame: Frame, rings: Rings) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(one.label, f"{PATH}/{public('key', one.key_id)}"),
            Cell(chip=_key_chip(frame, one, rings.now)),
            Cell(moment_text(one.created_at)),
            Cell(moment_text(one.expires_at) if one.expires_at else say("console.keys.never")),
        )
        for one in rings.keys
    ]
    columns = [Column(say(f"console.keys.column.{name}")) for name in ("label", "state", "made", "ends")]
    empty = Empty("key", say("console.keys.no_key"), say("console.keys.no_key.text"))
    return Panel(say("console.keys.apis"), columns=columns, rows=rows, empty=empty)


def _ends(frame: Frame, expiries: Sequence[KeyExpiry]) -> Panel:
    say = frame.say
    rows = [
        (
            Cell(say(f"console.keys.kind.{one.kind}"), note=one.name),
            Cell(chip=_worst(frame, [one])),
            Cell(moment_text(one.not_after) if one.not_after else say("console.keys.never")),
            Cell(one.subject, is_code=True),
        )
        for one in expiries
    ]
    columns = [Column(say(f"console.keys.column.{name}")) for name in ("key", "state", "ends", "subject")]
    empty = Empty("clock", say("console.keys.no_end"), say("console.keys.no_end.text"))
    return Panel(say("console.keys.soonest"), columns=columns, rows=rows, empty=empty)


def _new_key(frame: Frame) -> Panel:
    say = frame.say
    days = [(str(one), say("console.keys.days", days=one)) for one in LIVES]
    fields = (
        FormField("label", say("console.keys.label"), hint=say("console.keys.label.hint"), length=60),
        FormField("days", say("console.keys.life"), "365", options=days),
        FormField(
            "capabilities",
            say("console.keys.may"),
            " ".join(sorted(GRANTABLE & frame.visitor.caller.capabilities)),
            length=1000,
            lines=4,
            hint=say("console.keys.may.hint"),
        ),
    )
    act = ActForm(PATH, say("console.keys.issue"), "", fields, is_main=True)
    return Panel(say("console.keys.new"), acts=(act,))


def _new_account(frame: Frame, rings: Rings, label: Label) -> Panel:
    say = frame.say
    channels = [(name, frame.word(label(name))) for name in rings.channels]
    fields = (FormField("channel", say("console.keys.column.channel"), options=channels), _credentials(frame))
    act = ActForm(f"{PATH}/accounts", say("console.keys.add"), say("console.keys.add.text"), fields)
    return Panel(say("console.keys.new_account"), acts=(act,))


def _credentials(frame: Frame) -> FormField:
    say = frame.say
    hint = say("console.keys.credentials.hint")
    return FormField("credentials", say("console.keys.credentials"), hint=hint, length=CREDENTIALS_MAX, lines=8)


def _side(frame: Frame, account: OpenAccount) -> str:
    return frame.say("console.mode.test") if account.is_sandbox else frame.say("console.mode.live")


def _key_chip(frame: Frame, key: ListedKey, now: datetime) -> Chip:
    say = frame.say
    if key.revoked_at is not None:
        return plain_chip(say("console.keys.revoked"), "x", "")
    if not key.is_in_force(now):
        return plain_chip(say("console.keys.expired"), "x", "bad")
    return plain_chip(say("console.keys.in_force"), "check", "ok")


def _worst(frame: Frame, ends: Sequence[KeyExpiry]) -> Chip:
    """The chip of what ends soonest."""
    say = frame.say
    if any(one.is_expired for one in ends):
        return plain_chip(say("console.keys.expired"), "x", "bad")
    days = min((one.days_left for one in ends if one.days_left is not None), default=None)
    if days is None:
        return plain_chip(say("console.keys.never"), "minus", "warn" if ends else "")
    if days < 30:
        return plain_chip(say("console.keys.days_left", days=days), "clock", "bad" if days < 7 else "warn")
    return plain_chip(say("console.keys.days_left", days=days), "check", "ok")
