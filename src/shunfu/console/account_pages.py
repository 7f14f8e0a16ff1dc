"""The pages of a person's own account as HTML: password, second factors, recovery codes, identity. Pure.

Recovery codes are in a page once, when they were made; a password never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shunfu.checkout.kit import either, moment_text
from shunfu.console.kit import Frame, render
from shunfu.kernel.ids import public
from shunfu.merchants.staff import Account


@dataclass(frozen=True, slots=True)
class AccountView:
    """What the page shows: the account, and what was wrong with the form for another password."""

    account: Account
    error: str | None = None
    has_provider: bool = False


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey, ready to show."""

    name: str
    text: str
    remove_url: str


def render_account(frame: Frame, view: AccountView) -> str:
    """Everything that opens a person's doors."""
    say, account = frame.say, view.account
    rows = [
        PasskeyRow(
            name=one.name,
            text=say("console.passkey.since", created=moment_text(one.created_at))
            if one.used_at is None
            else say("console.passkey.used", created=moment_text(one.created_at), used=moment_text(one.used_at)),
            remove_url=f"/console/account/passkeys/{public('psk', one.passkey_id)}/remove",
        )
        for one in account.passkeys
    ]
    return render(
        frame,
        "account.html",
        "account",
        title=say("console.security"),
        login_name=account.login_name,
        passkeys=rows,
        may_have_passkeys=account.may_have_passkeys,
        codes_left=say("console.codes.left", count=account.recovery_codes),
        identities=[issuer for issuer, _, _ in account.identities],
        has_provider=view.has_provider,
        error=either(say, f"console.error.{view.error}", "console.error.other") if view.error else None,
    )


def render_new_passkey(frame: Frame, options: str) -> str:
    """A page that has the browser make a passkey; `options` are WebAuthn's, as JSON."""
    return render(frame, "passkey_new.html", "account", title=frame.say("console.passkey.add"), options=options)


def render_codes(frame: Frame, codes: Sequence[str]) -> str:
    """New recovery codes, this once."""
    return render(frame, "codes.html", "account", title=frame.say("console.codes"), codes=codes)
