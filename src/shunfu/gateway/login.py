"""Who the shopper is at the platform that the client runs in: log in by code, and the phone that it vouches for.

What a platform hands over besides the shopper's id (session keys, access tokens, the application's secret) stays in a
Secret on the server: it never reaches a client, a log or an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

from shunfu.gateway.evidence import Unknown
from shunfu.gateway.flow import Flow
from shunfu.gateway.moment import Moment
from shunfu.kernel.secret import Secret

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class PlatformToken:
    """A token for calls in the application's name, to be kept by the server for all until it expires."""

    token: Secret[str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The shopper's id at this platform: what `Prepay.payer` takes. `session` is the platform's own secret of it."""

    shopper: Secret[str] = field(repr=False)
    session: Secret[str] | None = field(default=None, repr=False)
    union: Secret[str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number that the platform vouches for, digits only, with its country's code."""

    number: Secret[str] = field(repr=False)
    country: str = "86"


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The platform said no: the code was used or is too old, the token has expired, or the account may not ask."""

    reason: Literal["code", "token", "too_frequent", "not_permitted", "risk"]
    channel_code: str


TokenAnswer: TypeAlias = PlatformToken | LoginRefused | Unknown
LoginAnswer: TypeAlias = LoggedIn | LoginRefused | Unknown
PhoneAnswer: TypeAlias = Phone | LoginRefused | Unknown


class LoginVerbs(Protocol[S_contra]):
    """The conversations about who somebody is, each a generator.

    `token` is what `fetch_token` brought; a platform that needs none ignores it, and its `fetch_token` is Refused.
    """

    def fetch_token(self, settings: S_contra, moment: Moment) -> Flow[TokenAnswer]:
        """A token for the calls that need one."""
        ...

    def log_in(self, settings: S_contra, code: str, token: PlatformToken | None, moment: Moment) -> Flow[LoginAnswer]:
        """Exchange the code that the client was given; a code works once."""
        ...

    def read_phone(
        self, settings: S_contra, proof: str, token: PlatformToken | None, moment: Moment
    ) -> Flow[PhoneAnswer]:
        """The phone in what the client was given: a code to exchange, or a sealed message to verify and open."""
        ...


class WebLoginVerbs(Protocol[S_contra]):
    """Who looks at a page inside the platform's own browser: one silent walk of redirects, then an exchange.

    Source: RFC 6749 section 4.1, the authorization code grant, whose `state` binds the walk to who began it.
    """

    def authorize_url(self, settings: S_contra, return_url: str, state: str) -> str:
        """Where to send the browser; it comes back to `return_url` with `code` and this `state` in the query."""
        ...

    def exchange(self, settings: S_contra, code: str, moment: Moment) -> Flow[LoginAnswer]:
        """The shopper's id behind that code; a code works once. What else the platform hands over is dropped."""
        ...
