"""The port: one value, `Channel`, that describes a channel and carries its verbs.

A channel's folder exports it as CHANNEL.

Must not know: which channels exist. No enum and no list names one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from shunfu.gateway.combine import CombineVerbs
from shunfu.gateway.complaint import ComplaintVerbs
from shunfu.gateway.evidence import Evidence, InvokeKind
from shunfu.gateway.expiry import Expiry
from shunfu.gateway.flow import Flow, Reply
from shunfu.gateway.login import LoginVerbs, WebLoginVerbs
from shunfu.gateway.moment import Moment
from shunfu.gateway.refund import RefundReport, RefundVerbs
from shunfu.gateway.sharing import SharingVerbs
from shunfu.gateway.shipping import ShippingVerbs
from shunfu.gateway.statement import StatementVerbs
from shunfu.gateway.transfer import TransferVerbs
from shunfu.gateway.workbench import Workbench
from shunfu.kernel.money import Money

S = TypeVar("S")
"""A channel's own settings type: parsed credentials, keys already loaded."""
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a payment happens: `miniprogram`, `native` (a QR code on another screen), `h5` (a phone's browser), `app`,
    `page` (a desktop's browser), or a name of the channel's own for its own browser (`OwnBrowser`). `needs_payer` asks
    for the shopper's id at the channel.

    With `is_local` the order exists at the channel only once the shopper has opened it: our signed form is all.
    `not_found_is_final`: an accepted order that the channel does not know can never be paid. False where it appears
    only when the shopper opens it, or where not knowing is the normal answer for a while.
    """

    name: str
    invoke: InvokeKind
    needs_payer: bool
    is_local: bool = False
    not_found_is_final: bool = True


@dataclass(frozen=True, slots=True)
class OwnBrowser:
    """The browser inside the channel's own app: its User-Agent holds one of `marks` (lower case), and only
    `scene` can pay there.

    With one of `except_marks` it is a place in that app where no page can pay.
    """

    marks: tuple[str, ...]
    scene: str
    except_marks: tuple[str, ...] = ()

    def is_here(self, user_agent: str) -> bool:
        """Whether this User-Agent says that it is that browser; anybody can write one, so it proves nothing."""
        return any(mark in user_agent.lower() for mark in self.marks)

    def can_pay(self, user_agent: str) -> bool:
        """Whether a page in that browser can open the sheet."""
        return self.is_here(user_agent) and not any(mark in user_agent.lower() for mark in self.except_marks)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the channel can do, so that rooms ask instead of naming it.

    Refunds: within `refund_days` of the payment, at most `refunds_max` of one payment, `refund_gap_seconds` apart.
    A day's statement covers `statement_cut_hour` to the same hour of the next day (0 is midnight, 23 begins the evening
    before) at `statement_utc_offset_hours`, and is there from `statement_ready_hour` of the next day.
    A refund that the channel still does not know `refund_absence_hours` after it was asked for, and that no statement
    has, was never made; None where that proves nothing.
    `notifications_expire`: they carry the time of signing, so that an old one is not genuine.
    """

    currencies: frozenset[str]
    can_close: bool
    prepay_seconds: int
    order_seconds_max: int
    statement_utc_offset_hours: int
    statement_cut_hour: int
    statement_ready_hour: int
    refund_days: int
    refunds_max: int
    refund_gap_seconds: int
    notifications_expire: bool = True
    refund_absence_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Prepay:
    """One payment to place at a channel. `number` is ours, 26 characters, one a payment, never reused.

    `return_url` is where a browser goes afterwards, `client_ip` the shopper's address: some scenes ask for them.
    With `is_shared` the channel keeps the money frozen until it is shared or unfrozen (`gateway.sharing`).
    """

    number: str
    scene: str
    amount: Money
    subject: str
    payer: str | None
    expires_at: datetime
    notify_url: str
    return_url: str | None = None
    client_ip: str | None = None
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the money must have been paid to, in the channel's names: the guard on Paid compares them.

    `scene_apps` are the scenes whose orders name another application than `app`.
    """

    account: str
    app: str
    scene_apps: Mapping[str, str] = field(default_factory=dict[str, str])

    def app_in(self, scene: str) -> str:
        """The application that an order of this scene names."""
        return self.scene_apps.get(scene, self.app)

    def is_app(self, app: str) -> bool:
        """Whether an application is one of ours."""
        return app == self.app or app in self.scene_apps.values()


@dataclass(frozen=True, slots=True)
class Message:
    """A notification as it arrived: headers by lower-case name and the exact body bytes."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Genuine:
    """A verified notification. `evidence` is None for events that are no payment's, `refund` for those that are no
    refund's; those that are neither are kept and left alone.
    `nonce` is empty where the channel sends none. `about` is the channel's number of what else it tells of.
    `parts` are the payments of a combined order, each with its own evidence. `signed_by` is the channel's name of the
    key that signed, empty where it names none.
    """

    external_id: str
    nonce: str
    event_type: str
    number: str | None
    evidence: Evidence | None
    happened_at: datetime
    refund: RefundReport | None = None
    about: str | None = None
    parts: tuple[tuple[str, Evidence], ...] = ()
    signed_by: str = ""


@dataclass(frozen=True, slots=True)
class Spurious:
    """A message that failed verification. `is_probe`: the channel tests whether we verify (nobody is paged)."""

    reason: str
    is_probe: bool = False


Heard = Literal["accepted", "distrusted", "refused"]
"""What we made of a notification: taken, not proven genuine, or genuine and not about our money."""


class Verbs(Protocol[S_contra]):
    """The conversations of a channel, each a generator, and the pure readings of its messages."""

    def prepay(self, settings: S_contra, prepay: Prepay, moment: Moment) -> Flow[Evidence]:
        """Place the order: Accepted, Refused or Unknown (also Paid or Closed when the channel says so)."""
        ...

    def query(self, settings: S_contra, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask what became of a number: NotPaid, Paid, Closed, NotFound or Unknown."""
        ...

    def close(self, settings: S_contra, number: str, moment: Moment) -> Flow[Evidence]:
        """Ask to close a number: Closed, NotFound, or Unknown (then query)."""
        ...

    def read_notification(self, settings: S_contra, message: Message, now: datetime) -> Genuine | Spurious:
        """Verify first, then decrypt, then read. Never raises on hostile input."""
        ...

    def answer_notification(self, heard: Heard) -> Reply:
        """The channel's own reply: accepted, or one of the two refusals, after which it sends again."""
        ...


@dataclass(frozen=True, slots=True)
class Channel(Generic[S]):
    """One channel. `label` is the display name by language; `load` parses decrypted credentials (str to str).

    `load` raises ValueError with one sentence when a credential is missing or malformed. `icon` is a glyph that the
    checkout draws. `sandbox_url` is the origin of the sandbox behind the settings, None when they are a real account's.
    `expiries` reads the dates that credentials which load carry themselves.
    `own_browser` is the browser inside its own app, `web_login` says who looks at a page there. `is_open` says which
    scenes some credentials open; all of them where there is no such rule.
    The last five are groups of conversations that not every channel has.
    """

    name: str
    label: Mapping[str, str]
    icon: str
    scenes: tuple[Scene, ...]
    capabilities: Capabilities
    verbs: Verbs[S]
    load: Callable[[Mapping[str, str]], S]
    identity: Callable[[S], Identity]
    sandbox_url: Callable[[S], str | None]
    expiries: Callable[[Mapping[str, str]], tuple[Expiry, ...]]
    scrub: Callable[[str], str]
    refunds: RefundVerbs[S]
    statements: StatementVerbs[S]
    login: LoginVerbs[S]
    workbench: Workbench
    own_browser: OwnBrowser | None = None
    web_login: WebLoginVerbs[S] | None = None
    is_open: Callable[[S, Scene], bool] | None = None
    combine: CombineVerbs[S] | None = None
    sharing: SharingVerbs[S] | None = None
    transfers: TransferVerbs[S] | None = None
    shipping: ShippingVerbs[S] | None = None
    complaints: ComplaintVerbs[S] | None = None

    def scene(self, name: str) -> Scene | None:
        """The scene of that name, or None."""
        return next((scene for scene in self.scenes if scene.name == name), None)

    def scenes_of(self, settings: S) -> tuple[Scene, ...]:
        """The scenes that these credentials open."""
        is_open = self.is_open
        return self.scenes if is_open is None else tuple(scene for scene in self.scenes if is_open(settings, scene))


__all__ = [
    "Capabilities",
    "Channel",
    "Expiry",
    "Genuine",
    "Identity",
    "Message",
    "Moment",
    "OwnBrowser",
    "Prepay",
    "Scene",
    "Spurious",
    "Verbs",
]
